"""The parts of a document that no chunk may leave: sections under a heading, and pages."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from gpt4all_localdocs.types import Document, Heading, Part, Span

_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of text within one part of the document, if it has parts, and one path of headings."""

    start: int
    end: int
    part: Part | None
    headings: tuple[str, ...]


def sections(document: Document) -> Iterator[Section]:
    """Cut a text at the borders of its parts and headings; together the sections are the whole text.

    A heading whose own section is empty begins the section of the deeper heading that follows,
    so that a title above a chapter is not a passage of its own.
    """
    cuts = {0, len(document.text)}
    cuts.update(heading.start for heading in document.headings)
    cuts.update(offset for part in document.parts for offset in (part.start, part.end))
    part_starts = [part.start for part in document.parts]
    headings = iter(document.headings)
    upcoming = next(headings, None)
    path: list[Heading] = []
    pending: Section | None = None
    for start, end in pairwise(sorted(cut for cut in cuts if 0 <= cut <= len(document.text))):
        opened: list[Heading] = []
        while upcoming is not None and upcoming.start <= start:
            path = [heading for heading in path if heading.level < upcoming.level]
            path.append(upcoming)
            opened.append(upcoming)
            upcoming = next(headings, None)
        part = _part_at(document, part_starts, start)
        section = Section(start, end, part, tuple(heading.title for heading in path))
        if pending is not None:
            if (
                opened
                and pending.part == part
                and pending.headings == section.headings[: len(pending.headings)]
            ):
                section = Section(pending.start, end, part, section.headings)
            else:
                yield pending
            pending = None
        if opened and _is_heading_only(document.text, opened[-1], section):
            pending = section
        else:
            yield section
    if pending is not None:
        yield pending


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


def blocks(text: str) -> list[Span]:
    """Fenced code and tables, in text order: what reads badly when it is cut.

    A table is two or more lines in a row that begin with `|` or hold ` | `.
    """
    found: list[Span] = []
    fence, fence_start = "", 0
    table_start, table_lines = 0, 0
    start = 0
    for line in [*text.split("\n"), ""]:
        match = _FENCE.match(line)
        if fence:
            if match and match[1].startswith(fence) and not line[match.end() :].strip():
                found.append((fence_start, start + len(line)))
                fence = ""
        else:
            is_row = line.startswith("|") or " | " in line
            if is_row and not table_lines:
                table_start = start
            if not is_row and table_lines >= 2:
                found.append((table_start, start - 1))
            table_lines = table_lines + 1 if is_row else 0
            if match and not ("`" in match[1] and "`" in line[match.end() :]):
                fence, fence_start = match[1], start
        start += len(line) + 1
    return found
