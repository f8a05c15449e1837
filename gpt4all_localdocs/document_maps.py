"""Maps of an index: the part of the facade that draws."""

from abc import ABC, abstractmethod

from gpt4all_core.errors import ConfigError, NothingIndexed
from gpt4all_core.protocols import Embedder
from gpt4all_localdocs.check_arguments import check_stop
from gpt4all_localdocs.collection_table import check_collection
from gpt4all_localdocs.filter_sql import EVERYTHING, Condition
from gpt4all_localdocs.map.document_map import DocumentMap, MapState
from gpt4all_localdocs.map.kept_map import KeptMaps
from gpt4all_localdocs.map.make_map import MapJob, fingerprint_of, make_map
from gpt4all_localdocs.search import condition_for
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.sync_progress import StopSignal


class DocumentMaps(ABC):
    """Maps of the passages of an index, kept beside it; `LocalDocs` has the index."""

    @property
    @abstractmethod
    def _searched(self) -> Store:
        """The store of the index, refused where there is none yet."""

    @property
    @abstractmethod
    def embedder(self) -> Embedder:
        """The embedder in use."""

    def map(
        self,
        *,
        collection: str | None = None,
        refresh: bool = False,
        timeout_s: float = 900.0,
        stop: StopSignal | None = None,
    ) -> DocumentMap:
        """The passages as points of a plane, with topics, near-duplicates and outliers.

        Made when there is none or passages have changed since, and kept. collection: of these folders only.
        refresh: make it in any case, without regard to how the last one looked. timeout_s: for laying it
        out; 20,000 passages take a minute or two. stop: a `threading.Event` that, once set, ends it soon.
        The extra `map` brings UMAP; without it a map shows less: see docs/map.md. An index that cannot be
        written to keeps no maps.
        Raises ConfigError for an unknown collection or more passages than a map shows, NothingIndexed
        where there are none, LocalDocsError where it takes too long, is stopped or cannot be kept,
        EmbedderMismatch. May be called from any thread.
        """
        check_stop(stop)
        store, condition = self._searched, self._condition(collection)
        fingerprint = fingerprint_of(store, condition)
        kept = KeptMaps(store.directory)
        earlier = None if refresh else kept.load(collection, fingerprint=fingerprint)
        if earlier is not None and not earlier.is_outdated:
            return earlier
        if store.vectors.embedder is not None:
            store.vectors.check_embedder(self.embedder.identity, self.embedder.dimensions)
        job = MapJob(collection, condition, earlier, timeout_s, stop)
        try:
            made = make_map(store, job, embed=self.embedder.embed_documents)
        except NothingIndexed:
            if not store.is_read_only:
                kept.forget(collection)  # it shows documents that are gone
            raise
        # A collection that was removed meanwhile leaves nothing behind.
        if not store.is_read_only and (collection is None or collection in store.collections.all()):
            kept.store(made, fingerprint=fingerprint)
        return made

    def kept_map(self, *, collection: str | None = None) -> DocumentMap | None:
        """The last map that was made, perhaps outdated; None where there is none."""
        store, condition = self._searched, self._condition(collection)
        return KeptMaps(store.directory).load(collection, fingerprint=fingerprint_of(store, condition))

    def map_state(self, *, collection: str | None = None) -> MapState:
        """Whether there is a map, and of the passages as they are; 20,000 passages take 0.1 s."""
        store, condition = self._searched, self._condition(collection)
        known = KeptMaps(store.directory).fingerprint(collection)
        if known is None:
            return "missing"
        return "ready" if known == fingerprint_of(store, condition) else "outdated"

    def _forget_maps(self) -> None:
        """After something was removed from the index: keep no map that might still tell of it."""
        store = self._searched
        KeptMaps(store.directory).forget_all_but(store.collections.all())

    def _condition(self, collection: str | None) -> Condition:
        if collection is None:
            return EVERYTHING
        check_collection(collection)
        known = self._searched.collections.all()
        if collection not in known:
            names = ", ".join(map(repr, known)) or "none"
            raise ConfigError(f"the index has no collection {collection!r}; it has: {names}")
        return condition_for(self._searched, {"collection": collection})
