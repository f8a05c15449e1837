from pathlib import Path

import pytest
from llama_index.core.schema import MetadataMode

from gpt4all_core.errors import ConfigError
from gpt4all_localdocs.types import Hit
from llamaindex_gpt4all import LocalDocsRetriever

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


async def test_nodes_say_where_their_text_stands():
    shelf = Shelf()
    retriever = LocalDocsRetriever(docs=shelf, k=3, mode="vector")
    first, second = retriever.retrieve("anything")
    assert (first.score, first.node_id, first.text) == (1.0, "aa", "on a page")
    assert (first.node.start_char_idx, first.node.end_char_idx) == (7, 16)
    assert first.node.ref_doc_id == "/docs/a.pdf"
    assert first.metadata == {
        "file_path": "/docs/a.pdf",
        "file_name": "a.pdf",
        "file_type": "application/pdf",
        "page_label": "4",
    }
    assert second.metadata == {
        "file_path": "/docs/b.md",
        "file_name": "b.md",
        "file_type": "text/markdown",
        "lines": "10-14",
    }
    assert await retriever.aretrieve("anything") == [first, second]
    assert shelf.asked == [("anything", 3, "vector")] * 2


def test_the_model_is_told_the_file_and_not_its_folder():
    [node] = LocalDocsRetriever(Shelf(), k=1).retrieve("anything")
    told = node.node.get_content(MetadataMode.LLM)
    assert "a.pdf" in told
    assert "/docs" not in told
    assert "application/pdf" not in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"k": 0}, "k=0"), ({"mode": "fuzzy"}, "mode='fuzzy'"), ({"docs": "a folder"}, "docs='a folder'")],
)
def test_impossible_arguments_are_refused_by_name(arguments, message):
    with pytest.raises(ConfigError, match=message):
        LocalDocsRetriever(**{"docs": Shelf(), **arguments})
