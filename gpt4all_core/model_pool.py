"""What is open in this process, each thing once however many use it: counted leases in one pool."""

import atexit
import os
import threading
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from gpt4all_core.errors import EngineClosed, ModelLoadError


class Closable(Protocol):
    """What a pool can hold."""

    @property
    def is_open(self) -> bool:
        """Whether it can still be used: neither closed nor failed."""

    def close(self) -> None:
        """Free it, and return when it is freed. Idempotent."""

    def begin_close(self) -> None:
        """Ask for the same without waiting; a finalizer may call it in any thread."""


_FORKED = (
    "llama.cpp was used in the parent process and cannot be used after a fork;"
    " start worker processes with the 'spawn' method"
)

T = TypeVar("T", bound=Closable)


class Lease(Generic[T]):
    """One user's share in something open; the last to close it closes the thing. Thread-safe."""

    def __init__(self, value: T, give_back: Callable[[bool], None]) -> None:
        self._value = value
        self._pid = os.getpid()
        self._give_back = [give_back]  # popping is one step, so whoever comes second finds nothing

    @property
    def value(self) -> T:
        """What is leased. Raises EngineClosed in a forked child, which has none of the threads."""
        if os.getpid() != self._pid:
            raise EngineClosed(_FORKED)
        return self._value

    def close(self) -> None:
        """Give the share back; if it is the last, return when the thing is closed. Idempotent."""
        self._end(may_wait=True)

    def abandon(self) -> None:
        """The same without waiting, for finalizers: they run in any thread, under any lock."""
        self._end(may_wait=False)

    def _end(self, *, may_wait: bool) -> None:
        try:
            give_back = self._give_back.pop()
        except IndexError:
            return
        give_back(may_wait)


@dataclass(slots=True)
class _Entry:
    lock: threading.RLock = field(default_factory=threading.RLock)
    value: Any = None
    users: int = 0


class ModelPool:
    """Opens a thing at its first lease and closes it at its last. Thread-safe.

    Two threads that ask for one thing open it once; different things open side by side.
    llama.cpp's worker threads do not survive a fork, so a child process is refused.
    """

    def __init__(self) -> None:
        # Re-entrant: a finalizer that gives a lease back may run wherever memory is allocated.
        self._lock = threading.RLock()
        self._entries: dict[Hashable, _Entry] = {}
        self._abandoned: deque[Closable] = deque()
        self._pid: int | None = None

    def lease(self, key: Hashable, make: Callable[[], T]) -> Lease[T]:
        """A share in what `key` stands for, made by `make` if nobody has it open."""
        if self._pid not in (None, os.getpid()):
            raise EngineClosed(_FORKED)
        self._close_abandoned()
        entry = self._enter(key)
        try:
            with entry.lock:
                if entry.value is None:
                    entry.value = make()
                    self._move_to_end(key, entry)
                value: T = entry.value
        except BaseException:
            self._give_back(key, entry, True)
            raise
        return Lease(value, partial(self._give_back, key, entry))

    @property
    def open_count(self) -> int:
        """How many things are open."""
        with self._lock:
            return len(self._entries)

    def close_all(self) -> None:
        """Close everything whoever uses it; runs at interpreter exit."""
        if self._pid != os.getpid():
            return
        self._close_abandoned()
        with self._lock:
            entries, self._entries = self._entries, {}
        # Newest first: an engine stands on weights that were opened before it.
        for entry in reversed(entries.values()):
            with entry.lock:
                value, entry.value = entry.value, None
            if value is not None:
                value.close()

    def _enter(self, key: Hashable) -> _Entry:
        with self._lock:
            if self._pid is None:
                self._pid = os.getpid()
                atexit.register(self.close_all)
            entry = self._entries.get(key)
            if entry is None or (entry.value is not None and not entry.value.is_open):
                # What failed is left to those who use it; the next one gets a new one.
                entry = self._entries[key] = _Entry()
            entry.users += 1
        return entry

    def _move_to_end(self, key: Hashable, entry: _Entry) -> None:
        """Keep the entries in the order in which they were finished, not begun."""
        with self._lock:
            if self._entries.get(key) is entry:
                self._entries[key] = self._entries.pop(key)

    def _give_back(self, key: Hashable, entry: _Entry, may_wait: bool) -> None:
        if self._pid != os.getpid():
            return
        with self._lock:
            entry.users -= 1
            if entry.users:
                return
            if self._entries.get(key) is entry:
                del self._entries[key]
            value, entry.value = entry.value, None
        if value is None:
            return
        if may_wait:
            value.close()
        else:
            value.begin_close()
            self._abandoned.append(value)

    def _close_abandoned(self) -> None:
        while self._abandoned:
            try:
                value = self._abandoned.popleft()
            except IndexError:  # another thread was faster
                return
            value.close()


pool = ModelPool()
"""The process's own pool: sharing weights between unrelated objects takes one place that knows them."""


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """Equal for one file under many names, different once it was replaced."""

    device: int
    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> "FileIdentity":
        """The identity of the file that is there now. Raises ModelLoadError if there is none."""
        try:
            status = path.stat()
        except OSError as error:
            raise ModelLoadError(f"{path}: cannot be read ({error.strerror or error})", path=path) from error
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
