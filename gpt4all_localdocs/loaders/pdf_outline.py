"""The outline of a PDF (its bookmarks), and where on the pages its titles stand."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from gpt4all_localdocs.types import Heading, Part

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

_MOST_ENTRIES = 5_000
_LONGEST_TITLE = 300
_RUN_IN_WORDS = 3
"""A title of fewer words may begin any line; it counts only where the line holds nothing else."""


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """level: 1 is the highest. page: index, from 0."""

    level: int
    title: str
    page: int


def read_outline(pdf: "PdfDocument") -> Iterator[OutlineEntry]:
    """The entries that lead to a page, in the outline's order."""
    from pypdfium2 import raw  # noqa: PLC0415 - listing suffixes must not load pdfium

    for bookmark in islice(pdf.get_toc(), _MOST_ENTRIES):
        destination = raw.FPDFBookmark_GetDest(pdf, bookmark)
        if not destination and (action := raw.FPDFBookmark_GetAction(bookmark)):
            destination = raw.FPDFAction_GetDest(pdf, action)
        page = raw.FPDFDest_GetDestPageIndex(pdf, destination) if destination else -1
        title = " ".join(bookmark.get_title().replace("\0", " ").split())
        if title and 0 <= page < len(pdf):
            yield OutlineEntry(bookmark.level + 1, title[:_LONGEST_TITLE], page)


def find_headings(
    entries: Iterable[OutlineEntry], *, text: str, pages: Sequence[Part]
) -> tuple[Heading, ...]:
    """The entries whose titles begin a line of their page, in text order; the others are dropped.

    White space and case may differ, as may a number in front: titles in outlines often lack theirs.
    """
    headings: dict[int, Heading] = {}
    searched_from: dict[int, int] = {}
    for entry in entries:
        page = pages[entry.page]
        match = _title_pattern(entry.title).search(text, searched_from.get(entry.page, page.start), page.end)
        if match is not None:
            start = match.start("title")
            headings.setdefault(start, Heading(entry.level, " ".join(match["title"].split()), start))
            searched_from[entry.page] = match.end()
    return tuple(headings[start] for start in sorted(headings))


def _title_pattern(title: str) -> re.Pattern[str]:
    words = title.split()
    flexible = r"\s+".join(map(re.escape, words))
    end = r"[ \t]*$" if len(words) < _RUN_IN_WORDS else r"(?!\w)"
    return re.compile(
        rf"^[ \t]*(?:[\divxIVX]+(?:\.\d+)*[.)]?[ \t]+)?(?P<title>{flexible}){end}",
        re.IGNORECASE | re.MULTILINE,
    )
