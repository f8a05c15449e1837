"""The arguments of the text class of this package, and what they become in the core."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import Field

from gpt4all_core.arguments import GenerationFields, LanguageModelFields, merge_call, to_params
from gpt4all_core.types import (
    AS_THE_MODEL_LIKES,
    Adapter,
    GenerationParams,
    JsonSchema,
    Reasoning,
    ToolUse,
)
from llamaindex_gpt4all._tools import to_answer_schema, to_tool_use


@dataclass(frozen=True, slots=True)
class Call:
    """What one call asks for, the object's own arguments and the call's put together.

    answer_schema: JSON that the answer must be; None for any text.
    """

    params: GenerationParams
    timeout_s: float | None
    tool_use: ToolUse | None = None
    answer_schema: JsonSchema | None = None
    reasoning: Reasoning = AS_THE_MODEL_LIKES


class LocalModelFields(LanguageModelFields, GenerationFields):
    """All arguments of a class that generates text."""


class AnswerFields(GenerationFields):
    """What a chat model may be asked for beside the text."""

    reasoning: bool | None = None
    """Whether the model thinks before it answers; None leaves it to the model. What it thinks is in
    the ThinkingBlock of the answer."""

    reasoning_budget: int | None = Field(default=None, ge=0)
    """Most tokens of thought; None sets no bound."""

    logprobs: bool = False
    """Tell how likely every token was, in `logprobs` of the response."""

    top_logprobs: int = Field(default=0, ge=0)
    """And so many of the likeliest tokens in its place."""

    # Left out of repr, which may end up in traces: folders name people.
    adapters: Mapping[str, float] = Field(default_factory=dict, repr=False)
    """LoRA files to compute with, and how strongly: {"style.gguf": 1.0}, where 1 is what each was trained
    with."""


class CallFields(AnswerFields):
    """All that a call may give; the last four only a call, as `chat_with_tools` and `structured_predict`
    do for you.
    """

    tools: Sequence[Any] | None = None
    tool_choice: str | Mapping[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: Any = None

    def to_params(self) -> GenerationParams:
        adapters = tuple(Adapter(Path(path), strength) for path, strength in self.adapters.items())
        params = to_params(self)
        return replace(params, logprobs=self.logprobs, top_logprobs=self.top_logprobs, adapters=adapters)


class ChatModelFields(LocalModelFields, AnswerFields):
    """All arguments of a class that talks."""

    def _merged(self, overrides: Mapping[str, Any]) -> Call:
        """Raises UnsupportedParameter for what cannot be given in a call, ConfigError for bad values."""
        chosen = merge_call(self, overrides, owner=f"a call of {type(self).__name__}", kind=CallFields)
        return Call(
            chosen.to_params(),
            chosen.timeout,
            to_tool_use(chosen.tools, choice=chosen.tool_choice, is_parallel=chosen.parallel_tool_calls),
            to_answer_schema(chosen.response_format),
            Reasoning(chosen.reasoning, chosen.reasoning_budget),
        )
