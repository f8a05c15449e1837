"""Loaders that other packages bring along, found by the entry point group `gpt4all_localdocs.loaders`.

In the `pyproject.toml` of a package with a module `ocr_loader` that has `SUFFIXES`, `VERSION` and `load`:

    [project.entry-points."gpt4all_localdocs.loaders"]
    ocr = "my_package.ocr_loader"
"""

import logging
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.loader import Loader
from gpt4all_localdocs.types import Document

GROUP = "gpt4all_localdocs.loaders"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PluginLoader:
    """A loader from elsewhere, whose failures are a file's and not the run's.

    identity: its entry point's name and its package's version, which indexes are kept by.
    """

    identity: str
    suffixes: tuple[str, ...]
    loader: Loader

    def load(self, path: Path) -> Document:
        """What the loader reads; raises UnreadableDocument for whatever it raises, or for another result."""
        try:
            document: object = self.loader.load(path)
        except (UnreadableDocument, MemoryError):
            raise
        except (Exception, SystemExit) as error:
            reason = f"its loader, {self.identity}, failed ({type(error).__name__}: {error})"
            raise UnreadableDocument(path, reason) from error
        if not isinstance(document, Document):
            kind = type(document).__name__
            raise UnreadableDocument(path, f"its loader, {self.identity}, gave a {kind} and no Document")
        return document


@cache
def plugin_loaders() -> tuple[PluginLoader, ...]:
    """The loaders of all installed packages, in the order of their names; looked for once.

    One that cannot be imported or is no loader is left out, with a warning to the log that names it.
    """
    found = []
    for entry_point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            found.append(_load_plugin(entry_point))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever another package's import raises, the run goes on
            _logger.warning(
                "the loader %r (%s) is not used: %s: %s; repair or uninstall its package",
                entry_point.name,
                entry_point.value,
                type(error).__name__,
                error,
            )
    return tuple(found)


def _load_plugin(entry_point: EntryPoint) -> PluginLoader:
    loader = entry_point.load()
    suffixes, version = tuple(loader.SUFFIXES), int(loader.VERSION)
    wrong = [suffix for suffix in suffixes if not str(suffix).startswith(".") or suffix != suffix.lower()]
    if wrong or not suffixes or not callable(loader.load):
        raise TypeError(
            f"SUFFIXES {suffixes!r} must be endings in lower case, with the dot, and load a function"
        )
    distribution = entry_point.dist
    package = f"{distribution.name} {distribution.version}" if distribution is not None else "no package"
    return PluginLoader(f"{entry_point.name} {version} ({package})", suffixes, loader)
