"""A search of your own folders as a tool of an agent."""

from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import MetadataMode, NodeWithScore
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel, Field

from gpt4all_core.errors import ConfigError
from gpt4all_localdocs.types import text_name

SEARCH_TOOL = "search_documents"

_DESCRIPTION = (
    "Searches the user's own documents and returns the passages that fit best, each with its file and place."
)
_KINDS = ("slide", "sheet", "cell", "chapter", "message")
_NOTHING = "The documents hold nothing that fits. Try other words."


class SearchDocuments(BaseModel):
    """What the model gives to the tool."""

    query: str = Field(
        min_length=1, description="What to look for, in the words of the documents or as a question."
    )


def make_search_tool(retriever: BaseRetriever, *, name: str, description: str | None) -> FunctionTool:
    """See `create_localdocs_tool`. LlamaIndex's RetrieverTool would search for "query is ..."."""
    for argument, given in (("name", name), ("description", description)):
        if given == "":
            raise ConfigError(f"{argument}='' tells the model nothing; give some words, or leave it out")

    def search(query: str) -> list[NodeWithScore]:
        return retriever.retrieve(query)

    async def asearch(query: str) -> list[NodeWithScore]:
        return await retriever.aretrieve(query)

    return FunctionTool.from_defaults(
        search,
        async_fn=asearch,
        name=name,
        description=_DESCRIPTION if description is None else description,
        fn_schema=SearchDocuments,
        callback=_describe,
    )


def _describe(nodes: Sequence[NodeWithScore]) -> str:
    """What the model is told: numbered passages, each with its file and its place there."""
    return (
        "\n\n".join(
            f"[{number}] {_place(node)}\n{node.node.get_content(MetadataMode.NONE)}"
            for number, node in enumerate(nodes, start=1)
        )
        or _NOTHING
    )


def _place(node: NodeWithScore) -> str:
    metadata = node.metadata
    # A text that a program put has whatever metadata it was given.
    name = metadata.get("file_name") or text_name(metadata, node.node.ref_doc_id or node.node_id)
    return f"{name}{_inside(metadata)}"


def _inside(metadata: Mapping[str, Any]) -> str:
    """The place that `to_node` wrote down, in words: ", page 4", ", sheet Costs, rows 2-9"."""
    places = [str(metadata["attachment"])] if "attachment" in metadata else []
    places += [f"{kind} {metadata[kind]}" for kind in _KINDS if kind in metadata]
    if "page_label" in metadata and "slide" not in metadata:
        places.append(f"page {metadata['page_label']}")
    for unit in ("row", "line"):
        if f"{unit}s" in metadata:
            first, _, last = str(metadata[f"{unit}s"]).partition("-")
            places.append(f"{unit} {first}" if last in ("", first) else f"{unit}s {first}-{last}")
    return "".join(f", {place}" for place in places)
