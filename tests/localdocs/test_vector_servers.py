"""An index whose vectors a server keeps: it finds what a fresh one finds, whatever happens to the server."""

import logging
import os
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from workbench import Workbench

from gpt4all_core.config import resolve_settings
from gpt4all_core.errors import ConfigError, VectorServerError
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs import IndexOptions, LocalDocs
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.sync_progress import SyncProgress
from gpt4all_localdocs.vector_index import search_index, served
from gpt4all_localdocs.vector_index.exact import ExactIndex
from gpt4all_localdocs.vector_index.protocol import VectorIndex
from gpt4all_localdocs.vector_index.registry import choose_place
from gpt4all_localdocs.vector_index.search_index import SearchIndex

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

HERE = Path(__file__).parent
QUERIES = ("word7 beta", "alpha 3", "omega")
NOBODY = "chroma+http://127.0.0.1:1"


@pytest.fixture(params=["chroma"])
def server(request: pytest.FixtureRequest, vector_servers):
    return vector_servers(request.param)


@pytest.fixture
def bench(tmp_path: Path, server) -> Workbench:
    bench = Workbench(tmp_path)
    bench.options = replace(bench.options, vector_index=server.address)
    write_some(bench, 8)
    return bench


def write_some(bench: Workbench, count: int, *, start: int = 0) -> None:
    for number in range(start, start + count):
        bench.write(f"{number}.txt", f"alpha {number}\n\nword{number} beta")


def kept(bench: Workbench, place: str | VectorIndex | None = None) -> tuple[list[str], set[str]]:
    """The collections that the server has of an index, and the ids of the published one."""
    place = choose_place(place or bench.options.vector_index, None)
    assert not isinstance(place, str)
    with Store.open(bench.index) as store:
        generation = store.vectors.generation
        with store.database.reading() as connection:
            row = connection.execute("SELECT value FROM meta WHERE name = 'vectors_prefix'").fetchone()
    names = place.names(row[0]) if row else []
    served = generation is not None and generation.place == place.place
    published = place.open(generation.collection) if served else None
    ids = set() if published is None else published.ids()
    place.close()
    return names, ids


def found(bench: Workbench) -> tuple[list[dict[str, float]], str]:
    """The cosines that searches by meaning find, and why they did without the server, if they did."""
    with Store.open(bench.index) as store, SearchIndex(store, bench.options) as index:
        ranked = [dict(index.query(bench.embedder.embed_query(query), 50)) for query in QUERIES]
        return [{key: round(cosine, 3) for key, cosine in cosines.items()} for cosines in ranked], (
            index.fallback_reason
        )


def assert_as_fresh(bench: Workbench) -> None:
    """Nothing pending, one collection with exactly the store's vectors, found as by comparing all."""
    with Store.open(bench.index) as store:
        assert store.vectors.count_pending() == 0
        keys = set(store.vectors.keys())
    names, ids = kept(bench)
    assert (len(names), ids) == (1, keys)
    ranked, reason = found(bench)
    assert reason == ""
    exact = Workbench(bench.index.parent, index=bench.index.name)
    exact.options, exact.embedder = replace(bench.options, vector_index="exact"), bench.embedder
    assert ranked == found(exact)[0]


def test_a_server_is_kept_in_step_with_what_comes_changes_and_goes(bench: Workbench) -> None:
    report = bench.sync()
    assert (report.behind, report.rebuilt) == ("", "")
    assert_as_fresh(bench)
    collections, _ = kept(bench)
    bench.write("late.txt", "omega")
    bench.write("3.txt", "alpha 3\n\nother")
    (bench.docs / "5.txt").unlink()
    assert bench.sync().rebuilt == ""
    assert_as_fresh(bench)
    assert kept(bench)[0] == collections  # in place
    assert [hit.path.name for hit in bench.search("omega", mode="vector", k=1)] == ["late.txt"]
    bench.sync(rebuild=True)
    assert_as_fresh(bench)
    bench.embedder = HashEmbedder(dimensions=32)
    bench.sync(rebuild=True)
    assert_as_fresh(bench)
    shutil.rmtree(bench.docs)
    bench.docs.mkdir()
    bench.sync(confirm_removal=True)
    assert kept(bench)[1] == set()
    assert_as_fresh(bench)


