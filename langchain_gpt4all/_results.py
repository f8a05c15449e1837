"""The core's completions and events as LangChain's results."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar
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

from gpt4all_core.durations import durations
from gpt4all_core.types import (
    ChatEvent,
    ChosenLogprob,
    Completion,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallFailed,
    ToolCallStart,
    Usage,
)
from langchain_gpt4all._blocks import Blocks
from langchain_gpt4all._broken_calls import broken

PROVIDER = "gpt4all"

Written_co = TypeVar("Written_co", covariant=True)

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
            invalid_tool_call(name=None, args=call.text, id=new_call_id(), error=call.error)
            for call in completion.invalid_tool_calls
        ],
        usage_metadata=to_usage(completion.usage),
        response_metadata=to_metadata(completion, model_name),
    )
    return ChatResult(generations=[ChatGeneration(message=message)])


class AnswerWriter(Protocol[Written_co]):
    """Writes one answer down as what a stream of LangChain yields, its events in their order."""

    def begin(self, *, model_name: str) -> Iterator[Written_co]:
        """The request was accepted."""

    def write(self, event: ChatEvent) -> Iterator[Written_co]:
        """More of the answer."""

    def end(self, completion: Completion, *, model_name: str) -> Iterator[Written_co]:
        """The answer is whole."""


class ChunkWriter:
    """Turns the events of one answer into chunks, which LangChain sums by the indices of their blocks:
    chunks of two kinds under one index would become one block.

    as_blocks: text and thoughts are content blocks with their indices, as `output_version="v1"` has
    them, instead of a plain text and an additional argument.
    """

    def __init__(self, *, as_blocks: bool) -> None:
        self._as_blocks = as_blocks
        self._blocks = Blocks()

    def begin(self, *, model_name: str) -> Iterator[ChatGenerationChunk]:  # noqa: ARG002 - said at the end
        """Nothing: what an answer is known by comes once, at its end."""
        yield from ()

    def write(self, event: ChatEvent) -> Iterator[ChatGenerationChunk]:
        index, is_new = self._blocks.place(event)
        match event:
            case TextDelta(text):
                message = self._said(text, index)
            case ReasoningDelta(text):
                message = self._thought(text, index)
            case ToolCallStart(_, identity, name):
                message = _of_call(tool_call_chunk(name=name, args="", id=identity, index=index))
            case ToolCallDelta(_, arguments):
                message = _of_call(tool_call_chunk(args=arguments, index=index))
            case ToolCallFailed(call) if is_new:
                text = call.text + broken(call.error)
                message = _of_call(tool_call_chunk(args=text, id=new_call_id(), index=index))
            case ToolCallFailed(call):
                message = _of_call(tool_call_chunk(args=broken(call.error), index=index))
        yield ChatGenerationChunk(message=message)

    def end(self, completion: Completion, *, model_name: str) -> Iterator[ChatGenerationChunk]:
        """It alone has usage and metadata, since sums would count them twice."""
        message = AIMessageChunk(
            content=[] if self._as_blocks else "",
            usage_metadata=to_usage(completion.usage),
            response_metadata=to_metadata(completion, model_name),
            chunk_position="last",
        )
        yield ChatGenerationChunk(message=message)

    def _said(self, text: str, index: int) -> AIMessageChunk:
        if self._as_blocks:
            return AIMessageChunk(content=[{"type": "text", "text": text, "index": index}])
        return AIMessageChunk(content=text)

    def _thought(self, text: str, index: int) -> AIMessageChunk:
        if self._as_blocks:
            return AIMessageChunk(content=[{"type": "reasoning", "reasoning": text, "index": index}])
        return AIMessageChunk(content="", additional_kwargs={_THOUGHT: text})


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


def to_metadata(completion: Completion, model_name: str) -> dict[str, Any]:
    """What LangChain calls `response_metadata`."""
    metadata: dict[str, Any] = {
        "model_name": model_name,
        "model_provider": PROVIDER,
        "finish_reason": completion.finish_reason,
        **durations(completion),
    }
    if completion.withheld_tools:
        metadata["withheld_tools"] = list(completion.withheld_tools)
    if completion.logprobs is not None:
        metadata["logprobs"] = {"content": [_chosen(logprob) for logprob in completion.logprobs]}
    return metadata


def _chosen(logprob: ChosenLogprob) -> Mapping[str, Any]:
    """In OpenAI's shape."""
    return {**_logprob(logprob), "top_logprobs": [_logprob(other) for other in logprob.top]}


def _logprob(logprob: TokenLogprob) -> Mapping[str, Any]:
    return {"token": logprob.text, "bytes": list(logprob.data), "logprob": logprob.logprob}


def _info(completion: Completion) -> dict[str, Any]:
    return {
        "finish_reason": completion.finish_reason,
        "usage_metadata": dict(to_usage(completion.usage)),
        **durations(completion),
    }


def new_call_id() -> str:
    """What the message that answers a broken call can refer to."""
    return f"call_{uuid4().hex}"
