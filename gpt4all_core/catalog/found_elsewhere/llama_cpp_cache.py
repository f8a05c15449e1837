"""llama.cpp's cache: `owner_repository_file.gguf` side by side, and manifests that tell the three apart.

Since 2026 its programs use the layout of Hugging Face's cache, also in the folder that LLAMA_CACHE names.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from gpt4all_core.catalog.found_elsewhere.gguf_files import model_files
from gpt4all_core.catalog.found_elsewhere.hugging_face import files_in_cache
from gpt4all_core.catalog.found_elsewhere.kept_file import KeptFile

PROGRAM = "llama.cpp"


def kept_files(repository: str | None = None) -> Iterator[KeptFile]:
    """All of them, or those of one repository of the Hub."""
    cache = _cache()
    known = _from_manifests(cache)
    prefix = None if repository is None else flat_name(repository, "")
    for path in model_files(cache):
        if path.parent != cache:
            continue
        origin = known.get(path.name)
        if prefix is None:
            origin_repository, file_name = origin or (None, path.name)
            yield KeptFile(path, PROGRAM, file_name, cache, repository=origin_repository)
        elif path.name.startswith(prefix) and (origin is None or origin[0] == repository):
            yield KeptFile(path, PROGRAM, path.name.removeprefix(prefix), cache, repository=repository)
    yield from files_in_cache(cache, PROGRAM, repository)


def flat_name(repository: str, file_name: str) -> str:
    """What a repository's file is called in the cache; folders on its way become part of the name."""
    return f"{repository}_{file_name}".replace("/", "_")


def _from_manifests(cache: Path) -> Mapping[str, tuple[str, str]]:
    """Repository and file by the name in the cache, as `manifest=OWNER=REPOSITORY=TAG.json` tell them."""
    known: dict[str, tuple[str, str]] = {}
    try:
        manifests = sorted(cache.glob("manifest=*.json"))
    except OSError:
        return known
    for manifest in manifests:
        parts = manifest.stem.split("=")
        file_name = _model_file(manifest)
        if len(parts) == 4 and file_name is not None:
            repository = f"{parts[1]}/{parts[2]}"
            known[flat_name(repository, file_name)] = (repository, file_name)
    return known


def _model_file(manifest: Path) -> str | None:
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        name = content["ggufFile"]["rfilename"]
    except (OSError, ValueError, KeyError, TypeError):  # of another version, or half written
        return None
    return name if isinstance(name, str) else None


def _cache() -> Path:
    if cache := os.environ.get("LLAMA_CACHE"):
        return Path(cache).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "llama.cpp"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "llama.cpp"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base).expanduser() if base else Path.home() / ".cache") / "llama.cpp"
