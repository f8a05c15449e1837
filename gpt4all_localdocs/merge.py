"""What several indexes found, as one. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final, overload

from gpt4all_localdocs.keyword_query import query_words
from gpt4all_localdocs.types import FileOutcome, Hit, SyncReport

_LEAST: Final = 0.25
"""Of its score, what a passage keeps whose index has none of the question's words. With 0, nDCG@10 was .002
to .004 higher, and what is only said in other words would not be found."""

_STEM: Final = 6
"""Letters by which words are compared, so that "deliveries" and "delivery" are one."""


class JoinedOutcomes(Sequence[FileOutcome]):
    """What the syncs of several indexes made of each file, index by index; holds none in memory."""

    def __init__(self, parts: Sequence[Sequence[FileOutcome]]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __iter__(self) -> Iterator[FileOutcome]:
        for part in self._parts:
            yield from part

    @overload
    def __getitem__(self, index: int) -> FileOutcome: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[FileOutcome]: ...

    def __getitem__(self, index: int | slice) -> FileOutcome | Sequence[FileOutcome]:
        places = range(len(self))[index]
        if isinstance(places, range):
            return tuple(self._at(place) for place in places)
        return self._at(places)

    def _at(self, place: int) -> FileOutcome:
        for part in self._parts:
            if place < len(part):
                return part[place]
            place -= len(part)
        raise IndexError(place)


def joined_report(reports: Sequence[SyncReport]) -> SyncReport:
    """One report of the syncs of several indexes; the only one as it is."""
    if len(reports) == 1:
        return reports[0]
    return SyncReport(
        files=JoinedOutcomes([report.files for report in reports]),
        embedded=sum(report.embedded for report in reports),
        rebuilt="; ".join(report.rebuilt for report in reports if report.rebuilt),
        behind="; ".join(report.behind for report in reports if report.behind),
        texts=sum(report.texts for report in reports),
        is_stopped=any(report.is_stopped for report in reports),
    )


def merged_hits(found: Sequence[Sequence[Hit]], query: str, *, k: int) -> list[Hit]:
    """The best `k` of what several indexes found for one query, with scores from 0 to 1.

    Scores of an index say how good a passage is among the others of that index, and cosines of two embedders
    are of different ranges. What can be compared is how many of the question's words a passage has: the
    scores of an index are multiplied by 1/4 and, for the rest, by the share that its best passage has of
    them, over that of the best index. A question in words that no passage has weighs all alike.

    Measured with two indexes, of SQuAD 2.0 and Cranfield, one embedded by MiniLM and the other by MiniLM seen
    through a random projection to 128 numbers with all cosines raised, and the same the other way round, 150
    questions of each (mean nDCG@10): .635 and .648; where each question is asked of its own index alone, .643
    and .656. Scores as they are: .571 and .583. Reciprocal ranks: .549 and .560. Raw cosines: .275 and .415.
    With the best BM25 score of an index in the place of its share of words, .619 and .637; that of a small
    index would besides be lower than that of a large one.
    """
    words = {word[:_STEM] for word in query_words(query)}
    shares = [max((_share(words, hit) for hit in hits), default=0.0) for hits in found]
    best = max(shares, default=0.0) or 1.0
    return _best(
        (
            replace(hit, score=hit.score * (_LEAST + (1 - _LEAST) * share / best))
            for hits, share in zip(found, shares, strict=True)
            for hit in hits
        ),
        k=k,
    )


def merged_reranked(found: Sequence[Sequence[Hit]], *, k: int) -> list[Hit]:
    """The same where one reranker gave all scores: they can be compared as they are."""
    return _best((hit for hits in found for hit in hits), k=k)


def _share(words: AbstractSet[str], hit: Hit) -> float:
    """Of these words, how many a passage has."""
    held = {word[:_STEM] for word in query_words(" ".join([*hit.headings, hit.text]))}
    return len(words & held) / max(1, len(words))


def _best(hits: Iterable[Hit], *, k: int) -> list[Hit]:
    """By score; a passage that two indexes have comes once."""
    chosen: dict[tuple[object, ...], Hit] = {}
    for hit in sorted(hits, key=lambda hit: -hit.score):
        chosen.setdefault((hit.path, hit.text_id, hit.span, hit.part), hit)
    return list(chosen.values())[:k]
