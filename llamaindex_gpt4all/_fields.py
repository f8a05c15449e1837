"""The arguments of the text class of this package, and what they become in the core."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gpt4all_core.arguments import (
    AnswerFields,
    GenerationFields,
    LanguageModelFields,
    merge_call,
    to_answer_params,
)
from gpt4all_core.types import (
    AS_THE_MODEL_LIKES,
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
    max_retries: int = 0


class LocalModelFields(LanguageModelFields, GenerationFields):
    """All arguments of a class that generates text."""


class CallFields(AnswerFields):
    """All that a call may give; the last four only a call, as `chat_with_tools` and `structured_predict`
    do for you.
    """

    tools: Sequence[Any] | None = None
    tool_choice: str | bool | Mapping[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: Any = None


class ChatModelFields(LocalModelFields, AnswerFields):
    """All arguments of a class that talks."""

    def _merged(self, overrides: Mapping[str, Any]) -> Call:
        """Raises UnsupportedParameter for what cannot be given in a call, ConfigError for bad values."""
        chosen = merge_call(self, overrides, owner=f"a call of {type(self).__name__}", kind=CallFields)
        return Call(
            to_answer_params(chosen),
            chosen.timeout,
            to_tool_use(
                chosen.tools,
                choice=chosen.tool_choice,
                is_parallel=chosen.parallel_tool_calls,
                max_rounds=chosen.max_tool_rounds,
            ),
            to_answer_schema(chosen.response_format),
            Reasoning(chosen.reasoning, chosen.reasoning_budget),
            self._retries_here,
        )
