"""The core's completions and events as LangChain's results."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from langchain_core.messages import AIMessage, AIMessageChunk, UsageMetadata
from langchain_core.messages.tool import ToolCallChunk, invalid_tool_call, tool_call, tool_call_chunk
from langchain_core.outputs import (
    ChatGeneration,
    ChatGenerationChunk,
    ChatResult,
    Generation,
    GenerationChunk,
    LLMResult,
)

from gpt4all_core.types import (
    ChatEvent,
    ChosenLogprob,
    Completion,
    InvalidToolCall,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallFailed,
    ToolCallStart,
    Usage,
)
from langchain_gpt4all._broken_calls import broken

PROVIDER = "gpt4all"

_THOUGHT = "reasoning_content"
"""Where among `additional_kwargs` LangChain looks for thoughts, to make content blocks of them."""


def to_chat_result(completion: Completion, *, model_name: str) -> ChatResult:
    """The answer of `invoke`."""
    message = AIMessage(
        content=completion.text,
        additional_kwargs={_THOUGHT: completion.reasoning} if completion.reasoning else {},
        tool_calls=[
            tool_call(name=call.name, args=json.loads(call.arguments), id=call.id)
            for call in completion.tool_calls
        ],
        invalid_tool_calls=[
            invalid_tool_call(name=None, args=call.text, id=_new_id(), error=call.error)
            for call in completion.invalid_tool_calls
        ],
        usage_metadata=to_usage(completion.usage),
        response_metadata=_metadata(completion, model_name),
    )
    return ChatResult(generations=[ChatGeneration(message=message)])


class ChunkWriter:
    """Turns the events of one answer into chunks, which LangChain sums by their indices.

    Every stretch of text or thought and every call has an index of its own: chunks of two kinds under
    one index would become one block. as_blocks: text and thoughts are content blocks with these
    indices, as `output_version="v1"` has them, instead of a plain text and an additional argument.
    """

    def __init__(self, *, as_blocks: bool) -> None:
        self._as_blocks = as_blocks
        self._index = -1
        self._stretch: type[ChatEvent] | None = None
        self._calls: dict[int, int] = {}

    def chunk(self, event: ChatEvent) -> ChatGenerationChunk:
        match event:
            case TextDelta(text):
                message = self._said(event, text)
            case ReasoningDelta(text):
                message = self._thought(event, text)
            case ToolCallStart(number, identity, name):
                self._calls[number] = self._next(event)
                message = _of_call(tool_call_chunk(name=name, args="", id=identity, index=self._index))
            case ToolCallDelta(number, arguments):
                message = _of_call(tool_call_chunk(args=arguments, index=self._calls[number]))
            case ToolCallFailed(call, number):
                message = _of_call(self._taken_back(event, call, number))
        return ChatGenerationChunk(message=message)

    def last_chunk(self, completion: Completion, *, model_name: str) -> ChatGenerationChunk:
        """The end. It alone has usage and metadata, since sums would count them twice."""
        message = AIMessageChunk(
            content=[] if self._as_blocks else "",
            usage_metadata=to_usage(completion.usage),
            response_metadata=_metadata(completion, model_name),
            chunk_position="last",
        )
        return ChatGenerationChunk(message=message)

    def _said(self, event: ChatEvent, text: str) -> AIMessageChunk:
        index = self._place(event)
        if self._as_blocks:
            return AIMessageChunk(content=[{"type": "text", "text": text, "index": index}])
        return AIMessageChunk(content=text)

    def _thought(self, event: ChatEvent, text: str) -> AIMessageChunk:
        index = self._place(event)
        if self._as_blocks:
            return AIMessageChunk(content=[{"type": "reasoning", "reasoning": text, "index": index}])
        return AIMessageChunk(content="", additional_kwargs={_THOUGHT: text})

    def _taken_back(self, event: ChatEvent, call: InvalidToolCall, number: int | None) -> ToolCallChunk:
        if number is not None:
            return tool_call_chunk(args=broken(call.error), index=self._calls[number])
        return tool_call_chunk(args=call.text + broken(call.error), id=_new_id(), index=self._next(event))

    def _place(self, event: ChatEvent) -> int:
        """The index of the stretch that the event goes on with."""
        return self._index if self._stretch is type(event) else self._next(event)

    def _next(self, event: ChatEvent) -> int:
        self._stretch = type(event)
        self._index += 1
        return self._index


def _of_call(chunk: ToolCallChunk) -> AIMessageChunk:
    return AIMessageChunk(content="", tool_call_chunks=[chunk])


def to_llm_result(completions: Sequence[Completion], *, model_name: str) -> LLMResult:
    """The texts of several prompts, in their order."""
    generations = [
        [Generation(text=completion.text, generation_info=_info(completion))] for completion in completions
    ]
    totals = {
        "prompt_tokens": sum(completion.usage.prompt_tokens for completion in completions),
        "completion_tokens": sum(completion.usage.completion_tokens for completion in completions),
        "total_tokens": sum(completion.usage.total_tokens for completion in completions),
    }
    return LLMResult(generations=generations, llm_output={"model_name": model_name, "token_usage": totals})


def to_text_chunk(piece: str) -> GenerationChunk:
    """A piece of a streamed text."""
    return GenerationChunk(text=piece)


def to_last_text_chunk(completion: Completion) -> GenerationChunk:
    """The end of a streamed text, with its usage."""
    return GenerationChunk(text="", generation_info=_info(completion))


def to_usage(usage: Usage) -> UsageMetadata:
    return UsageMetadata(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
        input_token_details={"cache_read": usage.cached_tokens},
        output_token_details={"reasoning": usage.reasoning_tokens},
    )


def _metadata(completion: Completion, model_name: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "model_name": model_name,
        "model_provider": PROVIDER,
        "finish_reason": completion.finish_reason,
    }
    if completion.logprobs is not None:
        metadata["logprobs"] = {"content": [_chosen(logprob) for logprob in completion.logprobs]}
    return metadata


def _chosen(logprob: ChosenLogprob) -> Mapping[str, Any]:
    """In OpenAI's shape."""
    return {**_logprob(logprob), "top_logprobs": [_logprob(other) for other in logprob.top]}


def _logprob(logprob: TokenLogprob) -> Mapping[str, Any]:
    return {"token": logprob.text, "bytes": list(logprob.data), "logprob": logprob.logprob}


def _info(completion: Completion) -> dict[str, Any]:
    return {"finish_reason": completion.finish_reason, "usage_metadata": dict(to_usage(completion.usage))}


def _new_id() -> str:
    """What the message that answers a broken call can refer to."""
    return f"call_{uuid4().hex}"
