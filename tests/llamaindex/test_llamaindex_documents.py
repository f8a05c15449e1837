"""Nodes of your folders in LlamaIndex's own engines and agents, which take them as they are."""

from itertools import pairwise
from pathlib import Path

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.postprocessor import PrevNextNodePostprocessor
from llama_index.core.query_engine import CitationQueryEngine
from llama_index.core.retrievers import AutoMergingRetriever
from llama_index.core.schema import NodeRelationship, NodeWithScore, RelatedNodeInfo, TextNode
from llama_index.core.storage import StorageContext

from gpt4all_core.errors import ConfigError
from gpt4all_core.testing import HashEmbedder
from gpt4all_core.types import Message, ToolCall
from gpt4all_localdocs import LocalDocs
from llamaindex_gpt4all import LocalDocsRetriever, create_localdocs_tool

pytestmark = [
    # LlamaIndex looks at every attribute of an agent, Pydantic's deprecated ones among them.
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning"),
    # And its agents use what its workflows call deprecated.
    pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning"),
]


@pytest.fixture
def docs(tmp_path):
    """Twelve rules, each in a section and so a passage of its own, and a short note."""
    folder = tmp_path / "rules"
    folder.mkdir()
    sections = [f"# Rule {n}\n\nThe rule number{n} says {'never ' * 40}word{n}.\n\n" for n in range(12)]
    (folder / "rules.md").write_text("".join(sections))
    (folder / "note.txt").write_text("A note about zebras, on a single line.\n")
    with LocalDocs(tmp_path / "index", folders=[folder], embedder=HashEmbedder()) as docs:
        docs.sync()
        yield docs


def chain(docs):
    """The nodes of rules.md in their order."""
    nodes = {node.node_id: node for node in docstore_nodes(docs)}
    first = [node for node in nodes.values() if node.prev_node is None and node.next_node is not None]
    assert len(first) == 1
    ordered = first
    while ordered[-1].next_node is not None:
        ordered.append(nodes[ordered[-1].next_node.node_id])
    return ordered


def docstore_nodes(docs):
    return list(LocalDocsRetriever(docs).as_docstore().docs.values())


def test_the_docstore_has_every_passage_and_its_neighbours(docs):
    nodes = docstore_nodes(docs)
    assert len(nodes) == docs.status().passages
    ordered = chain(docs)
    assert len(ordered) == len(nodes) - 1  # but the note, which has no neighbours
    assert [node.start_char_idx for node in ordered] == sorted(node.start_char_idx for node in ordered)
    for before, after in pairwise(ordered):
        assert after.prev_node.node_id == before.node_id
    assert {node.metadata["file_name"] for node in ordered} == {"rules.md"}


def test_found_nodes_are_those_of_the_docstore_and_keep_their_ids(docs):
    retriever = LocalDocsRetriever(docs, k=50)
    known = retriever.as_docstore().docs
    found = retriever.retrieve("rule number7")
    assert found
    assert all(known[node.node_id] == node.node for node in found)
    docs.sync(rebuild=True)
    assert [node.node_id for node in retriever.retrieve("rule number7")] == [node.node_id for node in found]


def test_the_text_of_a_node_stands_in_its_source_at_its_span(docs):
    [node] = LocalDocsRetriever(docs, k=1, mode="keyword").retrieve("number7")
    text = Path(node.node.ref_doc_id).read_text()
    assert text[node.node.start_char_idx : node.node.end_char_idx] == node.text
    assert node.node.source_node.metadata == {"file_name": "rules.md"}


def test_docs_that_cannot_list_their_passages_have_no_docstore():
    class Searchable:
        def search(self, query, *, k, mode, where, refine=None):
            return []

    with pytest.raises(ConfigError, match=r"has no passages\(\)"):
        LocalDocsRetriever(Searchable()).as_docstore()


@pytest.mark.parametrize(("mode", "wanted"), [("next", [7, 8]), ("previous", [6, 7]), ("both", [6, 7, 8])])
def test_a_postprocessor_of_llamaindex_finds_the_neighbours(docs, mode, wanted):
    retriever = LocalDocsRetriever(docs, k=1, mode="keyword")
    around = PrevNextNodePostprocessor(docstore=retriever.as_docstore(), num_nodes=1, mode=mode)
    nodes = around.postprocess_nodes(retriever.retrieve("number7"))
    ordered = [node.node_id for node in chain(docs)]
    middle = ordered.index(retriever.retrieve("number7")[0].node_id)
    assert [node.node_id for node in nodes] == [ordered[middle + place - 7] for place in wanted]


