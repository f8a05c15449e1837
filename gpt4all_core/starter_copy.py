"""The starter model in the type that is fastest here without being another model, made once.

The package that brings it has it in Q4_1, which llama.cpp reads prompts slowly with; see
docs/decisions/0008-starter-model-requantised.md for the figures.
"""

import logging
import tempfile
from pathlib import Path

import filelock

from gpt4all_core.batch_kernels import slow_models
from gpt4all_core.catalog.catalog import find_or_none
from gpt4all_core.catalog.entry import PackageSource
from gpt4all_core.catalog.fingerprint import fingerprint
from gpt4all_core.catalog.gguf_check import check_loadable
from gpt4all_core.catalog.store import copies_folder
from gpt4all_core.errors import ModelError, ModelLoadError
from gpt4all_core.requantization import requantize

_log = logging.getLogger(__name__)

COPY_TYPE = "Q8_0"
"""Prompts are read at 2.1 times the speed of Q4_1, and of 1,600 next tokens 95 % are the same; Q4_0
is faster still, but chooses another token in 3 of 10 places."""


def is_starter(path: Path) -> bool:
    """Whether the file, by its name, is the chat model that an extra of this project installs."""
    entry = find_or_none(path.name)
    return entry is not None and isinstance(entry.source, PackageSource)


def engine_file(path: Path, *, isolate: bool = False) -> Path:
    """The file whose weights are to be loaded for this model: the starter's copy, else `path` itself.

    The copy lies in this project's own folder, under a name made of the original's content, so that
    another version of the package gets another copy. It is made here if it is not there or is
    damaged, in about a second, and the log says so at level INFO; processes that want it at once take
    turns. Where it cannot be written the original will do, and a SlowQuantization warning says why.

    isolate: have a child process make it, so that llama.cpp stays out of this one.
    """
    if not is_starter(path):
        return path
    copy = copies_folder() / f"{path.stem}-{fingerprint(path)[:16]}-{COPY_TYPE}.gguf"
    if _is_sound(copy):
        return copy
    try:
        return _make(path, copy, isolate=isolate)
    except (ModelError, OSError) as error:
        slow_models.emit(
            path,
            f"{path.name} is used as it is, which is slow for prompts: its faster copy cannot be made"
            f" ({error}); make room there, or set GPT4ALL_HOME to a folder that can be written to",
        )
        return path


def _make(path: Path, copy: Path, *, isolate: bool) -> Path:
    copy.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=copy.parent):
        pass  # a lock would wait for ever in a folder that lets nobody write
    with filelock.FileLock(copy.with_name(f".{copy.name}.turn")):
        if _is_sound(copy):  # another process made it meanwhile
            return copy
        copy.unlink(missing_ok=True)  # damaged, or it would have been taken
        requantize(path, to=COPY_TYPE, output=copy, isolate=isolate)
    _log.info(
        "made a faster copy of %s, once: %s (%.0f MB; it may be deleted)",
        path.name,
        copy,
        copy.stat().st_size / 1e6,
    )
    return copy


def _is_sound(copy: Path) -> bool:
    if not copy.is_file():
        return False
    try:
        check_loadable(copy)
    except ModelLoadError:
        return False
    return True
