"""Which model files are on this disk: ours, and those that other programs already fetched."""

import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from gpt4all_core.catalog.entry import BundledSource, FileSource, HuggingFaceSource, ModelEntry, PackageSource
from gpt4all_core.catalog.found_elsewhere import ollama
from gpt4all_core.catalog.found_elsewhere.gguf_files import model_files
from gpt4all_core.catalog.found_elsewhere.kept_file import KeptFile
from gpt4all_core.catalog.found_elsewhere.llama_cpp_cache import flat_name
from gpt4all_core.catalog.found_elsewhere.programs import kept_elsewhere
from gpt4all_core.catalog.reference import HuggingFaceReference, choose_files
from gpt4all_core.config import APPLICATION, resolve_settings
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


def installed_path(entry: ModelEntry, *, among: Sequence[KeptFile] | None = None) -> Path | None:
    """Where the entry's file is on this disk, or None.

    Looked for in our own folder, in those of other programs, and in installed packages. A file of
    another program counts if its hash is the catalog's, if it has the catalog's name and size, or if it
    has that name and comes from the entry's own repository.

    among: what other programs keep, for who asks about many entries; None looks it up.
    """
    own = models_folder() / entry.file_name
    if own.is_file():
        return own
    at_source = _path_at_source(entry)
    if at_source is not None:
        return at_source
    kept_files = kept_elsewhere() if among is None else among
    return next((kept.path for kept in kept_files if _is_entrys(kept, entry)), None)


def find_file(file_name: str) -> Path | None:
    """A model file of this name in our own folder or in another program's."""
    own = models_folder() / file_name
    if own.is_file():
        return own
    return next((kept.path for kept in kept_elsewhere() if Path(kept.file_name).name == file_name), None)


def find_named(name: str) -> KeptFile | None:
    """The model that another program calls by a name of its own, as Ollama's `llama3.2:3b`, or None."""
    return ollama.find_by_name(name)


def find_same_model(entry: ModelEntry) -> KeptFile | None:
    """A model on this disk that one of the entry's names means to its program, in a file of its own."""
    found = (ollama.find_by_name(reference) for reference in entry.references)
    return next((kept for kept in found if kept is not None), None)


def find_hugging_face(reference: HuggingFaceReference) -> Path | None:
    """The first file of an `hf:` reference in our own folder or another program's, or None."""
    own = hugging_face_folder(reference.repository)
    ours = (_own_file(path, own) for path in model_files(own))
    for files in _by_root([*ours, *kept_elsewhere(reference.repository)]):
        try:
            return files[choose_files(files, reference, has_parts=False)[0]]
        except ModelNotFound:
            continue  # The repository may have it nevertheless; only a download can tell.
    return None


def files_on_disk() -> tuple[KeptFile, ...]:
    """Every model file in our own folder and in those of other programs, ours first."""
    folder = models_folder()
    return (*(_own_file(path, folder) for path in model_files(folder)), *kept_elsewhere())


def _own_file(path: Path, folder: Path) -> KeptFile:
    return KeptFile(path, APPLICATION, path.relative_to(folder).as_posix(), folder)


def _by_root(kept_files: Iterable[KeptFile]) -> Iterator[dict[str, Path]]:
    """Files by name, those that belong together; one from another commit is no part of a split model."""
    groups: dict[Path, dict[str, Path]] = {}
    for kept in kept_files:
        groups.setdefault(kept.root, {})[kept.file_name] = kept.path
    yield from groups.values()


def _is_entrys(kept: KeptFile, entry: ModelEntry) -> bool:
    if kept.sha256 is not None and kept.sha256 == entry.sha256:
        return True
    source = entry.source
    repository = source.repository if isinstance(source, HuggingFaceSource) else None
    name = Path(kept.file_name).name
    if name != entry.file_name and (repository is None or name != flat_name(repository, entry.file_name)):
        return False
    if kept.repository is not None and kept.repository == repository:
        return True
    try:
        return kept.path.stat().st_size == entry.size_bytes
    except OSError:  # removed meanwhile
        return False


def _path_at_source(entry: ModelEntry) -> Path | None:
    source = entry.source
    if isinstance(source, BundledSource):
        return _package_file("gpt4all_core", f"models/{entry.file_name}")
    if isinstance(source, PackageSource):
        return _package_file(source.package, entry.file_name)
    if isinstance(source, FileSource):
        path = source.path.expanduser()
        return path if path.is_file() else None
    return None


def _package_file(package: str, name: str) -> Path | None:
    """A file inside an installed package; the package's own code is not run."""
    # importlib.resources.files would import the package, and with it all that the package imports.
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / name
    return path if path.is_file() else None
