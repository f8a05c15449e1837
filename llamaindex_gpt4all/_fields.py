"""The arguments of the text class of this package, and what they become in the core."""

from collections.abc import Mapping
from typing import Any

from gpt4all_core.arguments import GenerationFields, LanguageModelFields, merge_call, to_params
from gpt4all_core.types import GenerationParams


class LocalModelFields(LanguageModelFields, GenerationFields):
    """All arguments of a class that generates text."""

    def _params(self, overrides: Mapping[str, Any]) -> GenerationParams:
        """Raises UnsupportedParameter for what cannot be given in a call, ConfigError for bad values."""
        return to_params(
            merge_call(GenerationFields, self, overrides, owner=f"a call of {type(self).__name__}")
        )
