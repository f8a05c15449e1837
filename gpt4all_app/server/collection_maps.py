"""The maps of a server's collections: made one at a time, after syncs and when somebody asks."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from gpt4all_app.server.errors import RequestRefused
from gpt4all_app.server.shared_turn import SharedTurn
from gpt4all_core.errors import GPT4AllError
from gpt4all_localdocs.local_docs_group import LocalDocsGroup
from gpt4all_localdocs.map.document_map import DocumentMap

logger = logging.getLogger(__name__)

_TIMEOUT_S: Final = 600.0
"""Of one map; 20,000 passages take a minute or two."""

_LAST_MOMENTS_S: Final = 5.0
"""How long the end of a server waits for a map that is being made: it stops between its steps."""


class CollectionMaps:
    """Makes the maps of one index. Thread-safe; close it before the index.

    docs: gives the index; raises RequestRefused once there is none any more. turn: taken by who draws, among
    all workers of a server: what one has drawn is there for the others.
    """

    def __init__(self, docs: Callable[[], LocalDocsGroup], *, turn: SharedTurn) -> None:
        self._docs = docs
        self._turn = turn
        self._stop = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._lock = threading.Lock()
        self._is_waiting = False
        self._under_way = 0

    @property
    def is_drawing(self) -> bool:
        """Whether the maps that follow a sync are not yet made."""
        return self._under_way > 0 or self._turn.is_taken

    def make(self, collection: str) -> DocumentMap:
        """The map of its passages as they are now; the kept one if they are the same.

        Raises as `LocalDocs.map` does, RequestRefused once the server ends.
        """
        with self._drawing():
            return self._docs().map(collection=collection, timeout_s=_TIMEOUT_S, stop=self._stop)

    def after_sync(self) -> None:
        """Make those of all collections whose passages have changed, in a thread: nobody waits for them."""
        with self._lock:
            if self._is_waiting or self._stop.is_set():
                return  # one is about to begin, and will see all changes
            self._is_waiting = True
            self._under_way += 1
        threading.Thread(target=self._make_all, name="gpt4all-maps", daemon=True).start()

    def close(self) -> None:
        """Stop the map that is being made; waits for that for some seconds. Idempotent."""
        self._stop.set()
        if not self._idle.wait(_LAST_MOMENTS_S):
            logger.warning("a map was not stopped in time; it ends with the program")

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        """The turn to draw, for one thread after another. Raises RequestRefused once the server ends."""

        def check_open() -> None:
            if self._stop.is_set():
                raise RequestRefused(503, "the server is ending; ask again", "server_ending")

        with self._turn.taken(while_waiting=check_open):
            self._idle.clear()
            try:
                yield
            finally:
                self._idle.set()

    def _make_all(self) -> None:
        try:
            with self._drawing(), self._lock:
                self._is_waiting = False
            for name in self._docs().collections:
                self._try(name)
        except (GPT4AllError, RequestRefused) as error:
            logger.info("no maps were made: %s", error)
        finally:
            with self._lock:
                self._under_way -= 1

    def _try(self, name: str) -> None:
        """An empty collection has no map; one that takes too long is made when somebody asks."""
        try:
            self.make(name)
        except (GPT4AllError, RequestRefused) as error:
            logger.info("the map of %r was not made: %s", name, error)
