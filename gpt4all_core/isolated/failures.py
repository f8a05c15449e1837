"""Errors on their way from one process to the other: by a name in a table, never by pickling."""

from dataclasses import dataclass
from pathlib import Path

from gpt4all_core.errors import (
    ConfigError,
    ContextOverflow,
    EngineBusy,
    EngineClosed,
    GenerationCancelled,
    GenerationError,
    GenerationTimeout,
    GPT4AllError,
    MissingDependency,
    ModelLoadError,
    OutputError,
    ToolCallParseError,
    UnsupportedParameter,
    UnsupportedSchema,
)

Detail = int | float | str | None

# What a program may need of an error is an attribute; those listed here cross over.
_DETAILS: dict[type[GPT4AllError], tuple[str, ...]] = {
    ConfigError: (),
    UnsupportedParameter: (),
    MissingDependency: ("package", "extra"),
    ModelLoadError: ("path",),
    GenerationError: (),
    ContextOverflow: ("prompt_tokens", "context_size"),
    GenerationCancelled: (),
    GenerationTimeout: ("timeout_s",),
    EngineBusy: ("waiting",),
    EngineClosed: (),
    OutputError: (),
    ToolCallParseError: (),
    UnsupportedSchema: (),
}
_BY_NAME = {kind.__name__: kind for kind in _DETAILS}


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as a message: the name of its class in the table, its text, and its attributes."""

    name: str
    message: str
    details: dict[str, Detail]


def describe(error: BaseException, *, otherwise: type[GPT4AllError] = GenerationError) -> Failure:
    """An error to send; one that is not in the table becomes `otherwise`, its name in the text."""
    kind = type(error)
    if kind not in _DETAILS:
        return Failure(otherwise.__name__, f"{kind.__name__}: {error}", {})
    details = {name: _plain(getattr(error, name)) for name in _DETAILS[kind]}
    return Failure(kind.__name__, str(error), details)


def no_media(path: Path) -> UnsupportedParameter:
    """Why a model in a child process cannot be sent pictures or sounds: rows do not cross the border yet."""
    return UnsupportedParameter(
        f"{path.name} runs in a child process, where no pictures and sounds can be sent to it; open"
        " it with isolate=False to ask with them"
    )


def rebuild(failure: Failure) -> GPT4AllError:
    """The error that was described, of the same type and with the same text and attributes."""
    kind = _BY_NAME.get(failure.name, GenerationError)
    # Its own constructor would write the message anew, without the advice that the first one had.
    error = kind.__new__(kind)
    error.args = (failure.message,)
    for name in _DETAILS[kind]:
        value = failure.details.get(name)
        setattr(error, name, Path(value) if name == "path" and isinstance(value, str) else value)
    return error


def _plain(value: object) -> Detail:
    return value if isinstance(value, int | float | str | None) else str(value)
