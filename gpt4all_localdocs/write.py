"""Answers that a model writes from numbered sources, naming them by `[n]`."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

from gpt4all_core.off_loop import off_loop
from gpt4all_core.protocols import ChatModel, Generation
from gpt4all_core.types import Completion, Message
from gpt4all_localdocs.answer_stream import AnswerRequest, AnswerStream
from gpt4all_localdocs.cite import MarkerReader, read_markers
from gpt4all_localdocs.source_text import SOURCES_IF_ANY, SOURCES_ONLY, fence_source
from gpt4all_localdocs.types import Answer, Citation


class WrittenAnswer(AnswerStream):
    """The model's own words; markers that name no source are taken out as the text comes."""

    def __init__(self, generation: Generation, request: AnswerRequest) -> None:
        super().__init__(request)
        self._generation = generation
        self._reader = MarkerReader(request.sources)

    @property
    def citations(self) -> tuple[Citation, ...]:
        return self._reader.citations

    def __iter__(self) -> Iterator[str]:
        for piece in self._generation:
            if text := self._reader.push(piece):
                yield text
        if text := self._reader.finish():
            yield text

    async def __aiter__(self) -> AsyncIterator[str]:
        async for piece in self._generation:
            if text := self._reader.push(piece):
                yield text
        if text := self._reader.finish():
            yield text

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
        )


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
