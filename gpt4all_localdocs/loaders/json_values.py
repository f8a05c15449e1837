"""JSON and JSON Lines: one line a record, or a value with its path."""

import json
from collections.abc import Iterator
from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.decode import read_text
from gpt4all_localdocs.loaders.outline import CELL_SEPARATOR
from gpt4all_localdocs.loaders.packed import MAX_CHARACTERS
from gpt4all_localdocs.types import Document

_LINES_OF_JSON = (".jsonl", ".ndjson", ".jsonlines")
SUFFIXES: tuple[str, ...] = (".json", ".geojson", ".jsonld", ".webmanifest", *_LINES_OF_JSON)
VERSION: int = 1

_LONGEST_RECORD = 1_000
"""In characters; a longer record is read better as one line a value."""

_LONGEST_PATH = 200
"""In characters; longer ones lose their beginning, or deep nesting would repeat it without end."""

Scalar = str | int | float | bool | None


class _Members(tuple[tuple[str, "Value"], ...]):
    """An object's members in their order; a name may occur twice, and both are text."""

    __slots__ = ()


Value = Scalar | list["Value"] | _Members


def load(path: Path) -> Document:
    """The values as lines: `leave.days: 25`, lists of objects as one line an object.

    `name: Ada | leave.days: 25` is an object in a list; the path of the list stands before it, if it has one.
    One of more than a thousand characters has a line for each of its values. In JSON Lines every line of the
    file is one line of text, an empty one too. What is no JSON is read as the text it is, with a note.
    Raises UnreadableDocument for binary or empty files.
    """
    source = read_text(path)
    if not source.strip():
        raise UnreadableDocument(path, "holds no text")
    if path.suffix.lower() in _LINES_OF_JSON:
        return _load_lines(source, path)
    try:
        value = _parse(source)
    except ValueError as error:
        return _load_other(source, path, error)
    return Document(_checked(_bounded(_lines(value, ""), path), path))


def _load_lines(source: str, path: Path) -> Document:
    lines, broken = [], []
    for number, line in enumerate(source.rstrip("\n").split("\n"), start=1):
        try:
            lines.append(_flat(_parse(line)) if line.strip() else "")
        except (ValueError, RecursionError):
            broken.append(number)
            lines.append(line)
    if len(broken) == len(lines):
        return Document(_checked(source, path), notes=("is no JSON Lines: read as plain text",))
    return Document(
        _checked(_bounded(iter(lines), path), path),
        notes=(_about_broken(broken),) if broken else (),
    )


def _about_broken(numbers: list[int]) -> str:
    others = f" and {len(numbers) - 1:,} more" if len(numbers) > 1 else ""
    return f"line {numbers[0]:,}{others}: no JSON, read as plain text"


def _load_other(source: str, path: Path, error: ValueError) -> Document:
    """What claims to be JSON and is not: JSON Lines under another name, or JSON with comments."""
    first, _, rest = source.strip().partition("\n")
    try:
        is_lines = bool(rest) and isinstance(_parse(first), list | _Members)
    except ValueError:
        is_lines = False
    if is_lines:
        return _load_lines(source, path)
    return Document(_checked(source, path), notes=(f"is no valid JSON ({error}): read as plain text",))


def _parse(source: str) -> Value:
    parsed: Value = json.loads(source, object_pairs_hook=_Members, parse_int=str, parse_float=str)
    return parsed  # numbers stay as they are written: long ones cannot be converted, others would change


def _lines(value: Value, path: str) -> Iterator[str]:
    """A value as lines of text; an element of a list of objects is a record."""
    if isinstance(value, _Members):
        for name, member in value:
            yield from _lines(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and not _is_plain(value):
        for index, element in enumerate(value):
            yield from _record(element, f"{path}[{index}]")
    else:
        yield _labelled(path, _plain(value))


def _record(element: Value, path: str) -> Iterator[str]:
    line = _flat(element)
    is_nested = "." in path or not path.startswith("[")
    if len(line) > _LONGEST_RECORD and not isinstance(element, str | int | float | None):
        yield from _lines(element, path)
    else:
        yield _labelled(path, line) if is_nested else line


def _flat(value: Value) -> str:
    """A record as one line."""
    cells = _flat_values(value, "")
    return CELL_SEPARATOR.join(_labelled(path, text) for path, text in cells)


def _flat_values(value: Value, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, _Members):
        for name, member in value:
            yield from _flat_values(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and not _is_plain(value):
        for index, element in enumerate(value):
            yield from _flat_values(element, f"{path}[{index}]")
    else:
        yield path, _plain(value)


def _is_plain(values: list[Value]) -> bool:
    return not any(isinstance(value, list | _Members) for value in values)


def _plain(value: Value) -> str:
    """A value without others in it, or a list of such, on one line."""
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return " ".join(str(value).split())


def _labelled(path: str, text: str) -> str:
    shown = path if len(path) <= _LONGEST_PATH else f"…{path[-_LONGEST_PATH:]}"
    return f"{' '.join(shown.split())}: {text}".rstrip() if shown else text


def _bounded(lines: Iterator[str], path: Path) -> str:
    kept, length = [], 0
    for line in lines:
        length += len(line) + 1
        if length > MAX_CHARACTERS + 1:
            raise UnreadableDocument(path, f"holds more than {MAX_CHARACTERS:,} characters; split it")
        kept.append(line)
    return "\n".join(kept)


def _checked(text: str, path: Path) -> str:
    if not text.strip():
        raise UnreadableDocument(path, "holds no text")
    return text
