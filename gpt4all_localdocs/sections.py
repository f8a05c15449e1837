"""The parts of a document that no chunk may leave: sections under a heading, pages, and the like."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby, pairwise, takewhile
from typing import Final

from gpt4all_localdocs.types import Document, Heading, Part
from gpt4all_localdocs.words import Word

_OF_THEIR_OWN: Final = ("slide", "sheet", "message", "file")
"""Parts that nothing before them is a heading of. Pages, chapters and cells go on with a text."""


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of text within one part of the document, if it has parts, and one path of headings.

    is_definition: of a class or function in source code, or what stands before the first of them.
    """

    start: int
    end: int
    part: Part | None
    headings: tuple[str, ...]
    is_definition: bool = False


def sections(document: Document) -> Iterator[Section]:
    """Cut a text at the borders of its parts and headings; together the sections are the whole text.

    A heading whose own section is empty begins the section of the deeper heading that follows,
    so that a title above a chapter is not a passage of its own. A heading holds for the pages,
    chapters and cells after it, but for no other slide, sheet, message or file.
    """
    cuts = {0, len(document.text)}
    cuts.update(heading.start for heading in document.headings)
    cuts.update(offset for part in document.parts for offset in (part.start, part.end))
    part_starts = [part.start for part in document.parts]
    headings = iter(document.headings)
    upcoming = next(headings, None)
    path: list[Heading] = []
    part: Part | None = None
    pending: Section | None = None
    for start, end in pairwise(sorted(cut for cut in cuts if 0 <= cut <= len(document.text))):
        before, part = part, _part_at(document, part_starts, start)
        if part is not before and any(other and other.kind in _OF_THEIR_OWN for other in (before, part)):
            path = []
        opened: list[Heading] = []
        while upcoming is not None and upcoming.start <= start:
            path = [heading for heading in path if heading.level < upcoming.level]
            path.append(upcoming)
            opened.append(upcoming)
            upcoming = next(headings, None)
        section = Section(
            start, end, part, tuple(heading.title for heading in path), _is_definition(path, upcoming)
        )
        if pending is not None:
            if opened and _begins(pending, section):
                section = replace(section, start=pending.start)
            else:
                yield pending
            pending = None
        if opened and _is_heading_only(document.text, opened[-1], section):
            pending = section
        else:
            yield section
    if pending is not None:
        yield pending


CutSection = tuple[Section, list[Word]]
"""A section and its words."""


def join_definitions(cut: Iterable[CutSection], *, most_tokens: int) -> Iterator[CutSection]:
    """Put small neighbouring definitions together that have at most `most_tokens`.

    A class with its methods is joined to its neighbours if it fits as a whole, else its methods are to each
    other. `headings` are then those that all have. Other sections pass as they are.
    """
    for (_, is_definition), neighbours in groupby(
        cut, key=lambda pair: (pair[0].part, pair[0].is_definition)
    ):
        if is_definition:
            yield from map(_joined, _fitting_runs(neighbours, depth=0, most_tokens=most_tokens))
        else:
            yield from neighbours


def _fitting_runs(cut: Iterable[CutSection], *, depth: int, most_tokens: int) -> Iterator[list[CutSection]]:
    """Runs of neighbours that fit together, those under one heading of this depth not apart if they fit."""

    def heading(pair: CutSection) -> object:
        headings = pair[0].headings
        return headings[depth] if depth < len(headings) else pair[0].start

    run: list[CutSection] = []
    room = most_tokens
    for _, neighbours in groupby(cut, key=heading):
        unit = list(neighbours)
        tokens = sum(word.tokens for _, words in unit for word in words)
        if run and tokens > room:
            yield run
            run, room = [], most_tokens
        if tokens <= room or len(unit) == 1:
            run += unit
            room -= tokens
        else:
            yield from _fitting_runs(unit, depth=depth + 1, most_tokens=most_tokens)
    if run:
        yield run


def _joined(run: list[CutSection]) -> CutSection:
    (first, words), *others = run
    headings = first.headings
    for section, more_words in others:
        pairs = zip(headings, section.headings, strict=False)
        headings = tuple(title for title, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        words = words + more_words
    return replace(first, end=run[-1][0].end, headings=headings), words


def _is_definition(path: list[Heading], upcoming: Heading | None) -> bool:
    if path:
        return path[-1].is_definition
    return upcoming is not None and upcoming.is_definition


def _begins(pending: Section, section: Section) -> bool:
    """Whether a heading without text of its own stands above this section."""
    return pending.part == section.part and pending.headings == section.headings[: len(pending.headings)]


def _part_at(document: Document, starts: list[int], place: int) -> Part | None:
    """The part that holds a place; what stands before, between and after parts belongs to none."""
    index = bisect_right(starts, place) - 1
    return document.parts[index] if index >= 0 and place < document.parts[index].end else None


def _is_heading_only(text: str, heading: Heading, section: Section) -> bool:
    """Whether nothing but the heading's own line, with its underline, stands in the section."""
    if section.end - heading.start > 4 * len(heading.title) + 40:
        return False
    rest = text[heading.start : section.end].strip().split("\n")
    return len(rest) == 1 or (len(rest) == 2 and not rest[1].strip(" =-"))
