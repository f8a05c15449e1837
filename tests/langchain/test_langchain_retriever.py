from pathlib import Path

import pytest

from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_localdocs.types import Hit
from langchain_gpt4all import LocalDocsRetriever

HITS = [
    Hit(Path("/docs/a.pdf"), "on a page", 1.0, page=4, lines=None, span=(7, 16), chunk_id="aa"),
    Hit(Path("/docs/b.md"), "in lines", 0.5, page=None, lines=(10, 14), span=(0, 8), chunk_id="bb"),
]


class Shelf:
    def __init__(self):
        self.asked = []

    def search(self, query, *, k, mode):
        self.asked.append((query, k, mode))
        return HITS[:k]


async def test_documents_say_where_their_text_stands():
    retriever = LocalDocsRetriever(docs=Shelf())
    documents = retriever.invoke("anything")
    assert [(document.id, document.page_content) for document in documents] == [
        ("aa", "on a page"),
        ("bb", "in lines"),
    ]
    assert documents[0].metadata == {"source": "/docs/a.pdf", "page": 4, "start_index": 7, "score": 1.0}
    assert documents[1].metadata == {"source": "/docs/b.md", "lines": "10-14", "start_index": 0, "score": 0.5}
    assert await retriever.ainvoke("anything") == documents


async def test_a_call_may_ask_for_another_number_of_passages():
    shelf = Shelf()
    retriever = LocalDocsRetriever(docs=shelf, k=7, mode="keyword")
    retriever.invoke("one")
    retriever.invoke("two", k=1)
    await retriever.ainvoke("three", k=2)
    assert shelf.asked == [("one", 7, "keyword"), ("two", 1, "keyword"), ("three", 2, "keyword")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"k": 0}, "k=0"), ({"mode": "fuzzy"}, "mode='fuzzy'"), ({"docs": "a folder"}, "docs='a folder'")],
)
def test_impossible_arguments_are_refused_by_name(arguments, message):
    with pytest.raises(ConfigError, match=message):
        LocalDocsRetriever(**{"docs": Shelf(), **arguments})


def test_misspelt_arguments_are_refused():
    with pytest.raises(UnsupportedParameter, match="top_k"):
        LocalDocsRetriever(docs=Shelf(), top_k=3)
