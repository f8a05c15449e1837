"""Arguments that classes of both frameworks take, declared once, and how bad ones are refused.

Pydantic models without any framework in them: an adapter's class inherits from its framework's base
and from these. Names and defaults are the core's.
"""

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from gpt4all_core.catalog.adapter_files import resolve_adapter
from gpt4all_core.catalog.catalog import model_name
from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.config import resolve_settings
from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.foreign_arguments import advice_on
from gpt4all_core.remote_arguments import EndpointFields
from gpt4all_core.sampling_arguments import Number, SamplingFields, Texts
from gpt4all_core.shared_models import ModelRecipe, RemoteModelRecipe, SharedModels, model_label
from gpt4all_core.types import MAX_TOOL_ROUNDS, Adapter, GenerationParams, KVType

if TYPE_CHECKING:
    from gpt4all_core.answering_model import AnsweringModel
    from gpt4all_core.local_model import LocalModel
    from gpt4all_core.remote.chat import RemoteModel

Choices = TypeVar("Choices", bound="GenerationFields")

_DEFAULTS = GenerationParams()

_OUR_PACKAGES = ("gpt4all_", "langchain_gpt4all", "llamaindex_gpt4all")


def _as_reference(model: str | Path | None) -> str | None:
    if model == "":
        raise ValueError("name a model, or leave it out")
    return None if model is None else str(model)


ModelReference = Annotated[str | Path | None, AfterValidator(_as_reference)]
"""A name or a path, kept as text whatever it came as."""


def _as_folder(folder: str | Path | None) -> str | None:
    if folder == "":  # pathlib would read it as the working directory
        raise ValueError("name a folder, or leave it out")
    return None if folder is None else str(folder)


def _none_as_nothing(stop: object) -> object:
    return () if stop is None else stop  # frameworks write None for it


class StrictArguments(BaseModel):
    """Refuses what it does not know: a misspelt argument must not run with a default in its place."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    if not TYPE_CHECKING:  # type checkers keep the signature that the fields make

        def __init__(self, *args: Any, **arguments: Any) -> None:
            refuse_unknown(arguments, argument_names(type(self)), owner=type(self).__name__)
            try:
                super().__init__(*args, **arguments)
            except ValidationError as error:
                raise argument_error(error, owner=type(self).__name__) from error


class ModelFields(StrictArguments):
    """Which model, and what it computes with."""

    model: ModelReference = Field(default=None, validation_alias=AliasChoices("model", "model_name"))
    """A catalog name or alias, a GPT4All file name, a path to a .gguf, or `hf:owner/repo[:file]`;
    `model_name` says the same. None takes the environment's choice, else the default on this disk."""

    threads: int | None = Field(default=None, gt=0)
    """Processor threads; None takes every physical core that this process may use."""

    device: str | None = Field(default=None, min_length=1)
    """"auto", "cpu", or a device by llama.cpp's name; None is "auto"."""

    gpu_layers: int | None = Field(default=None, ge=-1)
    """Layers on that device; None puts as many there as fit, -1 all."""

    idle_ttl_s: float | None = Field(default=None, gt=0)
    """Give the memory back after so many seconds without a request; the next one loads the model again."""

    allow_download: bool = False
    """Fetch the model if it is not on this disk; otherwise nothing ever is."""

    _opened: SharedModels[Any] = PrivateAttr(default_factory=SharedModels)

    @model_validator(mode="before")
    @classmethod
    def _name_one_model(cls, arguments: Any) -> Any:
        # Programs that pass a setting of their own on give both names, one of them None or an echo.
        if not (isinstance(arguments, Mapping) and {"model", "model_name"} <= arguments.keys()):
            return arguments
        model, model_name = arguments["model"], arguments["model_name"]
        if "model_name" in cls.model_fields:  # a framework's own, beside ours: there it is a label
            return arguments
        if model is None and model_name is not None:
            return {name: value for name, value in arguments.items() if name != "model"}
        if model_name not in (None, model):
            raise ValueError(f"model={model!r} and model_name={model_name!r} name two models; give one")
        return {name: value for name, value in arguments.items() if name != "model_name"}

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

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        # LangChain sends what repr says along with traces, and folders name people.
        for name, value in super().__repr_args__():
            yield name, model_label(value) if name == "model" and value else value


