from dataclasses import replace
from pathlib import Path

import pytest
from langchain_core.documents import Document

from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_localdocs import SearchFilter
from gpt4all_localdocs.types import Hit
from langchain_gpt4all import LocalDocsRetriever
from langchain_gpt4all.retrievers import to_document

HITS = [
    Hit(Path("/docs/a.pdf"), "on a page", 1.0, page=4, lines=None, span=(7, 16), chunk_id="aa"),
    Hit(Path("/docs/b.md"), "in lines", 0.5, page=None, lines=(10, 14), span=(0, 8), chunk_id="bb"),
]


class Shelf:
    def __init__(self):
        self.asked = []

    def search(self, query, *, k, mode, where, refine=None):
        self.asked.append((query, k, mode, where))
        return HITS[:k]


async def test_documents_say_where_their_text_stands():
    retriever = LocalDocsRetriever(docs=Shelf())
    documents = retriever.invoke("anything")
    assert [(document.id, document.page_content) for document in documents] == [
        ("aa", "on a page"),
        ("bb", "in lines"),
    ]
    assert documents[0].metadata == {
        "source": "/docs/a.pdf",
        "file_name": "a.pdf",
        "place": "page 4",
        "page": 4,
        "page_label": "4",
        "start_index": 7,
        "score": 1.0,
    }
    assert documents[1].metadata == {
        "source": "/docs/b.md",
        "file_name": "b.md",
        "place": "lines 10-14",
        "lines": "10-14",
        "start_index": 0,
        "score": 0.5,
    }
    assert await retriever.ainvoke("anything") == documents


async def test_a_call_may_ask_for_another_number_of_passages():
    shelf = Shelf()
    retriever = LocalDocsRetriever(docs=shelf, k=7, mode="keyword")
    retriever.invoke("one")
    retriever.invoke("two", k=1)
    await retriever.ainvoke("three", k=2)
    assert shelf.asked == [
        ("one", 7, "keyword", None),
        ("two", 1, "keyword", None),
        ("three", 2, "keyword", None),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "k=0"),
        ({"mode": "fuzzy"}, "mode='fuzzy'"),
        ({"docs": "a folder"}, "docs='a folder'.*LocalDocs$"),
    ],
)
def test_impossible_arguments_are_refused_by_name(arguments, message):
    with pytest.raises(ConfigError, match=message):
        LocalDocsRetriever(**{"docs": Shelf(), **arguments})


def test_misspelt_arguments_are_refused():
    with pytest.raises(UnsupportedParameter, match="top_k"):
        LocalDocsRetriever(docs=Shelf(), top_k=3)


async def test_a_filter_is_the_retrievers_or_a_calls():
    shelf = Shelf()
    retriever = LocalDocsRetriever(docs=shelf, filter={"page": 4})
    retriever.invoke("one")
    where = SearchFilter(paths=["*.md"])
    await retriever.ainvoke("two", filter=where)
    assert [asked[3] for asked in shelf.asked] == [{"page": 4}, where]
    with pytest.raises(ConfigError, match=r"no operator '\$near'"):
        LocalDocsRetriever(docs=shelf, filter={"page": {"$near": 4}})


def test_documents_of_a_program_have_their_own_ids_and_metadata():
    metadata = {"source": "a note"}
    whole = Hit(Path("n"), "whole", 1.0, None, None, (0, 5), chunk_id="x", text_id="n", metadata=metadata)
    part = replace(whole, text="part", span=(7, 11), previous_id="x")
    assert to_document(whole) == Document(id="n", page_content="whole", metadata=metadata)
    assert to_document(part) == Document(id="n", page_content="part", metadata=metadata | {"start_index": 7})