def test_an_auto_merging_retriever_fills_the_gap_between_neighbours(docs):
    ordered = chain(docs)

    class Found(LocalDocsRetriever):
        def _retrieve(self, query_bundle):
            return [NodeWithScore(node=ordered[place], score=score) for place, score in ((3, 0.9), (5, 0.7))]

    found = Found(docs)
    storage = StorageContext.from_defaults(docstore=found.as_docstore())
    nodes = AutoMergingRetriever(found, storage).retrieve("anything")
    assert [node.node_id for node in nodes] == [ordered[place].node_id for place in (3, 4, 5)]


def test_an_auto_merging_retriever_puts_a_parent_of_yours_in_the_place_of_its_passages(docs):
    retriever = LocalDocsRetriever(docs, k=50)
    store = retriever.as_docstore()
    parent = TextNode(id_="whole", text="All rules.")
    ordered = chain(docs)
    parent.relationships[NodeRelationship.CHILD] = [RelatedNodeInfo(node_id=n.node_id) for n in ordered]

    class Childlike(LocalDocsRetriever):
        def _retrieve(self, query_bundle):
            nodes = super()._retrieve(query_bundle)
            for node in nodes:
                if node.metadata["file_name"] == "rules.md":
                    node.node.relationships[NodeRelationship.PARENT] = RelatedNodeInfo(node_id="whole")
            return nodes

    store.add_documents([parent])
    merging = AutoMergingRetriever(Childlike(docs, k=50), StorageContext.from_defaults(docstore=store))
    assert "whole" in {node.node_id for node in merging.retrieve("rule")}


def test_a_citation_engine_numbers_the_passages(docs, script):
    llm, model = script(["It says word7 [1]."])
    retriever = LocalDocsRetriever(docs, k=2, mode="keyword")
    response = CitationQueryEngine(retriever, llm=llm).query("number7")
    assert str(response) == "It says word7 [1]."
    first = response.source_nodes[0]
    assert first.text.startswith("Source 1:")
    assert first.node.metadata["file_name"] == "rules.md"
    assert first.node.ref_doc_id.endswith("rules.md")
    assert "Source 1:" in model.calls[0].messages[-1].text


async def test_the_tool_tells_the_model_where_each_passage_stands(docs):
    tool = create_localdocs_tool(docs, k=2, mode="keyword")
    assert tool.metadata.name == "search_documents"
    parameters = tool.metadata.get_parameters_dict()
    assert (list(parameters["properties"]), parameters["required"]) == (["query"], ["query"])
    assert parameters["properties"]["query"]["minLength"] == 1
    output = tool.call(query="number7")
    assert output.content.startswith("[1] rules.md, lines ")
    assert tool.call(query="zebras").content.startswith("[1] note.txt, line 1\n")
    assert "word7" in output.content
    assert str(docs.path.parent) not in output.content
    assert output.raw_output[0].metadata["file_name"] == "rules.md"
    assert (await tool.acall(query="number7")).content == output.content
    assert "Try other words" in tool.call(query="xyzzy").content


def test_the_tool_can_be_named_and_described(docs):
    tool = LocalDocsRetriever(docs).as_tool(name="rules", description="The rules of the house.")
    assert (tool.metadata.name, tool.metadata.description) == ("rules", "The rules of the house.")


async def test_an_agent_searches_and_answers(docs, script):
    asked = Message("assistant", None, (ToolCall("c1", "search_documents", '{"query": "number7"}'),))
    llm, model = script([asked, "It says word7."])
    output = await FunctionAgent(llm=llm, tools=[create_localdocs_tool(docs, mode="keyword")]).run("Rule 7?")
    assert str(output) == "It says word7."
    [offered] = model.calls[0].tool_use.tools
    assert offered.name == "search_documents"
    assert "word7" in model.calls[1].messages[-1].text
    [call] = output.tool_calls
    assert call.tool_output.raw_output[0].metadata["file_name"] == "rules.md"
