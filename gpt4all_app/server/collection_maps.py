"""The maps of a server's collections: made one at a time, after syncs and when somebody asks."""

import logging
import threading
from collections.abc import Callable
from typing import Final

from gpt4all_app.server.errors import RequestRefused
from gpt4all_core.errors import GPT4AllError
from gpt4all_localdocs.local_docs import LocalDocs
from gpt4all_localdocs.map.document_map import DocumentMap

logger = logging.getLogger(__name__)

_TIMEOUT_S: Final = 600.0
"""Of one map; 20,000 passages take a minute or two."""

_LAST_MOMENTS_S: Final = 5.0
"""How long the end of a server waits for a map that is being made: it stops between its steps."""


class CollectionMaps:
    """Makes the maps of one index. Thread-safe; close it before the index.

    docs: gives the index; raises RequestRefused once there is none any more.
    """

    def __init__(self, docs: Callable[[], LocalDocs]) -> None:
        self._docs = docs
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._is_waiting = False
        self._under_way = 0

    @property
    def is_drawing(self) -> bool:
        """Whether the maps that follow a sync are not yet made."""
        return self._under_way > 0

    def make(self, collection: str) -> DocumentMap:
        """The map of its passages as they are now; the kept one if they are the same.

        Raises as `LocalDocs.map` does, RequestRefused once the server ends.
        """
        with self._turn:
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
        if self._turn.acquire(timeout=_LAST_MOMENTS_S):
            self._turn.release()
        else:
            logger.warning("a map was not stopped in time; it ends with the program")

    def _make_all(self) -> None:
        try:
            with self._turn, self._lock:
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
