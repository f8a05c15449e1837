"""The arguments of the text class of this package, and what they become in the core."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpt4all_core.arguments import GenerationFields, LanguageModelFields, merge_call, to_params
from gpt4all_core.types import GenerationParams


@dataclass(frozen=True, slots=True)
class Call:
    """What one call asks for, the object's own arguments and the call's put together."""

    params: GenerationParams
    timeout_s: float | None


class LocalModelFields(LanguageModelFields, GenerationFields):
    """All arguments of a class that generates text."""

    def _merged(self, overrides: Mapping[str, Any]) -> Call:
        """Raises UnsupportedParameter for what cannot be given in a call, ConfigError for bad values."""
        chosen = merge_call(self, overrides, owner=f"a call of {type(self).__name__}")
        return Call(to_params(chosen), chosen.timeout)
