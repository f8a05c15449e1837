"""Your own folders as a LlamaIndex retriever, and the engines, the tool and the docstore over it."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Protocol, cast, get_args, runtime_checkable

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager
from llama_index.core.chat_engine.types import BaseChatEngine
from llama_index.core.llms.llm import LLM
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.tools import FunctionTool
from llama_index.core.vector_stores.types import MetadataFilters

from gpt4all_core.errors import ConfigError
from gpt4all_core.off_loop import off_loop
from gpt4all_localdocs.document_questions import AskableDocs, DocumentQuestions
from gpt4all_localdocs.refine import Refine
from gpt4all_localdocs.search_filter import Where
from gpt4all_localdocs.search_tool import SEARCH_TOOL
from gpt4all_localdocs.types import AnswerMode, Hit, SearchMode
from llamaindex_gpt4all._answers import LocalDocsChatEngine, LocalDocsQueryEngine
from llamaindex_gpt4all._engines import make_chat_engine, make_query_engine
from llamaindex_gpt4all._filters import to_where
from llamaindex_gpt4all._nodes import to_node
from llamaindex_gpt4all._search_tool import make_search_tool


@runtime_checkable
class SearchableDocs(Protocol):
    """What a retriever needs of `gpt4all_localdocs.LocalDocs`."""

    def search(
        self, query: str, *, k: int, mode: SearchMode, where: Where | None, refine: Refine | None = None
    ) -> list[Hit]:
        """Passages, best first; called from any thread."""


@runtime_checkable
class ListableDocs(Protocol):
    """What a docstore needs of it beside."""

    def passages(self) -> Iterable[Hit]:
        """All that it has."""


class LocalDocsRetriever(BaseRetriever):
    """Passages of your own folders, found by meaning and by words, and engines that answer from them.

    docs: a `gpt4all_localdocs.LocalDocs`, or anything that searches like it; the caller opens,
    syncs and closes it. k: most passages to return. mode: "vector" looks for meaning, "keyword"
    for words, "hybrid" for both. filter: only passages that fit are looked at: LlamaIndex's MetadataFilters,
    or what `gpt4all_localdocs.SearchFilter` describes; `with_filter` takes another one for one call. refine:
    what to do with what was found, a `gpt4all_localdocs.Refine`: leave out passages that repeat a better one,
    spread them (MMR), have a reranker order the best; by default nothing.

        >>> from gpt4all_localdocs import LocalDocs
        >>> with LocalDocs("index", folders=["examples/documents"]) as docs:
        ...     report = docs.sync()
        ...     nodes = LocalDocsRetriever(docs=docs, k=4).retrieve("days of paid annual leave")
        >>> sorted(nodes[0].metadata)
        ['file_name', 'file_path', 'file_type', 'page_label', 'place']

    A node's id is the passage's and stays the same as long as the file does; its source is the file, and
    its previous and next nodes are the passages around it. `start_char_idx` and `end_char_idx` count
    characters of the file's text. The metadata are `file_path`, `file_name`, `file_type`, the place in the
    file in words as `place` ("page 4", which the model is not told twice) and by its parts: `page_label` (the
    file's own, else counted from 1: "4"), or `slide`, `sheet` and `rows` ("2-9"), `cell`, `chapter`,
    `message`, `attachment`, `lines` ("10-14"), as the format has them. Scores go from 0 to 1. A node
    of a text that a program put with `LocalDocs.put` has the text's own metadata, and its source is the
    text's id.

    `as_query_engine`, `as_chat_engine` and `as_tool` stand here and not on LocalDocs, which knows no
    framework; they are named as those of LlamaIndex's indexes are. For what they do not offer, give
    the retriever to any engine of LlamaIndex.

    Raises ConfigError for impossible arguments, and what `docs.search` raises.
    """

    def __init__(
        self,
        docs: SearchableDocs,
        *,
        k: int = 4,
        mode: SearchMode = "hybrid",
        filter: Where | MetadataFilters | None = None,  # noqa: A002 - as in LangChain's adapter
        refine: Refine | None = None,
        callback_manager: CallbackManager | None = None,
        verbose: bool = False,
    ) -> None:
        if not isinstance(docs, SearchableDocs):
            raise ConfigError(f"docs={docs!r} cannot be searched; give a gpt4all_localdocs.LocalDocs")
        if type(k) is not int or k < 1:
            raise ConfigError(f"k={k!r} cannot be used; it must be a whole number, 1 or more")
        if mode not in get_args(SearchMode):
            raise ConfigError(f"mode={mode!r} is unknown; use one of {', '.join(get_args(SearchMode))}")
        if not isinstance(refine, Refine | None):
            raise ConfigError(f"refine={refine!r} cannot be used; give a gpt4all_localdocs.Refine")
        where = to_where(filter)
        super().__init__(callback_manager=callback_manager, verbose=verbose)
        self._docs = docs
        self._k = k
        self._mode = mode
        self._where = where
        self._refine = refine

    def with_filter(self, filter: Where | MetadataFilters | None) -> "LocalDocsRetriever":  # noqa: A002 - as above
        """The same retriever with another filter, which is how a single call has one of its own."""
        return LocalDocsRetriever(
            self._docs,
            k=self._k,
            mode=self._mode,
            filter=filter,
            refine=self._refine,
            callback_manager=self.callback_manager,
            verbose=self._verbose,
        )

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        query = query_bundle.query_str
        hits = self._docs.search(query, k=self._k, mode=self._mode, where=self._where, refine=self._refine)
        return [NodeWithScore(node=to_node(hit), score=hit.score) for hit in hits]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        # A search blocks on SQLite and on the embedder.
        return await off_loop(partial(self._retrieve, query_bundle), lane=id(self._docs))

    def as_query_engine(
        self,
        *,
        llm: LLM | None = None,
        streaming: bool = False,
        node_postprocessors: Sequence[BaseNodePostprocessor] = (),
        answer_mode: AnswerMode | None = None,
        verify: bool = False,
        least_evidence: float | None = None,
        spans: int = 1,
    ) -> BaseQueryEngine:
        """Answers questions from the passages; `source_nodes` of a response are those it was given.

        llm: default `Settings.llm`. streaming: respond with `response_gen`, or `async_response_gen()`
        after `aquery`. node_postprocessors: rerankers, filters; what is left of the passages and does not
        fit into the model's window is left out, the best one never.

        answer_mode: answer as `LocalDocs.ask` does, with the model of `docs` and the passages of this
        retriever, `k` at most: "quote" for words of a document and nothing else, "free" for the model's own
        words, "strict" to refuse where the documents do not seem to answer, "chat" to talk on then.
        `source_nodes` are then the sources that the answer names, each with the words it rests on and its
        number as `citation`; a streaming response has them once its text has come. Its `metadata` have
        `is_refused`, `evidence`, `claims` and the passages, `context`. verify, least_evidence, spans: as
        for `LocalDocs.ask`.

        Raises ConfigError when `max_tokens` leaves no room for a passage, and for arguments of the one kind
        of answers beside the other's; ModelNotFound as `llm` does.
        """
        questions = self._questions(
            answer_mode, verify, least_evidence, spans, llm=llm, node_postprocessors=node_postprocessors
        )
        if questions is not None:
            return LocalDocsQueryEngine(
                questions, streaming=streaming, callback_manager=self.callback_manager
            )
        return make_query_engine(self, llm=llm, streaming=streaming, node_postprocessors=node_postprocessors)

    def as_chat_engine(
        self,
        *,
        llm: LLM | None = None,
        system_prompt: str | None = None,
        chat_history: Sequence[ChatMessage] = (),
        skip_condense: bool = False,
        node_postprocessors: Sequence[BaseNodePostprocessor] = (),
        answer_mode: AnswerMode | None = None,
        verify: bool = False,
        least_evidence: float | None = None,
        spans: int = 1,
    ) -> BaseChatEngine:
        """A conversation about the passages, with `chat`, `stream_chat` and their async twins.

        From the second question on, the model first rewrites each with the conversation in mind, and that
        is what is searched for; skip_condense: search for the words as they are, which saves that call.
        The conversation keeps half of the room in the model's window, oldest turns go first; the
        passages have the other half. The rest as for `as_query_engine`.

        With an answer_mode, questions that lean on those before are searched for together with them, and no
        model is asked to rewrite them. One conversation is for one caller at a time.
        """
        questions = self._questions(
            answer_mode,
            verify,
            least_evidence,
            spans,
            llm=llm,
            system_prompt=system_prompt,
            skip_condense=skip_condense,
            node_postprocessors=node_postprocessors,
        )
        if questions is not None:
            return LocalDocsChatEngine(questions, chat_history=chat_history)
        return make_chat_engine(
            self,
            llm=llm,
            system_prompt=system_prompt,
            chat_history=chat_history,
            skip_condense=skip_condense,
            node_postprocessors=node_postprocessors,
        )

    def as_tool(self, *, name: str = SEARCH_TOOL, description: str | None = None) -> FunctionTool:
        """A search for agents, whose model writes the query; see `create_localdocs_tool`."""
        return make_search_tool(self, name=name, description=description)

    def as_docstore(self) -> SimpleDocumentStore:
        """A copy of all passages, in memory, for what follows a node to its neighbours: LlamaIndex's
        PrevNextNodePostprocessor and AutoMergingRetriever. Make it anew after a sync.

        Raises ConfigError for docs that cannot list their passages.
        """
        if not isinstance(self._docs, ListableDocs):
            raise ConfigError(
                f"docs={self._docs!r} has no passages() to copy; give a gpt4all_localdocs.LocalDocs"
            )
        store = SimpleDocumentStore()
        store.add_documents([to_node(hit) for hit in self._docs.passages()])
        return store

    def _questions(
        self,
        answer_mode: AnswerMode | None,
        verify: bool,
        least_evidence: float | None,
        spans: int,
        **of_llamaindex: object,
    ) -> DocumentQuestions | None:
        """How LocalDocs answers; None where LlamaIndex's own engine was asked for."""
        if answer_mode is None:
            ours = {"verify": verify, "least_evidence": least_evidence is not None, "spans": spans != 1}
            if given := [name for name, is_given in ours.items() if is_given]:
                raise ConfigError(
                    f"{given[0]}= belongs to the answers of LocalDocs; give an answer_mode, too"
                )
            return None
        if given := [name for name, value in of_llamaindex.items() if value]:
            raise ConfigError(
                f"{given[0]}= belongs to LlamaIndex's answers, and answer_mode={answer_mode!r} to those of"
                " LocalDocs, which the model of docs gives; leave one of them out"
            )
        return DocumentQuestions(
            docs=cast(AskableDocs, self._docs),  # looked at there
            k=self._k,
            mode=self._mode,
            where=self._where,
            refine=self._refine,
            answer_mode=answer_mode,
            verify=verify,
            least_evidence=least_evidence,
            spans=spans,
        )
