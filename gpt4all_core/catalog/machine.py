"""How much memory this machine, or the container it looks like, has, and what this process takes of it."""

import ctypes
import functools
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class ResidentMemory:
    """What a process has in main memory, in bytes.

    own: what it allocated. file: pages of files, weights above all, which the system may take back
    whenever it wants, since it can read them again.
    """

    own: int
    file: int


def memory_bytes() -> int:
    """Main memory in bytes; inside a container with a limit, that limit."""
    physical = _windows_memory() if sys.platform == "win32" else _posix_memory()
    return min(physical, _container_limit() or physical)


def resident_memory() -> ResidentMemory | None:
    """What this process has in main memory now; None where the system does not tell (not Linux)."""
    try:
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    kilobytes = {name: int(rest.split()[0]) for name, _, rest in _fields(lines) if name.startswith("Rss")}
    return ResidentMemory(1024 * kilobytes.get("RssAnon", 0), 1024 * kilobytes.get("RssFile", 0))


def give_freed_memory_back() -> None:
    """Have the C library return to the system what was freed but kept for later.

    glibc keeps freed blocks below others that are in use: after a 135M model was closed, 22 MiB of
    its 250 stayed resident until this call. Other systems' libraries do it by themselves.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


def _fields(lines: list[str]) -> list[tuple[str, str, str]]:
    return [line.partition(":") for line in lines]


@functools.cache
def _malloc_trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
    if trim is not None:
        trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    return trim


def _posix_memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _container_limit() -> int | None:
    try:
        text = _CONTAINER_LIMIT.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _windows_memory() -> int:
    kilobytes = ctypes.c_ulonglong()
    ctypes.windll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes))  # type: ignore[attr-defined,unused-ignore]  # exists on Windows only
    return kilobytes.value * 1024
