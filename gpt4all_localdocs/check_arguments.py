"""Whether what a program gave is of the kind that is asked for; raises ConfigError that names it. Pure."""

import os
from collections.abc import Iterable
from numbers import Integral
from pathlib import Path
from typing import TypeVar

from gpt4all_core.errors import ConfigError

Kind = TypeVar("Kind")


def check_count(name: str, value: object, *, least: int = 1) -> None:
    """Raise for what is no whole number, `least` or more; True and False are none."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ConfigError(f"{name} is {value!r}; give a whole number, {least} or more")


def check_share(name: str, value: object, *, least: int = 0) -> None:
    """Raise for what is no number from `least` to 1."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= 1:
        raise ConfigError(f"{name} is {value!r}; give a number from {least} to 1")


def check_words(name: str, value: object) -> None:
    """Raise for what is no text to search with, or not Unicode."""
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"the {name} is {value!r}, which has no words; ask for something")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"the {name} {value[:80]!r} is not Unicode: {error}") from error


def check_callable(name: str, value: object) -> None:
    """Raise for what cannot be called."""
    if not callable(value):
        raise ConfigError(f"{name} is {value!r:.80}, which cannot be called; give a function")


def check_kind(name: str, value: object, kind: type) -> None:
    """Raise for what is of another kind."""
    if not isinstance(value, kind):
        raise ConfigError(f"{name} is {value!r:.80}, which is no {kind.__name__}; give one")


def check_methods(name: str, value: object, *methods: str, kind: str) -> None:
    """Raise for what lacks one of a kind's methods; looks at no property, which may load a model."""
    for method in methods:
        if isinstance(value, type) or not callable(getattr(value, method, None)):
            raise ConfigError(f"{name} is {value!r:.80}, which has no {method}(); give {kind}")


def check_model(name: str, value: object, *methods: str, kind: str) -> None:
    """The same for a model, which may also be given by its name or path, or not at all."""
    if value is not None and not isinstance(value, str | Path):
        check_methods(name, value, *methods, kind=kind)


def check_stop(stop: object) -> None:
    """Raise for what cannot tell whether somebody asked to stop."""
    if stop is not None:
        check_methods("stop", stop, "is_set", kind="a threading.Event")


def as_list(name: str, values: Iterable[Kind], *, kind: type[Kind]) -> list[Kind]:
    """Several of a kind as a list; raises for one alone, whose letters would be taken, and for others."""
    if isinstance(values, kind) or not isinstance(values, Iterable):
        one = f"one {kind.__name__}, {values!r:.80}" if isinstance(values, kind) else f"{values!r:.80}"
        raise ConfigError(f"{name} is {one}; give a list of them")
    listed = list(values)
    for value in listed:
        if not isinstance(value, kind):
            raise ConfigError(f"{name} holds {value!r:.80}, which is no {kind.__name__}; give a list of them")
    return listed


def as_path(name: str, value: object) -> Path:
    """The absolute path that a name stands for; raises for what is none."""
    if not isinstance(value, str | os.PathLike) or not str(value):
        raise ConfigError(f"{name} is {value!r}; give a path")
    return Path(value).expanduser().absolute()
