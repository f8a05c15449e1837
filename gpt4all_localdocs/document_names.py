"""Which documents a question names, by the words of their file names.

Reports alike but for company and year are told apart by their names alone, and their passages mostly mention
neither. A question that has every telling word of a name is taken to mean that document.
"""

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from gpt4all_localdocs.database import Database, read_meta
from gpt4all_localdocs.keyword_query import query_words

_TELLING: Final = 0.2
"""Least weight of a word that tells documents apart: one in four fifths of the names, "report", does not."""

_LEAST_WORDS: Final = 2
"""That tell. A single one is often there by chance: of 17 questions of SQuAD 2.0 that seemed to name a wrong
article, 16 did so by one word ("Force")."""

_MOST_SHARE: Final = 0.2
_MOST: Final = 3
"""A question that names more than these, or more than a fifth of all, names a kind of document."""

_NAME_WORD: Final = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class DocumentNames:
    """The names of documents, ready to be looked for. Pure.

    weights: of the words that tell documents apart. holders: the documents with each of them.
    needed: the weight of each document's whole name. most: so many at most are named at once.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    holders: Mapping[str, Sequence[int]] = field(default_factory=dict)
    needed: Mapping[int, float] = field(default_factory=dict)
    most: float = _MOST

    @classmethod
    def of(cls, names: Mapping[int, str]) -> Self:
        """Of file names by a number for each."""
        words_of = {id_: name_words(name) for id_, name in names.items()}
        counts = Counter(word for words in words_of.values() for word in words)
        weights = {word: math.log((len(names) + 1) / count) for word, count in counts.items()}
        telling = {word: weight for word, weight in weights.items() if weight > _TELLING}
        holders: dict[str, list[int]] = defaultdict(list)
        needed: dict[int, float] = {}
        for id_, words in words_of.items():
            telling_words = words & telling.keys()
            if len(telling_words) >= _LEAST_WORDS:
                needed[id_] = sum(telling[word] for word in telling_words)
                for word in telling_words:
                    holders[word].append(id_)
        return cls(telling, holders, needed, max(_MOST, _MOST_SHARE * len(names)))

    def named_in(self, words: Iterable[str]) -> list[int]:
        """The documents whose names the words have, but for what many names share; of these the best named.

        None where the words fit so many that they name none. Names of one telling word are not looked for.

            >>> names = DocumentNames.of({1: "acme_2023_report.pdf", 2: "acme_2024_report.pdf"})
            >>> names.named_in(["sales", "acme", "2024"])
            [2]
        """
        held: dict[int, float] = defaultdict(float)
        for word in {_stem(word) for word in words} & self.holders.keys():
            for id_ in self.holders[word]:
                held[id_] += self.weights[word]
        named = [id_ for id_, weight in held.items() if weight >= self.needed[id_] * (1 - 1e-9)]
        if not named or len(named) > self.most:
            return []
        best = max(held[id_] for id_ in named)
        return sorted(id_ for id_ in named if held[id_] >= best * (1 - 1e-9))


class NameTable:
    """The names of an index's files, read again when they have changed. May be used from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: tuple[str | None, DocumentNames] = ("", DocumentNames())

    def named_in(self, words: Iterable[str]) -> list[int]:
        """The rows of the files that a question with these words names, see `DocumentNames.named_in`."""
        with self._database.reading() as connection:
            state = read_meta(connection, "names_revision")
            known, names = self._known
            if known != state:
                rows = connection.execute("SELECT id, path FROM files WHERE kind = 'file'").fetchall()
                names = DocumentNames.of({id_: Path(path).name for id_, path in rows})
                self._known = (state, names)
        return names.named_in(words)

    def have_passage(self, files: Sequence[int], passages: Sequence[int]) -> bool:
        """Whether one of these passages is of one of these files, all by their rows; true without any."""
        among = "IN (SELECT value FROM json_each(?))"
        with self._database.reading() as connection:
            (found,) = connection.execute(
                f"SELECT EXISTS (SELECT 1 FROM chunks WHERE id {among} AND file_id {among})",  # noqa: S608 - constants, and values as parameters
                (json.dumps(passages), json.dumps(files)),
            ).fetchone()
        return bool(found) or not passages


def name_words(name: str) -> frozenset[str]:
    """The words of a file's name that say something, as questions write them, without the suffix."""
    return frozenset(map(_stem, query_words(" ".join(_NAME_WORD.findall(Path(name).stem)))))


def _stem(word: str) -> str:
    """Singular and plural of most words alike."""
    return word[:-1] if len(word) > 3 and word.endswith("s") else word
