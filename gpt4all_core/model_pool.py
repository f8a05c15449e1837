"""What is open in this process, each thing once however many use it: counted leases in one pool.

A thing is closed by the last of its users. The pool itself closes one that nobody waits for, with
its users still there, in two cases: nobody asked anything of it for as long as all its users allow
(`idle_ttl_s`), or another one needs its memory (`memory_budget`). A user then finds its thing no
longer open, and takes another lease; after a crash it does the same.
"""

import atexit
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from gpt4all_core.catalog.machine import give_freed_memory_back
from gpt4all_core.errors import ConfigError, EngineClosed, ModelLoadError
from gpt4all_core.idle_reaper import IdleReaper

LOOK_AGAIN_S = 1.0
"""How often a busy thing with an `idle_ttl_s` is looked at, and so how late it may be closed."""

SETTLED_S = 0.1
"""What was opened or used less than so long ago is not closed by the pool: whoever opened it is about
to ask something of it, and two that take turns would close each other for ever."""

UNTIL_NEWS_S = 3600.0

ROOM_POLL_S = 0.05
"""How often to look for memory while all that is open is busy."""


class Closable(Protocol):
    """What a pool can hold."""

    @property
    def is_open(self) -> bool:
        """Whether it can still be used: neither closed nor failed."""

    @property
    def idle_s(self) -> float:
        """Seconds since its last request came or ended; 0 while somebody waits for an answer."""

    def retire(self) -> bool:
        """Begin to close unless somebody waits for an answer; False if so.

        One step: a request is either answered, or refused with EngineClosed.
        """

    def close(self) -> None:
        """Free it, and return when it is freed. Idempotent."""

    def begin_close(self) -> None:
        """Ask for the same without waiting; a finalizer may call it in any thread."""


MemoryParts = Mapping[Hashable, int]
"""Bytes by what they hold. Parts with equal keys are one: two engines on one copy of the weights."""


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """How long a lease asks a thing to be kept, and how much memory all that is open may take.

    idle_ttl_s: seconds without a request after which this user does not need it open; None asks for
    it until the lease is closed. The user who wants it longest decides.
    memory_budget: bytes; None sets no limit to what this lease opens.
    """

    idle_ttl_s: float | None = None
    memory_budget: int | None = None


_FORKED = (
    "llama.cpp was used in the parent process and cannot be used after a fork;"
    " start worker processes with the 'spawn' method"
)
_NO_TERMS = LeaseTerms()

T = TypeVar("T", bound=Closable)


class Lease(Generic[T]):
    """One user's share in something open; the last to close it closes the thing. Thread-safe."""

    def __init__(self, value: T, entry: "_Entry", give_back: Callable[[bool], None]) -> None:
        self._value = value
        self._entry = entry
        self._pid = os.getpid()
        self._give_back = [give_back]  # popping is one step, so whoever comes second finds nothing

    @property
    def value(self) -> T:
        """What is leased. Raises EngineClosed in a forked child, which has none of the threads."""
        if os.getpid() != self._pid:
            raise EngineClosed(_FORKED)
        return self._value

    @contextmanager
    def in_use(self) -> Iterator[T]:
        """The value, which counts as busy meanwhile, whether a request was made of it yet or not."""
        value = self.value
        self._entry.enter()
        try:
            yield value
        finally:
            self._entry.leave()

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


@dataclass(slots=True, eq=False)
class _Entry:
    lock: threading.RLock = field(default_factory=threading.RLock)
    value: Any = None
    ttls: list[float | None] = field(default_factory=list)
    """What each user allows."""
    memory: MemoryParts = field(default_factory=dict)
    calls: int = 0
    last_call: float = 0.0
    _gate: threading.RLock = field(default_factory=threading.RLock)

    def enter(self) -> None:
        with self._gate:
            self.calls += 1

    def leave(self) -> None:
        with self._gate:
            self.calls -= 1
            self.last_call = time.monotonic()

    @property
    def idle_s(self) -> float:
        """Seconds since somebody last called it or waited for its answer; 0 while somebody does."""
        value = self.value
        if self.calls or value is None:
            return 0.0
        return min(float(value.idle_s), time.monotonic() - self.last_call)

    @property
    def idle_ttl_s(self) -> float | None:
        """The longest that a user allows; None if one of them asks for it always."""
        ttls = [ttl for ttl in self.ttls if ttl is not None]
        return max(ttls) if ttls and len(ttls) == len(self.ttls) else None


