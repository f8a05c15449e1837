"""A first opening in a child process, for a file that nobody here has opened before.

`catalog.gguf_check` knows what ends the process whatever the model. But llama.cpp knows more than a
hundred architectures, each with assertions of its own, on numbers of the header and on the shapes of
weights; what those come to is found out by opening the file once where a death does no harm. It costs
the start of a process and one reading of the weights, once for each file: afterwards they are in the
system's cache, and the file is remembered.

A trial is made against damaged files. One that was made to deceive can behave until it is trusted: what
comes from somebody unknown is to be opened with `isolate=True`, which has no trial.
"""

import hashlib
import threading
import warnings
from importlib.metadata import version
from pathlib import Path

from gpt4all_core.catalog.catalog import find_or_none
from gpt4all_core.catalog.entry import BundledSource, PackageSource
from gpt4all_core.catalog.store import installed_path, models_folder
from gpt4all_core.config import resolve_settings
from gpt4all_core.errors import ConfigError, ModelLoadError
from gpt4all_core.isolated.child_process import ChildProcess
from gpt4all_core.model_pool import FileIdentity

TRIAL_MODULE = "gpt4all_core.trial_child"

LONGEST_S = 1800.0
"""Seconds that a trial may take: 100 GB from a slow disk do. A file can also keep llama.cpp busy for ever."""

_Subject = tuple[FileIdentity, FileIdentity | None]
"""A model's file, and the projector that it was tried with."""

_END_S = 5.0  # from the end of its output to that of the process


class NoTrial(UserWarning):
    """A model file was opened untried, because no child process could be started."""


class Trials:
    """Which files were tried, in this process and in earlier ones. Thread-safe.

    A file that changed in size or time is another file, and so is each under another llama.cpp. What is
    remembered are empty files below the folder `tried` of the project's home; removing them is harmless.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._passed: set[_Subject] = set()

    def require(self, path: Path, projector: Path | None = None) -> None:
        """Return if the file was tried before or is tried now and survived.

        projector: tried with pictures and sounds, together with the model. Raises ModelLoadError, with
        llama.cpp's last words, for one that ends the process. Where no child can be started, it warns with
        NoTrial. The catalog's own files are known to be sound.
        """
        subject = _subject(path, projector)
        with self._lock:
            if subject in self._passed:
                return
        mark = _mark(subject)
        if not ((projector is None and _is_known(path)) or mark.exists()):
            _try_in_a_child(path, projector)
            _remember(mark)
        self.waive(path, projector)

    def waive(self, path: Path, projector: Path | None = None) -> None:
        """Let a file pass in this process: it is no loss if it ends here."""
        with self._lock:
            self._passed.add(_subject(path, projector))


trials = Trials()
"""The process's own: every opening in it asks here."""


def _is_known(path: Path) -> bool:
    """Whether it is the catalog's own, from a package or from a download whose checksum was compared."""
    entry = find_or_none(path.name)
    if entry is None or path.stat().st_size != entry.size_bytes:
        return False
    is_packaged = isinstance(entry.source, BundledSource | PackageSource) and installed_path(entry) == path
    return is_packaged or path.parent == models_folder()


def _subject(path: Path, projector: Path | None) -> _Subject:
    return FileIdentity.of(path), None if projector is None else FileIdentity.of(projector)


def _mark(subject: _Subject) -> Path:
    model, projector = subject
    text = f"{model} {version('llama-cpp-python')}" + ("" if projector is None else f" {projector}")
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return resolve_settings().home / "tried" / digest


def _remember(mark: Path) -> None:
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError:  # a home that cannot be written to: the next process tries the file again
        return


def _try_in_a_child(path: Path, projector: Path | None) -> None:
    opened = path if projector is None else projector
    try:
        child = ChildProcess(TRIAL_MODULE)
    except (ConfigError, OSError) as error:
        warnings.warn(
            f"{opened} was opened untried: {error}. If it is damaged, llama.cpp may end this process",
            NoTrial,
            stacklevel=2,
        )
        return
    files = [str(file) for file in (path, projector) if file is not None]
    ending = child.do(files, limit_s=LONGEST_S, patience_s=_END_S)
    if ending.code != 0:
        raise ModelLoadError(
            f"{opened}: opening it ends llama.cpp; a process that tried {ending.manner}. The file is damaged,"
            " or this version of llama.cpp cannot run it: get another file",
            path=opened,
        )
