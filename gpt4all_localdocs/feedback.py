"""What the best passages of a first look say about what was meant. Pure.

A question has few words, and the passages that answer it have others besides. The best of a first look are
taken to be relevant, and a second look asks for what is like them as well: Rocchio's feedback, here without a
person ("Relevance feedback in information retrieval", 1971), for the vector, and for the words the relevance
model RM3 (Lavrenko and Croft, SIGIR 2001; Abdul-Jaleel et al., TREC 2004). Both keep the question itself as
the larger part, so that feedback from wrong passages does little harm.

nDCG@10 with MiniLM, one setting for both: Cranfield .411 without, .422 with the vector alone, .427 with
both; 1,455 questions of SQuAD 2.0 .913, .914 and .913 (`benchmarks/retrieval.py` has all figures).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.keyword_query import content_words

FEEDBACK_PASSAGES: Final = 5
FEEDBACK_SHARE: Final = 10
"""One passage in so many candidates at most: where all there is fits on a page, the best few of it are
no better than the rest."""

_VECTOR_WEIGHT: Final = 0.7
"""Of the mean of the passages' vectors, beside the question's own with 1; Rocchio's beta over alpha."""

_TERM_WEIGHT: Final = 0.05
"""Of what the passages' words find, beside what the question's words do: small, as words drift sooner than
vectors (at .1 Cranfield gains another .002 and SQuAD loses .004)."""

_TERMS: Final = 20
_LIKELY_TERMS: Final = 40
"""So many are looked up in the index, to find the 20 that tell most; more make no difference."""

_K1: Final = 1.2
_B: Final = 0.75
"""FTS5's own values of BM25."""

_WORD: Final = re.compile(r"\w+")


def move_query(query: Vectors, passages: Vectors) -> Vectors:
    """A query's vector moved towards passages': shape (dimensions,), L2 norm 1.

    passages: shape (count, dimensions), at least one row.
    """
    moved = query + _VECTOR_WEIGHT * passages.mean(axis=0)
    return np.asarray(moved / max(float(np.linalg.norm(moved)), 1e-12), dtype=np.float32)


def telling_terms(
    texts: Sequence[str], *, weights_of: Callable[[Sequence[str]], Mapping[str, float]]
) -> dict[str, float]:
    """The words that tell these texts from others, with shares that sum to 1; none where nothing does.

    How likely a word is in the texts, which count alike, times its inverse document frequency.
    weights_of: the latter, for the words given.
    """
    likely: dict[str, float] = defaultdict(float)
    for text in texts:
        words = content_words(text)
        for word, count in Counter(words).items():
            likely[word] += count / len(words)
    candidates = sorted(likely, key=lambda word: (-likely[word], word))[:_LIKELY_TERMS]
    weights = weights_of(candidates)
    worth = {word: likely[word] * weights[word] for word in candidates if weights[word] > 0}
    best = sorted(worth, key=lambda word: (-worth[word], word))[:_TERMS]
    total = sum(worth[word] for word in best)
    return {word: worth[word] / total for word in best}


def score_terms(
    texts: Sequence[str], shares: Mapping[str, float], weights: Mapping[str, float]
) -> list[float]:
    """BM25 of each text for the terms, each times its share; lengths are compared with these texts' mean."""
    counted = [_WORD.findall(text.lower()) for text in texts]
    mean_length = sum(map(len, counted)) / max(len(counted), 1) or 1.0
    scores = []
    for words in counted:
        norm = _K1 * (1 - _B + _B * len(words) / mean_length)
        held = Counter([word for word in words if word in shares])
        scores.append(
            sum(
                shares[word] * weights[word] * count * (_K1 + 1) / (count + norm)
                for word, count in held.items()
            )
        )
    return scores


def blend_scores(keyword: Mapping[int, float], terms: Mapping[int, float], *, words: int) -> dict[int, float]:
    """BM25 for a question of so many words and for the feedback's terms, each as the mean of a word."""
    return {
        row: (1 - _TERM_WEIGHT) * keyword.get(row, 0.0) / max(words, 1) + _TERM_WEIGHT * score
        for row, score in terms.items()
    }
