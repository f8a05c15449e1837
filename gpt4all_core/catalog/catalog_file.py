"""Catalog files: how they are read, checked and merged."""

import importlib.resources
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from gpt4all_core.catalog.entry import ModelEntry
from gpt4all_core.errors import ConfigError


class _CatalogFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    models: tuple[ModelEntry, ...]


def read_catalogs(own: Path | None) -> tuple[tuple[ModelEntry, ...], tuple[ModelEntry, ...]]:
    """All models, and those of them that are in the user's file.

    A model of the user's file stands in for one of the same name; others follow at the end. It may name
    licences of this project's catalog by their ids.
    Raises ConfigError, naming the file, the entry and the field, for what is no catalog.
    """
    resource = importlib.resources.files("gpt4all_core.catalog") / "models.json"
    shipped = _parsed(resource.read_text(encoding="utf-8"), "models.json")
    models = _entries(shipped, {}, "models.json")
    if own is None:
        return models, ()
    try:
        text = own.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the catalog {own} cannot be read: {error}; mend it or unset GPT4ALL_CATALOG"
        ) from error
    users = _entries(_parsed(text, str(own)), shipped["licences"], str(own))
    return _merged(models, users), users


def _merged(models: Sequence[ModelEntry], users: Sequence[ModelEntry]) -> tuple[ModelEntry, ...]:
    by_name = {entry.name: entry for entry in models}
    return tuple({**by_name, **{entry.name: entry for entry in users}}.values())


def _parsed(text: str, file: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"the catalog {file} is no JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("models"), list):
        raise ConfigError(f'the catalog {file} is not of the form {{"models": [...], "licences": {{...}}}}')
    unknown = content.keys() - {"models", "licences"}
    if unknown:
        raise ConfigError(
            f"the catalog {file} has {', '.join(sorted(unknown))}; it may have models and licences"
        )
    return content


def _entries(content: dict[str, Any], more_licences: dict[str, Any], file: str) -> tuple[ModelEntry, ...]:
    licences = {**more_licences, **content.get("licences", {})}
    raw = [_with_licence(entry, licences, file) for entry in content["models"]]
    try:
        # Read as JSON, where strictness leaves lists for tuples.
        models = _CatalogFile.model_validate_json(json.dumps({"models": raw})).models
    except ValidationError as error:
        raise ConfigError(_explained(error, raw, file)) from error
    names = [entry.name for entry in models]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"the catalog {file} has {name} twice; give each entry a name of its own")
    return models


def _with_licence(entry: Any, licences: dict[str, Any], file: str) -> Any:
    """The entry with the whole of its licence in place of the licence's id."""
    if not isinstance(entry, dict) or not isinstance(identifier := entry.get("licence"), str):
        return entry
    if identifier not in licences:
        known = ", ".join(sorted(licences))
        raise ConfigError(
            f"the catalog {file}, entry {entry.get('name')!r}, licence: {identifier!r} is not known;"
            f" describe it under licences, or take one of {known}"
        )
    return {**entry, "licence": {"id": identifier, **licences[identifier]}}


def _explained(error: ValidationError, raw: Sequence[Any], file: str) -> str:
    first, *others = error.errors()
    _, number, *field = first["loc"]
    entry = raw[int(number)]
    name = entry.get("name") if isinstance(entry, dict) else None
    which = repr(name) if name else f"number {int(number) + 1}"
    where = ".".join(str(part) for part in field)
    more = f" (and {len(others)} more)" if others else ""
    complaint = first["msg"].removeprefix("Value error, ")
    return f"the catalog {file}, entry {which}{f', {where}' if where else ''}: {complaint}{more}"
