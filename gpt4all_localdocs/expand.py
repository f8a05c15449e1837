"""Show a hit with the text around it: its neighbours in the same section, as far as a budget goes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from gpt4all_localdocs.header import CountTokens
from gpt4all_localdocs.types import Hit

PassagesOf = Callable[[Sequence[str]], Sequence[Hit]]
"""Passages by their `chunk_id`s, as `LocalDocs.get` gives them."""

_WIDEST_GAP: Final = 200
"""Characters; more white space than this between two passages is a break, not a paragraph's end."""


def expand_hits(
    hits: Sequence[Hit], *, k: int, most_tokens: int, count_tokens: CountTokens, passages_of: PassagesOf
) -> list[Hit]:
    """Up to `k` hits, grown in turn by the passage after and the one before, in the order they came.

    A hit grows within its section (the same part and headings) while it has at most `most_tokens` by
    `count_tokens`; a longer one stays as it is. Hits of one document that overlap then are one, with the
    scores of the best of them, and may have more tokens. `text` is the source's text at `span`; only white
    space between passages that do not overlap is not known to the character, and has the right length.
    """
    runs: list[_Run] = []
    for hit in hits:
        if any(run.holds(hit) for run in runs):
            continue
        if len(runs) == k:
            break
        run = _Run(hit)
        run.grow(most_tokens, count_tokens=count_tokens, passages_of=passages_of)
        runs = _merged(runs, run)
    return [run.as_hit() for run in runs]


class _Run:
    """Neighbouring passages of one document, and the hit that brought them."""

    def __init__(self, hit: Hit, passages: Sequence[Hit] | None = None) -> None:
        self.hit = hit
        self.passages = list(passages or [hit])

    @property
    def span(self) -> tuple[int, int]:
        return self.passages[0].span[0], self.passages[-1].span[1]

    def holds(self, hit: Hit) -> bool:
        return self._is_of(hit) and self.span[0] <= hit.span[0] and hit.span[1] <= self.span[1]

    def overlaps(self, other: "_Run") -> bool:
        (start, end), (other_start, other_end) = self.span, other.span
        return self._is_of(other.hit) and start < other_end and other_start < end

    def grow(self, most_tokens: int, *, count_tokens: CountTokens, passages_of: PassagesOf) -> None:
        is_open = {"next": True, "previous": True}
        while any(is_open.values()):
            for side in [side for side, may_grow in is_open.items() if may_grow]:
                grown = self._grown(side, passages_of)
                is_open[side] = grown is not None and count_tokens(joined_text(grown)) <= most_tokens
                if grown is not None and is_open[side]:
                    self.passages = grown

    def joined(self, other: "_Run") -> "_Run":
        """Both as one, known by this hit."""
        passages = {passage.span: passage for passage in [*self.passages, *other.passages]}
        return _Run(self.hit, [passages[span] for span in sorted(passages)])

    def as_hit(self) -> Hit:
        first, last = self.passages[0], self.passages[-1]
        lines = (first.lines[0], last.lines[1]) if first.lines and last.lines else self.hit.lines
        return replace(
            self.hit,
            text=joined_text(self.passages),
            span=self.span,
            lines=lines,
            previous_id=first.previous_id,
            next_id=last.next_id,
        )

    def _is_of(self, hit: Hit) -> bool:
        return (self.hit.path, self.hit.text_id) == (hit.path, hit.text_id)

    def _grown(self, side: str, passages_of: PassagesOf) -> list[Hit] | None:
        """The passages with the next or previous one of the section; None where there is none."""
        is_next = side == "next"
        id_ = self.passages[-1].next_id if is_next else self.passages[0].previous_id
        for found in passages_of([id_]) if id_ else ():
            grown = [*self.passages, found] if is_next else [found, *self.passages]
            before, after = grown[-2:] if is_next else grown[:2]
            is_near = (
                before.span[0] <= after.span[0]
                and before.span[1] <= after.span[1]
                and after.span[0] - before.span[1] <= _WIDEST_GAP
            )
            if is_near and (found.part, found.headings) == (self.hit.part, self.hit.headings):
                return grown
        return None


def _merged(runs: Sequence[_Run], new: _Run) -> list[_Run]:
    """The runs with a new one, which is put together with those that it overlaps: the best of them stays."""
    kept: list[_Run] = []
    place = None
    for run in runs:
        if not run.overlaps(new):
            kept.append(run)
        elif place is None:
            place, new = len(kept), run.joined(new)
            kept.append(new)
        else:
            new = new.joined(run)
            kept[place] = new
    return kept if place is not None else [*kept, new]


def joined_text(passages: Sequence[Hit]) -> str:
    """Neighbouring passages of one document as one text, which has the length that their spans say."""
    text = passages[0].text
    for before, after in pairwise(passages):
        shared = before.span[1] - after.span[0]
        text += after.text[shared:] if shared >= 0 else _white_space(before, after) + after.text
    return text


def _white_space(before: Hit, after: Hit) -> str:
    """What stands between two passages: as many line breaks as their lines say, the rest blanks."""
    length = after.span[0] - before.span[1]
    breaks = after.lines[0] - before.lines[1] if before.lines and after.lines else 2 * (length > 1)
    breaks = max(0, min(breaks, length))
    return "\n" * breaks + " " * (length - breaks)
