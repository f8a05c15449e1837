"""Answers from the server's documents: asked for by a conversation, written down with their references."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from gpt4all_app.server.access_caller import note_given_out, note_requests
from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_app.server.localdocs_places import DocumentNames, place_json
from gpt4all_app.server.localdocs_request import DocumentQuestion
from gpt4all_app.server.streaming import ChoiceWriter
from gpt4all_core.off_loop import off_loop
from gpt4all_core.types import Completion
from gpt4all_localdocs.answer import AskOptions, Library, answer_params, answer_question
from gpt4all_localdocs.answer_stream import AnswerRequest, AnswerStream, RefusedAnswer
from gpt4all_localdocs.refine import Refine
from gpt4all_localdocs.types import Answer, Citation, Hit

if TYPE_CHECKING:
    from gpt4all_core.local_model import LocalModel

Json = dict[str, Any]


class ReferenceWriter(ChoiceWriter, Protocol):
    """Writes down answers with their references."""

    def refer(self, facts: Json) -> Iterator[Json]: ...


class _NothingNear(Exception):  # noqa: N818 - says what was found
    """No passage is as near to the question as was asked for."""


async def aask_documents(
    documents: ServedDocuments, model: "LocalModel", question: DocumentQuestion
) -> AnswerStream:
    """Its answer in flight, for an event loop: searching, and reading a prompt, block a thread only."""

    def asked() -> AnswerStream:
        with documents.without_paths():
            return ask_documents(documents, model, question)

    return await off_loop(asked, lane=model, undo=AnswerStream.cancel)


def ask_documents(
    documents: ServedDocuments, model: "LocalModel", question: DocumentQuestion
) -> AnswerStream:
    """Search the collections and ask this model. Raises RequestRefused where nothing is indexed."""
    where = documents.where(question.collections)
    docs = documents.indexed()
    refine = Refine(min_score=question.min_score)

    def search(query: str, k: int) -> list[Hit]:
        hits = docs.search(query, k=k, where=where, refine=refine)
        if not hits and question.min_score is not None:
            raise _NothingNear
        return hits

    options = AskOptions(
        k=question.k,
        mode=question.mode,
        where=where,
        history=question.history,
        instructions=question.instructions,
        reasoning=question.reasoning,
    )
    defaults = answer_params(is_quoted=options.is_quoted_by(model))
    options = replace(options, params=question.params(defaults))
    library = Library(model, docs.embedder, search, lambda hit, most: docs.document_of(hit, most=most))
    note_given_out((), question=question.question)
    try:
        answer = answer_question(library, question.question, options)
    except _NothingNear:
        nothing = AnswerRequest(question.question, (), (), options.mode_for(model), defaults)
        return RefusedAnswer(nothing)
    note_given_out([hit.chunk_id for hit in answer.hits])
    note_requests(answer.requests)
    return answer


async def written_answer(
    documents: ServedDocuments, answer: AnswerStream, writer: ReferenceWriter
) -> AsyncGenerator[Json, None]:
    """The answer as it comes, as a writer writes it down; leaving early cancels it."""
    try:
        for part in writer.begin(1):
            yield part
        async with aclosing(aiter(answer.events)) as events:
            async for event in events:
                for part in writer.write(0, event):
                    yield part
        found = await answer.aresult()
        facts = await documents.read(lambda: reference_facts(documents, found))
        for part in writer.refer(facts):
            yield part
        for part in writer.end(0, completion_of(found)):
            yield part
        for part in writer.close():
            yield part
    finally:
        answer.cancel()


async def whole_answer(answer: AnswerStream) -> Answer:
    """The answer at its end; being cancelled stops it."""
    try:
        return await answer.aresult()
    finally:
        answer.cancel()


def completion_of(answer: Answer) -> Completion:
    """The answer as the core would have given it."""
    return Completion(answer.text, answer.finish_reason, answer.usage, reasoning=answer.reasoning)


def reference_facts(documents: ServedDocuments, answer: Answer) -> Json:
    """`references`, and whether the documents were found not to answer."""
    names = documents.names
    references = [
        {
            "number": citation.number,
            "document": _document(documents, citation, names),
            "passage_id": _passage_id(documents, citation, answer),
            **place_json(citation),
            "quote": citation.quote,
            "score": citation.score or _best_score(citation, answer),
        }
        for citation in answer.citations
    ]
    return {"references": references, "refused": answer.is_refused}


def _document(documents: ServedDocuments, citation: Citation, names: DocumentNames) -> Json:
    title = citation.text_id
    if citation.text_id:
        title = next((text.name for text in documents.docs.get([citation.text_id])), title)
    return names.document(citation, title=title)


def _best_score(citation: Citation, answer: Answer) -> float:
    """Of the passages that brought its document, which was then given whole, without scores of its own."""
    same = (citation.path, citation.text_id)
    return max((hit.score for hit in answer.hits if (hit.path, hit.text_id) == same), default=0.0)


def _passage_id(documents: ServedDocuments, citation: Citation, answer: Answer) -> str | None:
    """The passage that a quotation begins in; None where the document has changed meanwhile."""
    start = citation.span[0]

    def holding(passages: Sequence[Hit]) -> str | None:
        return next((hit.chunk_id for hit in passages if hit.span[0] <= start < hit.span[1]), None)

    same = [hit for hit in answer.hits if (hit.path, hit.text_id) == (citation.path, citation.text_id)]
    # Of a document that was given whole, not every passage is among the hits.
    return holding(same) or holding(documents.docs.document_at(citation.text_id or citation.path))
