"""LoRA adapters on this disk, by name."""

import difflib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gpt4all_core.catalog.found_elsewhere.gguf_files import gguf_files
from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.gguf_header import GGUFHeader
from gpt4all_core.catalog.store import models_folder
from gpt4all_core.config import resolve_settings
from gpt4all_core.errors import ModelLoadError, ModelNotFound

_ENDING = ".gguf"


@dataclass(frozen=True, slots=True)
class AdapterFile:
    """One adapter; None for what its file does not say.

    name: the file's, without its ending. base_model: what it was trained on, in its maker's words.
    architecture: that of every model that it may fit to.
    """

    name: str
    path: Path
    size_bytes: int
    architecture: str | None
    base_model: str | None


def adapters_folder() -> Path:
    """Where to put the files of adapters, to name them; the folder may not exist yet."""
    return resolve_settings().home / "adapters"


def list_adapters() -> tuple[AdapterFile, ...]:
    """The adapters in `adapters_folder` and among this project's models, by name; one of a kind.

    Reads the headers of all files there, some milliseconds each. Files that are no adapters are left out:
    `adapter_faults` says why.
    """
    found: dict[str, AdapterFile] = {}
    for path, header in _adapters():
        found.setdefault(
            path.stem,
            AdapterFile(
                name=path.stem,
                path=path,
                size_bytes=header.file_bytes,
                architecture=header.architecture,
                base_model=header.text("general.base_model.0.name") or header.text("general.basename"),
            ),
        )
    return tuple(sorted(found.values(), key=lambda adapter: adapter.name))


def adapter_faults() -> tuple[str, ...]:
    """Why files in `adapters_folder` are not among `list_adapters`: each names its file."""
    faults = []
    for path in gguf_files(adapters_folder()):
        try:
            if not _is_adapter(read_header(path)):
                faults.append(f"{path} is no LoRA adapter; models belong into {models_folder()}")
        except ModelLoadError as error:
            faults.append(str(error))
    return tuple(faults)


def resolve_adapter(reference: str | Path) -> Path:
    """The file of an adapter: a path, or the name of one that `list_adapters` has, in any case.

    A path is returned as it is, also where there is no file. Raises ModelNotFound for a name that no
    adapter has, with those that look like it.
    """
    path = Path(reference).expanduser()
    named = str(reference)
    if isinstance(reference, Path) or path.is_file() or os.sep in named or "/" in named:
        return path
    wanted = named.removesuffix(_ENDING).casefold()
    for found, _ in _adapters(wanted):
        return found
    if named.endswith(_ENDING):
        return path
    names = [adapter.name for adapter in list_adapters()]
    near = tuple(difflib.get_close_matches(named, names, n=3))
    advice = f"did you mean {' or '.join(near)}? " if near else ""
    raise ModelNotFound(
        f"no adapter is called {named!r}; {advice}put its file into {adapters_folder()}, or give a path;"
        " gpt4all models adapters shows those that are there",
        near_misses=near,
    )


def _adapters(name: str | None = None) -> Iterator[tuple[Path, GGUFHeader]]:
    """All, or those of one name in lower case."""
    for folder in (adapters_folder(), models_folder()):
        for path in gguf_files(folder):
            if name not in (None, path.stem.casefold()):
                continue
            try:
                header = read_header(path)
            except ModelLoadError:
                continue
            if _is_adapter(header):
                yield path, header


def _is_adapter(header: GGUFHeader) -> bool:
    return header.text("general.type") == "adapter"
