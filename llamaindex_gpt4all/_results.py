"""The core's completions and events as LlamaIndex's responses."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    ContentBlock,
    LogProb,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from gpt4all_core.durations import durations
from gpt4all_core.types import (
    ChatEvent,
    ChosenLogprob,
    Completion,
    InvalidToolCall,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    ToolCallFailed,
    ToolCallStart,
)
from llamaindex_gpt4all._tools import to_openai_call


def to_chat_response(completion: Completion, *, model_name: str, delta: str | None = None) -> ChatResponse:
    """A whole answer; `delta` is "" at the end of a stream."""
    usage = completion.usage
    counted = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
    details = {"cached_tokens": usage.cached_tokens, "reasoning_tokens": usage.reasoning_tokens}
    message = _message(
        completion.text,
        ThinkingBlock(content=completion.reasoning, num_tokens=usage.reasoning_tokens),
        {call: json.loads(call.arguments) for call in completion.tool_calls},
        completion.invalid_tool_calls,
    )
    if completion.withheld_tools:
        message.additional_kwargs["withheld_tools"] = list(completion.withheld_tools)
    return ChatResponse(
        message=message,
        delta=delta,
        raw={
            "model": model_name,
            "finish_reason": completion.finish_reason,
            "usage": counted | details,
            **durations(completion),
        },
        logprobs=None if completion.logprobs is None else [_tokens(step) for step in completion.logprobs],
        additional_kwargs=counted,
    )


class ResponseWriter:
    """Turns the events of one answer into responses, each with everything up to there.

    A call's arguments are JSON text as far as they are written. What turned out to be no call is
    taken back, and told among `additional_kwargs["invalid_tool_calls"]` of the message.
    """

    def __init__(self) -> None:
        self._text = ""
        self._thought = ""
        self._calls: dict[int, ToolCall] = {}
        self._invalid: list[InvalidToolCall] = []

    def chunk(self, event: ChatEvent) -> ChatResponse:
        delta = ""
        told: dict[str, str] = {}
        match event:
            case TextDelta(delta):
                self._text += delta
            case ReasoningDelta(thought):
                self._thought += thought
                told = {"thinking_delta": thought}
            case ToolCallStart(index, identity, name):
                self._calls[index] = ToolCall(identity, name, "")
            case ToolCallDelta(index, arguments):
                call = self._calls[index]
                self._calls[index] = ToolCall(call.id, call.name, call.arguments + arguments)
            case ToolCallFailed(failed, started):
                self._invalid.append(failed)
                if started is not None:
                    del self._calls[started]
        message = _message(
            self._text,
            ThinkingBlock(content=self._thought),
            {call: call.arguments for call in self._calls.values()},
            self._invalid,
        )
        return ChatResponse(message=message, delta=delta, additional_kwargs=told)


def to_completion_response(response: ChatResponse) -> CompletionResponse:
    """The same for a completion method, whose answers are texts."""
    return CompletionResponse(
        text=response.message.content or "",
        delta=response.delta,
        raw=response.raw,
        logprobs=response.logprobs,
        additional_kwargs=response.message.additional_kwargs | response.additional_kwargs,
    )


def _message(
    text: str,
    thought: ThinkingBlock,
    calls: Mapping[ToolCall, dict[str, Any] | str],
    invalid: Iterable[InvalidToolCall],
) -> ChatMessage:
    """calls: with their arguments as the blocks shall have them."""
    blocks: list[ContentBlock] = [thought] if thought.content else []
    if text or not calls:
        blocks.append(TextBlock(text=text))
    blocks += [
        ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=arguments)
        for call, arguments in calls.items()
    ]
    told: dict[str, Any] = {}
    if calls:
        # Where LlamaIndex's own programs look for calls.
        told["tool_calls"] = [to_openai_call(call.id, call.name, call.arguments) for call in calls]
    if refused := [{"text": call.text, "error": call.error} for call in invalid]:
        told["invalid_tool_calls"] = refused
    return ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks, additional_kwargs=told)


def _tokens(step: ChosenLogprob) -> list[LogProb]:
    """The token that was chosen, then the likeliest others."""
    others = [other for other in step.top if other.token != step.token]
    return [_logprob(token) for token in (step, *others)]


def _logprob(token: TokenLogprob) -> LogProb:
    return LogProb(token=token.text, logprob=token.logprob, bytes=list(token.data))
