"""A filter as a condition of SQL over passages and the files or texts they are of. Pure."""

import json
import mimetypes
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_localdocs.loaders.registry import supported_suffixes
from gpt4all_localdocs.search_filter import Where, as_filter


@dataclass(frozen=True, slots=True)
class Condition:
    """What may stand behind WHERE in a query on `chunks JOIN files`; `parameters` go by name."""

    sql: str
    parameters: dict[str, object] = field(default_factory=dict)

    def within(self, files: Sequence[int]) -> "Condition":
        """The same, for these files or texts only, by their rows."""
        among = "file_id IN (SELECT value FROM json_each(:within))"
        return Condition(f"({self.sql}) AND {among}", self.parameters | {"within": json.dumps(files)})


EVERYTHING: Final = Condition("1")

_FILE_NAME: Final = f"substr(path, 1 + length(rtrim(path, replace(path, '{os.sep}', ''))))"
_FILE_TYPE: Final = " ".join(
    [
        "CASE",
        *(
            f"WHEN lower(path) LIKE '%{suffix}' THEN '{mimetypes.guess_type(f'a{suffix}')[0]}'"
            for suffix in sorted(supported_suffixes())
            if mimetypes.guess_type(f"a{suffix}")[0]
        ),
        "END",
    ]
)
_LINES: Final = "(first_line || '-' || last_line)"
_OF_FILES: Final = {
    "source": "path",
    "file_path": "path",
    "file_name": _FILE_NAME,
    "file_type": _FILE_TYPE,
    "page": "page",
    "page_label": "iif(part_kind = 'page' AND part_label <> '', part_label, CAST(page AS TEXT))",
    **{kind: f"iif(part_kind = '{kind}', part_number, NULL)" for kind in ("slide", "cell", "message")},
    **{
        name: f"iif(part_kind = '{kind}', coalesce(nullif(part_label, ''), CAST(part_number AS TEXT)), NULL)"
        for name, kind in (("sheet", "sheet"), ("chapter", "chapter"), ("attachment", "file"))
    },
    "rows": f"iif(part_kind = 'sheet', {_LINES}, NULL)",
    "lines": f"iif(part_kind = 'sheet', NULL, {_LINES})",
    "start_index": "span_start",
}
"""What the adapters' documents and nodes say of a file's passage, by their names."""

_FOLDER: Final = f"(rtrim(folder, '{os.sep}') || '{os.sep}')"
_ORDER: Final = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_OPERATORS: Final = ("$eq", "$ne", *_ORDER, "$in", "$nin", "$contains", "$exists")
_LOGIC: Final = ("$and", "$or", "$not")


def compile_filter(where: Where | None) -> Condition:
    """The condition that a filter stands for; EVERYTHING for None and for a filter that asks for nothing.

    Raises UnsupportedParameter for an operator that does not exist, ConfigError for a value that cannot
    be compared.
    """
    if where is None:
        return EVERYTHING
    asked = as_filter(where)
    writer = _Writer()
    parts = [
        *writer.of_files(asked.paths, writer.glob),
        *writer.of_files(asked.folders, writer.below),
        *writer.of_files(asked.suffixes, writer.ends_in),
    ]
    for operator, moment in ((">=", asked.modified_after), ("<=", asked.modified_before)):
        if moment is not None:
            parts.append(f"mtime_ns {operator} {writer.parameter(_nanoseconds(moment))}")
    if asked.metadata:
        parts.append(writer.all_of(asked.metadata))
    return Condition(" AND ".join(parts), writer.parameters) if parts else EVERYTHING


