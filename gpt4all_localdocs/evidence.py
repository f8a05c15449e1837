"""How much speaks for passages answering a question at all: what strict answers are refused by. Pure."""

import math
from collections.abc import Sequence
from typing import Final

from gpt4all_localdocs.narrow import Sentence

LEAST_EVIDENCE: Final = 0.45
"""Below it a strict answer is refused. Of 600 questions that nothing was fitted on 93 % reached it, and 46 %
where their passage had been taken out of the index; docs/benchmarks.md has the other thresholds."""

_BIAS: Final = -5.6
_COSINE: Final = 7.0
_WORDS: Final = 4.4
"""A logistic regression on 300 questions of SQuAD 2.0 and 150 whose passage had been taken out of the index,
with MiniLM. In five-fold cross-validation it ranks 85 of 100 pairs of the two rightly; words alone 82, the
cosine alone 79, and how likely the starter model found its quotation 60."""


def weigh_evidence(sentences: Sequence[Sentence]) -> float:
    """0 to 1, by the nearest sentence's cosine and the largest share of the question's words in one.

    0 without a sentence. Fitted with the bundled embedder: with others 0.45 may stand for something else.
    """
    if not sentences:
        return 0.0
    cosine = max(sentence.cosine for sentence in sentences)
    words = max(sentence.words for sentence in sentences)
    return 1 / (1 + math.exp(-(_BIAS + _COSINE * cosine + _WORDS * words)))
