from dataclasses import replace
from pathlib import Path

import pytest
from llama_index.core.schema import MetadataMode
from llama_index.core.vector_stores.types import MetadataFilter, MetadataFilters

from gpt4all_core.errors import ConfigError
from gpt4all_localdocs.types import Hit
from llamaindex_gpt4all import LocalDocsRetriever, create_localdocs_tool
from llamaindex_gpt4all.retrievers import to_node

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
        "place": "page 4",
        "page_label": "4",
    }
    assert second.metadata == {
        "file_path": "/docs/b.md",
        "file_name": "b.md",
        "file_type": "text/markdown",
        "place": "lines 10-14",
        "lines": "10-14",
    }
    assert await retriever.aretrieve("anything") == [first, second]
    assert shelf.asked == [("anything", 3, "vector", None)] * 2


def test_the_model_is_told_the_file_and_not_its_folder():
    [node] = LocalDocsRetriever(Shelf(), k=1).retrieve("anything")
    told = node.node.get_content(MetadataMode.LLM)
    assert "a.pdf" in told
    assert "/docs" not in told
    assert "application/pdf" not in told
    assert "page_label: 4" in told
    assert "place" not in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "k=0"),
        ({"k": "2"}, "k='2'"),
        ({"k": 1.5}, "k=1.5"),
        ({"mode": "fuzzy"}, "mode='fuzzy'"),
        ({"docs": "a folder"}, "docs='a folder'"),
    ],
)
def test_impossible_arguments_are_refused_by_name(arguments, message):
    with pytest.raises(ConfigError, match=message):
        LocalDocsRetriever(**{"docs": Shelf(), **arguments})


@pytest.mark.parametrize("argument", ["name", "description"])
def test_a_tool_that_the_model_is_told_nothing_of_is_refused(argument):
    with pytest.raises(ConfigError, match=f"{argument}='' tells the model nothing"):
        create_localdocs_tool(Shelf(), **{argument: ""})


EQUIVALENTS = [
    (MetadataFilter(key="year", value=2020), {"$and": [{"year": {"$eq": 2020}}]}),
    (MetadataFilter(key="year", value=2020, operator=">="), {"$and": [{"year": {"$gte": 2020}}]}),
    (MetadataFilter(key="year", value=[1, 2], operator="nin"), {"$and": [{"year": {"$nin": [1, 2]}}]}),
    (MetadataFilter(key="tags", value="a", operator="contains"), {"$and": [{"tags": {"$contains": "a"}}]}),
    (
        MetadataFilter(key="tags", value=["a", "b"], operator="any"),
        {"$and": [{"$or": [{"tags": {"$contains": "a"}}, {"tags": {"$contains": "b"}}]}]},
    ),
    (
        MetadataFilter(key="tags", value=["a", "b"], operator="all"),
        {"$and": [{"$and": [{"tags": {"$contains": "a"}}, {"tags": {"$contains": "b"}}]}]},
    ),
    (MetadataFilter(key="tags", value=None, operator="is_empty"), {"$and": [{"tags": {"$exists": False}}]}),
    (
        MetadataFilters(
            filters=[MetadataFilter(key="a", value=1), MetadataFilter(key="b", value=2)], condition="or"
        ),
        {"$and": [{"$or": [{"a": {"$eq": 1}}, {"b": {"$eq": 2}}]}]},
    ),
    (
        MetadataFilters(filters=[MetadataFilter(key="a", value=1)], condition="not"),
        {"$and": [{"$not": {"$or": [{"a": {"$eq": 1}}]}}]},
    ),
]


@pytest.mark.parametrize(("theirs", "ours"), EQUIVALENTS)
def test_llamaindex_filters_reach_the_search_in_its_own_words(theirs, ours):
    shelf = Shelf()
    LocalDocsRetriever(shelf, filter=MetadataFilters(filters=[theirs])).retrieve("anything")
    assert shelf.asked[0][3] == ours


async def test_a_filter_is_the_retrievers_or_a_calls():
    shelf = Shelf()
    retriever = LocalDocsRetriever(shelf, k=3, mode="vector", filter={"page": 4})
    retriever.retrieve("one")
    await retriever.with_filter({"page": 5}).aretrieve("two")
    await retriever.with_filter(None).aretrieve("three")
    create_localdocs_tool(shelf, filter=MetadataFilters(filters=[])).call(query="four")
    assert shelf.asked == [
        ("one", 3, "vector", {"page": 4}),
        ("two", 3, "vector", {"page": 5}),
        ("three", 3, "vector", None),
        ("four", 4, "hybrid", {}),
    ]


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"page": {"$near": 4}}, r"no operator '\$near'"),
        (
            MetadataFilters(filters=[MetadataFilter(key="a", value="b", operator="text_match")]),
            "'text_match'",
        ),
        (
            MetadataFilters(filters=[MetadataFilter(key="a", value="b", operator="any")]),
            "'any' of 'a' takes a list",
        ),
        (MetadataFilters(filters=[MetadataFilter(key="a", value=None)]), "not None"),
    ],
)
def test_what_is_no_filter_is_refused_by_name(filters, message):
    with pytest.raises(ConfigError, match=message):
        LocalDocsRetriever(Shelf(), filter=filters)


def test_nodes_of_a_text_have_its_metadata_and_its_id_as_their_source():
    metadata = {"title": "Canteen", "page_label": "iv"}
    hit = Hit(
        Path("n"),
        "Lunch.",
        1.0,
        None,
        None,
        (7, 13),
        chunk_id="x",
        text_id="n",
        metadata=metadata,
        next_id="y",
    )
    node = to_node(hit)
    assert (node.node_id, node.ref_doc_id, node.metadata) == ("x", "n", metadata)
    assert (node.start_char_idx, node.next_node.node_id) == (7, "y")
    shelf = Shelf()
    shelf.search = lambda *_arguments, **_choices: [
        hit,
        replace(hit, text="Dinner.", chunk_id="z", metadata={}),
    ]
    told = create_localdocs_tool(shelf).call(query="lunch").content
    assert told.startswith(
        "[1] Canteen, page iv\n<<<\nLunch.\n>>>\n\n[2] n\n<<<\nDinner.\n>>>\n\n(Text between"
    )


@pytest.mark.parametrize("path", ["/home/ann/a.md", "C:\\notes\\a.md", "~/a.md", "file:///home/ann/a.md"])
def test_no_path_among_a_texts_own_metadata_is_shown_to_a_model_or_embedded(path):
    metadata = {"source": path, "author": "Ann"}
    node = to_node(Hit(Path("n"), "Lunch.", 1.0, None, None, (0, 6), text_id="n", metadata=metadata))
    for mode in (MetadataMode.LLM, MetadataMode.EMBED):
        assert path not in node.get_content(mode)
        assert "Ann" in node.get_content(mode)
