"""Questions of SQuAD 2.0 with their passages and answers, and how an answer is scored."""

import json
import random
import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Question:
    """passage: the id of the passage that answers it. answers: each is a span of that passage."""

    id: str
    text: str
    passage: str
    answers: tuple[str, ...]

    def is_answered_in(self, text: str) -> bool:
        return any(answer in text for answer in self.answers)


def read_passages(folder: Path) -> dict[str, str]:
    """The texts of corpus.jsonl by their ids."""
    return {row["_id"]: row["text"] for row in read_lines(folder / "corpus.jsonl")}


def read_questions(folder: Path, limit: int, *, skip: int = 0) -> list[Question]:
    """Answerable questions of queries.jsonl, always in the same random order.

    skip: leave out so many of the first, which settings were fitted on.
    """
    rows = (folder / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]
    passage_of = dict(row.split("\t")[:2] for row in rows)
    answerable = [row for row in read_lines(folder / "queries.jsonl") if row.get("answers")]
    random.Random(1).shuffle(answerable)
    return [
        Question(row["_id"], row["text"], passage_of[row["_id"]], tuple(row["answers"]))
        for row in answerable[skip : skip + limit]
    ]


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def best_f1(answer: str, references: Iterable[str]) -> float:
    """SQuAD's own: shared words over both lengths, articles and punctuation dropped; the best reference."""
    return max(f1(answer, reference) for reference in references)


def f1(answer: str, reference: str) -> float:
    found, wanted = words(answer), words(reference)
    shared = sum((Counter(found) & Counter(wanted)).values())
    return 2 * shared / (len(found) + len(wanted)) if shared else 0.0


def words(text: str) -> list[str]:
    plain = "".join(character for character in text.lower() if character not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", plain).split()


def mean(values: Sequence[float]) -> float:
    """0 of nothing."""
    return sum(values) / len(values) if values else 0.0