class _Writer:
    """Writes conditions; the values in them become parameters."""

    def __init__(self) -> None:
        self.parameters: dict[str, object] = {}

    def parameter(self, value: object) -> str:
        name = f"filter{len(self.parameters)}"
        self.parameters[name] = value
        return f":{name}"

    def of_files(self, values: Sequence[Any], write: Callable[[Any], str]) -> list[str]:
        """One condition that one of the values holds, or none where there are no values."""
        return [f"(kind = 'file' AND ({' OR '.join(map(write, values))}))"] if values else []

    def glob(self, pattern: str) -> str:
        native = str(pattern).replace("/", os.sep)
        is_whole = Path(native).is_absolute() or native.startswith("*")
        return f"path GLOB {self.parameter(native if is_whole else f'*{os.sep}{native}')}"

    def below(self, folder: str | Path) -> str:
        path = str(Path(folder).expanduser().absolute())
        inside = path if path.endswith(os.sep) else path + os.sep
        # Not GLOB: a folder's name may hold what a glob gives a meaning.
        return f"(path = {self.parameter(path)} OR {self._cut('substr(path, 1, {length})', inside)})"

    def ends_in(self, suffix: str) -> str:
        return self._cut("lower(substr(path, -{length}))", f".{suffix.lower().removeprefix('.')}")

    def _cut(self, expression: str, value: str) -> str:
        return f"{expression.format(length=len(value))} = {self.parameter(value)}"

    def all_of(self, metadata: Mapping[str, Any]) -> str:
        parts = [
            self._logic(name, asked) if name in _LOGIC else self._field(name, asked)
            for name, asked in _entries(metadata)
        ]
        return f"({' AND '.join(parts)})"

    def _logic(self, operator: str, asked: Any) -> str:
        if operator == "$not":
            return f"NOT {self.all_of(asked)}"
        if isinstance(asked, (str, Mapping)) or not isinstance(asked, Sequence) or not asked:
            raise ConfigError(f"{operator} of a filter takes a list of filters, not {asked!r}")
        return f"({f' {operator[1:].upper()} '.join(map(self.all_of, asked))})"

    def _field(self, name: str, asked: Any) -> str:
        if name.startswith("$"):
            _refuse(name)
        if json.dumps(name, ensure_ascii=False) != f'"{name}"':
            raise ConfigError(
                f"a filter cannot name {name!r}: quotes, backslashes and line ends are not possible"
            )
        field_ = _Field(name, self.parameter(f'$."{name}"'))
        operators = asked if isinstance(asked, Mapping) else {"$eq": asked}
        return f"({' AND '.join(self._leaf(field_, *entry) for entry in _entries(operators))})"

    def _leaf(self, asked: "_Field", operator: str, value: Any) -> str:
        """One comparison, 1 or 0 and never NULL, so that it can be turned round."""
        sought = operator
        match operator:
            case "$eq" | "$ne":
                found = self._is_among(asked, operator, [value])
            case "$in" | "$nin":
                if isinstance(value, str) or not isinstance(value, Sequence):
                    raise ConfigError(f"{operator} of {asked.name!r} takes a list, not {value!r}")
                found = self._is_among(asked, operator, value)
            case "$contains":
                each = _Field(asked.name, asked.place, "each.value", "each.type")
                holds = self._is_among(each, operator, [value])
                found = (
                    f"kind = 'text' AND json_type(metadata, {asked.place}) = 'array'"  # noqa: S608 - constants, and values as parameters
                    f" AND EXISTS (SELECT 1 FROM json_each(metadata, {asked.place}) AS each WHERE {holds})"
                )
            case "$exists":
                if not isinstance(value, bool):
                    raise ConfigError(f"$exists of {asked.name!r} takes true or false, not {value!r}")
                found = f"{asked.kind} <> 'null' AND {asked.value} <> '[]'"
                operator = "$eq" if value else "$ne"
            case _ if operator in _ORDER:
                _check_comparable(asked.name, operator, value)
                if isinstance(value, bool):
                    raise ConfigError(f"{operator} of {asked.name!r} takes text or a number, not {value!r}")
                kinds = "('text')" if isinstance(value, str) else "('integer', 'real')"
                found = (
                    f"{asked.kind} IN {kinds} AND {asked.value} {_ORDER[operator]} {self.parameter(value)}"
                )
            case _:
                _refuse(operator)
        if asked.name == "collection" and sought not in _ORDER:
            found = f"({found}) OR {self._is_collected(sought, value)}"
        return f"coalesce({'NOT ' if operator in ('$ne', '$nin') else ''}coalesce({found}, 0), 0)"

    def _is_collected(self, operator: str, value: Any) -> str:
        """Whether the passage's file is in a folder of these collections; "$exists" asks for any."""
        names = value if operator in ("$in", "$nin") else [value]
        named = f"name IN (SELECT value FROM json_each({self.parameter(json.dumps(names))}))"  # noqa: S608 - constants, and values as parameters
        return (
            "file_id IN (SELECT held.id FROM files AS held JOIN collections"  # noqa: S608 - see above
            f" ON substr(held.path, 1, length({_FOLDER})) = {_FOLDER}"
            f" WHERE held.kind = 'file' AND {'1' if operator == '$exists' else named})"
        )

    def _is_among(self, asked: "_Field", operator: str, values: Sequence[Any]) -> str:
        for value in values:
            _check_comparable(asked.name, operator, value)
        flags = [str(value).lower() for value in values if isinstance(value, bool)]
        others = [value for value in values if not isinstance(value, bool)]
        return (
            f"({asked.kind} IN (SELECT value FROM json_each({self.parameter(json.dumps(flags))}))"  # noqa: S608 - constants, and values as parameters
            f" OR {asked.kind} IN ('text', 'integer', 'real')"
            f" AND {asked.value} IN (SELECT value FROM json_each({self.parameter(json.dumps(others))})))"
        )


class _Field:
    """What a passage has under a name: SQL for its value and for its type in the words of JSON.

    place: the parameter that holds where it is in a text's metadata.
    """

    def __init__(self, name: str, place: str, value: str = "", kind: str = "") -> None:
        self.name, self.place = name, place
        of_file = _OF_FILES.get(name, "NULL")
        self.value = value or f"iif(kind = 'text', json_extract(metadata, {place}), {of_file})"
        self.kind = kind or f"iif(kind = 'text', json_type(metadata, {place}), typeof({of_file}))"


def _check_comparable(name: str, operator: str, value: Any) -> None:
    """Raise ConfigError for a value that no metadata can be equal to."""
    if not isinstance(value, (str, int, float)) or value != value:  # noqa: PLR0124 - only NaN differs from itself
        raise ConfigError(
            f"{operator} of {name!r} in a filter takes text, a number, true or false, not {value!r}"
        )


def _entries(mapping: Any) -> Sequence[tuple[str, Any]]:
    if not isinstance(mapping, Mapping) or not mapping or not all(isinstance(name, str) for name in mapping):
        raise ConfigError(f"{mapping!r} in a filter is no mapping of names; give {{'name': value}}")
    return list(mapping.items())


def _refuse(operator: str) -> None:
    known = ", ".join((*_OPERATORS, *_LOGIC))
    raise UnsupportedParameter(f"a filter has no operator {operator!r}; it has {known}")


def _nanoseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000) * 1_000
