"""The arguments of the text classes of this package, and what they become in the core."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpt4all_core.arguments import GenerationFields, LanguageModelFields, merge_call, to_params
from gpt4all_core.types import GenerationParams


@dataclass(frozen=True, slots=True)
class Call:
    """What one call asks for, the object's own arguments and the call's put together."""

    model: str | Path | None
    params: GenerationParams
    timeout_s: float | None


class LocalModelFields(LanguageModelFields, GenerationFields):
    """All arguments of a class that generates text."""

    def _merged(self, stop: Sequence[str] | None, overrides: Mapping[str, Any]) -> Call:
        """Raises UnsupportedParameter for what cannot be given in a call, ConfigError for bad values."""
        # LangChain itself acts on `stream` and leaves it among the arguments.
        given = {name: value for name, value in overrides.items() if name != "stream"}
        model = given.pop("model", self.model)
        if stop is not None:
            given["stop"] = stop
        chosen = merge_call(self, given, owner=f"a call of {type(self).__name__}")
        return Call(model, to_params(chosen), chosen.timeout)
