"""Vector stores of both frameworks as the vector index of LocalDocs."""

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore
from llama_index.core.vector_stores import SimpleVectorStore
from llama_index.core.vector_stores.types import BasePydanticVectorStore

import langchain_gpt4all
import llamaindex_gpt4all
from gpt4all_core.errors import ConfigError
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs import IndexOptions, LocalDocs, Text

WORDS = ("parrot", "holiday", "invoice", "copper", "orchard", "lantern", "glacier", "violin")


class PlainStore(VectorStore):
    """As little as a store of LangChain may be: no search by vector, no look-up; compares by distance."""

    def __init__(self, embeddings):
        self._embeddings = embeddings
        self.rows = {}

    def add_texts(self, texts, metadatas=None, *, ids=None, **_options):
        texts = list(texts)
        for id_, text, row in zip(ids, texts, self._embeddings.embed_documents(texts), strict=True):
            self.rows[id_] = (text, np.array(row))
        return ids

    def delete(self, ids=None, **_options):
        for id_ in ids:
            self.rows.pop(id_, None)
        return True

    def similarity_search(self, query, k=4, **_options):
        asked = np.array(self._embeddings.embed_query(query))
        near = sorted(self.rows.values(), key=lambda row: float(np.linalg.norm(row[1] - asked)))
        return [Document(text) for text, _ in near[:k]]

    @classmethod
    def from_texts(cls, *_arguments, **_options):
        raise NotImplementedError


def in_langchain(kind):
    return lambda: langchain_gpt4all.VectorStoreIndex(kind)


STORES = {
    "langchain": in_langchain(InMemoryVectorStore),
    "plain langchain": in_langchain(PlainStore),
    "llamaindex": lambda: llamaindex_gpt4all.VectorStoreIndex(SimpleVectorStore()),
}


@pytest.fixture(params=STORES)
def make_store(request):
    return STORES[request.param]


TEXTS = [Text(f"About the {word}, text number {number}.", id=word) for number, word in enumerate(WORDS)]


@pytest.fixture
def opened(tmp_path):
    """Opens the index with a store; everything is searched by that, however little there is."""
    docs = []

    def start(store, **options):
        chosen = IndexOptions(vector_index=store, exact_search_below=0, **options)
        docs.append(LocalDocs(tmp_path / "index", embedder=HashEmbedder(), options=chosen))
        if len(docs) == 1:
            docs[-1].put(TEXTS)
        return docs[-1]

    yield start
    for each in docs:
        each.close()


def found(docs, word, k=3):
    hits = docs.search(f"the {word}", k=k, mode="vector")
    return [(hit.text_id, round(hit.score, 4)) for hit in hits]


def reason(docs):
    return docs._index.fallback_reason


def kept_in(store):
    """What the framework's store holds, by its ids."""
    kept = store._store
    if isinstance(kept, SimpleVectorStore):
        return kept.data.embedding_dict
    return kept.rows if isinstance(kept, PlainStore) else kept.store


def test_a_store_finds_what_exact_search_finds(opened, make_store):
    store = make_store()
    docs = opened(store)
    report = docs.sync()
    assert (report.rebuilt, report.behind) == ("", "")
    by_store = [found(docs, word) for word in WORDS]
    assert reason(docs) == ""
    assert by_store == [found(opened("exact"), word) for word in WORDS]
    assert by_store[0][0][0] == "parrot"


def test_a_store_is_handed_no_text(opened, make_store):
    store = make_store()
    opened(store).sync()
    assert len(kept_in(store)) == len(WORDS)
    told = repr(kept_in(store)) + repr(getattr(store._store, "data", ""))
    assert not any(word in told for word in WORDS)


