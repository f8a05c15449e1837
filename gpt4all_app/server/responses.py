"""`/v1/responses`: text and function calls by OpenAI's newer API."""

import json
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from gpt4all_app.server.body_reading import ReadingRoute
from gpt4all_app.server.chat_completions import aask
from gpt4all_app.server.chat_json import AnswerHead, Json
from gpt4all_app.server.localdocs import ServedDocuments, required
from gpt4all_app.server.localdocs_answers import aask_documents, written_answer
from gpt4all_app.server.localdocs_request import to_document_question
from gpt4all_app.server.requests import ignored_header
from gpt4all_app.server.response_json import ResponseAnswer, ResponseWriter
from gpt4all_app.server.response_request import ResponseRequest, to_question
from gpt4all_app.server.served_models import ServedModels
from gpt4all_app.server.streaming import EVENT_STREAM, event_stream, unless_gone, written
from gpt4all_core.off_loop import off_loop


def responses_router(models: ServedModels, documents: ServedDocuments | None = None) -> APIRouter:
    """The address of responses. None is stored."""
    router = APIRouter(tags=["responses"], route_class=ReadingRoute)

    @router.post("/v1/responses", response_model=ResponseAnswer, responses=EVENT_STREAM)
    async def create_response(
        asked: ResponseRequest, request: Request, response: Response
    ) -> StreamingResponse | dict[str, Any]:
        """Answer a conversation; with `stream`, as server-sent events."""
        headers = ignored_header(asked.ignored)
        question, model = await off_loop(lambda: (to_question(asked), models.chat(asked.model)), lane=models)
        head = AnswerHead(f"resp_{secrets.token_hex(12)}", int(time.time()), asked.model or model.name)
        writer = ResponseWriter(head, _settings(asked))
        if asked.localdocs is None:
            parts = written(await unless_gone(request, aask(model, question)), writer)
        else:
            served = required(documents)
            to_documents = to_document_question(question, asked.localdocs, named=asked.model_fields_set)
            answer = await unless_gone(request, aask_documents(served, model, to_documents))
            parts = written_answer(served, answer, writer)
        if asked.stream:
            return event_stream(parts, headers=headers, encode=_named_event, ending="")
        response.headers.update(headers)
        return await unless_gone(request, _whole(parts, writer))

    return router


async def _whole(parts: AsyncGenerator[Json, None], writer: ResponseWriter) -> Json:
    async with aclosing(parts) as written_down:
        async for _ in written_down:
            pass
    return writer.whole


def _settings(asked: ResponseRequest) -> Json:
    """What the request chose, as an answer repeats it."""
    return {
        "instructions": asked.instructions,
        "tools": [tool.model_dump() for tool in asked.tools],
        "tool_choice": asked.tool_choice
        if isinstance(asked.tool_choice, str)
        else asked.tool_choice.model_dump(),
        "parallel_tool_calls": asked.parallel_tool_calls,
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "max_output_tokens": asked.max_output_tokens,
        "text": asked.text.model_dump(by_alias=True, exclude_none=True),
        "reasoning": asked.reasoning.model_dump(),
        "previous_response_id": None,
        "store": False,
        "truncation": "disabled",
        "metadata": {},
    }


def _named_event(part: Json) -> str:
    body = json.dumps(part, ensure_ascii=False, separators=(",", ":"))
    return f"event: {part['type']}\ndata: {body}\n\n"
