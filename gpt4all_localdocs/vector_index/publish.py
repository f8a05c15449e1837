"""Bring the derived index of a store up to date, wherever it is kept."""

import logging
from contextlib import closing
from dataclasses import dataclass

from gpt4all_core.errors import VectorServerError
from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.vector_index.generations import Generations, OnApplied, OpenIndex
from gpt4all_localdocs.vector_index.registry import choose_place
from gpt4all_localdocs.vector_index.served import ServedGenerations
from gpt4all_localdocs.vector_index.served_words import WordGenerations
from gpt4all_localdocs.vector_index.word_server import WordServer
from gpt4all_localdocs.vector_index.word_table import WordTable

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Published:
    """What became of it; the fields are those of `SyncReport`."""

    rebuilt: str = ""
    behind: str = ""


def publish_vectors(
    store: Store,
    options: IndexOptions,
    *,
    open_index: OpenIndex,
    on_applied: OnApplied = lambda _done, _total: None,
) -> Published:
    """See `Generations.refresh`, `ServedGenerations.refresh` and, for words, `WordGenerations.refresh`.

    Under the writer lock. A server that does not answer is no error: the store has everything, and the next
    call makes up for it.
    """
    place = choose_place(options.vector_index, options.vector_index_key, vectors=store.vectors)
    files = Generations(store.directory, store.vectors, open_index=open_index)
    if not isinstance(place, WordServer):
        WordTable(store.database).forget()
    if place == "exact":
        files.discard()
        return Published()
    if place == "chroma":
        return Published(rebuilt=files.refresh(on_applied=on_applied))
    with closing(place):
        try:
            reasons = [ServedGenerations(store, place).refresh(on_applied=on_applied)]
            if isinstance(place, WordServer):
                reasons.append(WordGenerations(store, place).refresh(on_applied=on_applied))
        except VectorServerError as error:
            _logger.warning("the vector index is behind its store: %s", error)
            return Published(behind=str(error))
    files.sweep()
    return Published(rebuilt="; ".join(filter(None, reasons)))
