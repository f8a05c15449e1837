"""Fill a Pydantic class from documents, every field with a span of a document that it was read from."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from pydantic import AliasChoices, BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from gpt4all_core.errors import ConfigError
from gpt4all_localdocs.types import Answer, Citation

Model = TypeVar("Model", bound=BaseModel)

_TIMES: Final = {"date", "date-time", "time", "duration"}
_NUMBER: Final = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Extraction(Generic[Model]):
    """An object and where its fields come from.

    value: None where a required field was not found, or where a validator of the class refuses the fields
    together. places: by field, the span that was quoted; `missing` names the fields that nothing was quoted
    for, or nothing that fits their type.
    """

    value: Model | None
    places: dict[str, Citation]
    missing: tuple[str, ...]


def extract(schema: type[Model], *, ask: Callable[[str], Answer]) -> Extraction[Model]:
    """Ask for every field in its own words and take the likeliest quotation that fits its type.

    ask: answers a question in quote mode. The question of a field is its description, or its name; fields are
    texts, numbers, dates (2024-05-01) and what else Pydantic reads from a text. A figure may stand within the
    quotation.
    Raises ConfigError for a class with fields that no text can be read as: objects and lists.
    """
    if not (isinstance(schema, type) and issubclass(schema, BaseModel)):
        raise ConfigError(f"schema is {schema!r:.80}, which is no class of Pydantic's; give a BaseModel")
    adapters = {name: _adapter(schema, name, field) for name, field in schema.model_fields.items()}
    values: dict[str, Any] = {}
    places: dict[str, Citation] = {}
    for name, field in schema.model_fields.items():
        answer = ask(field_question(name, field))
        if answer.is_refused:
            continue
        for quote in answer.quotes:
            read = _first_valid(adapters[name], quote.quote)
            if read is not None:
                values[_given_name(name, field)], places[name] = read, quote
                break
    missing = tuple(name for name in schema.model_fields if name not in places)
    try:
        value: Model | None = schema.model_validate(values)
    except ValidationError:  # a required field is missing, or a validator of the class refuses them together
        value = None
    return Extraction(value, places, missing)


def field_question(name: str, field: FieldInfo) -> str:
    """What is asked for a field: its description where it has one, else its name in words."""
    return field.description or f"What is the {name.replace('_', ' ')}?"


def _given_name(name: str, field: FieldInfo) -> str:
    """The name under which the class takes a field."""
    match field.validation_alias:
        case str() as alias:
            return alias
        case AliasChoices(choices=choices):
            return next((choice for choice in choices if isinstance(choice, str)), name)
    return name


def _adapter(schema: type[BaseModel], name: str, field: FieldInfo) -> TypeAdapter[Any]:
    adapter: TypeAdapter[Any] = TypeAdapter(field.rebuild_annotation())
    kinds = _kinds(adapter.json_schema())
    if kinds & {"object", "array"}:
        raise ConfigError(
            f"the field {name!r} of {schema.__name__} is an object or a list, which no single quotation can"
            " be read as; give it a text, a number, a date or another plain type"
        )
    return adapter


def _kinds(schema: dict[str, Any], *, key: str = "type") -> set[str]:
    """The JSON types that a value may have, or their formats; definitions count as what they define."""
    choices = [*schema.get("anyOf", [schema]), *schema.get("$defs", {}).values()]
    return {str(choice.get(key, "")) for choice in choices}


def _first_valid(adapter: TypeAdapter[Any], text: str) -> Any:
    """The text as the field's type reads it, else a number in it; None where neither fits."""
    is_time = bool(_kinds(adapter.json_schema(), key="format") & _TIMES)
    plain = text.strip().strip(".,;:")
    numbers = [number.replace(",", "") for number in _NUMBER.findall(plain)]
    # Pydantic reads a bare number as seconds since 1970, which no document means.
    for candidate in [plain] * (not is_time or not plain.isdecimal()) + numbers * (not is_time):
        try:
            return adapter.validate_python(candidate)
        except ValidationError:
            continue
    return None
