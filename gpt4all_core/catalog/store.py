"""Which model files are on this disk: ours, and those that other programs already fetched."""

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from gpt4all_core.catalog.entry import BundledSource, FileSource, HuggingFaceSource, ModelEntry, PackageSource
from gpt4all_core.catalog.reference import HuggingFaceReference, choose_files
from gpt4all_core.config import resolve_settings
from gpt4all_core.errors import ModelNotFound


def models_folder() -> Path:
    """Where this project keeps the models it fetches; the folder may not exist yet."""
    return resolve_settings().home / "models"


def copies_folder() -> Path:
    """Where copies of models in another type are kept; they may be removed at any time, and are made anew."""
    return resolve_settings().home / "copies"


def hugging_face_folder(repository: str) -> Path:
    """Where files fetched by an `hf:` reference are kept: repositories share file names."""
    return models_folder() / "hf" / repository.replace("/", "--")


def installed_path(entry: ModelEntry) -> Path | None:
    """Where the entry's file is on this disk, or None.

    Looked for in our own folder, in those of other programs (there only a file of exactly the
    catalog's size counts), in the Hugging Face cache, and in installed packages.
    """
    own = models_folder() / entry.file_name
    if own.is_file():
        return own
    for path in _kept_by_others(entry.file_name):
        if path.stat().st_size == entry.size_bytes:
            return path
    return _path_at_source(entry)


def find_file(file_name: str) -> Path | None:
    """A model file of this name in our own folder or in another program's."""
    own = models_folder() / file_name
    return own if own.is_file() else next(_kept_by_others(file_name), None)


def find_hugging_face(reference: HuggingFaceReference) -> Path | None:
    """The first file of an `hf:` reference in our own folder or the Hugging Face cache, or None."""
    own = hugging_face_folder(reference.repository)
    for folder in (own, *_snapshots(reference.repository)):
        names = [path.relative_to(folder).as_posix() for path in _models_below(folder)]
        try:
            return folder / choose_files(names, reference)[0]
        except ModelNotFound:
            continue  # The repository may have it nevertheless; only a download can tell.
    return None


def files_on_disk() -> tuple[Path, ...]:
    """Every .gguf file in our own folder and in GPT4All's, in alphabetical order."""
    folders = (models_folder(), *gpt4all_folders())
    return tuple(sorted({path for folder in folders for path in _models_below(folder)}))


def _models_below(folder: Path) -> Iterator[Path]:
    """Every .gguf file in a folder, save in hidden ones, where downloads lie until they are verified."""
    for path in folder.rglob("*.gguf"):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not is_hidden and path.is_file():
            yield path


def _path_at_source(entry: ModelEntry) -> Path | None:
    source = entry.source
    if isinstance(source, BundledSource):
        return _package_file("gpt4all_core", f"models/{entry.file_name}")
    if isinstance(source, PackageSource):
        return _package_file(source.package, entry.file_name)
    if isinstance(source, FileSource):
        path = source.path.expanduser()
        return path if path.is_file() else None
    if isinstance(source, HuggingFaceSource):
        candidates = (folder / entry.file_name for folder in _snapshots(source.repository))
        return next((path for path in candidates if path.is_file()), None)
    return None


def _package_file(package: str, name: str) -> Path | None:
    """A file inside an installed package; the package's own code is not run."""
    # importlib.resources.files would import the package, and with it all that the package imports.
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / name
    return path if path.is_file() else None


def _kept_by_others(file_name: str) -> Iterator[Path]:
    home = Path.home()
    for folder in gpt4all_folders():
        if (folder / file_name).is_file():
            yield folder / file_name
    for folder in (home / ".lmstudio" / "models", home / ".cache" / "lm-studio" / "models"):
        yield from sorted(path for path in folder.glob("*/*/*.gguf") if path.name == file_name)


def gpt4all_folders() -> Iterator[Path]:
    """Where GPT4All's Python bindings and its desktop program keep models."""
    home = Path.home()
    yield home / ".cache" / "gpt4all"
    if sys.platform == "darwin":
        yield home / "Library" / "Application Support" / "nomic.ai" / "GPT4All"
    elif sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        yield (Path(local) if local else home / "AppData" / "Local") / "nomic.ai" / "GPT4All"
    else:
        yield home / ".local" / "share" / "nomic.ai" / "GPT4All"


def _snapshots(repository: str) -> Iterator[Path]:
    """The repository's snapshots in the Hugging Face cache, that of `main` first.

    The layout is described at
    https://huggingface.co/docs/huggingface_hub/guides/manage-cache; reading it here needs
    neither the hub's client nor the network.
    """
    folder = _hugging_face_cache() / f"models--{repository.replace('/', '--')}"
    reference = folder / "refs" / "main"
    snapshots = sorted((folder / "snapshots").glob("*"))
    main = reference.read_text(encoding="utf-8").strip() if reference.is_file() else ""
    yield from sorted(snapshots, key=lambda snapshot: snapshot.name != main)


def _hugging_face_cache() -> Path:
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache).expanduser()
    if home := os.environ.get("HF_HOME"):
        return Path(home).expanduser() / "hub"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base).expanduser() if base else Path.home() / ".cache") / "huggingface" / "hub"