def test_a_server_that_forgot_is_filled_anew(bench: Workbench, server) -> None:
    bench.sync()
    (name,), ids = kept(bench)
    place = choose_place(server.address, None)
    assert not isinstance(place, str)
    opened = place.open(name)
    assert opened is not None
    opened.delete(sorted(ids)[:2])
    assert "has 14 vectors where the store has 16" in bench.sync().rebuilt
    assert_as_fresh(bench)
    place.drop(kept(bench)[0][0])
    place.close()
    assert "any more" in found(bench)[1]
    assert "any more" in bench.sync().rebuilt
    assert_as_fresh(bench)


def test_a_sync_without_its_server_is_complete_and_says_that_the_server_is_behind(
    bench: Workbench, caplog: pytest.LogCaptureFixture, server
) -> None:
    bench.sync()
    server.kill()
    bench.write("late.txt", "omega")
    report = bench.sync()
    assert report.counts == {"unchanged": 8, "added": 1}
    assert server.address in report.behind
    assert "does not answer" in report.behind
    ranked, reason = found(bench)
    assert "does not answer" in reason
    assert max(ranked[2].values()) == pytest.approx(1.0, abs=1e-3)
    server.start()
    assert bench.sync().behind == ""
    assert_as_fresh(bench)


@pytest.mark.parametrize(("moment", "forgets"), [("embed", True), ("index", False)])
def test_a_server_killed_in_the_middle_of_a_sync_loses_nothing(
    bench: Workbench, server, moment: str, forgets: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "_PAGE", 4)
    bench.sync()
    write_some(bench, 8, start=8)
    (bench.docs / "1.txt").unlink()

    def kill(progress: SyncProgress) -> None:
        if progress.phase == moment and progress.done >= 4:
            server.forget() if forgets else server.kill()

    assert "does not answer" in bench.sync(on_progress=kill).behind
    server.start()
    report = bench.sync()
    assert (report.behind, bool(report.rebuilt)) == ("", forgets)
    assert_as_fresh(bench)


def test_a_filling_that_was_cut_off_goes_on_where_it_was(
    bench: Workbench, server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "_PAGE", 4)
    written = []

    def kill(progress: SyncProgress) -> None:
        if progress.phase == "index" and progress.done == 8:
            server.kill()

    assert bench.sync(on_progress=kill).behind
    server.start()

    def note(progress: SyncProgress) -> None:
        if progress.phase == "index":
            written.append(progress.done)

    assert bench.sync(on_progress=note).behind == ""
    assert written == [12, 16]
    assert_as_fresh(bench)


CHILD = """
import sys
from dataclasses import replace
from pathlib import Path
from workbench import Workbench
bench = Workbench(Path(sys.argv[1]))
bench.options = replace(bench.options, vector_index=sys.argv[2])
bench.sync()
"""


def test_a_search_follows_the_sync_of_another_process(bench: Workbench, server) -> None:
    bench.sync()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, sys.path)])}
    query = bench.embedder.embed_query("omega")
    with Store.open(bench.index) as store, SearchIndex(store, bench.options) as index:
        assert index.query(query, 1)[0][1] < 0.9
        bench.write("late.txt", "omega")
        place = choose_place(server.address, None)
        assert not isinstance(place, str)
        place.drop(kept(bench)[0][0])  # so that the other process fills one of another name
        place.close()
        command = [sys.executable, "-c", CHILD, str(bench.index.parent), server.address]
        subprocess.run(command, env=environment, check=True, timeout=120)
        assert index.query(query, 1)[0][1] == pytest.approx(1.0, abs=1e-3)
        assert index.fallback_reason == ""


def test_a_copy_of_an_index_leaves_the_collection_of_the_other_alone(bench: Workbench) -> None:
    bench.sync()
    before = kept(bench)
    copy = Workbench(bench.index.parent, index="copy")
    copy.options = bench.options
    shutil.copytree(bench.index, copy.index)
    assert "it is a copy" in found(copy)[1]
    copy.write("late.txt", "omega")
    assert copy.sync().behind == ""
    assert kept(bench) == before
    assert_as_fresh(copy)
    moved = bench.index.rename(bench.index.with_name("moved"))
    bench.index = moved
    assert found(bench)[1] == ""  # which is no copy
    bench.sync()
    assert kept(bench)[0] == before[0]


