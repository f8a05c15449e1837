"""Cuts one section into passages: where they end, and where the next one begins."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gpt4all_localdocs.types import Span
from gpt4all_localdocs.words import Boundary, Word, boundary_after


@dataclass(frozen=True, slots=True)
class Sizes:
    """Tokens that a passage aims at, may have at most, and repeats of the one before."""

    target: int
    cap: int
    overlap: int


def cut_section(
    text: str,
    words: Sequence[Word],
    kept_whole: Sequence[Span],
    *,
    count_tokens: Callable[[str], int],
    sizes: Sizes,
) -> Iterator[Span]:
    """Character spans of a section's passages, in order; together they have every word.

    words: those of the section; one that has more than `sizes.cap` tokens is a passage nevertheless.
    kept_whole: spans, in order, that are cut only where they have more than `sizes.cap` tokens, and then
    between lines: sentences do not count in them. `count_tokens` is called once or twice a passage.
    """
    return _Cutter(text, words, kept_whole, count_tokens, sizes).spans()


class _Cutter:
    """Positions are word indices: cut 5 stands before the sixth word."""

    def __init__(
        self,
        text: str,
        words: Sequence[Word],
        kept_whole: Sequence[Span],
        count_tokens: Callable[[str], int],
        sizes: Sizes,
    ) -> None:
        self._text = text
        self._words = words
        self._count_tokens = count_tokens
        self._sizes = sizes
        self._tokens_before = [0]
        for word in words:
            self._tokens_before.append(self._tokens_before[-1] + word.tokens)
        starts = [word.start for word in words]
        block_words = [(bisect_left(starts, start), bisect_left(starts, end)) for start, end in kept_whole]
        block_words = [span for span in block_words if self._tokens(*span) > 0]
        self._blocks = [span for span in block_words if self._tokens(*span) <= sizes.cap]
        self._block_ends = dict(self._blocks)
        self._cut_at_lines = [span for span in block_words if self._tokens(*span) > sizes.cap]

    def spans(self) -> Iterator[Span]:
        covered = 0
        while covered < len(self._words):
            start = self._overlap_start(covered)
            cut = self._checked_cut(start, covered)
            if cut <= covered:  # the repeated words left no room for new ones
                start, cut = covered, self._checked_cut(covered, covered)
            yield self._words[start].start, self._words[cut - 1].end
            covered = cut

    def _tokens(self, start: int, cut: int) -> int:
        return self._tokens_before[cut] - self._tokens_before[start]

    def _furthest(self, start: int, tokens: int) -> int:
        """The last cut with at most this many tokens after `start`."""
        return bisect_right(self._tokens_before, self._tokens_before[start] + tokens) - 1

    def _checked_cut(self, start: int, covered: int) -> int:
        """A cut after `start` such that the real count of the chunk fits."""
        target, cap = self._sizes.target, self._sizes.cap
        cut = max(start + 1, self._cut(start, covered, target))
        while cut > start + 1:  # one word is as little as there can be
            text = self._text[self._words[start].start : self._words[cut - 1].end]
            count = self._count_tokens(text)
            if count <= cap:
                break
            # The words counted apart are fewer than counted together: aim lower by that factor.
            target = max(1, min(target, self._tokens(start, cut)) * cap // count)
            cut = max(start + 1, min(cut - 1, self._cut(start, covered, target)))
        return cut

    def _cut(self, start: int, covered: int, target: int) -> int:
        """The best cut that leaves at most `target` tokens after `start`, a block more at most."""
        furthest = min(self._furthest(start, target), len(self._words))
        if furthest == len(self._words):
            return furthest
        earliest = max(covered, self._furthest(start, target // 2)) + 1
        cut = self._best_boundary(earliest, furthest) if earliest <= furthest else furthest
        block = _around(self._blocks, cut)
        if block is None or target < self._sizes.target:
            return cut
        if self._tokens(start, block[1]) <= self._sizes.cap:
            return block[1]
        return block[0] if block[0] > covered else cut

    def _best_boundary(self, earliest: int, furthest: int) -> int:
        """The last one of the strongest boundaries from `earliest` to `furthest`, both included."""
        best, best_strength = furthest, self._boundary(furthest)
        for cut in range(furthest - 1, earliest - 1, -1):
            if best_strength is Boundary.BLANK_LINE:
                break
            strength = self._boundary(cut)
            if strength > best_strength:
                best, best_strength = cut, strength
        return best

    def _boundary(self, cut: int) -> Boundary:
        before, after = self._words[cut - 1], self._words[cut]
        boundary = boundary_after(self._text, before, after)
        if (
            boundary is Boundary.SENTENCE
            and _around(self._cut_at_lines, cut)
            and "\n" not in self._text[before.end : after.start]
        ):
            return Boundary.SPACE
        return boundary

    def _overlap_start(self, covered: int) -> int:
        """Where the chunk that brings words from `covered` on begins: some words earlier."""
        overlap = self._sizes.overlap
        if covered == 0 or overlap == 0:
            return covered
        block_end = self._block_ends.get(covered)
        if block_end is not None and self._tokens(covered, block_end) + overlap > self._sizes.cap:
            return covered
        earliest = bisect_left(self._tokens_before, self._tokens_before[covered] - overlap)
        start = self._earliest_boundary(earliest, covered)
        block = _around(self._blocks, start)
        return start if block is None else min(block[1], covered)

    def _earliest_boundary(self, earliest: int, covered: int) -> int:
        """The first one of the strongest boundaries before `covered`: what is repeated begins well."""
        candidates = range(max(1, earliest), covered)
        return max(candidates, key=lambda cut: (self._boundary(cut), -cut), default=covered)


def _around(blocks: Sequence[Span], cut: int) -> Span | None:
    """The block that a cut would divide."""
    index = bisect_left(blocks, (cut, 0)) - 1
    if index < 0:
        return None
    first, last = blocks[index]
    return (first, last) if first < cut < last else None
