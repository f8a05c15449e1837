"""What a chat model and an embedder have in common: a file found once, and a share in what has it open."""

import threading
import weakref
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

from gpt4all_core.catalog.catalog import find_or_none
from gpt4all_core.catalog.entry import ModelEntry, Role
from gpt4all_core.catalog.gguf import GGUFHeader, read_header
from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.errors import EngineClosed
from gpt4all_core.model_pool import Closable, Lease

T = TypeVar("T", bound=Closable)


class LeasedModel(Generic[T]):
    """A model's file, found and opened at first use, and closed with this object. Thread-safe.

    reference, role, allow_download: as for `resolve_model`. A subclass says in `_lease_it` what it
    is to be open.
    """

    def __init__(self, reference: str | Path | None, *, role: Role, allow_download: bool) -> None:
        self._reference = reference
        self._role: Role = role
        self._allow_download = allow_download
        self._lock = threading.RLock()
        self._path: Path | None = None
        self._header_read: GGUFHeader | None = None
        self._lease: Lease[T] | None = None
        self._is_closed = False

    @property
    def path(self) -> Path:
        """The model's file. Finding it does not load it."""
        # No cached_property: in Python 3.11 all objects of a class share its lock, and a download takes long.
        with self._lock:
            if self._path is None:
                self._path = resolve_model(
                    self._reference, role=self._role, allow_download=self._allow_download
                )
            return self._path

    @property
    def name(self) -> str:
        """What the model is called in the catalog, or its file name."""
        entry = self._entry
        return entry.name if entry else self.path.stem

    def open(self) -> Self:
        """Find and load the model now instead of at first use. Idempotent."""
        with self._lock:
            if self._is_closed:
                raise EngineClosed(f"this model was closed; make a new {type(self).__name__} to use it")
            if self._lease is None:
                self._lease = self._lease_it()
                weakref.finalize(self, self._lease.abandon).atexit = False
        return self

    def close(self) -> None:
        """Give up this object's share; the last one frees the memory. Idempotent."""
        with self._lock:
            self._is_closed = True
            lease, self._lease = self._lease, None
        if lease is not None:
            lease.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lease_it(self) -> Lease[T]:
        raise NotImplementedError

    @property
    def _opened(self) -> T:
        with self._lock:
            self.open()
            if self._lease is None:
                raise AssertionError("an open model has a lease")
            return self._lease.value

    @property
    def _entry(self) -> ModelEntry | None:
        """What the catalog knows of the model, by its file's name."""
        return find_or_none(self.path.name)

    @property
    def _header(self) -> GGUFHeader:
        with self._lock:
            if self._header_read is None:
                self._header_read = read_header(self.path)
            return self._header_read
