"""Find the sentences of the passages that answer a question: what a small model is given to quote.

A 135M model that quotes from a whole passage mostly quotes the wrong thing; given the one sentence
that is nearest to the question it does much better (100 questions of SQuAD 2.0 with the right passage:
F1 .355 from the passage, .513 from the sentence; `benchmarks/quote_mode.py`).
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from gpt4all_core.protocols import Embedder
from gpt4all_localdocs.keyword_query import content_words
from gpt4all_localdocs.types import Hit, Span

_END: Final = re.compile(
    r"(?<=[.!?])\s+(?=[^\Wa-z_]|[\"“(])"  # a full stop before a capital, a digit or an opening
    r"|\n\s*\n"  # a blank line
    r"|\n(?=\s*(?:[-*+•]|\d+[.)])\s)"  # the next item of a list
    r"|(?<=\|)\s*\n|\n(?=[^\n]*\s\|\s)"  # a row of a table
)
_LEAST_WORDS: Final = 4
"""A shorter fragment is a heading or a caption: near to the question, but no answer to it."""

_PASSAGE_SHARE: Final = 0.2
_KEYWORD_SHARE: Final = 0.3
"""What the passage's own score and the question's words add to the cosine. In the trial that set them,
with a simpler way to split, the best sentence held the answer for .64 and .87 of 25 and 150 questions
(two collections), without them for .60 and .83."""

_MOST: Final = 1 + _PASSAGE_SHARE + _KEYWORD_SHARE


def split_sentences(text: str) -> list[Span]:
    """Spans of the sentences, list items and table rows of a text, without the space between them."""
    bounds = [0, *(place for match in _END.finditer(text) for place in match.span()), len(text)]
    spans = zip(bounds[::2], bounds[1::2], strict=True)
    return [(start, end) for start, end in spans if text[start:end].strip()]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a passage as a hit of its own, whose score, 0 to 1, tells how near the question it is.

    cosine: to the question. words: how much of the question's words it has, 0 to 1, rare ones counting more.
    """

    hit: Hit
    cosine: float
    words: float


def rank_sentences(hits: Sequence[Hit], question: str, embedder: Embedder) -> tuple[Sentence, ...]:
    """The sentences of the hits, those that are likeliest to hold the answer first.

    Text, span and lines are the sentence's, exactly as they stand in the document. A sentence that several
    passages have is there once.
    """
    candidates = [sentence for hit in hits for sentence in _telling_sentences(hit)]
    texts = [sentence.text for sentence in candidates]
    if not texts:
        return ()
    cosines = embedder.embed_documents(texts) @ embedder.embed_query(question)
    words = shared_words(question, texts)
    best: dict[str, Sentence] = {}
    for cosine, sentence, shared in zip(map(float, cosines), candidates, words, strict=True):
        score = (cosine + _PASSAGE_SHARE * sentence.score + _KEYWORD_SHARE * shared) / _MOST
        known = best.get(sentence.text)
        if known is None or score > known.hit.score:
            best[sentence.text] = Sentence(replace(sentence, score=min(max(score, 0.0), 1.0)), cosine, shared)
    return tuple(sorted(best.values(), key=lambda sentence: -sentence.hit.score))


def _telling_sentences(hit: Hit) -> list[Hit]:
    """The sentences of a passage that are long enough to say something; all if none is."""
    sentences = [cut(hit, *span) for span in split_sentences(hit.text)]
    return [each for each in sentences if len(each.text.split()) >= _LEAST_WORDS] or sentences


def cut(hit: Hit, start: int, end: int) -> Hit:
    """The part `[start, end)` of a hit's text, with the place it has in the document."""
    lines = hit.lines
    if lines is not None:
        first = lines[0] + hit.text.count("\n", 0, start)
        lines = (first, first + hit.text.count("\n", start, end))
    return replace(hit, text=hit.text[start:end], span=(hit.span[0] + start, hit.span[0] + end), lines=lines)


def shared_words(question: str, texts: Sequence[str]) -> list[float]:
    """How much of the question's words each text holds, 0 to 1, rare ones counting more."""
    bags = [word_stems(text) for text in texts]
    counts = Counter(word for bag in bags for word in bag)
    weights = {word: math.log1p(len(texts) / (counts[word] + 0.5)) for word in word_stems(question)}
    total = sum(weights.values()) or 1.0
    return [sum(weight for word, weight in weights.items() if word in bag) / total for bag in bags]


def word_stems(text: str) -> set[str]:
    """Words cut to five letters: enough to find `leave` in `leaves`, without a stemmer a language."""
    return {word[:5] for word in content_words(text)}
