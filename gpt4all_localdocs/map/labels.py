"""Words that say what a topic is about and what sets it apart from the others."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log
from typing import Final

import numpy as np

from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.map.document_map import NO_TOPIC
from gpt4all_localdocs.unsegmented import character_pairs, without_unsegmented

_WORD: Final = re.compile(r"[^\W\d_](?:[^\W_]|['’-](?=[^\W_]))+")  # noqa: RUF001 - people write both apostrophes
_PHRASE_END: Final = re.compile(r"[^\w\s'’-]+|\n\s*\n")  # noqa: RUF001 - as above
_CANDIDATES: Final = 24
"""Words of a topic that are compared with its passages by meaning, and may join to phrases."""

_TERMS: Final = 3
_LEAST_COSINE: Final = 0.01
"""For an embedder that does not know the language, so that frequency alone decides."""

_LONGEST_WORD: Final = 24
_LONGEST_HEADING: Final = 40
_COMMONEST: Final = 0.3
"""Share of all passages from which a word sets no topic apart, if there are several."""


@dataclass(frozen=True, slots=True)
class LabelledText:
    """What labels are made of: a passage's text, and the names above it, each as people wrote it."""

    text: str
    names: tuple[str, ...] = ()


def label_topics(
    texts: Sequence[LabelledText],
    topic_of: Sequence[int],
    *,
    centres: Vectors,
    embed: Callable[[Sequence[str]], Vectors],
) -> list[str]:
    """A label for each topic, no two alike: up to three words, phrases or headings.

    topic_of: a number for each text, or NO_TOPIC. centres: the mean vector of each topic. embed: the vectors
    of words, of the embedder that made those.
    Words are ranked by class-based TF-IDF, where a passage has a word or has not (Grootendorst, "BERTopic",
    2022), times their cosine to the centre: function words of any language are about nothing, so that no
    list of them is needed.
    """
    ranked = _rank_terms(texts, topic_of, count=len(centres))
    flat = sorted({term for terms in ranked for term in terms})
    if not flat:
        return [f"Topic {number + 1}" for number in range(len(centres))]
    vectors = dict(zip(flat, _unit_rows(embed(flat)), strict=True))
    scored = [
        {term: score * max(float(vectors[term] @ centre), _LEAST_COSINE) for term, score in terms.items()}
        for terms, centre in zip(ranked, _unit_rows(centres), strict=True)
    ]
    best_of: dict[str, float] = {}
    for terms in scored:
        for term, score in terms.items():
            best_of[term.lower()] = max(score, best_of.get(term.lower(), 0.0))
    chosen = [
        _choose({term: score for term, score in terms.items() if score >= best_of[term.lower()]})
        for terms in scored
    ]
    return [" · ".join(terms) or f"Topic {number + 1}" for number, terms in enumerate(chosen)]


def _rank_terms(
    texts: Sequence[LabelledText], topic_of: Sequence[int], *, count: int
) -> list[dict[str, float]]:
    """For each topic its best words, the phrases they make and the headings over it, with their scores."""
    sizes = Counter(topic_of)
    everywhere: Counter[str] = Counter()
    inside: dict[int, Counter[str]] = defaultdict(Counter)
    for labelled, topic in zip(texts, topic_of, strict=True):
        present = {word.lower() for word in _words(labelled)}
        everywhere.update(present)
        inside[topic].update(present)
    score = _scorer(everywhere, len(texts), is_alone=count == 1)
    best = {topic: {word for word, _ in _best(score(inside[topic], sizes[topic]))} for topic in range(count)}
    phrases: dict[int, Counter[str]] = defaultdict(Counter)
    phrases_everywhere: Counter[str] = Counter()
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    wanted = set().union(*best.values()) if best else set()
    for labelled, topic in zip(texts, topic_of, strict=True):
        terms = {term.lower(): term for term in _terms(labelled, wanted)}
        phrases_everywhere.update(terms.keys())
        if topic != NO_TOPIC:
            phrases[topic].update(terms.keys())
            for lower, term in terms.items():
                spellings[lower][term] += 1
    score = _scorer(phrases_everywhere, len(texts), is_alone=count == 1)
    return [
        {
            spellings[term].most_common(1)[0][0]: value
            for term, value in _best(score(phrases[topic], sizes[topic]))
        }
        for topic in range(count)
    ]


def _scorer(
    everywhere: Mapping[str, int], count: int, *, is_alone: bool
) -> Callable[[Mapping[str, int], int], dict[str, float]]:
    def score(inside: Mapping[str, int], size: int) -> dict[str, float]:
        return {
            term: frequency / size * log(1 + count / everywhere[term])
            for term, frequency in inside.items()
            if frequency > 1 and (is_alone or everywhere[term] <= max(_COMMONEST * count, frequency))
        }

    return score


def _best(scores: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(scores.items(), key=lambda term: (-term[1], term[0]))[:_CANDIDATES]


def _words(labelled: LabelledText) -> Iterator[str]:
    for text in (labelled.text, *labelled.names):
        yield from character_pairs(text)
        yield from filter(_is_readable, _WORD.findall(without_unsegmented(text)))


def _is_readable(word: str) -> bool:
    """No hash, number or address: people do not read those as words."""
    return len(word) <= _LONGEST_WORD and 3 * sum(letter.isdigit() for letter in word) < len(word)


def _terms(labelled: LabelledText, wanted: set[str]) -> Iterator[str]:
    """Wanted words, two of them side by side, and short headings."""
    for text in (labelled.text, *labelled.names):
        yield from (pair for pair in character_pairs(text) if pair in wanted)
        for phrase in _PHRASE_END.split(without_unsegmented(text)):
            words = _WORD.findall(phrase)
            yield from (word for word in words if word.lower() in wanted)
            for first, second in pairwise(words):
                if first.lower() in wanted and second.lower() in wanted and first.lower() != second.lower():
                    yield f"{first} {second}"
    for name in labelled.names:
        digits = sum(letter.isdigit() for letter in name)
        if " " in name and len(name) <= _LONGEST_HEADING and 3 * digits < len(name):
            yield name


def _choose(scores: Mapping[str, float]) -> list[str]:
    """The best terms that do not say the same word twice."""
    chosen: list[str] = []
    for term, score in sorted(scores.items(), key=lambda term: (-term[1], term[0])):
        if score > 0 and not any(_repeats(term, other) for other in chosen):
            chosen.append(term)
        if len(chosen) == _TERMS:
            break
    return chosen


def _repeats(term: str, other: str) -> bool:
    """Whether any two words begin alike for most of their length, as in singular and plural."""
    for word in term.lower().split():
        for known in other.lower().split():
            shared = min(len(word), len(known))
            if word[: max(3, shared - 2)] == known[: max(3, shared - 2)]:
                return True
    return False


def _unit_rows(vectors: Vectors) -> Vectors:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1), dtype=np.float32)
