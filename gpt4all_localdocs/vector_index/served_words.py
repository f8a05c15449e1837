"""Keep a collection of words on a vector server in step with the passages of the store.

As with vectors, what is pending says what the server lacks, so that to be killed on the way costs nothing but
to go on. A new collection is one that lacks everything: there is no other way to fill it.
"""

import logging
from statistics import fmean
from typing import Final

from gpt4all_core.errors import VectorServerError
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.vector_index.generations import OnApplied
from gpt4all_localdocs.vector_index.ownership import take_prefix
from gpt4all_localdocs.vector_index.sweep import sweep_collections
from gpt4all_localdocs.vector_index.word_server import ServedWords, WordServer
from gpt4all_localdocs.vector_index.word_table import Texts, WordCollection, WordTable
from gpt4all_localdocs.vector_index.word_weights import count_words, weigh_passages

_PAGE: Final = 1_000
_SAMPLE: Final = 16
"""Passages whose words are read back and compared."""
_LENGTHS: Final = 200
"""Passages that the average length is taken from, to 3 or 4 % (standard error; SQuAD 2.0, Cranfield)."""
_DRIFT: Final = 0.25
"""How far the average length may come to be off: so far it changes nDCG@10 by .004 at the most."""
_logger = logging.getLogger(__name__)


class WordGenerations:
    """The collection of words of one store, as the process that holds the writer lock keeps it."""

    def __init__(self, store: Store, server: WordServer) -> None:
        self._store = store
        self._table = WordTable(store.database)
        self._server = server

    def refresh(self, *, on_applied: OnApplied = lambda _done, _total: None) -> str:
        """Bring the collection to what the store holds.

        Returns why it had to be filled anew, or an empty string. Only under the writer lock, and with nobody
        writing to the store meanwhile. Raises VectorServerError; then what is pending stays so.
        """
        prefix = words_prefix(self._store)
        kept = self._table.collection()
        if kept is not None and (kept.place != self._server.place or not kept.name.startswith(prefix)):
            kept = None
        if kept is None and not self._table.count_passages():
            return ""
        damage = ""
        if kept is not None:
            damage = self._has_drifted(kept) or self._bring_up_to_date(kept, on_applied)
            if not damage:
                return ""
            _logger.warning("filling the words at %s anew: %s", self._server.place, damage)
        begun = self._begin(prefix)
        difference = self._bring_up_to_date(begun, on_applied)
        if difference:
            raise VectorServerError(
                self._server.place,
                f"does not hold the words that were written to it: {difference}; sync again",
            )
        sweep_collections(self._server, prefix, keep=begun.name)
        return damage

    def _begin(self, prefix: str) -> WordCollection:
        name = f"{prefix}{self._store.vectors.reserve_generation()}"
        average = _average_length(self._table.sample(_LENGTHS))
        begun = WordCollection(self._server.place, name, average)
        self._server.create_words(name)
        self._table.begin(begun)
        return begun

    def _has_drifted(self, kept: WordCollection) -> str:
        """Whether passages have come to be of another length than their weights say."""
        if not self._table.count_pending():
            return ""
        average = _average_length(self._table.sample(_LENGTHS))
        if abs(average / kept.average_length - 1) <= _DRIFT:
            return ""
        return f"passages had {kept.average_length:.0f} words on average and have {average:.0f}"

    def _bring_up_to_date(self, kept: WordCollection, on_applied: OnApplied) -> str:
        """Apply what is pending; returns how the collection differs from the store, if it does."""
        words = self._server.open_words(kept.name)
        if words is None:
            return "the server does not have them any more"
        deletes = self._table.pending_deletes()
        done, total = 0, self._table.count_pending() - len(deletes)
        words.delete(deletes)
        self._table.settle(deletes)
        for page in self._table.pending_texts(_PAGE):
            weights = weigh_passages(
                [(text, label) for _, text, label in page], average_length=kept.average_length
            )
            rows = [row for row, _, _ in page]
            words.upsert(rows, list(weights))
            self._table.settle(rows)
            done += len(rows)
            on_applied(done, total)
        return self._find_difference(words, kept.average_length)

    def _find_difference(self, words: ServedWords, average_length: float) -> str:
        found, wanted = words.count(), self._table.count_passages()
        if found != wanted:
            return f"it has the words of {found} passages where the store has {wanted}"
        sample = self._table.sample(_SAMPLE)
        expected = weigh_passages([(text, label) for _, text, label in sample], average_length=average_length)
        held = words.get([row for row, _, _ in sample])
        others = sum(
            row not in held or held[row].indices != weighed.indices
            for (row, _, _), weighed in zip(sample, expected, strict=True)
        )
        return f"{others} of {len(sample)} sampled passages have other words there" if others else ""


def words_prefix(store: Store) -> str:
    """What the names of this index's collections of words begin with: not as those of its vectors do."""
    return take_prefix(store.database).replace("gpt4all-", "gpt4all-words-", 1)


def drop_words(store: Store, server: WordServer) -> None:
    """Remove all that the server has of this index's words, which are its own and not of what it copies."""
    for name in server.names(words_prefix(store)):
        server.drop(name)


def _average_length(sample: Texts) -> float:
    lengths = [counts.total() for counts in count_words([(text, label) for _, text, label in sample])]
    return max(fmean(lengths), 1.0) if lengths else 1.0