class LanguageModelFields(EndpointFields, ModelFields):
    """All arguments of a class that generates text, but for those of GenerationFields."""

    local_only: ClassVar[tuple[str, ...]] = (
        *EndpointFields.local_only,
        *("kv_type", "parallel", "max_waiting", "cache_bytes", "cache_dir"),
        *("reproducible", "isolate", "projector"),
    )

    context_size: int | None = Field(default=None, gt=0)
    """Tokens that prompt and answer may have together; None takes 4,096, or what the model was
    trained for if that is less, and behind an address what the server tells."""

    kv_type: KVType | None = None
    """How keys and values are kept: "f16" (None), "q8_0" in 53 % of the memory, "q4_0" in 28 %."""

    parallel: int | None = Field(default=None, gt=0, le=256)
    """Most requests decoded in one batch; None is 16."""

    max_waiting: int | None = Field(default=None, ge=0)
    """Most requests that wait for a place in the batch; one more raises EngineBusy. None is 1,024."""

    max_retries: int | None = Field(default=None, ge=0)
    """How often to ask again where EngineBusy would be raised, after a quarter of a second and then twice
    as long each time; `timeout` begins anew. Behind an address, where it cannot be reached or is too busy, as
    long as no answer has begun. None is 0, and behind an address 2."""

    cache_bytes: int | None = Field(default=None, ge=0)
    """Host memory for the KV cells of idle conversations; None is an eighth of the machine's, at most
    2 GiB."""

    # Left out of repr, which LangChain sends along with traces: folders name people.
    cache_dir: Annotated[str | Path | None, AfterValidator(_as_folder)] = Field(default=None, repr=False)
    """A folder where the KV cells of idle conversations outlive the process; None writes nothing."""

    reproducible: bool | None = None
    """Whatever else runs, a prompt and a seed get the text that they get alone; prompts take up to
    twice as long. For quantised models on the processor."""

    isolate: bool | None = None
    """Run in a child process, so that a crash of llama.cpp is an EngineCrashed here."""

    projector: ModelReference = Field(default=None, repr=False)
    """The `mmproj` file of a model that sees; None takes the one beside the model's file, if one fits."""

    def _chat_model(self, reference: str | Path | None) -> "AnsweringModel":
        """The model of this reference, by this object's other arguments; not yet loaded if it is new."""
        model: AnsweringModel = self._opened.get(self._recipe(reference))
        return model

    async def _achat_model(self, reference: str | Path | None) -> "AnsweringModel":
        """The same, loaded, for an event loop."""
        model: AnsweringModel = await self._opened.aget(self._recipe(reference))
        return model

    @property
    def _retries_here(self) -> int:
        """How often EngineBusy is answered by asking again; behind an address its own client does that."""
        return 0 if self.base_url is not None else self.max_retries or 0

    def _label(self, reference: str | Path | None) -> str:
        """What to call a model in traces: a name, never a path. Neither loads nor fetches it."""
        if reference is not None:
            return model_label(reference)
        if self.base_url is not None:
            there: RemoteModel | None = self._opened.made(self._recipe(None))
            return there.name if there is not None and there.is_open else "remote"
        if (named := resolve_settings().model) is not None:
            return model_label(named)
        made: LocalModel | None = self._opened.made(self._recipe(None))
        return model_name(resolve_model(None)) if made is None or self.allow_download else made.name

    def _file(self, reference: str | Path | None) -> Path:
        """The model's file, quickly: an event loop may ask. Fetches nothing: a trace must not start a
        download. Raises ModelNotFound if it is not on this disk.
        """
        made: LocalModel | None = self._opened.made(self._recipe(reference))
        return resolve_model(reference) if made is None or self.allow_download else made.path

    def _recipe(self, reference: str | Path | None) -> ModelRecipe | RemoteModelRecipe:
        if self.base_url is not None:
            return RemoteModelRecipe(
                reference,
                self.base_url,
                **self.endpoint_arguments,
                max_retries=self.max_retries,
                context_size=self.context_size,
            )
        names = [field.name for field in fields(ModelRecipe)[1:]]
        return ModelRecipe(reference, **{name: getattr(self, name) for name in names})


