"""What a chat model and an embedder have in common: a file found once, and a share in what has it open."""

import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from gpt4all_core.catalog.catalog import find_for_file, model_name
from gpt4all_core.catalog.entry import ModelEntry, Role
from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.gguf_header import GGUFHeader
from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.errors import EngineClosed, EngineCrashed
from gpt4all_core.model_pool import Closable, Lease

T = TypeVar("T", bound=Closable)
R = TypeVar("R")

MOST_REOPENINGS = 5
"""How often one call opens a model that is closed again before the call reaches it. Something else
than idleness closes it then, and its error is worth more than another attempt."""


class LeasedModel(Generic[T]):
    """A model's file, found and opened at first use, and closed with this object. Thread-safe.

    The pool may close what was idle, or whose memory something else needed; the next use opens it
    again, and so it does after a crash. Only `close` is for good.

    reference, role, allow_download: as for `resolve_model`. A subclass says in `_lease_it` what it
    is to be open, and reaches it through `_use`.
    """

    def __init__(self, reference: str | Path | None, *, role: Role, allow_download: bool) -> None:
        self._reference = reference
        self._role: Role = role
        self._allow_download = allow_download
        self._lock = threading.RLock()
        self._path: Path | None = None
        self._header_read: GGUFHeader | None = None
        self._entry_found: tuple[ModelEntry | None] | None = None
        self._lease: Lease[T] | None = None
        self._abandon: weakref.finalize[[], Any] | None = None
        self._is_closed = False

    @property
    def path(self) -> Path:
        """The model's file. Finding it does not load it."""
        # No cached_property: in Python 3.11 all objects of a class share its lock, and a download takes long.
        if self._path is not None:  # without the lock, which is held while the model is loaded
            return self._path
        with self._lock:
            if self._path is None:
                self._path = resolve_model(
                    self._reference, role=self._role, allow_download=self._allow_download
                )
            return self._path

    @property
    def name(self) -> str:
        """What the model is called in the catalog, or its file name."""
        return model_name(self.path)

    @property
    def is_open(self) -> bool:
        """Whether the model is in memory now, so that a call need not wait for it to be loaded."""
        lease = self._lease
        return lease is not None and lease.value.is_open

    def open(self) -> Self:
        """Find and load the model now instead of at next use. Idempotent."""
        with self._lock:
            if self._is_closed:
                raise EngineClosed(f"this model was closed; make a new {type(self).__name__} to use it")
            if self._lease is not None and not self._lease.value.is_open:
                self._end_lease()
            if self._lease is None:
                self._lease = self._lease_it()
                self._abandon = weakref.finalize(self, self._lease.abandon)
                self._abandon.atexit = False
        return self

    def close(self) -> None:
        """Give up this object's share; the last one frees the memory. Idempotent."""
        with self._lock:
            self._is_closed = True
            self._end_lease()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lease_it(self) -> Lease[T]:
        raise NotImplementedError

    def _use(self, work: Callable[[T], R]) -> R:
        """What `work` makes of the open model; with another one if it was closed just before.

        `work` may run several times, so it must ask nothing twice of a model that stayed open.
        """
        for _ in range(MOST_REOPENINGS):
            lease = self._leased()
            with lease.in_use() as opened:
                try:
                    return work(opened)
                except EngineCrashed:
                    raise  # by this very request, it may be; the next one starts another engine
                except EngineClosed:
                    if opened.is_open or self._is_closed:
                        raise
        with self._leased().in_use() as opened:
            return work(opened)

    @property
    def _opened(self) -> T:
        return self._leased().value

    def _leased(self) -> Lease[T]:
        with self._lock:
            self.open()
            if self._lease is None:
                raise AssertionError("an open model has a lease")
            return self._lease

    def _end_lease(self) -> None:
        lease, self._lease = self._lease, None
        if self._abandon is not None:
            self._abandon.detach()
        if lease is not None:
            lease.close()

    @property
    def _entry(self) -> ModelEntry | None:
        """What the catalog knows of the model, by its file's name."""
        if self._entry_found is None:
            self._entry_found = (find_for_file(self.path),)
        return self._entry_found[0]

    @property
    def _header(self) -> GGUFHeader:
        if self._header_read is not None:
            return self._header_read
        with self._lock:
            if self._header_read is None:
                self._header_read = read_header(self.path)
            return self._header_read
