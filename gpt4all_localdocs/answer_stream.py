"""An answer in the making: what is asked for, and the face that it has whoever makes it."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from gpt4all_core.protocols import Generation
from gpt4all_core.types import (
    AS_THE_MODEL_LIKES,
    GenerationParams,
    Message,
    Reasoning,
    ReasoningDelta,
    TextDelta,
    Usage,
)
from gpt4all_localdocs.types import Answer, AnswerMode, Citation, Claim, Hit

Verify = Callable[[str, Sequence[Hit]], tuple[Claim, ...]]
"""Compares an answer's text with its sources; may take as long as embedding its sentences."""

AnswerEvent = TextDelta | ReasoningDelta
"""A piece of an answer's text, or of what the model thinks before it."""

REFUSAL = "The documents do not answer this question."


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """A question, what to answer it from, and how.

    question: one that stands for itself. sources: what the model is given, best first or in the order of
    their document, numbered from 1; the sentences to choose from in quote mode. hits: the passages they were
    taken from. evidence: see `Answer`. history: what was said before, oldest first. verify: compares the
    finished answer with its sources; None leaves that out. instructions, reasoning: see `AskOptions`.
    """

    question: str
    sources: tuple[Hit, ...]
    hits: tuple[Hit, ...]
    mode: AnswerMode
    params: GenerationParams
    evidence: float | None = None
    history: tuple[Message, ...] = ()
    verify: Verify | None = None
    instructions: str = ""
    reasoning: Reasoning = AS_THE_MODEL_LIKES


class AnswerEvents(Protocol):
    """The events of one answer, to be iterated once, in a thread or an event loop; closed where left."""

    def __iter__(self) -> Generator[AnswerEvent, None, None]: ...  # noqa: PYI058 - callers close it

    def __aiter__(self) -> AsyncGenerator[AnswerEvent, None]: ...  # noqa: PYI058 - as above


class AnswerStream(ABC):
    """An answer in the making: iterate its text, iterate it asynchronously, or wait for the whole.

    Leaving an iteration early cancels the request. Use one face by one consumer; `cancel`,
    `result` and `aresult` may be called from any thread.
    """

    def __init__(self, request: AnswerRequest) -> None:
        self._request = request
        self.hits = request.hits
        """The passages that the answer rests on, best first; known before the first piece of text."""
        self.mode = request.mode

    @property
    def citations(self) -> tuple[Citation, ...]:
        """The sources that the text iterated so far has named; `result` has all of them."""
        return ()

    @property
    def requests(self) -> tuple[Generation, ...]:
        """What models were asked for it; nothing where none was."""
        return ()

    @property
    def events(self) -> "AnswerEvents":
        """The text as an iteration has it, and before it what the model thinks, by the same two faces."""
        return _TextEvents(self)

    @abstractmethod
    def __iter__(self) -> Iterator[str]: ...

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[str]: ...

    @abstractmethod
    def result(self) -> Answer:
        """Wait for the answer and its citations; raises what went wrong."""

    @abstractmethod
    async def aresult(self) -> Answer:
        """The same for an event loop; cancelling the task cancels the request."""

    @abstractmethod
    def cancel(self) -> None:
        """Stop the answer; idempotent."""


class _TextEvents:
    """The events of an answer without thoughts."""

    def __init__(self, stream: AnswerStream) -> None:
        self._stream = stream

    def __iter__(self) -> Generator[AnswerEvent, None, None]:
        for text in self._stream:
            yield TextDelta(text)

    async def __aiter__(self) -> AsyncGenerator[AnswerEvent, None]:
        async for text in self._stream:
            yield TextDelta(text)


class RefusedAnswer(AnswerStream):
    """That the documents do not answer: known before any model was asked."""

    def __iter__(self) -> Iterator[str]:
        yield REFUSAL

    async def __aiter__(self) -> AsyncIterator[str]:
        yield REFUSAL

    def result(self) -> Answer:
        return refused(self._request, Usage(0, 0))

    async def aresult(self) -> Answer:
        return self.result()

    def cancel(self) -> None:
        """Nothing is under way."""


def refused(request: AnswerRequest, usage: Usage) -> Answer:
    """The answer that says that there is none."""
    return Answer(REFUSAL, (), request.hits, request.mode, usage, is_refused=True, evidence=request.evidence)
