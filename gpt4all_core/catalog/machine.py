"""How much memory this machine, or the container it looks like, has."""

import ctypes
import os
import sys
from pathlib import Path

_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


def memory_bytes() -> int:
    """Main memory in bytes; inside a container with a limit, that limit."""
    physical = _windows_memory() if sys.platform == "win32" else _posix_memory()
    return min(physical, _container_limit() or physical)


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
