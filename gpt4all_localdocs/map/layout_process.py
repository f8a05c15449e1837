"""Lays out maps in a child process: what takes seconds there would hold up every thread here.

UMAP's compiled loops do not let go of the interpreter, so that a server in this process would answer nobody
meanwhile; its compiler takes 250 MB, which end with the child; and a child can be stopped at any moment.
"""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from gpt4all_core.errors import LocalDocsError
from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.map.layout import Layout, from_arrays, lay_out
from gpt4all_localdocs.map.project import choose_method
from gpt4all_localdocs.sync_progress import StopSignal

VECTORS: Final = "vectors.npy"
EARLIER: Final = "earlier.npy"
LAYOUT: Final = "layout.npz"

_FEW: Final = 2000
"""What PCA does with so many takes less than the start of a process."""

_BETWEEN_LOOKS_S: Final = 0.2
"""At the end of the child's time, and at whether it is still wanted."""

_CHILD: Final = "gpt4all_localdocs.map.layout_child"


def lay_out_apart(
    vectors: Vectors,
    *,
    earlier: Vectors | None = None,
    timeout_s: float,
    stop: StopSignal | None = None,
) -> Layout:
    """What `lay_out` makes of the vectors. Few vectors are laid out here. May be called from any thread.

    Raises LocalDocsError where it takes longer, is stopped, or the child fails; an interrupt ends the child,
    too.
    """
    _check_not_stopped(stop)
    if len(vectors) <= _FEW and choose_method(len(vectors)) == "pca":
        return lay_out(vectors, earlier=earlier)
    with tempfile.TemporaryDirectory(prefix="gpt4all-map-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        try:
            np.save(folder / VECTORS, vectors)
            if earlier is not None:
                np.save(folder / EARLIER, earlier)
        except OSError as error:
            raise LocalDocsError(
                f"the vectors to be laid out cannot be written to {folder} ({error}); free some space, or set"
                " TMPDIR to another folder"
            ) from error
        _run(folder, count=len(vectors), timeout_s=timeout_s, stop=stop)
        with np.load(folder / LAYOUT) as arrays:
            return from_arrays(arrays)


def _run(folder: Path, *, count: int, timeout_s: float, stop: StopSignal | None) -> None:
    # -P and the parent's own search path: the child imports what the parent would, and nothing from the
    # working directory.
    search_path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109 - text is wanted
    with (
        (folder / "errors").open("wb") as errors,
        subprocess.Popen(  # noqa: S603 - this interpreter, a fixed module and a folder made for it
            [sys.executable, "-P", "-m", _CHILD, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={**os.environ, "PYTHONPATH": search_path},
        ) as child,
    ):
        try:
            deadline = time.monotonic() + timeout_s
            while not _is_done(child):
                _check_not_stopped(stop)
                if time.monotonic() > deadline:
                    raise LocalDocsError(
                        f"the map of {count} passages was not done in {timeout_s:g} s; make one of a smaller"
                        " collection, or give it more time"
                    )
        finally:
            child.kill()
        if child.returncode:
            lines = (folder / "errors").read_text(errors="replace").splitlines() or ["it said nothing"]
            raise LocalDocsError(
                f"the map of {count} passages could not be laid out ({lines[-1]}); see: gpt4all doctor"
            )


def _is_done(child: "subprocess.Popen[bytes]") -> bool:
    """Whether it has ended by now, or soon."""
    with suppress(subprocess.TimeoutExpired):
        # Not `communicate`, which would close the child's input, and with it the child.
        child.wait(_BETWEEN_LOOKS_S)
    return child.returncode is not None


def _check_not_stopped(stop: StopSignal | None) -> None:
    if stop is not None and stop.is_set():
        raise LocalDocsError("the map was stopped before it was done; make it again")
