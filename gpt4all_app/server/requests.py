"""What the requests for texts have in common: sampling, stops, streams, and keys that nobody knows."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Self, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PrivateAttr,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from gpt4all_core.errors import UnsupportedParameter
from gpt4all_core.sampling_arguments import Bias, SamplingFields, Texts
from gpt4all_core.types import GenerationParams

MOST_CHOICES = 16
"""As many as an engine decodes at once by default; more would only wait for each other."""

MOST_MESSAGES = 4096
"""Of a conversation: each takes some tokens more than its text has, and no context holds so many."""

MOST_TEXTS = 256
"""That an answer stops at, or phrases break at: each is looked for behind every token, of all requests at
once; OpenAI takes four."""

_LARGEST_SEED = 2**63 - 1


def _as_texts(stop: object) -> object:
    return [stop] if isinstance(stop, str) else stop


def _as_seed(seed: object) -> object:
    """OpenAI's seeds may be negative; ours may not."""
    return seed & _LARGEST_SEED if isinstance(seed, int) and not isinstance(seed, bool) else seed


_TEXT_SCHEMA = {"type": "string", "minLength": 1}
_TEXTS_SCHEMA = {"type": "array", "items": _TEXT_SCHEMA, "maxItems": MOST_TEXTS}
_STOP_SCHEMA = {"anyOf": [_TEXT_SCHEMA, _TEXTS_SCHEMA]}
_BIAS_SCHEMA = {
    "type": "object",
    "propertyNames": {"pattern": "^[0-9]{1,9}$"},
    "additionalProperties": {"type": "number"},
}


class TolerantRequest(BaseModel):
    """Keys that it does not know are kept apart, and told of; null says nothing, as for OpenAI."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="before")
    @classmethod
    def _drop_null(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        for name, (kinds, what) in _plain_fields(cls).items():
            value = given.get(name)
            # Python takes one for the other: "logprobs": false would ask for log-probabilities.
            if value is not None and type(value) not in kinds:
                raise ValueError(f"{name} has to be {what}, and was given as {type(value).__name__}")
        return {name: value for name, value in given.items() if value is not None}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The same as the checks: what may be left out may be null."""
        written = handler(core_schema)
        schema = handler.resolve_ref_schema(written)
        for name, facts in schema.get("properties", {}).items():
            if name not in schema.get("required", ()):
                kept = {key: facts[key] for key in ("default", "title") if key in facts}
                rest = {key: value for key, value in facts.items() if key not in kept}
                schema["properties"][name] = {"anyOf": [rest, {"type": "null"}], **kept}
        return written


_NUMBER, _TRUTH = "a number", "true or false"


@cache
def _plain_fields(model: type[BaseModel]) -> Mapping[str, tuple[tuple[type, ...], str]]:
    """The fields that take a number or a truth value and nothing else, by name."""
    found: dict[str, tuple[tuple[type, ...], str]] = {}
    for name, field in model.model_fields.items():
        kinds = set(_kinds(field.annotation)) - {NoneType}
        if kinds == {bool}:
            found[name] = (bool,), _TRUTH
        elif kinds and kinds <= {int, float}:
            found[name] = (int, float), _NUMBER
    return found


def _kinds(annotation: Any) -> Iterator[Any]:
    """The types of a union; of what is no union, itself."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        yield from (kind for part in get_args(annotation) for kind in _kinds(part))
    elif origin is Annotated:
        yield from _kinds(get_args(annotation)[0])
    else:
        yield annotation


class WholeRequest(TolerantRequest):
    """The JSON of a body; its texts are Unicode, which JSON's escapes need not be."""

    refused: ClassVar[Mapping[str, str]] = {}
    """Keys that mean something here cannot be done, and what to do instead."""

    _ignored: tuple[str, ...] | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _refuse_half_characters(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        try:
            json.dumps(given, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise ValueError("a text has half of a surrogate pair, which is no character") from error
        return given

    @model_validator(mode="after")
    def _note_ignored(self) -> Self:
        # Here, and once: a long body is checked in a thread, and then handed on as it is.
        if self._ignored is None:
            self._ignored = tuple(dict.fromkeys(_ignored(self, "")))
        return self

    @property
    def ignored(self) -> tuple[str, ...]:
        """The keys that have no effect, those inside of others as `messages[].key`.

        Raises UnsupportedParameter for those that must have one.
        """
        for name in self.model_extra or {}:
            if name in self.refused:
                raise UnsupportedParameter(f"{name} cannot be used here; {self.refused[name]}")
        return self._ignored or ()


class StreamOptions(TolerantRequest):
    """include_usage: a last chunk tells the tokens."""

    include_usage: bool = False


class TextRequest(SamplingFields, WholeRequest):
    """How a text is to be written. Beside OpenAI's keys it takes all that `GenerationParams` has."""

    model_config = ConfigDict(extra="allow")

    model: str | None = Field(default=None, min_length=1)
    """A name of `/v1/models`; without one the first model."""

    n: int = Field(default=1, ge=1, le=MOST_CHOICES)
    """How many answers; with a seed, each has the next one."""

    stop: Annotated[
        Texts, Field(max_length=MOST_TEXTS), BeforeValidator(_as_texts), WithJsonSchema(_STOP_SCHEMA)
    ] = ()
    """A text or several; the answer ends before any of them."""

    seed: Annotated[int | None, BeforeValidator(_as_seed)] = None
    """Makes the draws repeatable."""

    dry_sequence_breakers: Annotated[Texts, Field(max_length=MOST_TEXTS), WithJsonSchema(_TEXTS_SCHEMA)] = (
        GenerationParams().dry_sequence_breakers
    )
    """Texts that no phrase goes across."""

    logit_bias: Annotated[Mapping[Annotated[int, Field(ge=0)], Bias], WithJsonSchema(_BIAS_SCHEMA)] = Field(
        default_factory=dict
    )
    """Added to the scores of these token ids of the model; -100 all but bars a token."""

    prompt_lookup: bool = True
    """Guess that the answer goes on as the prompt did: copied text comes faster, and no other text."""

    stream: bool = False
    """Send the answer as it is written, as server-sent events."""

    stream_options: StreamOptions = StreamOptions()

    def params(self, *, max_tokens: int | None, top_logprobs: int | None) -> GenerationParams:
        """The same for the engine. top_logprobs: None asks for no log-probabilities."""
        names = {field.name for field in fields(GenerationParams)} & type(self).model_fields.keys()
        chosen = {name: getattr(self, name) for name in names}
        chosen |= {
            "max_tokens": max_tokens,
            "stop": tuple(self.stop),
            "logprobs": top_logprobs is not None,
            "top_logprobs": top_logprobs or 0,
        }
        return GenerationParams(**chosen)


def _ignored(value: object, place: str) -> Iterator[str]:
    if isinstance(value, TolerantRequest):
        yield from (f"{place}{name}" for name in value.model_extra or {})
        for name in type(value).model_fields:
            yield from _ignored(getattr(value, name), f"{place}{name}.")
    elif isinstance(value, list):
        for each in value:
            yield from _ignored(each, f"{place.removesuffix('.')}[].")


def ignored_header(ignored: Sequence[str]) -> dict[str, str]:
    """The header that names what had no effect; {} where all had."""
    # What a client calls its keys is its own business, but a header is one line of ASCII, and has no blanks
    # at its ends.
    names = [name.encode("ascii", "backslashreplace").decode().strip() for name in ignored]
    shown = ", ".join(name for name in names if name and name.isprintable())[:1000].strip(", ")
    return {"x-ignored-parameters": shown} if shown else {}
