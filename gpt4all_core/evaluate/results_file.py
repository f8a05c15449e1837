"""The scores of questions in a file, a line each as soon as it is known: who goes on does not start over."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gpt4all_core.types import Loglikelihood

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Scored:
    """A question's choices: their log-likelihoods, whether each is greedy, and tokens that had no room."""

    logprobs: tuple[float, ...]
    is_greedy: tuple[bool, ...]
    truncated_tokens: int

    @classmethod
    def of(cls, scores: Sequence[Loglikelihood]) -> "Scored":
        return cls(
            tuple(score.logprob for score in scores),
            tuple(score.is_greedy for score in scores),
            max(score.truncated_tokens for score in scores),
        )


class ResultsFile:
    """What is known of the questions that one model was asked under one set of conditions.

    A question is known by its text: neither the order of the data nor a limit matters. Every line is
    written at once, so that whatever ends the process, a line is there or not; a torn one is not read.
    Several processes may write to one file. Not for several threads.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        written = path.read_bytes() if path.is_file() else b""
        self._known = dict(_read(written))
        self._is_torn = bool(written) and not written.endswith(b"\n")

    @property
    def path(self) -> Path:
        return self._path

    def find(self, pairs: Sequence[tuple[str, str]]) -> Scored | None:
        """The scores of these contexts and continuations, if they are there."""
        return self._known.get(_digest(pairs))

    def add(self, pairs: Sequence[tuple[str, str]], scored: Scored) -> None:
        digest = _digest(pairs)
        line = json.dumps(
            {
                "format": _FORMAT,
                "question": digest,
                "logprobs": scored.logprobs,
                "is_greedy": scored.is_greedy,
                "truncated_tokens": scored.truncated_tokens,
            }
        )
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write("\n" * self._is_torn + line + "\n")
        self._is_torn = False
        self._known[digest] = scored


def _digest(pairs: Sequence[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()[:32]


def _read(written: bytes) -> Iterator[tuple[str, Scored]]:
    for line in written.split(b"\n"):
        try:
            entry = json.loads(line)
            if entry["format"] == _FORMAT:
                scored = Scored(
                    tuple(map(float, entry["logprobs"])),
                    tuple(map(bool, entry["is_greedy"])),
                    int(entry["truncated_tokens"]),
                )
                yield str(entry["question"]), scored
        except (ValueError, LookupError, TypeError):
            continue  # a line that was not finished: its question is asked again
