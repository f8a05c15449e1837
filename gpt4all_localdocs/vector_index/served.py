"""Keep a collection on a vector server in step with the store.

A server takes care of its own files, so that one collection is updated in place. `pending` says what it lacks
until it has acknowledged everything and was compared with the store: whoever is killed on the way, this
process or the server, leaves `pending`, and to apply it once more changes nothing. What cannot be mended so
is filled anew, in a collection of another name, while the store answers.
"""

import logging
from contextlib import closing
from typing import Final

from gpt4all_core.errors import VectorServerError
from gpt4all_localdocs.database import read_meta, write_meta
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.vector_index.generations import OnApplied
from gpt4all_localdocs.vector_index.ownership import is_owner, take_prefix
from gpt4all_localdocs.vector_index.self_hits import find_lost
from gpt4all_localdocs.vector_index.served_words import drop_words
from gpt4all_localdocs.vector_index.server import ServedVectors, VectorServer
from gpt4all_localdocs.vector_index.sweep import sweep_collections
from gpt4all_localdocs.vector_index.word_server import WordServer
from gpt4all_localdocs.vector_table import Generation

_PAGE: Final = 2_000
_UNFINISHED: Final = "vectors_unfinished"
"""A collection that is being filled: its name, where, as of which revision, and up to which key."""
_logger = logging.getLogger(__name__)


class ServedGenerations:
    """The derived index of one store on a server, as the process that holds the writer lock keeps it."""

    def __init__(self, store: Store, server: VectorServer) -> None:
        self._store = store
        self._vectors = store.vectors
        self._server = server

    def refresh(self, *, on_applied: OnApplied = lambda _done, _total: None) -> str:
        """Bring the collection to what the store holds.

        Returns why it had to be filled anew, or why the store answers without it, or an empty string. Only
        under the writer lock, and with nobody writing to the store meanwhile. Raises VectorServerError; then
        searches join what is pending with what the server has, or do without the server.
        """
        prefix = take_prefix(self._store.database)
        published = self._vectors.generation
        if published is not None and (
            published.place != self._server.place or not published.collection.startswith(prefix)
        ):
            published = None
        damage = ""
        if published is not None:
            damage = self._bring_up_to_date(published, on_applied)
            if not damage:
                return ""
            _logger.warning("filling the vector index at %s anew: %s", self._server.place, damage)
            self._vectors.publish(None)
        if self._vectors.is_unfit(self._server.place):
            return ""
        if not self._vectors.count():
            self._vectors.publish(None)
            sweep_collections(self._server, prefix, keep="")
            return ""
        return self._build(prefix, on_applied) or damage

    def _bring_up_to_date(self, published: Generation, on_applied: OnApplied) -> str:
        """Apply what is pending; returns how the collection differs from the store, if it does."""
        index = self._server.open(published.collection)
        if index is None:
            return "the server does not have it any more"
        with closing(index):
            total, done, last = self._vectors.count_pending("upsert"), 0, ""
            for keys, rows in self._vectors.pending_pages(_PAGE):
                index.upsert(keys, rows)
                done, last = done + len(keys), keys[-1]
                on_applied(done, total)
            deletes = self._vectors.pending_deletes()
            index.delete(deletes)
            if not done and not deletes:
                return self._find_difference(index)
            damage = self._find_difference(index)
            if not damage and last and not index.among([last]):
                damage = "it does not hold what was just written to it"
        if not damage:
            self._publish(published.number, published.collection)
        return damage

    def _build(self, prefix: str, on_applied: OnApplied) -> str:
        """Fill another collection and swap it in; returns why the store has to answer by itself, if so."""
        name, index, after = self._take_up(prefix)
        with closing(index):
            done, total = index.count() if after else 0, self._vectors.count()
            for keys, rows in self._vectors.pages(_PAGE, after=after):
                index.upsert(keys, rows)
                self._note_unfinished(name, keys[-1])
                done += len(keys)
                on_applied(done, total)
            difference, lost = self._compare_counts(index), find_lost(index, self._vectors)
        if difference or lost:
            self._server.drop(name)
        if difference:
            self._note_unfinished("", "")
            raise VectorServerError(
                self._server.place, f"does not hold what was written to it: {difference}; sync again"
            )
        if lost:
            # The graph of many equal or nearly equal vectors falls into islands; no other filling joins them.
            self._vectors.publish_unfit(self._server.place)
            reason = f"{lost}; searches compare all vectors until some come or go"
            _logger.warning("%s cannot index these vectors: %s", self._server.place, reason)
            return reason
        self._publish(int(name.removeprefix(prefix)), name)
        self._note_unfinished("", "")
        sweep_collections(self._server, prefix, keep=name)
        return ""

    def _take_up(self, prefix: str) -> tuple[str, ServedVectors, str]:
        """The collection to fill, and the key behind which it goes on: where the last filling was cut off."""
        with self._store.database.reading() as connection:
            noted = (read_meta(connection, _UNFINISHED) or "").split("\n")
        name, *facts, after = noted if len(noted) > 1 else ("", "")
        if name.startswith(prefix) and facts == [self._server.place, str(self._vectors.state().revision)]:
            index = self._server.open(name)
            if index is not None and index.among([after]):
                return name, index, after
        name = f"{prefix}{self._vectors.reserve_generation()}"
        known = self._vectors.embedder
        index = self._server.create(name, dimensions=0 if known is None else known[1])
        return name, index, ""

    def _note_unfinished(self, name: str, after: str) -> None:
        facts = (name, self._server.place, str(self._vectors.state().revision), after)
        with self._store.database.writing() as connection:
            write_meta(connection, _UNFINISHED, "\n".join(facts) if name else None)

    def _publish(self, number: int, name: str) -> None:
        revision = str(self._vectors.state().revision)
        self._vectors.publish(Generation(number, revision, place=self._server.place, collection=name))

    def _find_difference(self, index: ServedVectors) -> str:
        return self._compare_counts(index) or find_lost(index, self._vectors)

    def _compare_counts(self, index: ServedVectors) -> str:
        found, wanted = index.count(), self._vectors.count()
        return "" if found == wanted else f"it has {found} vectors where the store has {wanted}"


def drop_collections(store: Store, server: VectorServer) -> None:
    """Remove all that the server has of this index, if it is this one's and not that of what it copies."""
    if is_owner(store.database):
        for name in server.names(take_prefix(store.database)):
            server.drop(name)
        if isinstance(server, WordServer):
            drop_words(store, server)
