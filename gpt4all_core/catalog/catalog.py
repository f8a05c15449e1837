"""The models that are known by name: this project's, and those of the user's own catalog."""

import difflib
import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gpt4all_core.catalog.catalog_file import read_catalogs
from gpt4all_core.catalog.entry import ModelEntry, Role
from gpt4all_core.catalog.found_elsewhere import ollama
from gpt4all_core.catalog.found_elsewhere.kept_file import KeptFile
from gpt4all_core.catalog.memory import memory_needed
from gpt4all_core.config import config_file, resolve_settings
from gpt4all_core.errors import ModelNotFound

SHARE_OF_MEMORY = 0.7
"""How much of a machine's memory a recommended model may need; the rest is for other programs."""

MOST_PARAMETERS = 9_000_000_000
"""A larger model is not recommended unasked: it may fit, yet be slow without a graphics card. 8B at
four bits was reported at 11 to 14 tokens/s on a Ryzen 7950X; twice the size writes half as fast."""

_TYPO = 0.9
"""How alike two names are that differ by a slip of the fingers, of a letter or two."""

_QUANTISED = re.compile(r"[-_.](?:i?q\d+(?:_\w+)*|b?f16|fp16|f32|mxfp4)$")
"""How a file's name ends that says in which quantisation it is, in lower case and without `.gguf`."""


def list_models(*, role: Role | None = None) -> tuple[ModelEntry, ...]:
    """All models of the catalog, or those of one role; the starter models come first.

    Raises ConfigError, naming file, entry and field, where the user's own catalog is wrong.
    """
    models = _catalog().models
    return models if role is None else tuple(model for model in models if model.role == role)


def find(reference: str) -> ModelEntry:
    """The entry with this name, title, alias or file name, in any case.

    Raises ModelNotFound, whose message and `near_misses` hold names that look like it.
    """
    entry = find_or_none(reference)
    if entry is None:
        raise not_found(reference, near_misses(reference))
    return entry


def find_or_none(reference: str) -> ModelEntry | None:
    """The same, with None for a reference that is not in the catalog."""
    return _catalog().by_reference.get(reference.casefold())


def find_for_file(path: Path) -> ModelEntry | None:
    """What is known of a file's model, from its name: the file's entry, or another quantisation's.

    From that only what holds for any file of the model: prefixes, vector lengths, licence, and a chat
    template for files without one. Its size, hash and quantisation are None. A file of Ollama's, which
    has a hash for a name, is known by what Ollama calls it.
    """
    entry = find_or_none(path.name)
    if entry is not None:
        return entry
    kept = ollama.find_by_path(path)
    other = _catalog().by_stem.get(_stem(path.name)) if kept is None else _named_by_ollama(kept)
    if other is None:
        return None
    template = other.template and other.template.model_copy(update={"replaces_own": False})
    unknown = dict.fromkeys(("size_bytes", "sha256", "md5", "quantisation"))
    return other.model_copy(update={**unknown, "file_name": path.name, "template": template})


def model_name(path: Path) -> str:
    """What the model of a file is called in the catalog, else by Ollama, else its name without ending."""
    entry = find_or_none(path.name)
    if entry is not None:
        return entry.name
    kept = ollama.find_by_path(path)
    return path.stem if kept is None else kept.name


def near_misses(reference: str) -> tuple[str, ...]:
    """Up to three names of the catalog that look like this one, the nearest first."""
    entries, wanted = _catalog().by_reference, reference.casefold()
    matches = difflib.get_close_matches(wanted, entries, n=6, cutoff=0.6)
    is_typo = any(
        match.startswith(wanted) or difflib.SequenceMatcher(None, wanted, match).ratio() > _TYPO
        for match in matches
    )
    if not is_typo:
        # With something more behind it, as in qwen3-4b-instruct, a name is nearer than all that ends alike.
        begun = (known for known in entries if wanted.startswith(f"{known}-"))
        matches[:0] = sorted(begun, key=len, reverse=True)[:1]
    return tuple(dict.fromkeys(entries[match].name for match in matches))[:3]


def not_found(
    reference: str, near: Sequence[str], *, told: Sequence[str] = (), hint: str = ""
) -> ModelNotFound:
    """The error for a reference that names nothing, with what to do about it.

    near: names that look like it. told: the same as people are told them, where that is more than a name.
    hint: a sentence on what else it may mean.
    """
    advice = f"did you mean {' or '.join(told or near)}? " if near else ""
    no_file = ", and no file here or in the models' folders" if reference.endswith(".gguf") else ""
    return ModelNotFound(
        f"no model is called {reference!r}{no_file}; {advice}{hint}gpt4all models list --all shows all names,"
        " and a path to a .gguf file or hf:owner/repo works too",
        near_misses=near,
    )


def better_model(memory_bytes: int) -> ModelEntry | None:
    """The chat model to name where this much memory is all that is known, or None.

    The rule: of the chat models that the catalog recommends, with at most nine billion parameters and a
    memory need of at most 70 % of the machine's, the one with the most parameters; of equals the one
    that is listed first. It is what `recommend` names first where nothing is measured: that takes
    seconds, and this stands in notes and messages.
    """
    recommended = (
        entry
        for entry in list_models(role="chat")
        if entry.is_recommended and (entry.parameters or 0) <= MOST_PARAMETERS
    )
    return largest_fitting(recommended, memory_bytes=memory_bytes)


def largest_fitting(entries: Iterable[ModelEntry], *, memory_bytes: int) -> ModelEntry | None:
    """The entry with the most parameters that fits; demonstrations and retired ones never do."""
    limit = SHARE_OF_MEMORY * memory_bytes
    fitting: Sequence[ModelEntry] = [
        entry
        for entry in entries
        if not entry.is_demonstration
        and entry.retired is None
        and (needed := memory_needed(entry)) is not None
        and needed <= limit
    ]
    return max(fitting, key=lambda entry: entry.parameters or 0, default=None)


def user_catalog() -> Path | None:
    """The file with the user's own entries: the setting `catalog`, else `catalog.json` beside the config."""
    setting = resolve_settings().catalog
    if setting is not None:
        return setting
    beside = config_file().with_name("catalog.json")
    return beside if beside.is_file() else None


@dataclass(frozen=True, slots=True)
class _Catalog:
    models: tuple[ModelEntry, ...]
    by_reference: Mapping[str, ModelEntry]
    by_stem: Mapping[str, ModelEntry]


def _catalog() -> _Catalog:
    return _read(user_catalog())


@functools.cache
def _read(own: Path | None) -> _Catalog:
    """Files are read once by a process: what a model is called must not change under its feet."""
    models, users = read_catalogs(own)
    by_reference: dict[str, ModelEntry] = {}
    by_stem: dict[str, ModelEntry] = {}
    for entry in (*users, *models):  # the user's names win
        by_stem.setdefault(_stem(entry.file_name), entry)
        for reference in entry.references:
            by_reference.setdefault(reference.casefold(), entry)
    return _Catalog(models, by_reference, by_stem)


def _named_by_ollama(kept: KeptFile) -> ModelEntry | None:
    """The entry that has a name of Ollama's among its aliases, which leave `latest` out."""
    return find_or_none(kept.name) or find_or_none(kept.name.removesuffix(":latest"))


def _stem(file_name: str) -> str:
    return _QUANTISED.sub("", file_name.casefold().removesuffix(".gguf"))
