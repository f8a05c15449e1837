"""LocalDocs behind the searches of a vector store."""

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from gpt4all_core.errors import ConfigError, EmbedderMismatch, UnsupportedParameter
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs import LocalDocs, Refine, SearchFilter
from langchain_gpt4all import GPT4AllEmbeddings, LocalDocsRetriever, LocalDocsVectorStore
from langchain_gpt4all._embedder import to_embedder

FACTS = {
    "cats.txt": "Cats chase mice through the barn.",
    "kittens.txt": "Cats chase mice through the barns.",
    "whales.txt": "Whales sing to each other in the sea.",
    "rates.txt": "The central bank raised its rates in May.",
}
QUESTION = "Which animals hunt rodents?"


class Words(Embeddings):
    """Somebody's embeddings: bags of words, not of norm 1."""

    model = "words"

    def __init__(self):
        self.threads = set()
        self._embedder = HashEmbedder()

    def embed_documents(self, texts):
        self.threads.add(threading.current_thread())
        return (3 * self._embedder.embed_documents(texts)).tolist()

    def embed_query(self, text):
        return self.embed_documents([text])[0]


def test_vectors_of_other_embeddings_are_scaled_to_norm_1():
    embedder = to_embedder(Words())
    rows = [*embedder.embed_documents(["Cats chase mice.", "Whales sing."]), embedder.embed_query("cats")]
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 1, 1])


@pytest.fixture(scope="module")
def docs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("facts")
    for name, fact in FACTS.items():
        (folder / name).write_text(fact, encoding="utf-8")
    with LocalDocs(tmp_path_factory.mktemp("index"), folders=[folder]) as docs:
        docs.sync()
        yield docs


@pytest.fixture
def store(docs):
    return LocalDocsVectorStore(docs)


def names(documents):
    return [document.metadata["source"].rsplit("/", maxsplit=1)[-1] for document in documents]


async def test_it_finds_what_a_retriever_finds_by_the_same_mode(docs, store):
    expected = LocalDocsRetriever(docs=docs, mode="vector", k=3).invoke(QUESTION)
    assert set(names(expected[:2])) == {"cats.txt", "kittens.txt"}
    assert store.similarity_search(QUESTION, k=3) == expected
    assert await store.asimilarity_search(QUESTION, k=3) == expected
    assert store.as_retriever(search_kwargs={"k": 3}).invoke(QUESTION) == expected


async def test_scores_are_cosines_unless_another_mode_is_chosen(docs, store):
    scored = store.similarity_search_with_score(QUESTION, k=4)
    hits = docs.search(QUESTION, k=4, mode="vector")
    assert [score for _, score in scored] == [hit.score for hit in hits]
    assert [score for _, score in scored] == [max(hit.vector_score, 0) for hit in hits]
    assert await store.asimilarity_search_with_score(QUESTION, k=4) == scored
    hybrid = LocalDocsVectorStore(docs, mode="hybrid").similarity_search_with_score(QUESTION, k=4)
    assert [score for _, score in hybrid] == [hit.score for hit in docs.search(QUESTION, k=4)]


def test_a_threshold_keeps_what_is_similar_enough(store):
    scored = store.similarity_search_with_relevance_scores(QUESTION, k=4)
    threshold = scored[1][1]
    options = {"k": 4, "score_threshold": threshold}
    retriever = store.as_retriever(search_type="similarity_score_threshold", search_kwargs=options)
    assert set(names(retriever.invoke(QUESTION))) == {"cats.txt", "kittens.txt"}


async def test_marginal_relevance_leaves_out_what_says_the_same_again(store):
    options = {"k": 2, "fetch_k": 4, "lambda_mult": 0.3}
    documents = store.max_marginal_relevance_search(QUESTION, **options)
    assert names(documents)[0] in ("cats.txt", "kittens.txt")
    assert names(documents)[1] in ("whales.txt", "rates.txt")
    retriever = store.as_retriever(search_type="mmr", search_kwargs=options)
    assert await retriever.ainvoke(QUESTION) == documents
    alike = store.max_marginal_relevance_search(QUESTION, **options | {"lambda_mult": 1})
    assert set(names(alike)) == {"cats.txt", "kittens.txt"}


def test_marginal_relevance_of_an_empty_index_is_nothing(tmp_path):
    (tmp_path / "empty").mkdir()
    with LocalDocs(tmp_path / "index", folders=[tmp_path / "empty"]) as docs:
        docs.sync()
        assert LocalDocsVectorStore(docs).max_marginal_relevance_search(QUESTION) == []