def test_a_store_is_kept_in_step_with_changes(opened, make_store):
    store = make_store()
    docs = opened(store)
    docs.sync()
    docs.delete(["parrot"])
    docs.put([Text("The violin was sold to a museum.", id="violin")])
    assert docs.sync().rebuilt == ""
    assert len(kept_in(store)) == len(WORDS) - 1
    assert [name for name, _ in found(docs, "violin was sold to a museum", k=1)] == ["violin"]
    assert "parrot" not in dict(found(docs, "parrot", k=8))
    assert reason(docs) == ""


def test_a_store_that_forgot_is_filled_by_the_next_sync_and_not_believed_before(opened, make_store):
    opened(make_store()).sync()
    docs = opened(make_store())
    assert found(docs, "parrot")[0][0] == "parrot"
    assert "sync" in reason(docs)
    assert docs.sync().rebuilt
    assert found(docs, "parrot")[0][0] == "parrot"
    assert reason(docs) == ""


def test_what_others_put_into_a_store_is_never_found(opened, make_store):
    store = make_store()
    docs = opened(store)
    docs.sync()
    near = HashEmbedder().embed_query("the parrot")
    strangers = [f"stranger {number}" for number in range(300)]
    store.upsert(strangers, np.tile(near, (300, 1)))
    assert found(docs, "parrot") == found(opened("exact"), "parrot")


def test_a_store_that_fails_leaves_the_index_whole_and_behind(opened, make_store, monkeypatch):
    store = make_store()
    docs = opened(store)
    with monkeypatch.context() as broken:
        broken.setattr(type(store), "upsert", lambda *_arguments: 1 / 0)
        docs.put([Text("A parrot that came late.", id="late")])
        report = docs.sync()
    assert "failed: ZeroDivisionError" in report.behind
    assert found(docs, "parrot that came late", k=1)[0][0] == "late"
    assert docs.sync().behind == ""
    monkeypatch.setattr(type(store), "nearest", lambda *_arguments: 1 / 0)
    assert found(docs, "parrot")[0][0] == "parrot"
    assert "ZeroDivisionError" in reason(docs)


def test_a_rebuild_fills_the_store_anew(opened, make_store):
    docs = opened(make_store())
    docs.sync()
    docs.sync(rebuild=True)
    docs.sync()
    assert found(docs, "parrot") == found(opened("exact"), "parrot")
    assert reason(docs) == ""


def test_vectors_move_to_a_store_and_back(opened, make_store):
    store = make_store()
    docs = opened("chroma")
    docs.sync()
    moved = docs.move_vectors(store)
    assert (moved.vectors, moved.counted, moved.agreement) == (len(WORDS), len(WORDS), 1.0)
    assert len(kept_in(store)) == len(WORDS)
    assert found(docs, "parrot") == found(opened("exact"), "parrot")
    assert reason(docs) == ""
    assert docs.move_vectors("chroma").agreement == 1.0


def test_what_is_no_store_is_refused():
    with pytest.raises(ConfigError, match="let it return a VectorStore"):
        langchain_gpt4all.VectorStoreIndex(lambda _embeddings: "chroma")
    with pytest.raises(ConfigError, match="no BasePydanticVectorStore"):
        llamaindex_gpt4all.VectorStoreIndex("chroma")

    class AddOnly(SimpleVectorStore):
        delete_nodes = BasePydanticVectorStore.delete_nodes

    with pytest.raises(ConfigError, match="AddOnly has no delete_nodes"):
        llamaindex_gpt4all.VectorStoreIndex(AddOnly())
    with pytest.raises(ConfigError, match="vector_index"):
        IndexOptions(vector_index=langchain_gpt4all.VectorStoreIndex)


def test_a_store_that_embeds_as_it_is_opened_is_told_the_length():
    seen = []

    def make(embeddings):
        seen.append(len(embeddings.embed_query("how long?")))
        return InMemoryVectorStore(embeddings)

    with pytest.raises(ConfigError, match="dimensions"):
        langchain_gpt4all.VectorStoreIndex(make)
    langchain_gpt4all.VectorStoreIndex(make, dimensions=64)
    assert seen == [64]
