"""One table of tests over every vector store: what `VectorIndex` and `VectorServer` promise."""

import uuid
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from gpt4all_core.errors import LocalDocsError
from gpt4all_localdocs.vector_index.chroma import ChromaIndex
from gpt4all_localdocs.vector_index.exact import ExactIndex
from gpt4all_localdocs.vector_index.given import GivenServer
from gpt4all_localdocs.vector_index.protocol import VectorIndex
from gpt4all_localdocs.vector_index.registry import choose_place
from gpt4all_localdocs.vector_index.server import VectorServer

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

DIMENSIONS = 16
SERVERS = ["chroma", "qdrant"]
PREFIX = f"contract-{uuid.uuid4().hex[:8]}-"


def random_vectors(count: int, *, dimensions: int = DIMENSIONS, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(params=[*SERVERS, "given"])
def server(request: pytest.FixtureRequest, vector_servers):
    """A vector server without collections of this module."""
    with ExitStack() as opened:
        if request.param == "given":
            place: object = GivenServer(ExactIndex())
        else:
            place = choose_place(vector_servers(request.param).address, None)
        assert not isinstance(place, str)
        opened.callback(place.close)
        yield place
        for name in place.names(PREFIX):
            place.drop(name)


@pytest.fixture(params=["exact", "embedded chroma", *SERVERS, "given"])
def index(request: pytest.FixtureRequest, tmp_path: Path, vector_servers):
    with ExitStack() as opened:
        if request.param == "exact":
            made: VectorIndex = ExactIndex()
        elif request.param == "embedded chroma":
            made = ChromaIndex.open(tmp_path / "chroma")
        elif request.param == "given":
            made = GivenServer(ExactIndex()).create("any", dimensions=DIMENSIONS)
        else:
            place = choose_place(vector_servers(request.param).address, None)
            assert not isinstance(place, str)
            opened.callback(place.close)
            made = place.create(f"{PREFIX}index", dimensions=DIMENSIONS)
            opened.callback(place.drop, f"{PREFIX}index")
        yield made
        made.close()
        made.close()


def test_query_returns_the_nearest_by_cosine_best_first(index: VectorIndex) -> None:
    rows = random_vectors(50)
    ids = [f"{number:064x}" for number in range(50)]
    index.upsert(ids, rows)
    found = index.query(rows[7] * 3, 5)
    cosines = rows @ rows[7]
    nearest = np.argsort(-cosines)[:5]
    assert [id_ for id_, _ in found] == [ids[place] for place in nearest]
    assert [cosine for _, cosine in found] == pytest.approx(cosines[nearest], abs=1e-5)


def test_upsert_replaces_and_delete_passes_over_strangers(index: VectorIndex) -> None:
    rows = random_vectors(3)
    index.upsert(["a", "b"], rows[:2])
    index.upsert(["b", "c"], rows[[2, 1]])
    index.delete(["a", "stranger"])
    index.delete([])
    assert index.ids() == {"b", "c"}
    assert index.query(rows[2], 1)[0][0] == "b"
    assert len(index.query(rows[2], 10)) == 2


def test_what_was_written_twice_is_there_once(index: VectorIndex) -> None:
    rows = random_vectors(5)
    ids = [f"id{number}" for number in range(5)]
    index.upsert(ids, rows)
    index.upsert(ids, rows)
    assert index.ids() == set(ids)
    assert len(index.query(rows[0], 10)) == 5


def test_an_empty_index_finds_nothing(index: VectorIndex) -> None:
    assert index.query(random_vectors(1)[0], 3) == []
    assert index.ids() == set()


def test_more_than_one_page_goes_in_and_comes_out(index: VectorIndex) -> None:
    ids = [f"id{number}" for number in range(2_100)]
    index.upsert(ids, random_vectors(2_100))
    assert index.ids() == set(ids)
    index.delete(ids[:2_050])
    assert index.ids() == set(ids[2_050:])


def test_the_length_of_the_input_vectors_does_not_count(index: VectorIndex) -> None:
    rows = random_vectors(2)
    index.upsert(["long", "short"], np.stack([rows[0] * 100, rows[1] * 0.01]))
    assert index.query(rows[1], 2)[0] == ("short", pytest.approx(1.0, abs=1e-5))


def test_a_collection_is_there_until_it_is_dropped(server: VectorServer) -> None:
    made = server.create(f"{PREFIX}one", dimensions=DIMENSIONS)
    made.upsert(["a", "b"], random_vectors(2))
    opened = server.open(f"{PREFIX}one")
    assert opened is not None
    assert (opened.count(), opened.among(["b", "stranger"]), opened.among([])) == (2, {"b"}, set())
    if isinstance(server, GivenServer):  # which is one collection, whatever it is called
        return
    server.create(f"{PREFIX}two", dimensions=DIMENSIONS)
    assert sorted(server.names(PREFIX)) == [f"{PREFIX}one", f"{PREFIX}two"]
    server.drop(f"{PREFIX}one")
    server.drop(f"{PREFIX}one")
    assert server.names(PREFIX) == [f"{PREFIX}two"]
    assert server.open(f"{PREFIX}one") is None


def test_a_collection_that_is_made_again_is_empty(server: VectorServer) -> None:
    server.create(f"{PREFIX}one", dimensions=DIMENSIONS).upsert(["a"], random_vectors(1))
    assert server.create(f"{PREFIX}one", dimensions=DIMENSIONS).count() == 0


def test_two_clients_see_what_either_wrote(server: VectorServer, request: pytest.FixtureRequest) -> None:
    made = server.create(f"{PREFIX}one", dimensions=DIMENSIONS)
    other = server.open(f"{PREFIX}one")
    assert other is not None
    made.upsert(["a"], random_vectors(1))
    assert other.query(random_vectors(1)[0], 1)[0][0] == "a"
    other.delete(["a"])
    assert made.count() == 0


def test_vectors_of_another_length_are_refused_in_the_projects_own_words(index: VectorIndex) -> None:
    if isinstance(index, ExactIndex) or "Given" in type(index).__name__:
        pytest.skip("numpy's own words: only this project's code reaches it")
    index.upsert(["a"], random_vectors(1))
    with pytest.raises(LocalDocsError):
        index.upsert(["b"], random_vectors(1, dimensions=5))
