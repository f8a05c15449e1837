"""LlamaIndex's engines that answer as LocalDocs does: quoting, refusing, checking, with exact sources."""

from collections.abc import AsyncGenerator, Generator, Sequence
from functools import partial
from typing import Any

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole
from llama_index.core.base.response.schema import (
    RESPONSE_TYPE,
    AsyncStreamingResponse,
    Response,
    StreamingResponse,
)
from llama_index.core.callbacks import CallbackManager
from llama_index.core.chat_engine.types import (
    AgentChatResponse,
    BaseChatEngine,
    StreamingAgentChatResponse,
)
from llama_index.core.prompts.mixin import PromptMixinType
from llama_index.core.schema import NodeWithScore, QueryBundle

from gpt4all_core.leash import not_left_running
from gpt4all_core.off_loop import off_loop
from gpt4all_core.types import Message
from gpt4all_localdocs.answer_stream import AnswerStream
from gpt4all_localdocs.document_questions import DocumentQuestions, cited_passages, claim_records
from gpt4all_localdocs.types import Answer
from llamaindex_gpt4all._messages import to_messages
from llamaindex_gpt4all._nodes import to_node


class LocalDocsQueryEngine(BaseQueryEngine):
    """See `LocalDocsRetriever.as_query_engine`; any threads and event loops."""

    def __init__(
        self, questions: DocumentQuestions, *, streaming: bool, callback_manager: CallbackManager | None
    ) -> None:
        super().__init__(callback_manager)
        self._questions = questions
        self._streaming = streaming

    def _query(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        stream = self._questions.ask(query_bundle.query_str)
        if self._streaming:
            told = _Told()
            return StreamingResponse(_pieces(stream, told), told.nodes, told.metadata)
        with not_left_running(stream):
            return _response(stream.result())

    async def _aquery(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        stream = await self._questions.aask(query_bundle.query_str)
        if self._streaming:
            told = _Told()
            return AsyncStreamingResponse(_apieces(stream, told), told.nodes, told.metadata)
        with not_left_running(stream):
            return _response(await stream.aresult())

    def _get_prompt_modules(self) -> PromptMixinType:
        return {}


class LocalDocsChatEngine(BaseChatEngine):
    """See `LocalDocsRetriever.as_chat_engine`. One conversation: one caller at a time."""

    def __init__(self, questions: DocumentQuestions, *, chat_history: Sequence[ChatMessage]) -> None:
        self._questions = questions
        self._said = list(chat_history)

    @property
    def chat_history(self) -> list[ChatMessage]:
        """What was said so far, oldest first."""
        return list(self._said)

    def reset(self) -> None:
        """Forget the conversation."""
        self._said = []

    def chat(self, message: str, chat_history: list[ChatMessage] | None = None) -> AgentChatResponse:
        """Answer, and remember it. chat_history: takes the place of what was said so far."""
        with not_left_running(self._ask(message, chat_history)) as stream:
            return self._answered(message, stream.result())

    async def achat(self, message: str, chat_history: list[ChatMessage] | None = None) -> AgentChatResponse:
        """The same for an event loop."""
        with not_left_running(await self._aask(message, chat_history)) as stream:
            return self._answered(message, await stream.aresult())

    def stream_chat(
        self, message: str, chat_history: list[ChatMessage] | None = None
    ) -> StreamingAgentChatResponse:
        """The same as it is written; remembered when `response_gen` has come to its end."""
        stream, told = self._ask(message, chat_history), _Told()

        def responses() -> Generator[ChatResponse, None, None]:
            text = ""
            for piece in _pieces(stream, told):
                text += piece
                yield _chat_response(text, piece)
            self._remember(message, text)

        return StreamingAgentChatResponse(
            chat_stream=responses(), source_nodes=told.nodes, is_writing_to_memory=False
        )

    async def astream_chat(
        self, message: str, chat_history: list[ChatMessage] | None = None
    ) -> StreamingAgentChatResponse:
        """The same for an event loop, by `async_response_gen()`."""
        stream, told = await self._aask(message, chat_history), _Told()

        async def responses() -> AsyncGenerator[ChatResponse, None]:
            text = ""
            async for piece in _apieces(stream, told):
                text += piece
                yield _chat_response(text, piece)
            self._remember(message, text)

        return StreamingAgentChatResponse(
            achat_stream=responses(), source_nodes=told.nodes, is_writing_to_memory=False
        )

    def _ask(self, message: str, chat_history: list[ChatMessage] | None) -> AnswerStream:
        return self._questions.ask(message, self._history(chat_history))

    async def _aask(self, message: str, chat_history: list[ChatMessage] | None) -> AnswerStream:
        # Files in a history's messages are read.
        read = partial(self._history, chat_history)
        history = await off_loop(read, lane=id(self._questions.docs))
        return await self._questions.aask(message, history)

    def _history(self, chat_history: list[ChatMessage] | None) -> list[Message]:
        if chat_history is not None:
            self._said = list(chat_history)
        return to_messages(self._said)

    def _answered(self, message: str, answer: Answer) -> AgentChatResponse:
        self._remember(message, answer.text)
        return AgentChatResponse(answer.text, source_nodes=_nodes(answer), metadata=_metadata(answer))

    def _remember(self, message: str, text: str) -> None:
        self._said += [
            ChatMessage(content=message, role=MessageRole.USER),
            ChatMessage(content=text, role=MessageRole.ASSISTANT),
        ]


class _Told:
    """What a streaming response names when its text has come: LlamaIndex's hold both from the beginning."""

    def __init__(self) -> None:
        self.nodes: list[NodeWithScore] = []
        self.metadata: dict[str, Any] = {}

    def take(self, answer: Answer) -> None:
        self.nodes += _nodes(answer)
        self.metadata |= _metadata(answer)


def _pieces(stream: AnswerStream, told: _Told) -> Generator[str, None, None]:
    with not_left_running(stream):
        yield from stream
        told.take(stream.result())


async def _apieces(stream: AnswerStream, told: _Told) -> AsyncGenerator[str, None]:
    with not_left_running(stream):
        async for piece in stream:
            yield piece
        told.take(await stream.aresult())


def _response(answer: Answer) -> Response:
    return Response(answer.text, _nodes(answer), _metadata(answer))


def _chat_response(text: str, piece: str) -> ChatResponse:
    return ChatResponse(message=ChatMessage(content=text, role=MessageRole.ASSISTANT), delta=piece)


def _nodes(answer: Answer) -> list[NodeWithScore]:
    """A node for each source that the answer names, with the words that it rests on."""
    found = []
    for citation, passage in zip(answer.citations, cited_passages(answer), strict=True):
        node = to_node(passage)
        node.metadata["citation"] = citation.number
        found.append(NodeWithScore(node=node, score=citation.score))
    return found


def _metadata(answer: Answer) -> dict[str, Any]:
    return {
        "is_refused": answer.is_refused,
        "evidence": answer.evidence,
        "claims": claim_records(answer),
        "context": [to_node(hit) for hit in answer.hits],
    }
