"""llama.cpp as a library: the one module that imports `llama_cpp`.

The others of this package use its C functions through `api`, never the package's `Llama` class.
llama.cpp answers wrong arguments by ending the process, so they check every argument first.
"""

import ctypes
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gpt4all_core.engine.llama.self_test import VERSION, check_library, check_multimodal
from gpt4all_core.errors import ModelLoadError

# libgomp reads these once, when llama.cpp is loaded. Threads that spin until the others are there were
# measured at 1.6 tokens/s on busy cores where passive ones gave 28 to 54; threads that sleep at once, at
# 51 on quiet ones where spinning gave 159. A look of 300 turns (some microseconds) before they sleep has
# most of both: 130 to 151 on quiet cores, 61 to 66 on busy ones. Whoever sets a policy keeps it.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "passive"
    os.environ.setdefault("GOMP_SPINCOUNT", "300")
# A failed assertion would start a debugger for a backtrace and stall the process for seconds.
os.environ.setdefault("GGML_NO_BACKTRACE", "1")

try:
    import llama_cpp
    import llama_cpp.llama_cpp as api
    from llama_cpp._ctypes_extensions import load_shared_library
    from llama_cpp._ggml import libggml, libggml_base_path
except (ImportError, AttributeError, OSError, RuntimeError) as error:  # absent, cut short, or without a name
    raise ModelLoadError(
        f"llama.cpp cannot be used here: {error}; run: pip install 'llama-cpp-python=={VERSION}'"
    ) from error

check_library(api, version=llama_cpp.__version__)

__all__ = ["api", "ggml_function", "log", "multimodal", "starting"]

_KEPT_LEVELS = (3, 4)  # GGML_LOG_LEVEL_WARN and _ERROR; below are progress notes, above are its dots
_LOG_LINES = 12


class NativeLog:
    """Keeps llama.cpp's last warnings instead of printing them, so that errors can quote them."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_LOG_LINES)
        self.taken = 0
        """Lines since the beginning; see `since`."""
        self._listener: Callable[[str], None] | None = None
        self._callback = api.llama_log_callback(self._take)

    def install(self) -> None:
        api.llama_log_set(self._callback, None)

    def install_in(self, multimodal: Any) -> None:
        """The same for libmtmd, which has a log of its own."""
        multimodal.mtmd_helper_log_set(self._callback, None)

    def clear(self) -> None:
        self._lines.clear()

    @contextmanager
    def heard_by(self, listener: Callable[[str], None]) -> Iterator[None]:
        """Tell every line, progress notes too, for calls that say by them what they do.

        Those of other threads come with them. For whoever holds `starting`; must not raise.
        """
        self._listener = listener
        try:
            yield
        finally:
            self._listener = None

    @property
    def text(self) -> str:
        return "; ".join(filter(None, self._lines))  # in one step: another thread may add a line

    def since(self, taken: int) -> str:
        """What was taken after there were so many lines, for calls that others may run beside."""
        lines = list(self._lines)
        return "; ".join(filter(None, lines[max(len(lines) - (self.taken - taken), 0) :]))

    def _take(self, level: int, text: bytes, _user: Any) -> None:
        if self._listener is not None:
            self._listener(text.decode("utf-8", "replace"))
        if level in _KEPT_LEVELS:
            self._lines.append(text.decode("utf-8", "replace").strip())
            self.taken += 1


log = NativeLog()
starting = threading.Lock()
"""Held while a model or a context is made, so that the log's lines belong to it."""


def multimodal() -> Any:
    """llama.cpp's library for pictures, libmtmd, loaded when it is first asked for.

    Raises ModelLoadError where the build has none, or another one.
    """
    try:
        import llama_cpp.mtmd_cpp as mtmd  # noqa: PLC0415 - a library of its own, which few need
    except (ImportError, AttributeError, OSError, RuntimeError) as error:
        raise ModelLoadError(
            f"this build of llama.cpp cannot read pictures: {error};"
            f" run: pip install --force-reinstall 'llama-cpp-python=={VERSION}'"
        ) from error
    check_multimodal(mtmd)
    return mtmd


def ggml_function(name: str, arguments: Sequence[Any], result: Any) -> Callable[..., Any]:
    """A C function of ggml that `api` leaves out, with the types it is declared with."""
    library = libggml
    if not hasattr(library, name):  # Windows does not look into the libraries that a library uses
        library = load_shared_library("ggml-base", libggml_base_path)
    function: Callable[..., Any] = ctypes.CFUNCTYPE(result, *arguments)((name, library))
    return function
