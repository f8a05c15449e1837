"""What a search may do with what it found: leave out, order again, spread, show more of the text around.

Pure but for the reranker.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, runtime_checkable

import numpy as np

from gpt4all_core.errors import ConfigError
from gpt4all_core.protocols import Vectors
from gpt4all_core.types import RankedDocument
from gpt4all_localdocs.check_arguments import check_count, check_share
from gpt4all_localdocs.header import CountTokens
from gpt4all_localdocs.types import Hit, SearchMode

MOST_RERANKED: Final = 20
"""A cross-encoder reads every passage together with the question: 20 take 0.7 s on two cores with the
smallest ones, and what comes after is seldom the best."""

_WORD: Final = re.compile(r"\w+")
_SHINGLE: Final = 3
_LIKENESS: Final = 0.9


@runtime_checkable
class Reranker(Protocol):
    """Scores documents by how well they answer a query, as `gpt4all_core.LocalReranker` does."""

    def rerank(
        self, query: str, documents: Sequence[str], *, top_n: int | None = None
    ) -> list[RankedDocument]:
        """The documents by their score from 0 to 1, the best first."""


@dataclass(frozen=True, slots=True)
class Refine:
    """What a search does with the passages that it found; by default nothing.

    reranker: orders the best 20 anew, whose scores are then its own; the others are left out. None is the
    default because small cross-encoders were measured to make good rankings worse.
    drop_repeats: of passages with nearly the same words and the same numbers, only the best.
    diversity: from 0, the best, to 1, those that are least like the ones before them.
    min_score: the least cosine of a passage to the query; where none has it, nothing is found. None for no
    limit, as each embedder has a range of its own. With the bundled one, 0.35 left 0 to 3 % of questions
    about the documents without a hit and 82 to 92 % of questions about something else (docs/localdocs.md);
    it also leaves out passages that share a rare word with the query and no more. Passages that are not
    embedded yet have no cosine and are left out. Keyword searches have none and refuse it.
    expand_tokens: passages grow by those before and after them in the same section while they have at most
    so many tokens; those that then overlap become one, see `expand_hits`. 0 for not at all.
    count_tokens: counts them, the embedder's counter by default; give a chat model's to fill its context.
    Raises ConfigError for a `diversity` outside of 0 to 1, a `min_score` outside of -1 to 1, an
    `expand_tokens` below 0, and what is of another kind.
    """

    reranker: Reranker | None = None
    drop_repeats: bool = False
    diversity: float = 0.0
    min_score: float | None = None
    expand_tokens: int = 0
    count_tokens: CountTokens | None = None

    def __post_init__(self) -> None:
        check_share("diversity", self.diversity)
        if self.min_score is not None:
            check_share("min_score", self.min_score, least=-1)
        check_count("expand_tokens", self.expand_tokens, least=0)
        if not isinstance(self.drop_repeats, bool):
            raise ConfigError(f"drop_repeats is {self.drop_repeats!r}; give True or False")
        if not isinstance(self.reranker, Reranker | None):
            raise ConfigError(f"reranker is {self.reranker!r:.80}; give a LocalReranker")
        if not (self.count_tokens is None or callable(self.count_tokens)):
            raise ConfigError(f"count_tokens is {self.count_tokens!r:.80}; give a function of a text")

    def check_mode(self, mode: SearchMode) -> None:
        """Raise ConfigError where a search of this mode has no cosines for `min_score`."""
        if self.min_score is not None and mode == "keyword":
            raise ConfigError(
                f"min_score={self.min_score} is a cosine, and mode='keyword' compares no vectors;"
                " search by 'hybrid' or 'vector', or leave it out"
            )

    def depth(self, k: int) -> int:
        """How many passages to search for, so that `k` good ones are left."""
        if self == Refine(min_score=self.min_score) or k < 1:
            return k
        return max(3 * k, MOST_RERANKED)


def refine_hits(
    hits: Sequence[Hit],
    query: str,
    options: Refine,
    *,
    k: int,
    vectors_of: Callable[[Sequence[Hit]], Vectors],
) -> list[Hit]:
    """The best `k` of the hits after all that `options` ask for; vectors_of: as `LocalDocs.vectors_of`."""
    chosen = [hit for hit in hits if is_near(hit, options.min_score)]
    if options.drop_repeats:
        chosen = drop_repeats(chosen)
    if options.reranker is not None:
        chosen = rerank_hits(chosen[:MOST_RERANKED], query, options.reranker)
    if options.diversity:
        return spread_hits(chosen, vectors_of(chosen), k=k, diversity=options.diversity)
    return chosen[:k]


def is_near(hit: Hit, min_score: float | None) -> bool:
    """Whether a hit's cosine is known and high enough."""
    return min_score is None or (hit.vector_score is not None and hit.vector_score >= min_score)


def rerank_hits(hits: Sequence[Hit], query: str, reranker: Reranker) -> list[Hit]:
    """The hits by the reranker's scores, headings given with the text."""
    if not hits:
        return []
    ranked = reranker.rerank(query, ["\n".join([*hit.headings, hit.text]) for hit in hits])
    return [replace(hits[each.index], score=each.score) for each in ranked]


def drop_repeats(hits: Sequence[Hit]) -> list[Hit]:
    """The hits without those that repeat a better one.

    They share nine tenths of their runs of three words (Broder, "On the resemblance and containment of
    documents", 1997) and have the same numbers: last year's prices are no repetition of this year's.
    """
    kept: list[_Wording] = []
    chosen = []
    for hit in hits:
        wording = _Wording.of(hit.text)
        if not any(wording.repeats(other) for other in kept):
            kept.append(wording)
            chosen.append(hit)
    return chosen


def spread_hits(hits: Sequence[Hit], vectors: Vectors, *, k: int, diversity: float) -> list[Hit]:
    """Up to `k` hits, each good and unlike those before it.

    Maximal marginal relevance: Carbonell and Goldstein, SIGIR 1998. vectors: of the hits, of length 1.
    """
    left, chosen = list(range(len(hits))), list[int]()
    alike = vectors @ vectors.T
    while left and len(chosen) < k:
        gains = [
            (1 - diversity) * hits[place].score
            - diversity * (float(np.max(alike[place, chosen])) if chosen else 0.0)
            for place in left
        ]
        chosen.append(left.pop(int(np.argmax(gains))))
    return [hits[place] for place in chosen]


@dataclass(frozen=True, slots=True)
class _Wording:
    runs: frozenset[tuple[str, ...]]
    numbers: frozenset[str]

    @classmethod
    def of(cls, text: str) -> "_Wording":
        words = _WORD.findall(text.lower())
        starts = range(max(1, len(words) - _SHINGLE + 1))
        return cls(
            frozenset(tuple(words[start : start + _SHINGLE]) for start in starts),
            frozenset(word for word in words if any(letter.isdigit() for letter in word)),
        )

    def repeats(self, other: "_Wording") -> bool:
        shared = len(self.runs & other.runs)
        return self.numbers == other.numbers and shared >= _LIKENESS * len(self.runs | other.runs)