REFUSED = {
    "a threshold where there is none": (
        lambda store: store.similarity_search("a", score_threshold=0.5),
        "'score_threshold'",
    ),
    "a misspelt argument": (lambda store: store.max_marginal_relevance_search("a", fetch=3), "'fetch'"),
    "an argument of another store": (lambda store: store.add_texts(["a"], batch_size=3), "'batch_size'"),
    "a collection": (
        lambda store: store.from_texts(["a"], GPT4AllEmbeddings(), collection_name="b"),
        "'collection_name'",
    ),
    "an operator of another store": (
        lambda store: store.similarity_search("a", filter={"page": {"$near": 3}}),
        "it has $eq",
    ),
    "the same in a retriever": (
        lambda store: store.as_retriever(search_kwargs={"filter": {"$xor": []}}).invoke("a"),
        "it has $eq",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_it_cannot_do_is_refused_with_what_it_can(store, what):
    ask, advice = REFUSED[what]
    with pytest.raises(UnsupportedParameter) as refusal:
        ask(store)
    assert advice in str(refusal.value)


def test_no_filter_may_be_said_aloud(store):
    assert store.similarity_search(QUESTION, k=1, filter=None) == store.similarity_search(QUESTION, k=1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda docs: LocalDocsVectorStore("a folder"), "docs='a folder'"),
        (lambda docs: LocalDocsVectorStore(docs, mode="fuzzy"), "mode='fuzzy'"),
        (lambda docs: LocalDocsVectorStore(docs).similarity_search("a", k=0), "k is 0"),
        (
            lambda docs: LocalDocsVectorStore(docs).max_marginal_relevance_search("a", lambda_mult=2),
            "lambda_mult=2",
        ),
        (lambda docs: LocalDocsVectorStore(docs).similarity_search_by_vector([1.0, 2.0]), "384 numbers"),
        (
            lambda docs: LocalDocsVectorStore(docs).add_texts(["a"], [{}, {}]),
            "1 texts cannot have 2 metadatas",
        ),
        (lambda docs: LocalDocsVectorStore(docs).add_texts(["a"], ids=["a", "b"]), "have 2 ids"),
        (
            lambda docs: LocalDocsVectorStore(docs).delete([docs.search("cats")[0].chunk_id]),
            "change or remove that file and sync",
        ),
        (
            lambda docs: LocalDocsVectorStore.from_texts([], GPT4AllEmbeddings(), identity="mine"),
            "identity='mine'",
        ),
        (lambda docs: LocalDocsVectorStore.from_texts([], Words(), identity=""), "identity=''"),
        (lambda docs: LocalDocsVectorStore.from_texts([], "minilm"), "embedding='minilm'"),
    ],
)
def test_impossible_arguments_are_refused_by_name(docs, make, message):
    with pytest.raises(ConfigError, match=message):
        make(docs)


async def test_a_search_by_a_vector_finds_what_a_search_by_its_text_does(docs, store):
    vector = GPT4AllEmbeddings().embed_query(QUESTION)
    assert store.similarity_search_by_vector(vector, k=3) == store.similarity_search(QUESTION, k=3)
    options = {"k": 2, "fetch_k": 4, "lambda_mult": 0.3}
    expected = store.max_marginal_relevance_search(QUESTION, **options)
    assert store.max_marginal_relevance_search_by_vector(vector, **options) == expected
    assert await store.amax_marginal_relevance_search_by_vector(vector, **options) == expected
    assert await store.asimilarity_search_by_vector(vector, k=1) == store.similarity_search(QUESTION, k=1)


def test_every_search_takes_a_filter(store):
    vector = GPT4AllEmbeddings().embed_query(QUESTION)
    for where in ({"file_name": {"$in": ["whales.txt"]}}, SearchFilter(paths=["whale*.txt"])):
        found = [
            store.similarity_search(QUESTION, filter=where),
            [document for document, _ in store.similarity_search_with_score(QUESTION, filter=where)],
            store.similarity_search_by_vector(vector, filter=where),
            store.max_marginal_relevance_search(QUESTION, filter=where),
            store.max_marginal_relevance_search_by_vector(vector, filter=where),
            *(
                store.as_retriever(search_type=search_type, search_kwargs={"filter": where} | others).invoke(
                    QUESTION
                )
                for search_type, others in (
                    ("similarity", {}),
                    ("mmr", {}),
                    ("similarity_score_threshold", {"score_threshold": 0.0}),
                )
            ),
        ]
        assert [names(documents) for documents in found] == [["whales.txt"]] * len(found)


def test_added_documents_stand_beside_files_and_leave_them_alone(tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "cats.txt").write_text("Cats chase mice.", encoding="utf-8")
    with LocalDocs(tmp_path / "index", folders=[tmp_path / "files"], embedder=HashEmbedder()) as docs:
        docs.sync()
        store = LocalDocsVectorStore(docs)
        ids = store.add_documents(
            [Document("Cats sleep.", metadata={"source": "a note"}), Document("Mice sleep.", id="mice")]
        )
        assert ids[1] == "mice"
        found = store.similarity_search("cats", k=3)
        assert {document.metadata["source"] for document in found if "source" in document.metadata} == {
            str(tmp_path / "files" / "cats.txt"),
            "a note",
        }
        again = store.get_by_ids([document.id for document in found] + ["missing"])
        assert [document.page_content for document in again] == [document.page_content for document in found]
        assert store.delete() is True
        docs.sync()
        assert names(store.similarity_search("cats", k=3)) == ["cats.txt"]


