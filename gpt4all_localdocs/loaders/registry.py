"""Which module reads which file: the table of formats.

A new format is one module with `SUFFIXES`, `VERSION` and `load`, and one row in `LOADERS`, or in `CONTAINERS`
where other files are packed in it. Loaders of other packages come in by `plugins` and go before these.
"""

from functools import cache
from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders import (
    archive,
    delimited,
    doc,
    docx,
    epub,
    html,
    json_values,
    mail,
    mailbox,
    markdown,
    marked_text,
    notebook,
    odp,
    ods,
    odt,
    outlook,
    pdf,
    picture,
    ppt,
    pptx,
    rtf,
    source_code,
    spreadsheet,
    text,
    xml_text,
)
from gpt4all_localdocs.loaders.loader import ContainerLoader, Loader
from gpt4all_localdocs.loaders.ocr import engine_version
from gpt4all_localdocs.loaders.packed import MAX_CHARACTERS, PackedFiles
from gpt4all_localdocs.loaders.plugins import PluginLoader, plugin_loaders
from gpt4all_localdocs.loaders.recognise import recognise
from gpt4all_localdocs.types import Document

LOADERS: tuple[Loader, ...] = (
    text,
    markdown,
    html,
    pdf,
    docx,
    pptx,
    spreadsheet,
    delimited,
    odt,
    ods,
    odp,
    rtf,
    epub,
    marked_text,
    json_values,
    xml_text,
    source_code,
    notebook,
    doc,
    ppt,
)
CONTAINERS: tuple[ContainerLoader, ...] = (mail, mailbox, outlook, archive)

RECOGNISED: tuple[Loader, ...] = (picture,) if engine_version() is not None else ()
"""Formats whose text only an engine of an extra can read."""

_LOADERS = {suffix: loader for loader in (*LOADERS, *RECOGNISED) for suffix in loader.SUFFIXES}
_CONTAINERS = {suffix: loader for loader in CONTAINERS for suffix in loader.SUFFIXES}


def loader_for(path: Path) -> Loader | ContainerLoader | PluginLoader | None:
    """The loader of a file, by its name's ending in any case; None where no format fits.

    What is in the file may be another format's: `load_document` looks.
    """
    return _by_suffix(path.suffix.lower())


def supported_suffixes() -> tuple[str, ...]:
    """All file name endings that can be read, in alphabetical order."""
    return tuple(sorted({*_LOADERS, *_CONTAINERS, *_plugins()}))


def loaders_version() -> str:
    """A text that changes whenever any format's output does, or a loader of another package comes or goes.

    So it does with the engine that recognises letters: installing it has scans read.
    """
    versions = [f"{loader.SUFFIXES[0]}={loader.VERSION}" for loader in (*LOADERS, *RECOGNISED)]
    versions += [f"ocr={engine}" for engine in (engine_version(),) if engine is not None]
    versions += [f"{container.SUFFIXES[0]}={container.VERSION}" for container in CONTAINERS]
    return ",".join(sorted([*versions, *(plugin.identity for plugin in plugin_loaders())]))


def load_document(path: Path) -> Document:
    """Read a file in this process, whatever its format.

    What the content says goes before what the name's ending says; see `recognise`.
    Raises UnreadableDocument, also where the file cannot be opened, where no format fits and
    where the text is longer than `MAX_CHARACTERS`. For files from elsewhere use `LoaderProcess`.
    """
    return _load(path, PackedFiles(_load))


def _load(path: Path, packed: PackedFiles) -> Document:
    if path.exists() and not path.is_file():
        raise UnreadableDocument(path, "is not a file")  # opening a pipe would wait for ever
    try:
        document = _read(path, packed)
    except UnreadableDocument:
        raise
    except OSError as error:
        raise UnreadableDocument(path, f"cannot be opened: {error.strerror or error}") from error
    except RecursionError as error:
        raise UnreadableDocument(path, "is nested too deeply to be read") from error
    if len(document.text) > MAX_CHARACTERS:
        raise UnreadableDocument(path, f"holds more than {MAX_CHARACTERS:,} characters; split it")
    return document


def _read(path: Path, packed: PackedFiles) -> Document:
    suffix = path.suffix.lower()
    if suffix not in _plugins():  # who installed a loader for an ending wants that one
        suffix = recognise(path, is_known=_by_suffix(suffix) is not None) or suffix
    loader = _plugins().get(suffix) or _LOADERS.get(suffix)
    if loader is not None:
        return loader.load(path)
    if suffix in _CONTAINERS:
        if packed.is_too_deep:
            raise UnreadableDocument(path, "is packed too deep")
        return _CONTAINERS[suffix].load(path, packed)
    ending = f"for {suffix}" if suffix else "for a name without an ending"
    raise UnreadableDocument(path, f"there is no loader {ending}, and it is no plain text")


def _by_suffix(suffix: str) -> Loader | ContainerLoader | PluginLoader | None:
    return _plugins().get(suffix) or _LOADERS.get(suffix) or _CONTAINERS.get(suffix)


@cache
def _plugins() -> dict[str, PluginLoader]:
    """The plugins by suffix; where two read the same one, the first by name does."""
    return {suffix: plugin for plugin in reversed(plugin_loaders()) for suffix in plugin.suffixes}
