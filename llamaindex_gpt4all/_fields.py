"""The arguments that the classes of this package share, and what they become in the core.

Every argument is declared here once. Names and defaults are the core's.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
)

from gpt4all_core.config import resolve_settings
from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.types import GenerationParams
from llamaindex_gpt4all._opened import EmbedderRecipe, ModelRecipe, Opened, model_label

if TYPE_CHECKING:
    from gpt4all_core.embedder import LocalEmbedder
    from gpt4all_core.local_model import LocalModel

_DEFAULTS = GenerationParams()


class StrictArguments(BaseModel):
    """Refuses what it does not know: a misspelt argument must not run with a default in its place."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    if not TYPE_CHECKING:  # type checkers keep the signature that the fields make

        def __init__(self, *args: Any, **arguments: Any) -> None:
            refuse_unknown(arguments, type(self).model_fields, owner=type(self).__name__)
            try:
                super().__init__(*args, **arguments)
            except ValidationError as error:
                raise _config_error(error, owner=type(self).__name__) from error


class ModelFields(StrictArguments):
    """Which model, and what it computes with."""

    model: Annotated[str | Path | None, AfterValidator(lambda model: model and str(model))] = None
    """A catalog name or alias, a GPT4All file name, a path to a .gguf, or `hf:owner/repo[:file]`.
    None takes the environment's choice, else the default on this disk."""

    threads: int | None = Field(default=None, gt=0)
    """Processor threads; None takes every physical core that this process may use."""

    gpu_layers: int | None = Field(default=None, ge=-1)
    """Layers on the graphics card; None and -1 put all there that the build can."""

    allow_download: bool = False
    """Fetch the model if it is not on this disk; otherwise nothing ever is."""

    _opened: Opened[Any] = PrivateAttr(default_factory=Opened)

    def close(self) -> None:
        """Give up this object's share of the model; the last share in the process frees the memory.

        Idempotent. Using the object again loads the model again.
        """
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class GenerationFields(BaseModel):
    """How to choose the next token and when to stop; each may also be given in a single call."""

    model_config = ConfigDict(extra="forbid")

    max_tokens: int | None = Field(default=_DEFAULTS.max_tokens, gt=0)
    """Most tokens to generate; None goes on until the model ends or the context is full."""

    temperature: float = Field(default=_DEFAULTS.temperature, ge=0)
    """0 always takes the likeliest token."""

    top_k: int = Field(default=_DEFAULTS.top_k, ge=0)
    """Choose among this many of the likeliest tokens; 0 switches it off."""

    top_p: float = Field(default=_DEFAULTS.top_p, gt=0, le=1)
    """Choose among the likeliest tokens that together have this probability; 1 switches it off."""

    min_p: float = Field(default=_DEFAULTS.min_p, ge=0, le=1)
    """Drop tokens below this share of the likeliest one's probability; 0 switches it off."""

    repeat_penalty: float = Field(default=_DEFAULTS.repeat_penalty, gt=0)
    """Divides the score of recent tokens; 1 switches it off."""

    seed: int | None = Field(default=_DEFAULTS.seed, ge=0)
    """Equal seeds give equal texts for the same prompt and model; None draws one."""

    stop: Annotated[Sequence[str], AfterValidator(tuple)] = _DEFAULTS.stop
    """The text ends before any of these strings. `stop` of a call takes their place."""


class LocalModelFields(ModelFields, GenerationFields):
    """All arguments of a class that generates text."""

    context_size: int | None = Field(default=None, gt=0)
    """Tokens that prompt and answer may have together; None takes 4,096, or what the model was
    trained for if that is less."""

    def _params(self, overrides: Mapping[str, Any]) -> GenerationParams:
        """Raises UnsupportedParameter for what cannot be given in a call, ConfigError for bad values."""
        owner = f"a call of {type(self).__name__}"
        known = list(GenerationFields.model_fields)
        refuse_unknown(overrides, known, owner=owner, fixed=type(self).model_fields)
        values = {name: getattr(self, name) for name in known} | dict(overrides)
        try:
            chosen = GenerationFields.model_validate(values)
        except ValidationError as error:
            raise _config_error(error, owner=owner) from error
        return GenerationParams(**chosen.model_dump(exclude={"stop"}), stop=tuple(chosen.stop))

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


class EmbedderFields(ModelFields):
    """All arguments of a class that embeds texts."""

    query_prefix: str | None = None
    """Put before every query; None takes what the model was trained with, if the catalog knows."""

    document_prefix: str | None = None
    """Put before every document; None as for queries."""

    long_text: Literal["mean", "truncate", "error"] = "mean"
    """A text beyond the model's window: embed its parts and average, cut it, or refuse it."""

    @property
    def _embedder(self) -> "LocalEmbedder":
        embedder: LocalEmbedder = self._opened.get(self._recipe)
        return embedder

    async def _aembedder(self) -> "LocalEmbedder":
        embedder: LocalEmbedder = await self._opened.aget(self._recipe)
        return embedder

    @property
    def _recipe(self) -> EmbedderRecipe:
        return EmbedderRecipe(
            self.model,
            self.query_prefix,
            self.document_prefix,
            self.long_text,
            self.threads,
            self.gpu_layers,
            self.allow_download,
        )


def refuse_unknown(
    given: Iterable[str], known: Iterable[str], *, owner: str, fixed: Iterable[str] = ()
) -> None:
    """Raise UnsupportedParameter for the first name that is not known, with what it may have meant.

    fixed: names that the object's constructor takes, but not a single call.
    """
    known = list(known)
    for name in given:
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1)
        if name in fixed:
            advice = "give it to the constructor"
        elif near:
            advice = f"did you mean {near[0]}?"
        else:
            advice = f"known are {', '.join(known)}"
        raise UnsupportedParameter(f"{owner} takes no argument {name!r}; {advice}")


def _config_error(error: ValidationError, *, owner: str) -> ConfigError:
    """The first complaint of pydantic, in one line that names the argument and its value."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"]) or "arguments"
    return ConfigError(f"{owner} got {name}={first['input']!r}; {first['msg']}")