class GenerationFields(SamplingFields):
    """How to choose the next token and when to stop; each may also be given in a single call."""

    stop: Annotated[Texts, BeforeValidator(_none_as_nothing)] = _DEFAULTS.stop
    """The text ends before any of these strings. `stop` of a call takes their place."""

    prompt_lookup: bool = _DEFAULTS.prompt_lookup
    """Guess that the answer goes on as the prompt did, and check several tokens at once: text that is
    copied comes faster, and no text comes out differently."""

    timeout: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Seconds that a request may take, its wait for a place included and the loading of the model not;
    then it is cancelled and ends with GenerationTimeout, which is a TimeoutError."""


class AnswerFields(GenerationFields):
    """What a chat model may be asked for beside the text."""

    reasoning: bool | None = None
    """Whether the model thinks before it answers; None leaves it to the model. What it thinks is no
    part of the answer's text."""

    reasoning_budget: int | None = Field(default=None, ge=0)
    """Most tokens of thought; None sets no bound."""

    max_tool_rounds: int | None = Field(default=MAX_TOOL_ROUNDS, ge=1)
    """Turns with tool calls that one question may take; then an answer comes, or where a call must come,
    one of the tools that were called least. None sets no bound."""

    logprobs: bool = False
    """Tell how likely every token was, beside the answer."""

    top_logprobs: int = Field(default=0, ge=0, le=20)
    """And so many of the likeliest tokens in its place."""

    # Left out of repr, which may end up in traces: folders name people.
    adapters: Mapping[str, Number] = Field(default_factory=dict, repr=False)
    """LoRA adapters to compute with, paths or names of `gpt4all models adapters`, and how strongly:
    {"style.gguf": 1.0}, where 1 is what each was trained with."""


def to_params(fields: GenerationFields) -> GenerationParams:
    """The same for the engine, which takes `timeout` beside them."""
    names = [name for name in GenerationFields.model_fields if name not in ("stop", "timeout")]
    return GenerationParams(**{name: getattr(fields, name) for name in names}, stop=tuple(fields.stop))


def to_answer_params(fields: AnswerFields) -> GenerationParams:
    """The same with log-probabilities and LoRA files.

    Raises ModelNotFound for a name that no adapter has.
    """
    return replace(
        to_params(fields),
        logprobs=fields.logprobs,
        top_logprobs=fields.top_logprobs,
        adapters=tuple(
            Adapter(resolve_adapter(adapter), strength) for adapter, strength in fields.adapters.items()
        ),
    )


def merge_call(
    own: GenerationFields,
    given: Mapping[str, Any],
    *,
    owner: str,
    kind: type[Choices] = GenerationFields,  # type: ignore[assignment]  # mypy knows no defaults of type variables
) -> Choices:
    """The generation arguments of one call: the object's own, with those that the call gives in their place.

    kind: which of the object's arguments a call may give.
    Raises UnsupportedParameter for what cannot be given in a call, ConfigError for bad values.
    """
    known = list(kind.model_fields)
    refuse_unknown(given, known, owner=owner, fixed=argument_names(type(own)))
    # Some arguments only calls have.
    values = {name: getattr(own, name) for name in known if name in type(own).model_fields} | dict(given)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise argument_error(error, owner=owner) from error


def refuse_unknown(
    given: Iterable[str], known: Iterable[str], *, owner: str, fixed: Iterable[str] = ()
) -> None:
    """Raise UnsupportedParameter for the first name that is not known, with what it may have meant.

    fixed: names that the object's constructor takes, but not a single call.
    """
    known, fixed = list(known), list(fixed)
    for name in given:
        if name not in known:
            advice = advice_on(name, known, fixed=fixed)
            raise UnsupportedParameter(f"{owner} takes no argument {name!r}; {advice}")


def argument_error(error: ValidationError, *, owner: str) -> ConfigError:
    """The first complaint of pydantic, in one line that names the argument and its value."""
    first = error.errors()[0]
    complaint = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:  # of several arguments together
        return ConfigError(f"{owner}: {complaint}")
    name = first["loc"][0]  # behind it, places inside and kinds of a union
    return ConfigError(f"{owner} got {name}={first['input']!r}; {complaint}")


def argument_names(kind: type[BaseModel]) -> list[str]:
    """What a constructor takes, aliases included; this project's before those of a framework."""
    ours = {
        name
        for owner in kind.__mro__
        if owner.__module__.startswith(_OUR_PACKAGES)
        for name in inspect.get_annotations(owner)
    }
    names = dict.fromkeys(sorted(kind.model_fields, key=lambda name: name not in ours))
    for field in kind.model_fields.values():
        if isinstance(field.validation_alias, AliasChoices):
            names |= dict.fromkeys(
                choice for choice in field.validation_alias.choices if isinstance(choice, str)
            )
    return list(names)
