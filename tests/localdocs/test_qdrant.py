"""Vectors and words on Qdrant: found as in the store itself, and complete again after every kill."""

import json
import math
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from qdrant_process import KIND, URL, QdrantProcess
from workbench import Workbench

from gpt4all_core.errors import ConfigError, MissingDependency, VectorServerError
from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.sync_progress import SyncProgress
from gpt4all_localdocs.vector_index.address import ServerAddress
from gpt4all_localdocs.vector_index.qdrant import QdrantServer
from gpt4all_localdocs.vector_index.served_words import words_prefix
from gpt4all_localdocs.vector_index.word_table import WordTable
from gpt4all_localdocs.vector_index.word_weights import weigh_passages, weigh_question

pytestmark = pytest.mark.allow_hosts(["127.0.0.1", *([str(urlsplit(URL).hostname)] if URL else [])])
KEY = os.environ.get("GPT4ALL_TEST_QDRANT_KEY", "a key of the tests")
QUESTIONS = ("word7 beta", "7.txt", "snake_case nowhere")


@pytest.fixture(scope="module", params=[KIND])
def qdrant(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[QdrantProcess]:
    process = QdrantProcess(tmp_path_factory.mktemp("qdrant") / "data", key=KEY)
    yield process
    process.close()


@pytest.fixture
def server(qdrant: QdrantProcess) -> Iterator[QdrantServer]:
    server = QdrantServer(ServerAddress.parse(qdrant.address), KEY)
    yield server
    for name in server.names("test-"):
        server.drop(name)
    server.close()


@pytest.fixture
def own(qdrant: QdrantProcess, server: QdrantServer) -> Iterator[QdrantProcess]:
    """One that the test may kill."""
    if URL:
        pytest.skip(f"the server at {URL} is not to be killed")
    yield qdrant
    if not qdrant.is_running:
        qdrant.start()
    drop_all(server)


def bench_on(address: str, root: Path) -> Workbench:
    bench = Workbench(root)
    bench.options = replace(bench.options, vector_index=address, vector_index_key=KEY)
    for number in range(12):
        bench.write(
            f"{number}.txt", f"alpha {number}\n\nword{number} beta snake_case" + " twelve" * (number % 3)
        )
    return bench


@pytest.fixture
def bench(qdrant: QdrantProcess, server: QdrantServer, tmp_path: Path) -> Iterator[Workbench]:
    bench = bench_on(qdrant.address, tmp_path)
    yield bench
    drop_all(server)


def drop_all(server: QdrantServer) -> None:
    for name in server.names("gpt4all-"):
        server.drop(name)


def assert_server_has_what_the_store_has(bench: Workbench, address: str) -> None:
    server = QdrantServer(ServerAddress.parse(address), KEY)
    with Store.open(bench.index) as store:
        generation, kept = store.vectors.generation, WordTable(store.database).collection()
        assert store.vectors.count_pending() == 0
        assert WordTable(store.database).count_pending() == 0
        assert generation is not None
        assert kept is not None
        with store.database.reading() as connection:
            rows = connection.execute("SELECT id, text, label FROM chunks ORDER BY id").fetchall()
        vectors, words = server.open(generation.collection), server.open_words(kept.name)
        assert vectors is not None
        assert words is not None
        assert vectors.ids() == set(store.vectors.keys())
        assert words.count() == len(rows) == len(vectors.ids())
        held = words.get([row for row, _, _ in rows])
        weighed = weigh_passages([row[1:] for row in rows], average_length=kept.average_length)
        for (row, _, _), expected in zip(rows, weighed, strict=True):
            assert held[row].indices == expected.indices
            assert held[row].values == pytest.approx(expected.values, rel=1e-6)
        assert server.names(words_prefix(store)) == [kept.name]
    server.close()


def assert_found_as_without_a_server(bench: Workbench) -> None:
    served = bench.options
    for question in QUESTIONS:
        for mode in ("keyword", "hybrid"):
            bench.options = served
            found = {hit.chunk_id: hit for hit in bench.search(question, mode=mode, k=100)}
            bench.options = replace(served, vector_index="exact")
            expected = {hit.chunk_id: hit for hit in bench.search(question, mode=mode, k=100)}
            assert found.keys() == expected.keys(), (question, mode)
            for id_, hit in expected.items():
                assert found[id_].vector_score == pytest.approx(hit.vector_score, abs=1e-5)
    bench.options = served


def test_requests_of_any_number_of_points_are_cut_to_what_a_server_takes(server: QdrantServer) -> None:
    rows = np.random.default_rng(0).normal(size=(1_100, 3)).astype(np.float32)
    vectors = server.create("test-many", dimensions=3)
    vectors.upsert([f"{number}" for number in range(1_100)], rows)
    assert vectors.count() == len(vectors.ids()) == 1_100
    assert vectors.among(["7", "1099", "stranger"]) == {"7", "1099"}
    vectors.delete([f"{number}" for number in range(1_040)])
    assert vectors.count() == 60
    words = server.create_words("test-words")
    texts = [("!?", ""), *((f"passage w{number}", "") for number in range(1_030))]
    weighed = list(weigh_passages(texts, average_length=2))
    words.upsert(range(1_031), weighed)
    assert words.count() == 1_031
    assert words.get([0, 9_999]) == {0: weighed[0]}
    assert [row for row, _ in words.query(weighed[7], 1)] == [7]


def test_a_word_weighs_the_more_the_fewer_passages_hold_it(server: QdrantServer) -> None:
    words = server.create_words("test-rare")
    words.upsert(range(10), list(weigh_passages([("common", "")] * 9 + [("rare", "")], average_length=1)))
    ((row, score),) = words.query(weigh_question(["rare"]), 100)
    assert (row, score) == (9, pytest.approx(math.log(1 + 9.5 / 1.5), rel=1e-5))
    assert words.query(weigh_question(["common"]), 1)[0][1] == pytest.approx(
        math.log(1 + 1.5 / 9.5), rel=1e-5
    )


def test_the_query_of_the_address_says_how_a_cluster_spreads_a_collection(qdrant: QdrantProcess) -> None:
    server = QdrantServer(ServerAddress.parse(f"{qdrant.address}?shards=2&replicas=1"), KEY)
    server.create("test-spread", dimensions=3)
    server.create_words("test-spread-words")
    for name in ("test-spread", "test-spread-words"):
        request = urllib.request.Request(f"{qdrant.address[7:]}/collections/{name}", headers={"api-key": KEY})
        with urllib.request.urlopen(request, timeout=10) as answer:
            params = json.load(answer)["result"]["config"]["params"]
        assert (params["shard_number"], params["replication_factor"]) == (2, 1)
        server.drop(name)
    server.close()


@pytest.mark.parametrize("query", ["?shards=0", "?shards=many", "?nodes=3", "?replicas=-1"])
def test_options_that_qdrant_does_not_have_are_refused(query: str) -> None:
    with pytest.raises(ConfigError, match=r"shards=6&replicas=2"):
        IndexOptions(vector_index=f"qdrant+http://127.0.0.1:6333{query}")


def test_a_server_that_refuses_or_is_too_old_or_is_not_there_is_named_with_the_next_step(
    qdrant: QdrantProcess, tmp_path: Path
) -> None:
    stranger = QdrantServer(ServerAddress.parse(qdrant.address), "wrong")
    if not URL:
        with pytest.raises(VectorServerError, match=r"127\.0\.0\.1:\d+ refuses the key .*VECTOR_INDEX_KEY"):
            stranger.names("")
    stranger.close()
    nowhere = QdrantServer(ServerAddress.parse("qdrant+http://127.0.0.1:9"), None)
    with pytest.raises(VectorServerError, match=r"127\.0\.0\.1:9 does not answer .*start it") as caught:
        nowhere.open("test")
    assert caught.value.address == "qdrant+http://127.0.0.1:9"


def test_a_server_of_before_word_weights_is_refused(
    qdrant: QdrantProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpt4all_localdocs.vector_index.qdrant._OLDEST", (99, 10))
    server = QdrantServer(ServerAddress.parse(qdrant.address), KEY)
    with pytest.raises(VectorServerError, match=r"is Qdrant 1\.\d+\.\d+, .* use 99\.10 or a later one"):
        server.names("")


def test_without_the_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "qdrant_client", None)
    with pytest.raises(MissingDependency, match=r"gpt4all-adapters\[qdrant\]"):
        QdrantServer(ServerAddress.parse("qdrant+http://127.0.0.1:9"), None).names("")


_WATCHED = """
import sys
hosts = set()
def note(event, arguments):
    if event == "socket.connect":
        hosts.add(arguments[1][:2])
    if event in ("socket.getaddrinfo", "socket.sendto"):
        hosts.add(arguments[:2] if event == "socket.getaddrinfo" else arguments[1])
sys.addaudithook(note)
from gpt4all_localdocs.vector_index.address import ServerAddress
from gpt4all_localdocs.vector_index.qdrant import QdrantServer
server = QdrantServer(ServerAddress.parse(sys.argv[1]), sys.argv[2])
server.names("")
server.close()
print(sorted(hosts))
"""


def test_the_client_speaks_to_its_server_alone(qdrant: QdrantProcess) -> None:
    command = [sys.executable, "-W", "error", "-c", _WATCHED, qdrant.address, KEY]
    child = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    host, port = ServerAddress.parse(qdrant.address).host, ServerAddress.parse(qdrant.address).port
    assert child.stdout.strip() == f"[{(host, port)!r}]"


def test_documents_are_found_by_vectors_and_words_as_without_a_server(
    bench: Workbench, qdrant: QdrantProcess
) -> None:
    assert bench.sync().behind == ""
    assert_server_has_what_the_store_has(bench, qdrant.address)
    assert_found_as_without_a_server(bench)


def test_the_server_ranks_words_and_the_store_what_only_it_can_tell(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.sync()
    asked = []
    rank = QdrantServer._answering

    def noted(server: QdrantServer) -> object:
        asked.append(server)
        return rank(server)

    monkeypatch.setattr(QdrantServer, "_answering", noted)
    best = bench.search("word7", mode="keyword", k=1)[0]
    assert best.path.name == "7.txt"
    assert asked
    asked.clear()
    filtered = bench.search("beta", mode="keyword", where={"file_name": "3.txt"})
    assert {hit.path.name for hit in filtered} == {"3.txt"}
    shutil.copytree(bench.index, bench.index.with_name("copy"))
    original, bench.index = bench.index, bench.index.with_name("copy")
    assert (
        bench.search("word7", mode="keyword", k=1)[0].path.name == "7.txt"
    )  # what is there is not the copy's
    bench.index = original
    bench.options = replace(bench.options, exact_search_below=1_000)
    bench.search("word7", mode="keyword")
    assert not asked


def test_what_changes_is_changed_there(bench: Workbench, qdrant: QdrantProcess) -> None:
    bench.sync()
    bench.write("3.txt", "gamma delta\n\nepsilon")
    (bench.docs / "4.txt").unlink()
    (bench.docs / "5.txt").rename(
        bench.docs / "renamed.txt"
    )  # its passages keep their texts, not their labels
    assert bench.sync().rebuilt == ""
    assert_server_has_what_the_store_has(bench, qdrant.address)
    assert bench.search("renamed", mode="keyword")[0].path.name == "renamed.txt"
    assert_found_as_without_a_server(bench)
    report = bench.sync(rebuild=True)
    assert report.behind == ""
    assert_server_has_what_the_store_has(bench, qdrant.address)


def test_words_of_a_passage_that_the_store_does_not_have_are_noticed(
    bench: Workbench, qdrant: QdrantProcess, server: QdrantServer
) -> None:
    bench.sync()
    with Store.open(bench.index) as store:
        kept = WordTable(store.database).collection()
    assert kept is not None
    words = server.open_words(kept.name)
    assert words is not None
    words.upsert([10_000], list(weigh_passages([("stranger", "")], average_length=1)))
    assert "the words of 25 passages where the store has 24" in bench.sync().rebuilt
    assert_server_has_what_the_store_has(bench, qdrant.address)


def test_weights_are_made_anew_when_passages_have_another_length(
    bench: Workbench, qdrant: QdrantProcess
) -> None:
    bench.sync()
    for number in range(30):
        bench.write(f"long{number}.txt", f"alpha {number} " + "of many words " * 20)
    assert "words on average and have" in bench.sync().rebuilt
    assert_server_has_what_the_store_has(bench, qdrant.address)
    assert bench.sync().rebuilt == ""


def test_words_that_are_not_on_the_server_yet_are_found(own: QdrantProcess, tmp_path: Path) -> None:
    bench = bench_on(own.address, tmp_path)
    bench.sync()
    own.kill()
    bench.write("3.txt", "zeta of three")
    (bench.docs / "7.txt").unlink()
    assert "does not answer" in bench.sync().behind
    question = "zeta alpha word7 word7 word7"
    found = bench.search(question, mode="keyword")  # by the store
    own.start()
    served = bench.search(question, mode="keyword")
    assert [hit.chunk_id for hit in served] == [hit.chunk_id for hit in found]
    assert served[0].score == 1.0  # over the best that there is, not over one that is gone
    assert found[0].path.name == "3.txt"
    assert bench.sync().behind == ""
    assert_server_has_what_the_store_has(bench, own.address)


def kill_after(process: QdrantProcess, calls: int) -> Callable[[SyncProgress], None]:
    """Kills the server once so many steps of filling it were told of."""
    told = iter(range(1_000))

    def note(progress: SyncProgress) -> None:
        if progress.phase == "index" and next(told) == calls:
            process.kill()

    return note


@pytest.mark.parametrize(
    ("calls", "has_forgotten"), [(0, True), (1, False)], ids=["filling vectors, empty", "filling words, kept"]
)
def test_a_killed_server_loses_nothing_for_good(
    own: QdrantProcess, tmp_path: Path, calls: int, has_forgotten: bool
) -> None:
    bench = bench_on(own.address, tmp_path)
    report = bench.sync(on_progress=kill_after(own, calls))
    assert "does not answer" in report.behind
    assert {file.outcome for file in report.files} == {"added"}
    assert bench.search("word7", mode="keyword")[0].path.name == "7.txt"
    if has_forgotten:
        own.forget()
    own.start()
    assert bench.sync().behind == ""
    assert_server_has_what_the_store_has(bench, own.address)
    assert_found_as_without_a_server(bench)


def test_a_server_that_forgot_everything_is_filled_anew(own: QdrantProcess, tmp_path: Path) -> None:
    bench = bench_on(own.address, tmp_path)
    bench.sync()
    own.forget()
    own.start()
    assert_found_as_without_a_server(bench)  # by the store
    assert "does not have it any more" in bench.sync().rebuilt
    assert_server_has_what_the_store_has(bench, own.address)