def test_a_long_document_is_found_in_parts_and_got_whole(tmp_path):
    long = " ".join(f"Paragraph {n} speaks of number{n}." for n in range(60))
    with LocalDocs(tmp_path, embedder=HashEmbedder(max_tokens=32)) as docs:
        store = LocalDocsVectorStore(docs, mode="keyword")
        store.add_texts([long], [{"year": 2020}], ids=["long"])
        [part] = store.similarity_search("number41", k=1)
        start = part.metadata["start_index"]
        assert long[start:].startswith(part.page_content)
        assert (part.id, part.metadata) == ("long", {"year": 2020, "start_index": start})
        assert store.get_by_ids([part.id]) == [
            Document(id="long", page_content=long, metadata={"year": 2020})
        ]


def test_an_index_of_its_own_is_temporary_or_stays_where_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with LocalDocsVectorStore.from_texts(["alpha"], Words()) as store:
        assert store.embeddings.model == "words"
        assert len(list(tmp_path.iterdir())) == 1
        assert store.similarity_search_with_score("alpha")[0][1] == pytest.approx(1)
    store.close()
    assert list(tmp_path.iterdir()) == []
    LocalDocsVectorStore.from_texts(["alpha"], Words())  # closed by nobody
    gc.collect()
    assert list(tmp_path.iterdir()) == []
    for texts in (["alpha"], ["beta"]):
        with LocalDocsVectorStore.from_texts(texts, Words(), path=tmp_path / "kept", mode="keyword") as store:
            pass
    with LocalDocsVectorStore.from_texts([], Words(), path=tmp_path / "kept") as store:
        assert len(store.similarity_search("alpha")) == 2


def test_an_index_is_refused_to_other_embeddings(tmp_path):
    LocalDocsVectorStore.from_texts(["alpha"], Words(), path=tmp_path).close()
    for embedding, identity in ((Words(), "another"), (GPT4AllEmbeddings(), None)):
        with pytest.raises(EmbedderMismatch, match=r"Words:words:64"):
            LocalDocsVectorStore.from_texts(["beta"], embedding, path=tmp_path, identity=identity)


def test_embeddings_of_this_package_are_the_embedder_itself(tmp_path):
    LocalDocsVectorStore.from_texts(["Cats chase mice."], GPT4AllEmbeddings(), path=tmp_path).close()
    with LocalDocs(tmp_path) as docs:
        assert docs.search("cats")[0].text == "Cats chase mice."


async def test_async_forms_embed_in_no_event_loop():
    embedding = Words()
    store = await LocalDocsVectorStore.afrom_texts(["alpha"], embedding, ids=["a"])
    assert await store.aadd_documents([Document("beta", id="b")]) == ["b"]
    assert [document.id for document in await store.aget_by_ids(["b", "a"])] == ["b", "a"]
    assert await store.asimilarity_search("alpha", k=1, filter={"source": {"$exists": False}})
    await store.adelete(["a"])
    assert await store.aget_by_ids(["a"]) == []
    assert threading.main_thread() not in embedding.threads
    store.close()


class NoThreads(ThreadPoolExecutor):
    def submit(self, *_arguments, **_options):
        raise AssertionError("the event loop's own executor is the program's")


async def test_no_async_form_takes_the_event_loops_executor():
    asyncio.get_running_loop().set_default_executor(NoThreads())
    store = await LocalDocsVectorStore.afrom_texts(["Lunch is at noon."], Words(), ids=["lunch"])
    with store:
        vector = store.embeddings.embed_query("noon")
        await store.aadd_documents([Document("The printer is upstairs.", id="printer")])
        found = [
            await store.asearch("noon", "similarity", k=1),
            await store.asearch("noon", "similarity_score_threshold", k=1, score_threshold=0.0),
            [document for document, _ in await store.asimilarity_search_with_score("noon", k=1)],
            await store.asimilarity_search_by_vector(vector, k=1),
            await store.amax_marginal_relevance_search("noon", k=1),
            await store.amax_marginal_relevance_search_by_vector(vector, k=1),
            await store.as_retriever(search_kwargs={"k": 1}).ainvoke("noon"),
            await store.aget_by_ids(["lunch"]),
        ]
        assert [[document.id for document in documents] for documents in found] == [["lunch"]] * len(found)
        assert await store.adelete(["lunch"])
        assert await store.aget_by_ids(["lunch"]) == []


def test_what_was_found_is_refined_where_that_was_asked_for(docs):
    store = LocalDocsVectorStore(docs, refine=Refine(min_score=0.99))
    assert store.similarity_search(QUESTION, k=4) == []
    assert store.similarity_search(FACTS["whales.txt"], k=4) != []
    with pytest.raises(ConfigError, match="refine="):
        store.similarity_search_by_vector([0.0] * 384)
    with pytest.raises(ConfigError, match="refine='mmr'"):
        LocalDocsVectorStore(docs, refine="mmr")
