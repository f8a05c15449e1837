"""`/v1/chat/completions`: conversations, answered whole or as they are written."""

import secrets
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from gpt4all_app.server.access_caller import note_requests
from gpt4all_app.server.body_reading import ReadingRoute
from gpt4all_app.server.chat_json import AnswerHead, ChatCompletion, ChunkWriter, completion_json
from gpt4all_app.server.chat_request import ChatCompletionRequest, ChatQuestion, to_question
from gpt4all_app.server.localdocs import ServedDocuments, required
from gpt4all_app.server.localdocs_answers import (
    aask_documents,
    completion_of,
    reference_facts,
    whole_answer,
    written_answer,
)
from gpt4all_app.server.localdocs_request import to_document_question
from gpt4all_app.server.requests import ignored_header
from gpt4all_app.server.served_models import ServedModels
from gpt4all_app.server.streaming import EVENT_STREAM, event_stream, unless_gone, written
from gpt4all_core.off_loop import off_loop
from gpt4all_core.types import Completion

if TYPE_CHECKING:
    from gpt4all_core.chat_reply import ChatReply
    from gpt4all_core.local_model import LocalModel


def chat_router(models: ServedModels, documents: ServedDocuments | None = None) -> APIRouter:
    """The addresses of conversations."""
    router = APIRouter(tags=["chat"], route_class=ReadingRoute)

    @router.post(
        "/v1/chat/completions",
        response_model=ChatCompletion,
        response_model_exclude_unset=True,
        responses=EVENT_STREAM,
    )
    async def create_chat_completion(
        asked: ChatCompletionRequest, request: Request, response: Response
    ) -> StreamingResponse | dict[str, Any]:
        """Answer a conversation; with `stream`, as server-sent events."""
        headers = ignored_header(asked.ignored)
        question, model = await off_loop(lambda: (to_question(asked), models.chat(asked.model)), lane=models)
        head = AnswerHead(new_id("chatcmpl"), int(time.time()), asked.model or model.name)
        writer = ChunkWriter(head, has_usage=asked.stream_options.include_usage)
        if asked.localdocs is not None:
            served = required(documents)
            to_documents = to_document_question(question, asked.localdocs, named=asked.model_fields_set)
            answer = await unless_gone(request, aask_documents(served, model, to_documents))
            if asked.stream:
                return event_stream(written_answer(served, answer, writer), headers=headers)
            response.headers.update(headers)
            found = await unless_gone(request, whole_answer(answer))
            facts = await served.read(lambda: reference_facts(served, found))
            return completion_json(head, [completion_of(found)]) | facts
        replies = await unless_gone(request, aask(model, question))
        if asked.stream:
            return event_stream(written(replies, writer), headers=headers)
        completions = await unless_gone(request, results(replies))
        response.headers.update(headers)
        return completion_json(head, completions)

    return router


def new_id(kind: str) -> str:
    """An id for an answer, unique everywhere."""
    return f"{kind}-{secrets.token_hex(12)}"


async def aask(model: "LocalModel", question: ChatQuestion) -> list["ChatReply"]:
    """Its answers in flight, for an event loop: loading a model and reading a prompt block a thread only."""
    return await off_loop(lambda: ask(model, question), lane=model, undo=cancel_all)


def ask(model: "LocalModel", question: ChatQuestion) -> list["ChatReply"]:
    """One request a choice; none if one is refused."""
    constraint = model.constrain(**question.rule) if question.rule else None
    replies: list[ChatReply] = []
    with ExitStack() as undo:
        for number in range(question.count):
            replies.append(
                model.chat(
                    question.messages,
                    question.choice(number),
                    tool_use=question.tool_use,
                    constraint=constraint,
                    reasoning=question.reasoning,
                )
            )
            undo.callback(replies[-1].cancel)
        undo.pop_all()
    note_requests(replies)
    return replies


async def results(replies: list["ChatReply"]) -> list[Completion]:
    """All answers, in their order; the first error, or being cancelled, stops the others."""
    try:
        return [await reply.aresult() for reply in replies]
    finally:
        cancel_all(replies)


def cancel_all(replies: list["ChatReply"]) -> None:
    for reply in replies:
        reply.cancel()
