"""The cache of Hugging Face's clients: `models--owner--repository/snapshots/COMMIT/file`.

The layout is described at https://huggingface.co/docs/huggingface_hub/guides/manage-cache; reading it
needs neither the client nor the network. Recent versions of llama.cpp keep what they fetch there too.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from gpt4all_core.catalog.found_elsewhere.gguf_files import model_files
from gpt4all_core.catalog.found_elsewhere.kept_file import KeptFile

PROGRAM = "Hugging Face"
_PREFIX = "models--"


def kept_files(repository: str | None = None) -> Iterator[KeptFile]:
    """All of them, or those of one repository of the Hub; what `main` points to comes first."""
    yield from files_in_cache(_cache(), PROGRAM, repository)


def files_in_cache(cache: Path, program: str, repository: str | None) -> Iterator[KeptFile]:
    """The models of a folder in this layout."""
    for folder in _repositories(cache, repository):
        name = folder.name.removeprefix(_PREFIX).replace("--", "/", 1)
        for snapshot in _snapshots(folder):
            for path in model_files(snapshot):
                file_name = path.relative_to(snapshot).as_posix()
                yield KeptFile(path, program, file_name, snapshot, repository=name)


def _repositories(cache: Path, repository: str | None) -> list[Path]:
    if repository is not None:
        return [cache / f"{_PREFIX}{repository.replace('/', '--')}"]
    try:
        return sorted(cache.glob(f"{_PREFIX}*--*"))
    except OSError:
        return []


def _snapshots(folder: Path) -> list[Path]:
    try:
        snapshots = sorted((folder / "snapshots").iterdir())
    except OSError:
        return []
    try:
        main = (folder / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):  # fetched by commit, or half written: all are alike
        main = ""
    return sorted(snapshots, key=lambda snapshot: snapshot.name != main)


def _cache() -> Path:
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if cache := os.environ.get(variable):
            return Path(os.path.expandvars(cache)).expanduser()
    if home := os.environ.get("HF_HOME"):
        return Path(os.path.expandvars(home)).expanduser() / "hub"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base).expanduser() if base else Path.home() / ".cache") / "huggingface" / "hub"
