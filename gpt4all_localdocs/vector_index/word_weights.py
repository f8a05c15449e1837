"""Passages and questions as sparse vectors of words: what a server needs to rank by BM25.

BM25 is a sum over the words of a question of two factors. How often a passage holds the word, saturated and
set against the passage's length, is known when it is written: that is the passage's vector. How rare the
word is changes with every passage: that factor is the server's, at the time of the question.
"""

import sqlite3
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final

_K1: Final = 1.2
_B: Final = 0.75
"""FTS5's own values, so that both rankings of words are one."""

_TABLES: Final = """
CREATE VIRTUAL TABLE words USING fts5 (
    text, label, content = '', tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE counted USING fts5vocab (words, 'instance');
"""

_BATCH: Final = 500
"""Texts that are cut at once; their words stay in memory meanwhile, a few MB."""


@dataclass(frozen=True, slots=True)
class SparseWords:
    """A sparse vector: ascending numbers of words from 0 to 2**32 - 1, each once, and a weight for each."""

    indices: list[int]
    values: list[float]


def weigh_passages(passages: Sequence[tuple[str, str]], *, average_length: float) -> Iterator[SparseWords]:
    """Each passage's vector; a passage is its text and its label.

    average_length: what lengths are set against, in words. BM25's is that of all passages; it has to be one
    number for all vectors that are compared.
    """
    for start in range(0, len(passages), _BATCH):
        for counts in count_words(passages[start : start + _BATCH]):
            norm = _K1 * (1 - _B + _B * counts.total() / average_length)
            yield _sparse({word: n * (_K1 + 1) / (n + norm) for word, n in counts.items()})


def weigh_question(words: Sequence[str]) -> SparseWords:
    """The vector of a question: a word counts as often as it is there.

    FTS5 looks for what it cuts in two (`snake_case`) as a phrase. A vector knows no neighbours: the parts
    share the word's weight.
    """
    weights: dict[str, float] = defaultdict(float)
    for counts in count_words([(word, "") for word in words]):
        for part, count in counts.items():
            weights[part] += count / counts.total()
    return _sparse(weights)


def count_words(texts: Sequence[tuple[str, str]]) -> list[Counter[str]]:
    """The stems in each text and label, as FTS5 cuts, folds and stems them: it is FTS5 that does it here."""
    found: list[Counter[str]] = [Counter() for _ in texts]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(_TABLES)
        connection.executemany(
            "INSERT INTO words (rowid, text, label) VALUES (?, ?, ?)",
            ((number, text, label) for number, (text, label) in enumerate(texts)),
        )
        for number, word, count in connection.execute(
            "SELECT doc, term, count(*) FROM counted GROUP BY doc, term"
        ):
            found[number][word] = count
    return found


def word_number(word: str) -> int:
    """32 bits for a word. Two words of one number count as one: see docs/decisions/0071 for how many do."""
    return zlib.crc32(word.encode("utf-8", "surrogatepass"))


def _sparse(weights: dict[str, float]) -> SparseWords:
    numbered: dict[int, float] = defaultdict(float)
    for word, weight in weights.items():
        numbered[word_number(word)] += weight
    indices = sorted(numbered)
    return SparseWords(indices, [numbered[index] for index in indices])
