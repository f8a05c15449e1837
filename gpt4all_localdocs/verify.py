"""Check the sentences of an answer against the sources that they name.

A check of words, figures and meaning, not of logic: it finds statements that a source does not make, and
does not notice a "not" too many.
"""

import re
from collections.abc import Sequence
from typing import Final

from gpt4all_core.protocols import Embedder
from gpt4all_localdocs.cite import marker_numbers, without_markers
from gpt4all_localdocs.narrow import split_sentences, word_stems
from gpt4all_localdocs.types import Claim, Hit, Span

LEAST_SUPPORT: Final = 0.7
"""From here on a sentence counts as supported: of statements made of 60 questions of SQuAD 2.0 85 % do with
their right answer and passage, 7 % with another passage, 18 % with a wrong answer; see docs/benchmarks.md."""

_END: Final = re.compile(r"(?<=[.!?\]])\s+(?=[^\Wa-z_]|[\"“(])")
_FIGURE: Final = re.compile(r"\d+(?:[.,:]\d+)*")


def verify_claims(text: str, sources: Sequence[Hit], embedder: Embedder) -> tuple[Claim, ...]:
    """Every sentence of the text that names sources, in order, with how far these support it.

    Source `n` is `sources[n - 1]`. May be called from any thread; embeds the sentences of the sources named.
    """
    claims = []
    for start, end in claim_spans(text):
        sentence = text[start:end]
        numbers = tuple(number for number in marker_numbers(sentence) if 1 <= number <= len(sources))
        statement = without_markers(sentence).strip()
        if not numbers or not statement:
            continue
        named = [sources[number - 1].text for number in numbers]
        found = support(statement, named, embedder)
        claims.append(Claim(sentence, (start, end), numbers, found, found >= LEAST_SUPPORT))
    return tuple(claims)


def claim_spans(text: str) -> list[Span]:
    """The spans of an answer's sentences, each with the markers behind it."""
    bounds = [0, *(place for match in _END.finditer(text) for place in match.span()), len(text)]
    pairs = zip(bounds[::2], bounds[1::2], strict=True)
    return [(start, end) for start, end in pairs if text[start:end].strip()]


def support(statement: str, sources: Sequence[str], embedder: Embedder) -> float:
    """How far texts say a statement, 0 to 1: the mean of two shares.

    Of its words that say something, cut to stems, those that the texts have; and the cosine to the nearest of
    their sentences. A figure that no text has halves the result, which leaves it below `LEAST_SUPPORT`.
    """
    have = set().union(*(word_stems(source) for source in sources))
    wanted = word_stems(statement)
    words = len(wanted & have) / len(wanted) if wanted else 0.0
    sentences = [source[start:end] for source in sources for start, end in split_sentences(source)]
    nearest = 0.0
    if sentences:
        nearest = float((embedder.embed_documents(sentences) @ embedder.embed_query(statement)).max())
    figures = {figure for source in sources for figure in _FIGURE.findall(source)}
    share = 1.0 if set(_FIGURE.findall(statement)) <= figures else 0.5
    return share * (words + min(max(nearest, 0.0), 1.0)) / 2
