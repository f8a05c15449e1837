"""Markdown: the file's own text, so that its lines are the file's, with the headings found in it.

Headings are those of CommonMark 0.31 (sections 4.2 and 4.3), short of setext headings that run
over several lines; `#` inside fenced code is no heading.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.decode import read_text
from gpt4all_localdocs.types import Document, Heading

SUFFIXES: tuple[str, ...] = (
    *(".md", ".markdown", ".mdown", ".mkd", ".mdx", ".qmd", ".rmd"),
    *(".dj", ".djot", ".markua"),  # their headings are those of Markdown
)
VERSION: int = 1

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*))?")
_CLOSING_HASHES = re.compile(r"(?:^|[ \t]+)#+$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_NOT_A_PARAGRAPH = re.compile(r" {4}|\t| {0,3}(?:[>|]|[-+*][ \t]|\d{1,9}[.)][ \t])")
_FRONT_MATTER_ENDS = {"---": ("---", "..."), "+++": ("+++",)}
_FRONT_MATTER_TITLE = re.compile(r"title\s*[:=]\s*(.+)")
_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])")
_ATTRIBUTES = re.compile(r"\s*\{[#.][^{}]*\}$")
_EMPHASIS = re.compile(r"\*\*|__|`|(?<!\w)[*_]|[*_](?!\w)")


_LONGEST_TITLE = 200
"""In characters; a longer line that looks like a heading is a paragraph above a row of `=`."""


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    text: str


def load(path: Path) -> Document:
    """The file's text with its headings; the title is the front matter's, else the first level-1 heading."""
    text = read_text(path)
    if not text.strip():
        raise UnreadableDocument(path, "holds no text")
    lines = _lines(text)
    body, title = _front_matter(lines)
    headings = _headings(lines[body:])
    first_of_level_1 = next((heading.title for heading in headings if heading.level == 1), None)
    return Document(text, headings=headings, title=title or first_of_level_1)


def find_headings(text: str) -> tuple[Heading, ...]:
    """The headings of a piece of Markdown without front matter, as a cell of a notebook is."""
    return _headings(_lines(text))


def _lines(text: str) -> list[_Line]:
    lines, start = [], 0
    for line in text.split("\n"):
        lines.append(_Line(start, line))
        start += len(line) + 1
    return lines


def _front_matter(lines: list[_Line]) -> tuple[int, str | None]:
    """The index of the first line after the front matter, and the title it names."""
    ends = _FRONT_MATTER_ENDS.get(lines[0].text.rstrip())
    if ends is None:
        return 0, None
    title = None
    for index, line in enumerate(lines[1:], start=1):
        if line.text.rstrip() in ends:
            return index + 1, title
        if match := _FRONT_MATTER_TITLE.match(line.text):
            title = match[1].strip().strip("\"'").strip() or None
    return 0, None


def _headings(lines: list[_Line]) -> tuple[Heading, ...]:
    headings: list[Heading] = []
    fence: str | None = None
    paragraph: list[_Line] = []
    for line in lines:
        if fence is not None:
            fence = None if _closes(fence, line.text) else fence
            continue
        if (opening := _FENCE.fullmatch(line.text)) and not ("`" in opening[1] and "`" in opening[2]):
            fence, paragraph = opening[1], []
        elif atx := _ATX.fullmatch(line.text):
            title = _CLOSING_HASHES.sub("", (atx[2] or "").strip())
            headings.append(Heading(len(atx[1]), _plain(title), line.start))
            paragraph = []
        elif len(paragraph) == 1 and (underline := _UNDERLINE.fullmatch(line.text)):
            level = 1 if underline[1][0] == "=" else 2
            headings.append(Heading(level, _plain(paragraph[0].text.strip()), paragraph[0].start))
            paragraph = []
        elif not line.text.strip() or (not paragraph and _NOT_A_PARAGRAPH.match(line.text)):
            paragraph = []
        else:
            paragraph.append(line)
    return tuple(heading for heading in headings if 0 < len(heading.title) <= _LONGEST_TITLE)


def _closes(fence: str, line: str) -> bool:
    closing = _FENCE.fullmatch(line)
    return closing is not None and closing[1].startswith(fence) and not closing[2].strip()


def _plain(title: str) -> str:
    """A title without links, emphasis and attributes."""
    return _EMPHASIS.sub("", _LINK.sub(r"\1", _ATTRIBUTES.sub("", title))).strip()
