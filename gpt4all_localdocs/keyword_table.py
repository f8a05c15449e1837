"""The keyword index of a store: which passages hold a query's words, by BM25."""

import json
import math
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from gpt4all_localdocs.database import Database
from gpt4all_localdocs.filter_sql import EVERYTHING, Condition
from gpt4all_localdocs.keyword_query import any_of

_PRUNED_FROM: Final = 10_000
"""Passages; of fewer, FTS5 scores all that hold any word within a few milliseconds."""

_ESSENTIAL_SHARE: Final = 0.7
"""Of a query's weight; see `require_essential`."""

_SCORED: Final = 20_000
_SCORED_SHARE: Final = 0.1
"""Passages that the essential words may have together: so many, or this share of all where that is more.

Over 1,011,263 passages the best 10 of 299 of 300 questions stayed the same, and the best 200 of 294; 99 of
100 took 267 ms at most and the slowest 304 ms, where they had taken 486 and 922. Half of that share changes
.002 of the best 10. Over 101,147 the slowest fell from 91 to 45 ms."""

_MOST_KNOWN: Final = 100_000
"""Words whose counts are remembered, some 10 MB."""


@dataclass(frozen=True, slots=True)
class _Counts:
    """How many passages there are, and hold a word, while the index is in this state."""

    state: tuple[object, ...]
    passages: int
    holding: dict[str, int] = field(default_factory=dict)


class KeywordTable:
    """The words of passages and their labels, stemmed; triggers keep it as the passages are.

    May be used from any thread.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: _Counts | None = None

    def rank(
        self, words: Sequence[str], *, limit: int, condition: Condition = EVERYTHING
    ) -> dict[int, float]:
        """Rows of passages that hold any of the words and fit, with their BM25 (higher is better).

        A repeated word counts as often. In a large index passages are left out that hold only words that
        say little, see `require_essential`.
        """
        if not words:
            return {}
        match, scale = any_of(words), 1.0
        passages = self.count_passages()
        if passages >= _PRUNED_FROM:
            held = self.count_holding(words)
            most_held = max(_SCORED, _SCORED_SHARE * passages) if condition is EVERYTHING else None
            match, scale = require_essential(
                words, word_weights(held, passages), held=held, most_held=most_held, wanted=limit
            )
        found = self.match(match, limit=limit, condition=condition)
        return {row: score / scale for row, score in found}

    def match(self, match: str, *, limit: int, condition: Condition = EVERYTHING) -> list[tuple[int, float]]:
        """The same for a query in FTS5's own language."""
        source, fits = "keywords", ""
        if condition is not EVERYTHING:  # FTS5 sorts by rank by itself where nothing is joined
            source += " JOIN chunks ON chunks.id = keywords.rowid JOIN files ON files.id = file_id"
            fits = f" AND {condition.sql}"
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT keywords.rowid, -rank FROM {source} WHERE keywords MATCH :match{fits}"  # noqa: S608 - constants, and values as parameters
                " ORDER BY rank, keywords.rowid LIMIT :limit",
                condition.parameters | {"match": match, "limit": limit},
            ).fetchall()
        return [(row[0], row[1]) for row in rows]

    def count_passages(self) -> int:
        """As of the last time that a passage or a vector came or a vector went."""
        with self._database.reading() as connection:
            return self._counts(connection).passages

    def texts(self, rows: Iterable[int]) -> dict[int, tuple[str, str]]:
        """The text and the vector's key of passages; rows that are gone are missing."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT id, text, vector_key FROM chunks WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(rows)),),
            ).fetchall()
        return {row: (text, key) for row, text, key in found}

    def count_holding(self, words: Iterable[str]) -> dict[str, int]:
        """How many passages hold each word, as of the same time.

        0.03 to 0.8 ms a word over 100,000 passages; the counts are remembered, as the commonest words take
        longest and come again soonest.
        """
        asked = list(dict.fromkeys(words))
        with self._database.reading() as connection:
            holding = self._counts(connection).holding
            for word in asked:
                if word not in holding:
                    row = connection.execute(
                        "SELECT count(*) FROM keywords WHERE keywords MATCH ?", (any_of([word]),)
                    ).fetchone()
                    holding[word] = int(row[0])
        return {word: holding[word] for word in asked}

    def _counts(self, connection: sqlite3.Connection) -> _Counts:
        state = connection.execute(
            "SELECT (SELECT value FROM meta WHERE name = 'vectors_revision'), (SELECT max(id) FROM chunks)"
        ).fetchone()
        known = self._known
        if known is None or known.state != state or len(known.holding) > _MOST_KNOWN:
            (passages,) = connection.execute("SELECT count(*) FROM chunks").fetchone()
            known = self._known = _Counts(state, int(passages))
        return known


def word_weights(held: Mapping[str, int], passages: int) -> dict[str, float]:
    """What a word is worth in BM25, by how many of the passages hold it; 0 for one that none holds.

    The inverse document frequency of Robertson and Spärck Jones, as FTS5 has it.
    """
    return {
        word: max(math.log((passages - count + 0.5) / (count + 0.5)), 1e-6) if count else 0.0
        for word, count in held.items()
    }


def require_essential(
    words: Sequence[str],
    weights: Mapping[str, float],
    *,
    held: Mapping[str, int],
    most_held: float | None,
    wanted: int,
) -> tuple[str, float]:
    """A query of FTS5 for passages that hold an essential word, and what its scores are too large by.

    FTS5 takes its time for each passage that it scores, most of which hold only the commonest words of
    a question and come last. Words are essential, from the rarest on, until they have seven tenths of
    the question's weight: the idea of MaxScore (Turtle and Flood, "Query evaluation: strategies and
    optimizations", 1995), with a share in place of its bound. Over 100,000 passages the best 20 of 40
    questions stayed the same, and 99 % of the best 200; the median time fell from 19 to 9 ms.

    held: how many passages hold each word. most_held: no word is essential any more with which they would be
    held by more passages than this, once `wanted` are sure to be found; None is no limit.
    """
    counts = Counter(word for word in words if weights[word])
    left = _ESSENTIAL_SHARE * sum(weights[word] * count for word, count in counts.items())
    essential: list[str] = []
    together = most = 0
    for word in sorted(counts, key=lambda word: (-weights[word], word)):
        together += held[word]
        is_too_much = most_held is not None and together > most_held and most >= wanted
        if left <= 0 or is_too_much:
            break
        essential.append(word)
        most = max(most, held[word])
        left -= weights[word] * counts[word]
    others = [word for word in counts.elements() if word not in essential]
    if not others:
        return any_of(list(counts.elements()) or words), 1.0
    needed = [word for word in counts.elements() if word in essential]
    # FTS5 adds up the words on both sides: named twice, the others weigh what they should.
    return f"({any_of(needed)}) AND ({any_of([*needed, *others, *others])})", 2.0
