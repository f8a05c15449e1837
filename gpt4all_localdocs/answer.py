"""Answer a question from passages: quoted by a model too small to be trusted, free by others.

In quote mode decoding may only copy a span of words of the passages, so the answer cannot be made
up and its citation is exact. In free mode the model writes, and names its sources by `[n]`.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from gpt4all_core.constrain.quote import CLOSING
from gpt4all_core.protocols import ChatModel, Generation
from gpt4all_core.types import Completion, GenerationParams, Message
from gpt4all_localdocs.cite import cite_markers, cite_quote
from gpt4all_localdocs.types import Answer, AnswerMode, Citation, Hit

_QUOTE_SYSTEM = "Extract the short answer to the question from the passage."
_QUOTE_TOKENS = 48  # a span to answer with; a longer one is a passage, which the citation shows anyway
FREE_TOKENS = 512
"""Of a free answer, where nothing else is asked for; and what is kept free for one without a limit."""
_FREE_SYSTEM = (
    "You answer questions from the numbered sources you are given, and from nothing else."
    " After each statement name its source in square brackets, like [1]."
    " If the sources do not hold the answer, say that the documents do not say."
)


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """A question, what to answer it from, and how.

    sources: what the model is given, numbered from 1; hits: the passages they were taken from.
    """

    question: str
    sources: tuple[Hit, ...]
    hits: tuple[Hit, ...]
    mode: AnswerMode
    params: GenerationParams


class AnswerStream:
    """An answer in the making: iterate its text, iterate it asynchronously, or wait for the whole.

    Leaving an iteration early cancels the request. Use one face by one consumer; `cancel`,
    `result` and `aresult` may be called from any thread.
    """

    def __init__(self, generation: Generation, request: AnswerRequest) -> None:
        self._generation = generation
        self._request = request
        self.hits = request.hits
        """The passages that the answer rests on, best first; known before the first piece of text."""
        self.mode = request.mode

    def __iter__(self) -> Iterator[str]:
        trim = self._trimmer()
        for piece in self._generation:
            if text := trim(piece):
                yield text

    async def __aiter__(self) -> AsyncIterator[str]:
        trim = self._trimmer()
        async for piece in self._generation:
            if text := trim(piece):
                yield text

    def result(self) -> Answer:
        """Wait for the answer and its citations; raises what went wrong."""
        return self._assemble(self._generation.result())

    async def aresult(self) -> Answer:
        """The same for an event loop; cancelling the task cancels the request."""
        return self._assemble(await self._generation.aresult())

    def cancel(self) -> None:
        """Stop the answer; idempotent."""
        self._generation.cancel()

    def _trimmer(self) -> Callable[[str], str]:
        return _QuoteTrimmer().push if self._request.mode == "quote" else str

    def _assemble(self, completion: Completion) -> Answer:
        text = completion.text
        if self._request.mode == "quote":
            text = _without_end(text)
        return Answer(text, self._citations(text), self.hits, self._request.mode, completion.usage)

    def _citations(self, text: str) -> tuple[Citation, ...]:
        find = cite_quote if self._request.mode == "quote" else cite_markers
        return find(text, self._request.sources)


def start_answer(model: ChatModel, request: AnswerRequest) -> AnswerStream:
    """Send the request to the model; returns at once."""
    start = _start_quote if request.mode == "quote" else _start_free
    return AnswerStream(start(model, request), request)


def answer_params(mode: AnswerMode) -> GenerationParams:
    """Greedy in both modes: an answer from documents should be the same each time it is asked for."""
    return GenerationParams(temperature=0, max_tokens=_QUOTE_TOKENS if mode == "quote" else FREE_TOKENS)


def prompt_overhead(model: ChatModel, question: str) -> int:
    """Tokens of a free prompt besides the sources, with room for the model's template."""
    return model.count_tokens(_FREE_SYSTEM) + model.count_tokens(question) + 128


def describe_source(number: int, source: Hit) -> str:
    """A source as a free prompt shows it: its number, where it stands, its text."""
    place = f", {source.place}" if source.place else ""
    return f"[{number}] {source.name}{place}\n{source.text}"


def _start_quote(model: ChatModel, request: AnswerRequest) -> Generation:
    texts = [source.text for source in request.sources]
    prompt = "\n\n".join(texts) + f"\n\nQuestion: {request.question}"
    return model.chat(
        [Message("system", _QUOTE_SYSTEM), Message("user", prompt)],
        request.params,
        constraint=model.constrain(quote_from=texts),
        # The question again, right before the quotation: F1 .38 with it, .27 without (40 questions
        # of SQuAD 2.0, whole passages).
        prefill=f'{request.question} The answer is "',
    )


def _start_free(model: ChatModel, request: AnswerRequest) -> Generation:
    sources = "\n\n".join(
        describe_source(number, source) for number, source in enumerate(request.sources, start=1)
    )
    # The sources come first: a question after them reuses their KV cells.
    prompt = f"Sources:\n\n{sources}\n\nQuestion: {request.question}"
    return model.chat([Message("system", _FREE_SYSTEM), Message("user", prompt)], request.params)


def _without_end(text: str) -> str:
    """A quotation without its closing mark, a character that the token limit cut, and white space."""
    return text.removesuffix(CLOSING).rstrip("\ufffd").rstrip()


class _QuoteTrimmer:
    """Holds back what may be the end of the quotation until it is known that it is not."""

    def __init__(self) -> None:
        self._held = ""

    def push(self, piece: str) -> str:
        text = self._held + piece
        certain = _without_end(text)
        self._held = text[len(certain) :]
        return certain
