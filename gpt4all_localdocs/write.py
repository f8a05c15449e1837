"""Answers that a model writes from numbered sources, naming them by `[n]`."""

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Sequence
from contextlib import aclosing, closing
from dataclasses import replace

from gpt4all_core.off_loop import off_loop
from gpt4all_core.protocols import ChatModel, EventStream, Generation, Reply
from gpt4all_core.types import ChatEvent, Completion, Message, ReasoningDelta, TextDelta
from gpt4all_localdocs.answer_stream import AnswerEvent, AnswerRequest, AnswerStream
from gpt4all_localdocs.cite import MarkerReader, read_markers
from gpt4all_localdocs.source_text import SOURCES_IF_ANY, SOURCES_ONLY, fence_source
from gpt4all_localdocs.types import Answer, Citation


class WrittenAnswer(AnswerStream):
    """The model's own words; markers that name no source are taken out as the text comes."""

    def __init__(self, generation: Reply, request: AnswerRequest) -> None:
        super().__init__(request)
        self._generation = generation
        self._reader = MarkerReader(request.sources)

    @property
    def citations(self) -> tuple[Citation, ...]:
        return self._reader.citations

    @property
    def requests(self) -> tuple[Generation, ...]:
        return (self._generation,)

    def __iter__(self) -> Iterator[str]:
        with closing(iter(self.events)) as events:
            yield from (event.text for event in events if isinstance(event, TextDelta))

    async def __aiter__(self) -> AsyncIterator[str]:
        async with aclosing(aiter(self.events)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    yield event.text

    @property
    def events(self) -> "WrittenEvents":
        return WrittenEvents(self._generation.events, self._reader)

    def result(self) -> Answer:
        return self._assemble(self._generation.result())

    async def aresult(self) -> Answer:
        completion = await self._generation.aresult()
        if self._request.verify is None:
            return self._assemble(completion)
        return await off_loop(lambda: self._assemble(completion), lane="verify answers")

    def cancel(self) -> None:
        self._generation.cancel()

    def _assemble(self, completion: Completion) -> Answer:
        request = self._request
        text, citations = read_markers(completion.text, request.sources)
        claims = None if request.verify is None else request.verify(text, request.sources)
        return Answer(
            text,
            citations,
            request.hits,
            request.mode,
            completion.usage,
            evidence=request.evidence,
            claims=claims,
            finish_reason=completion.finish_reason,
            reasoning=completion.reasoning,
            timing=completion.timing,
        )


class WrittenEvents:
    """The thoughts and the text of a written answer, in threads and in event loops."""

    def __init__(self, events: EventStream, reader: MarkerReader) -> None:
        self._events = events
        self._reader = reader

    def __iter__(self) -> Generator[AnswerEvent, None, None]:
        for event in self._events:
            yield from self._shown(event)
        yield from _text(self._reader.finish())

    async def __aiter__(self) -> AsyncGenerator[AnswerEvent, None]:
        async for event in self._events:
            for shown in self._shown(event):
                yield shown
        for shown in _text(self._reader.finish()):
            yield shown

    def _shown(self, event: ChatEvent) -> Sequence[AnswerEvent]:
        if isinstance(event, TextDelta):
            return _text(self._reader.push(event.text))
        return (event,) if isinstance(event, ReasoningDelta) else ()


def _text(text: str) -> Sequence[AnswerEvent]:
    return (TextDelta(text),) if text else ()


def start_written(model: ChatModel, request: AnswerRequest) -> WrittenAnswer:
    """Send the question with its sources to the model; returns at once."""
    generation = model.chat(written_prompt(request), request.params, reasoning=request.reasoning)
    return WrittenAnswer(generation, request)


def written_prompt(request: AnswerRequest) -> list[Message]:
    """The conversation as if it had begun with the sources, so that every further question only adds to it.

    As long as the sources are the same (whole documents, in their own order), what the engine has decoded of
    them is used again, from turn to turn and from question to question.
    """
    rules = SOURCES_IF_ANY if request.mode == "chat" else SOURCES_ONLY
    system = Message("system", "\n\n".join(filter(None, (rules, request.instructions))))
    turns = [*request.history, Message("user", f"Question: {request.question}")]
    if request.sources:
        sources = "\n\n".join(
            fence_source(number, source) for number, source in enumerate(request.sources, start=1)
        )
        place = next(index for index, turn in enumerate(turns) if turn.role == "user")
        turns[place] = replace(turns[place], content=f"Sources:\n\n{sources}\n\n{turns[place].text}")
    return [system, *turns]
