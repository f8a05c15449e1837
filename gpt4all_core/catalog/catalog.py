"""The models this project knows by name."""

import difflib
import functools
import importlib.resources
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from gpt4all_core.catalog.entry import ModelEntry, Role
from gpt4all_core.errors import ModelNotFound

SHARE_OF_MEMORY = 0.7
"""How much of a machine's memory a recommended model may need; the rest is for other programs."""

MOST_PARAMETERS = 9_000_000_000
"""A larger model is not recommended unasked: it may fit, yet be slow without a graphics card. 8B at
four bits was reported at 11 to 14 tokens/s on a Ryzen 7950X; twice the size writes half as fast."""


class _Catalog(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    models: tuple[ModelEntry, ...]


def list_models(*, role: Role | None = None) -> tuple[ModelEntry, ...]:
    """All models of the catalog, or those of one role; the starter models come first."""
    models = _load().models
    return models if role is None else tuple(model for model in models if model.role == role)


def find(reference: str) -> ModelEntry:
    """The entry with this name, alias or file name, in any case.

    Raises ModelNotFound, whose message and `near_misses` hold names that look like it.
    """
    entry = find_or_none(reference)
    if entry is None:
        raise not_found(reference)
    return entry


def find_or_none(reference: str) -> ModelEntry | None:
    """The same, with None for a reference that is not in the catalog."""
    wanted = reference.casefold()
    for entry in _load().models:
        if any(wanted == name.casefold() for name in entry.references):
            return entry
    return None


def model_name(path: Path) -> str:
    """What the model of a file is called in the catalog, or the file's name without its ending."""
    entry = find_or_none(path.name)
    return entry.name if entry else path.stem


def near_misses(reference: str) -> tuple[str, ...]:
    """Up to three names of the catalog that look like this one, the nearest first."""
    names = {name.casefold(): entry.name for entry in _load().models for name in entry.references}
    matches = difflib.get_close_matches(reference.casefold(), names, n=6, cutoff=0.6)
    return tuple(dict.fromkeys(names[match] for match in matches))[:3]


def not_found(reference: str) -> ModelNotFound:
    """The error for a reference that names nothing, with what to do about it."""
    near = near_misses(reference)
    advice = f"did you mean {' or '.join(near)}? " if near else ""
    no_file = ", and no file here or in the models' folders" if reference.endswith(".gguf") else ""
    return ModelNotFound(
        f"no model is called {reference!r}{no_file}; {advice}gpt4all models list shows all names,"
        " and a path to a .gguf file or hf:owner/repo works too",
        near_misses=near,
    )


def better_model(memory_bytes: int) -> ModelEntry | None:
    """The chat model to recommend for a machine with this much memory, or None.

    The rule: of the chat models that are no demonstration, may be used commercially at least
    under conditions, have at most nine billion parameters, and state a memory need of at most
    70 % of the machine's, the one with the most parameters; of equals the one that the catalog
    lists first.
    """
    candidates = (
        entry
        for entry in list_models(role="chat")
        if entry.commercial_use in ("yes", "conditions") and (entry.parameters or 0) <= MOST_PARAMETERS
    )
    return largest_fitting(candidates, memory_bytes=memory_bytes)


def largest_fitting(entries: Iterable[ModelEntry], *, memory_bytes: int) -> ModelEntry | None:
    """The entry with the most parameters whose stated memory need fits; demonstrations never do."""
    fitting: Sequence[ModelEntry] = [
        entry
        for entry in entries
        if entry.memory_bytes is not None
        and entry.memory_bytes <= SHARE_OF_MEMORY * memory_bytes
        and not entry.is_demonstration
    ]
    return max(fitting, key=lambda entry: entry.parameters or 0, default=None)


@functools.cache
def _load() -> _Catalog:
    resource = importlib.resources.files("gpt4all_core.catalog") / "models.json"
    return _Catalog.model_validate_json(resource.read_bytes())
