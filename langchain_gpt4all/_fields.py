"""The arguments of the text classes of this package, and what they become in the core."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from gpt4all_core.arguments import (
    AnswerFields,
    GenerationFields,
    LanguageModelFields,
    merge_call,
    to_answer_params,
    to_params,
)
from gpt4all_core.types import AS_THE_MODEL_LIKES, GenerationParams, JsonSchema, Reasoning, ToolUse
from langchain_gpt4all._tools import to_answer_schema, to_tool_use


@dataclass(frozen=True, slots=True)
class Call:
    """What one call asks for, the object's own arguments and the call's put together.

    answer_schema: JSON that the answer must be; None for any text.
    """

    model: str | Path | None
    params: GenerationParams
    timeout_s: float | None
    tool_use: ToolUse | None = None
    answer_schema: JsonSchema | None = None
    reasoning: Reasoning = AS_THE_MODEL_LIKES
    max_retries: int = 0


class LocalModelFields(LanguageModelFields, GenerationFields):
    """All arguments of a class that generates text."""

    def _merged(self, stop: Sequence[str] | None, overrides: Mapping[str, Any]) -> Call:
        """Raises UnsupportedParameter for what cannot be given in a call, ConfigError for bad values."""
        model, given = self._given(stop, overrides)
        chosen = merge_call(self, given, owner=f"a call of {type(self).__name__}", kind=GenerationFields)
        return Call(model, to_params(chosen), chosen.timeout, max_retries=self._retries_here)

    def _given(
        self, stop: Sequence[str] | None, overrides: Mapping[str, Any]
    ) -> tuple[str | Path | None, dict[str, Any]]:
        # LangChain itself acts on `stream` and leaves it among the arguments.
        given = {name: value for name, value in overrides.items() if name != "stream"}
        model = given.pop("model", self.model)
        if stop is not None:
            given["stop"] = stop
        return model, given


class CallFields(AnswerFields):
    """All that a call may give; the last four only a call, as `bind_tools` does for you."""

    tools: Sequence[Any] | None = None
    tool_choice: str | bool | Mapping[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: Any = None


class ChatModelFields(LocalModelFields, AnswerFields):
    """All arguments of a class that talks."""

    # Programs that choose between providers give a key to each, and a local model asks for none.
    endpoint_only: ClassVar[tuple[str, ...]] = ("timeout_s",)

    def _merged(self, stop: Sequence[str] | None, overrides: Mapping[str, Any]) -> Call:
        model, given = self._given(stop, overrides)
        chosen = merge_call(self, given, owner=f"a call of {type(self).__name__}", kind=CallFields)
        return Call(
            model,
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
