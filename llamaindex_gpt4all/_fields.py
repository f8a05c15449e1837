"""The arguments that the text classes of this package share, and what they become in the core."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from gpt4all_core.arguments import GenerationFields, ModelFields, merge_call, to_params
from gpt4all_core.config import resolve_settings
from gpt4all_core.shared_models import ModelRecipe, model_label
from gpt4all_core.types import GenerationParams

if TYPE_CHECKING:
    from gpt4all_core.local_model import LocalModel


class LocalModelFields(ModelFields, GenerationFields):
    """All arguments of a class that generates text."""

    context_size: int | None = Field(default=None, gt=0)
    """Tokens that prompt and answer may have together; None takes 4,096, or what the model was
    trained for if that is less."""

    def _params(self, overrides: Mapping[str, Any]) -> GenerationParams:
        """Raises UnsupportedParameter for what cannot be given in a call, ConfigError for bad values."""
        return to_params(
            merge_call(GenerationFields, self, overrides, owner=f"a call of {type(self).__name__}")
        )

    @property
    def _local_model(self) -> "LocalModel":
        model: LocalModel = self._opened.get(self._recipe)
        return model

    def _label(self) -> str:
        """What to call the model in traces: a name, never a path. Neither loads nor fetches it."""
        named = self.model or resolve_settings().model
        return self._local_model.name if named is None else model_label(named)

    async def _alocal_model(self) -> "LocalModel":
        model: LocalModel = await self._opened.aget(self._recipe)
        return model

    @property
    def _recipe(self) -> ModelRecipe:
        return ModelRecipe(self.model, self.context_size, self.threads, self.gpu_layers, self.allow_download)