class ModelPool:
    """Opens a thing at its first lease and closes it at its last. Thread-safe.

    Two threads that ask for one thing open it once; different things open side by side.
    llama.cpp's worker threads do not survive a fork, so a child process is refused.
    """

    # Nothing in here asks a value for anything while it holds `_lock`: a value's own lock may be held
    # by a thread whose finalizer is just giving a lease back, which takes `_lock`.

    def __init__(self) -> None:
        # Re-entrant: a finalizer that gives a lease back may run wherever memory is allocated.
        self._lock = threading.RLock()
        self._entries: dict[Hashable, _Entry] = {}
        self._abandoned: deque[Closable] = deque()
        self._reaper = IdleReaper(self._close_idle)
        self._pid: int | None = None

    def lease(
        self,
        key: Hashable,
        make: Callable[[], T],
        *,
        terms: LeaseTerms = _NO_TERMS,
        memory: Callable[[], MemoryParts] = dict,
    ) -> Lease[T]:
        """A share in what `key` stands for, made by `make` if nobody has it open.

        memory: called before `make`, for what it will take. Under `terms.memory_budget` idle things
        are closed first, the least recently used before others; while all are busy, this waits for
        one to become idle. Raises ConfigError for what is larger than the budget by itself.
        """
        if self._pid not in (None, os.getpid()):
            raise EngineClosed(_FORKED)
        self._close_abandoned()
        entry = self._enter(key, terms)
        try:
            with entry.lock:
                if entry.value is None:
                    self._make_room(entry, memory(), terms.memory_budget)
                    entry.value = make()
                    self._move_to_end(key, entry)
                value: T = entry.value
        except BaseException:
            self._give_back(key, entry, terms, True)
            raise
        if terms.idle_ttl_s is not None:
            self._reaper.watch()
        return Lease(value, entry, partial(self._give_back, key, entry, terms))

    @property
    def open_count(self) -> int:
        """How many things are open."""
        with self._lock:
            return len(self._entries)

    @property
    def memory_bytes(self) -> int:
        """What all that is open takes, as far as the leases said."""
        with self._lock:
            return _sum_of_parts(entry.memory for entry in self._entries.values())

    def close_all(self) -> None:
        """Close everything whoever uses it; runs at interpreter exit."""
        if self._pid != os.getpid():
            return
        with self._lock:
            entries, self._entries = self._entries, {}
        self._reaper.stop()
        self._close_abandoned()
        # Newest first: an engine stands on weights that were opened before it.
        for entry in reversed(entries.values()):
            with entry.lock:
                value, entry.value = entry.value, None
            if value is not None:
                value.close()

    def _enter(self, key: Hashable, terms: LeaseTerms) -> _Entry:
        with self._lock:
            if self._pid is None:
                self._pid = os.getpid()
                atexit.register(self.close_all)
            entry = self._entries.get(key)
            if entry is None or (entry.value is not None and not entry.value.is_open):
                # What is closed or failed is left to those who use it; the next one gets a new one.
                entry = self._entries[key] = _Entry()
            entry.ttls.append(terms.idle_ttl_s)
        return entry

    def _move_to_end(self, key: Hashable, entry: _Entry) -> None:
        """Keep the entries in the order in which they were finished, not begun."""
        with self._lock:
            if self._entries.get(key) is entry:
                self._entries[key] = self._entries.pop(key)

    def _give_back(self, key: Hashable, entry: _Entry, terms: LeaseTerms, may_wait: bool) -> None:
        if self._pid != os.getpid():
            return
        with self._lock:
            entry.ttls.remove(terms.idle_ttl_s)
            value = None
            if not entry.ttls:
                if self._entries.get(key) is entry:
                    del self._entries[key]
                value, entry.value = entry.value, None
        self._reaper.look_again()  # who asked for it longest may be gone, or all who set a time
        if value is None:
            return
        if may_wait:
            self._close(value)
        else:
            value.begin_close()
            self._abandoned.append(value)

    def _close_abandoned(self) -> None:
        while self._abandoned:
            try:
                value = self._abandoned.popleft()
            except IndexError:  # another thread was faster
                return
            self._close(value)

    def _close(self, value: Closable) -> None:
        try:
            value.close()
        except (KeyboardInterrupt, SystemExit):
            # Its thread runs on: what comes by next waits for it, and the weights under it are freed after.
            self._abandoned.append(value)
            raise
        give_freed_memory_back()

    def _close_idle(self) -> float | None:
        """Close what was idle for as long as its users allow; seconds until another may be."""
        delays: list[float] = []
        with self._lock:
            watched = [item for item in self._entries.items() if any(ttl is not None for ttl in item[1].ttls)]
        for key, entry in watched:
            ttl_s = entry.idle_ttl_s
            if entry.value is None or ttl_s is None:
                # It is being opened, or a user without a time keeps it: what changes that has this look
                # again, and needs a thread to tell, since a finalizer may not start one.
                delays.append(UNTIL_NEWS_S)
                continue
            ttl_s = max(ttl_s, SETTLED_S)
            idle_s = entry.idle_s
            if idle_s < ttl_s or not self._retire(key, entry):
                is_busy = idle_s == 0 or idle_s >= ttl_s
                delays.append(min(ttl_s, LOOK_AGAIN_S) if is_busy else ttl_s - idle_s)
        self._close_abandoned()
        return min(delays, default=None)

    def _retire(self, key: Hashable, entry: _Entry) -> bool:
        """Begin to close a thing that has users, unless one of them waits for an answer."""
        value = entry.value
        if value is None or entry.calls or not value.retire():
            return False
        with self._lock:
            if self._entries.get(key) is entry:
                del self._entries[key]
            self._abandoned.append(value)
        return True

    def _make_room(self, newcomer: _Entry, memory: MemoryParts, budget: int | None) -> None:
        """Count the newcomer's memory, after closing what it takes; all of it at once, so that two that
        come together never wait for each other.
        """
        if budget is not None and sum(memory.values()) > budget:
            raise ConfigError(
                f"this needs {sum(memory.values())} bytes by itself, more than memory_budget={budget};"
                " raise the budget, or use a smaller model"
            )
        while not self._reserve(newcomer, memory, budget):
            with self._lock:
                others = [item for item in self._entries.items() if item[1].memory]
            idle = sorted(((item[1].idle_s, item) for item in others), key=lambda pair: pair[0], reverse=True)
            if any(idle_s >= SETTLED_S and self._retire(*item) for idle_s, item in idle):
                self._close_abandoned()
            else:
                time.sleep(ROOM_POLL_S)

    def _reserve(self, newcomer: _Entry, memory: MemoryParts, budget: int | None) -> bool:
        with self._lock:
            present = [entry.memory for entry in self._entries.values()]
            is_enough = budget is None or _sum_of_parts([*present, memory]) <= budget
            if is_enough:
                newcomer.memory = memory
        return is_enough


def _sum_of_parts(memories: Iterable[MemoryParts]) -> int:
    parts: dict[Hashable, int] = {}
    for memory in memories:
        parts.update(memory)
    return sum(parts.values())


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
