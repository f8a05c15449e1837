"""Answers from your own folders, with their sources, as a LangChain chain."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.utils import AddableDict

from gpt4all_core.errors import ConfigError
from gpt4all_core.leash import not_left_running
from gpt4all_core.off_loop import off_loop
from gpt4all_core.types import Message
from gpt4all_localdocs.answer_stream import AnswerStream
from gpt4all_localdocs.document_questions import (
    AskableDocs,
    DocumentQuestions,
    cited_passages,
    claim_records,
)
from gpt4all_localdocs.refine import Refine
from gpt4all_localdocs.search_filter import Where
from gpt4all_localdocs.types import Answer, AnswerMode, SearchMode
from langchain_gpt4all._messages import to_messages
from langchain_gpt4all.retrievers import to_document

Question = str | Mapping[str, Any]
Said = dict[str, Any]
Config = RunnableConfig | None


class LocalDocsChain(Runnable[Question, Said]):
    """The chain that `create_localdocs_chain` makes."""

    def __init__(self, questions: DocumentQuestions, *, name: str = "LocalDocsChain") -> None:
        self.name = name
        self._questions = questions

    def invoke(self, input: Question, config: Config = None) -> Said:  # type: ignore[override]  # noqa: A002 - no options of a call; LangChain's name
        """The whole answer, see `create_localdocs_chain`."""
        return self._call_with_config(self._answer, input, config)

    async def ainvoke(self, input: Question, config: Config = None) -> Said:  # type: ignore[override]  # noqa: A002 - as in invoke
        """The same for an event loop."""
        return await self._acall_with_config(self._aanswer, input, config)

    def stream(self, input: Question, config: Config = None) -> Iterator[Said]:  # type: ignore[override]  # noqa: A002 - as in invoke
        """The same in pieces that add up to it: what was found, the text as it is written, its sources."""
        yield from self._transform_stream_with_config(iter([input]), self._pieces, config)

    async def astream(self, input: Question, config: Config = None) -> AsyncIterator[Said]:  # type: ignore[override]  # noqa: A002 - as in invoke
        """The same for an event loop."""

        async def given() -> AsyncIterator[Question]:
            yield input

        async for piece in self._atransform_stream_with_config(given(), self._apieces, config):
            yield piece

    def _answer(self, given: Question) -> Said:
        question, history = _read(given)
        with not_left_running(self._questions.ask(question, history)) as stream:
            return _beginning(question, stream) | _said(stream.result()) | _end(stream.result())

    async def _aanswer(self, given: Question) -> Said:
        question, history = await self._aread(given)
        with not_left_running(await self._questions.aask(question, history)) as stream:
            answer = await stream.aresult()
            return _beginning(question, stream) | _said(answer) | _end(answer)

    def _pieces(self, inputs: Iterator[Question]) -> Iterator[Said]:
        for given in inputs:
            question, history = _read(given)
            with not_left_running(self._questions.ask(question, history)) as stream:
                yield _beginning(question, stream)
                for text in stream:
                    yield AddableDict(answer=text)
                yield _end(stream.result())

    async def _apieces(self, inputs: AsyncIterator[Question]) -> AsyncIterator[Said]:
        async for given in inputs:
            question, history = await self._aread(given)
            with not_left_running(await self._questions.aask(question, history)) as stream:
                yield _beginning(question, stream)
                async for text in stream:
                    yield AddableDict(answer=text)
                yield _end(await stream.aresult())

    async def _aread(self, given: Question) -> tuple[str, list[Message]]:
        # Files in a history's messages are read.
        return await off_loop(partial(_read, given), lane=id(self._questions.docs))


def create_localdocs_chain(
    docs: AskableDocs,
    *,
    k: int | None = None,
    mode: SearchMode = "hybrid",
    filter: Where | None = None,  # noqa: A002 - LangChain's vector stores call it so
    refine: Refine | None = None,
    answer_mode: AnswerMode | None = None,
    verify: bool = False,
    least_evidence: float | None = None,
    spans: int = 1,
) -> LocalDocsChain:
    """A Runnable that answers questions from your folders and names its sources.

        >>> from gpt4all_localdocs import LocalDocs
        >>> with LocalDocs("index", folders=["examples/documents"]) as docs:
        ...     report = docs.sync()
        ...     chain = create_localdocs_chain(docs, answer_mode="quote")
        ...     found = chain.invoke({"input": "How many days of paid annual leave does a full-timer get?"})
        >>> found["citations"][0].metadata["page"]
        4

    docs: a `gpt4all_localdocs.LocalDocs`, whose `model` answers; the caller opens, syncs and closes it.
    k, mode, filter, refine: as for LocalDocsRetriever; k=None takes 3 passages to quote from and 6 to write
    from, for a demonstration model the best one. answer_mode: "quote" for words of a document and nothing
    else, "free" for the model's own words, "strict" to refuse where the documents do not seem to answer,
    "chat" to talk on then; by default "quote" for demonstration models and "free" for others. verify,
    least_evidence, spans: as for `LocalDocs.ask`.

    The input is a question, or a mapping with the keys of LangChain's retrieval chains: `input`, and
    `chat_history`, messages said before, with which a follow-up question is understood; other keys are left
    alone. The output has `input`, `context` (the passages as a retriever's documents), `answer`, `citations`
    (a document for each source that the answer names, its `page_content` the words that it rests on, the
    number in its metadata as `citation`), `is_refused`, `evidence` and `claims` (see
    `gpt4all_localdocs.Answer`). Streams bring `context` first, then pieces of `answer`, then the rest; the
    pieces add up. A stream that is left ends the request. Any thread and event loop may call it.

    Raises ConfigError for impossible arguments and a mapping without `input`; calls raise what `docs.ask`
    raises.
    """
    return LocalDocsChain(
        DocumentQuestions(
            docs=docs,
            k=k,
            mode=mode,
            where=filter,
            refine=refine,
            answer_mode=answer_mode,
            verify=verify,
            least_evidence=least_evidence,
            spans=spans,
        )
    )


def _read(given: Question) -> tuple[str, list[Message]]:
    """The question and what was said before."""
    if isinstance(given, str):
        return given, []
    if not isinstance(given, Mapping) or not isinstance(given.get("input"), str):
        raise ConfigError(f"{given!r:.200} is no question; give a text, or a mapping with one as `input`")
    history = given.get("chat_history") or []
    if not isinstance(history, Sequence) or not all(isinstance(one, BaseMessage) for one in history):
        raise ConfigError("chat_history is no list of messages; give HumanMessages and AIMessages")
    return given["input"], to_messages(history)


def _beginning(question: str, stream: AnswerStream) -> AddableDict:
    return AddableDict(input=question, context=[to_document(hit) for hit in stream.hits])


def _said(answer: Answer) -> AddableDict:
    return AddableDict(answer=answer.text)


def _end(answer: Answer) -> AddableDict:
    return AddableDict(
        citations=_citations(answer),
        is_refused=answer.is_refused,
        evidence=answer.evidence,
        claims=claim_records(answer),
    )


def _citations(answer: Answer) -> list[Document]:
    found = []
    for citation, passage in zip(answer.citations, cited_passages(answer), strict=True):
        document = to_document(passage)
        document.metadata["citation"] = citation.number
        found.append(document)
    return found
