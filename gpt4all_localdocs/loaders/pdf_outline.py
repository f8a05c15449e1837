"""The outline of a PDF (its bookmarks), and where on the pages its titles stand."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pypdfium2 import PdfDocument, raw

from gpt4all_localdocs.types import Heading, Part, Span

_MOST_ENTRIES = 5_000
_LONGEST_TITLE = 300
_RUN_IN_WORDS = 3
"""A title of fewer words may begin any line; it counts only where the line holds nothing else."""

_SPACES = re.compile(r"\s+")
_LINE_END = re.compile(r"[ \t]*(?:\n|\Z)")
_BEFORE_TITLE = re.compile(r"[ \t]*(?:[\divx]+(?:\.\d+)*[.)]?[ \t]+)?")
_LONGEST_NUMBER = 40
"""Characters that may stand before a title in its line; bounds what lines without an end cost."""


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """level: 1 is the highest. page: index, from 0."""

    level: int
    title: str
    page: int


def read_outline(pdf: PdfDocument) -> Iterator[OutlineEntry]:
    """The entries that lead to a page, in the outline's order."""
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
    lower: dict[int, str] = {}
    searched_from: dict[int, int] = {}
    for entry in entries:
        page = pages[entry.page]
        if entry.page not in lower:
            lower[entry.page] = _lower(text[page.start : page.end])
        title = entry.title.lower().split()
        found = _find_title(title, lower[entry.page], searched_from.get(entry.page, 0))
        if found is not None:
            start, end = found
            as_printed = " ".join(text[page.start + start : page.start + end].split())
            headings.setdefault(page.start + start, Heading(entry.level, as_printed, page.start + start))
            searched_from[entry.page] = end
    return tuple(headings[start] for start in sorted(headings))


def _lower(text: str) -> str:
    """In lower case, character for character; as it is where some letter's lower case is two."""
    lower = text.lower()
    return lower if len(lower) == len(text) else text


def _find_title(title: Sequence[str], page: str, start: int) -> Span | None:
    """Where the words of a title stand on a page, by themselves at the beginning of a line."""
    at = page.find(title[0], start)
    while at >= 0:
        nearby = max(0, at - _LONGEST_NUMBER)
        line_start = page.rfind("\n", nearby, at) + 1 or nearby
        if (line_start > nearby or nearby == 0) and _BEFORE_TITLE.fullmatch(page, line_start, at):
            end = _end_of_words(title, page, at)
            if end is not None and _is_title_end(page, end, is_short=len(title) < _RUN_IN_WORDS):
                return at, end
        at = page.find(title[0], at + 1)
    return None


def _end_of_words(words: Sequence[str], text: str, start: int) -> int | None:
    """Where these words end, which stand one after the other from `start` on; None where they do not."""
    end = start + len(words[0])
    for word in words[1:]:
        spaces = _SPACES.match(text, end)
        if spaces is None or not text.startswith(word, spaces.end()):
            return None
        end = spaces.end() + len(word)
    return end


def _is_title_end(page: str, end: int, *, is_short: bool) -> bool:
    if is_short:
        return _LINE_END.match(page, end) is not None
    following = page[end : end + 1]
    return not (following.isalnum() or following == "_")
