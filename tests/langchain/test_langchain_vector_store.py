"""LocalDocs behind the searches of a vector store."""

import pytest
from langchain_core.documents import Document

from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_localdocs import LocalDocs
from langchain_gpt4all import GPT4AllEmbeddings, LocalDocsRetriever, LocalDocsVectorStore

FACTS = {
    "cats.txt": "Cats chase mice through the barn.",
    "kittens.txt": "Cats chase mice through the barns.",
    "whales.txt": "Whales sing to each other in the sea.",
    "rates.txt": "The central bank raised its rates in May.",
}
QUESTION = "Which animals hunt rodents?"


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


def test_marginal_relevance_of_an_empty_index_is_nothing(tmp_path):
    (tmp_path / "empty").mkdir()
    with LocalDocs(tmp_path / "index", folders=[tmp_path / "empty"]) as docs:
        docs.sync()
        assert LocalDocsVectorStore(docs).max_marginal_relevance_search(QUESTION) == []


REFUSED = {
    "add_texts": (lambda store: store.add_texts(["text"]), "LocalDocs.sync()"),
    "add_documents": (lambda store: store.add_documents([Document("text")]), "LocalDocs.sync()"),
    "delete": (lambda store: store.delete(["1"]), "LocalDocs.remove()"),
    "from_texts": (lambda store: store.from_texts(["text"], GPT4AllEmbeddings()), "another vector store"),
    "a vector": (lambda store: store.similarity_search_by_vector([0.0]), "to similarity_search"),
    "a vector for marginal relevance": (
        lambda store: store.max_marginal_relevance_search_by_vector([0.0]),
        "to max_marginal_relevance_search",
    ),
    "a filter": (lambda store: store.similarity_search("a", filter={"source": "b"}), "no filters"),
    "a filter of a retriever": (
        lambda store: store.as_retriever(search_kwargs={"filter": {"source": "b"}}).invoke("a"),
        "no filters",
    ),
    "a threshold where there is none": (
        lambda store: store.similarity_search("a", score_threshold=0.5),
        "'score_threshold'",
    ),
    "a misspelt argument": (lambda store: store.max_marginal_relevance_search("a", fetch=3), "'fetch'"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_it_cannot_do_is_refused_with_what_to_do_instead(store, what):
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
    ],
)
def test_impossible_arguments_are_refused_by_name(docs, make, message):
    with pytest.raises(ConfigError, match=message):
        make(docs)