def test_switching_between_stores_is_an_option(bench: Workbench, server) -> None:
    bench.options = replace(bench.options, vector_index="chroma")
    bench.open_index = search_index.ChromaIndex.open
    bench.sync()
    assert list(bench.index.glob("chroma-*"))
    bench.options = replace(bench.options, vector_index=server.address)
    assert "files beside it" in found(bench)[1]
    bench.sync()
    assert_as_fresh(bench)
    assert not list(bench.index.glob("chroma-*"))
    bench.options = replace(bench.options, vector_index="chroma")
    assert server.address in found(bench)[1]
    bench.sync()
    assert found(bench)[1] == ""


def test_an_object_with_the_methods_of_an_index_keeps_the_vectors(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    given = ExactIndex()
    bench.options = replace(bench.options, vector_index=given)
    write_some(bench, 4)
    bench.sync()
    (bench.docs / "1.txt").unlink()
    bench.write("late.txt", "omega")
    bench.sync()
    with Store.open(bench.index) as store:
        assert given.ids() == set(store.vectors.keys())
    assert found(bench)[1] == ""
    given.delete(sorted(given.ids())[:1])
    assert "has 6 vectors where the store has 7" in bench.sync().rebuilt


def test_searches_ask_a_server_again_that_did_not_answer(
    bench: Workbench, server, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.sync()
    query = bench.embedder.embed_query("omega")
    with Store.open(bench.index) as store, SearchIndex(store, bench.options) as index:
        index.query(query, 1)
        server.kill()
        assert index.query(query, 1)
        assert "does not answer" in index.fallback_reason
        server.start()
        monkeypatch.setattr(index, "_retry_at", 0.0)
        index.query(query, 1)
        assert index.fallback_reason == ""


def test_what_stands_in_for_a_server_is_read_in_pages_where_it_is_large(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bench.options = replace(bench.options, vector_index=NOBODY)
    bench.sync()
    whole = found(bench)
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(search_index, "_HELD_BYTES", 64)
    monkeypatch.setattr(search_index, "_PAGE", 3)
    most = []
    load = ExactIndex.__init__

    def note(self: ExactIndex, ids: object = (), vectors: np.ndarray | None = None) -> None:
        most.append(0 if vectors is None else len(vectors))
        load(self, ids, vectors)  # type: ignore[arg-type]

    monkeypatch.setattr(ExactIndex, "__init__", note)
    assert found(bench) == whole
    assert max(most) == 3


@pytest.mark.parametrize("server", ["chroma", "qdrant"], indirect=True)
def test_vectors_move_between_stores_and_are_compared(tmp_path: Path, server) -> None:
    documents = Workbench(tmp_path)
    write_some(documents, 6)
    options = IndexOptions(exact_search_below=0, vector_index="exact")
    with LocalDocs(
        tmp_path / "index", folders=[documents.docs], embedder=HashEmbedder(), options=options
    ) as docs:
        docs.sync()
        hits = docs.search("alpha 3 word3 beta", mode="vector")
        for target in ("chroma", server.address, "exact", server.address, "chroma"):
            steps: list[SyncProgress] = []
            moved = docs.move_vectors(target, on_progress=steps.append)
            assert steps[-1:] == ([] if target == "exact" else [SyncProgress("index", 6, 6)])
            assert (moved.target, moved.vectors, moved.counted, moved.sampled) == (target, 6, 6, 6)
            assert (moved.agreement, moved.unfit, moved.leftover) == (1.0, "", "")
            assert docs.status().vectors_at == ("" if target == "exact" else target)
            again = docs.search("alpha 3 word3 beta", mode="vector")
            assert again[0].chunk_id == hits[0].chunk_id
            assert [hit.score for hit in again] == pytest.approx([hit.score for hit in hits], abs=1e-4)
            assert docs._index.fallback_reason == ""
    bench = Workbench(tmp_path)
    assert kept(bench, server.address)[0] == []  # nothing stays behind
    place = choose_place(server.address, None)
    assert not isinstance(place, str)
    assert place.names("gpt4all-words-") == []
    place.close()


def test_a_move_that_fails_leaves_all_as_it_was(tmp_path: Path, server) -> None:
    documents = Workbench(tmp_path)
    write_some(documents, 3)
    options = IndexOptions(exact_search_below=0, vector_index=server.address)
    with LocalDocs(
        tmp_path / "index", folders=[documents.docs], embedder=HashEmbedder(), options=options
    ) as docs:
        docs.sync()
        told = rf"server at {re.escape(NOBODY)} did not take over the vectors, .* were: it does not answer"
        with pytest.raises(VectorServerError, match=told):
            docs.move_vectors(NOBODY)
        with pytest.raises(ConfigError, match="which is no store"):
            docs.move_vectors("faiss")
        assert docs.status().vectors_at == server.address
        assert docs.search("word1 beta", mode="vector")
        assert docs._index.fallback_reason == ""
        moved = docs.move_vectors("exact", keep=True)
        assert moved.leftover.endswith("which was to be kept")
    assert len(kept(documents, server.address)[0]) == 1


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("faiss", "which is no store; give 'chroma', 'exact' or an address: chroma"),
        ("faiss+http://host", "names the store 'faiss', which is none"),
        ("chroma+ftp://host", "no address of a server"),
        ("chroma+http://", "names no host"),
        ("chroma+http://host:port", "is no address"),
        ("chroma+http://me:secret@host", "set a key as GPT4ALL_VECTOR_INDEX_KEY"),
        ("chroma+http://host?api_key=secret", "set a key as GPT4ALL_VECTOR_INDEX_KEY"),
        ("chroma+http://host#secret", "set a key as GPT4ALL_VECTOR_INDEX_KEY"),
        ("chroma+http://host?secret", "is no address"),
        ("http://me:secret@host", "'host', which is no store"),
        ("chroma+http://host?shards=2", "has the option shards, and a Chroma server has none"),
        ("chroma+http://host/tenant/database/more", "comes /database"),
        (object(), "which has no upsert"),
    ],
)
def test_what_is_no_store_is_refused_without_a_key_in_the_message(given: object, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as refused:
        IndexOptions(vector_index=given)  # type: ignore[arg-type]
    assert "secret" not in str(refused.value)


class _Guarded(BaseHTTPRequestHandler):
    """A server that lets in only those who have the key, and notes what it is asked."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.headers.get("Authorization", ""))
        self.send_response(401)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - as its base names it
        """Nothing."""


def test_a_key_is_sent_and_told_to_nobody(
    bench: Workbench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPT4ALL_VECTOR_INDEX_KEY", "hush-hush")
    with ThreadingHTTPServer(("127.0.0.1", 0), _Guarded) as guarded:
        threading.Thread(target=guarded.serve_forever, daemon=True).start()
        bench.options = replace(
            bench.options, vector_index=f"chroma+http://127.0.0.1:{guarded.server_address[1]}"
        )
        report = bench.sync()
        guarded.shutdown()
    assert "refuses the key" in report.behind
    assert _Guarded.asked[-1] == "Bearer hush-hush"
    assert "hush" not in report.behind + caplog.text + repr(resolve_settings())
    assert b"hush" not in (bench.index / "localdocs.sqlite").read_bytes()
    assert "hush" not in repr(IndexOptions(vector_index_key="hush"))


class Lost(ExactIndex):
    """Keeps what it is given, and finds something else."""

    def query(self, vector: np.ndarray, k: int, **_choices: object) -> list[tuple[str, float]]:
        return [("another", 0.5)]


@pytest.mark.parametrize("key", ["hidden\n", "hidden ", "hidd\u00e9n"])
@pytest.mark.parametrize("address", [NOBODY, "qdrant+http://127.0.0.1:1"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(address: str, key: str) -> None:
    with pytest.raises(ConfigError, match="vector_index_key has characters") as caught:
        choose_place(address, key)
    assert "hidd" not in str(caught.value)


def test_vectors_that_one_store_cannot_index_are_tried_in_another(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    write_some(bench, 4)
    bench.options = replace(bench.options, vector_index=Lost())
    assert "sampled vectors do not find themselves; searches compare" in bench.sync().rebuilt
    assert bench.sync().rebuilt == ""  # not tried again
    assert bench.search("word1 beta", mode="vector")
    bench.options = replace(bench.options, vector_index=ExactIndex())
    bench.sync()
    with Store.open(bench.index) as store:
        generation = store.vectors.generation
    assert generation is not None
    assert generation.place == "object ExactIndex"
