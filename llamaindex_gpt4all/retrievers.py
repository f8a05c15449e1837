"""Your own folders as a LlamaIndex retriever."""

import asyncio
from typing import Any, Protocol, get_args, runtime_checkable

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.callbacks import CallbackManager
from llama_index.core.schema import NodeRelationship, NodeWithScore, QueryBundle, RelatedNodeInfo, TextNode

from gpt4all_core.errors import ConfigError
from gpt4all_localdocs.types import Hit, SearchMode


@runtime_checkable
class SearchableDocs(Protocol):
    """What a retriever needs of `gpt4all_localdocs.LocalDocs`."""

    def search(self, query: str, *, k: int, mode: SearchMode) -> list[Hit]:
        """Passages, best first; called from any thread."""


class LocalDocsRetriever(BaseRetriever):
    """Passages of your own folders, found by meaning and by words.

    docs: a `gpt4all_localdocs.LocalDocs`, or anything that searches like it; the caller opens,
    syncs and closes it. k: most passages to return. mode: "vector" looks for meaning, "keyword"
    for words, "hybrid" for both.

        >>> from gpt4all_localdocs import LocalDocs
        >>> with LocalDocs("index", folders=["examples/documents"]) as docs:
        ...     report = docs.sync()
        ...     nodes = LocalDocsRetriever(docs=docs, k=4).retrieve("days of paid annual leave")
        >>> sorted(nodes[0].metadata)
        ['file_name', 'file_path', 'page_label']

    A node's id is the passage's, its source the file; `start_char_idx` and `end_char_idx` count
    characters of the file's text. The metadata are `file_path`, `file_name` and either
    `page_label`, counted from 1 as text ("4"), or `lines` ("10-14"). Scores go from 0 to 1.

    Raises ConfigError for impossible arguments, and what `docs.search` raises.
    """

    def __init__(
        self,
        docs: SearchableDocs,
        *,
        k: int = 4,
        mode: SearchMode = "hybrid",
        callback_manager: CallbackManager | None = None,
        verbose: bool = False,
    ) -> None:
        if not isinstance(docs, SearchableDocs):
            raise ConfigError(f"docs={docs!r} cannot be searched; give a gpt4all_localdocs.LocalDocs")
        if k < 1:
            raise ConfigError(f"k={k} cannot be used; it must be 1 or more")
        if mode not in get_args(SearchMode):
            raise ConfigError(f"mode={mode!r} is unknown; use one of {', '.join(get_args(SearchMode))}")
        super().__init__(callback_manager=callback_manager, verbose=verbose)
        self._docs = docs
        self._k = k
        self._mode = mode

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        hits = self._docs.search(query_bundle.query_str, k=self._k, mode=self._mode)
        return [_node(hit) for hit in hits]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        # A search blocks on SQLite and on the embedder.
        return await asyncio.to_thread(self._retrieve, query_bundle)


def _node(hit: Hit) -> NodeWithScore:
    metadata: dict[str, Any] = {"file_path": str(hit.path), "file_name": hit.path.name}
    if hit.page is not None:
        metadata["page_label"] = str(hit.page)
    if hit.lines is not None:
        metadata["lines"] = f"{hit.lines[0]}-{hit.lines[1]}"
    source = RelatedNodeInfo(node_id=str(hit.path), metadata={"file_name": hit.path.name})
    node = TextNode(
        id_=hit.chunk_id,
        text=hit.text,
        metadata=metadata,
        # The model is told the file's name; its folders are nobody's business and cost tokens.
        excluded_llm_metadata_keys=["file_path"],
        excluded_embed_metadata_keys=["file_path"],
        relationships={NodeRelationship.SOURCE: source},
        start_char_idx=hit.span[0],
        end_char_idx=hit.span[1],
    )
    return NodeWithScore(node=node, score=hit.score)
