"""Texts in lightweight markup other than Markdown: the file's own text, with the headings found in it.

Headings are told by their lines alone: what a format calls a heading, short of what only a full parser sees.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.decode import read_text
from gpt4all_localdocs.types import Document, Heading

_LONGEST_TITLE = 200
_LONGEST_LINE = 300
"""In characters; what is longer cannot be a heading and would keep the patterns busy."""

_Headings = Iterator[tuple[int, str, int]]
"""Level, title and index of the first line."""

_ADORNMENT = re.compile(r"([^\w\s])\1+\s*")
_ORG = re.compile(r"(\*+)\s+(?:(?:TODO|DONE)\s+)?(?:\[#.\]\s+)?(.*?)(?:\s+:[\w@:]+:)?\s*")
_ASCIIDOC = re.compile(r"(={1,6}|#{1,6})\s+(.*?)(?:\s+\1)?\s*")
_EQUALS = re.compile(r"\s*(={1,6})\s*([^=].*?)\s*\1\s*")
_NUMBERED = re.compile(r"h([1-6])(?:\([^)]*\))?\.\s+(.*)")
_TYPST = re.compile(r"(={1,6})\s+(.*)")
_MUSE = re.compile(r"(\*{1,5})\s+(.*)")
_LATEX = re.compile(
    r"\s*\\(part|chapter|section|subsection|subsubsection|paragraph)\*?\s*(?:\[[^\]]*\])?\{(.*?)\}\s*(?:%.*|\\label\{.*)?"
)
_CONTEXT = re.compile(
    r"\s*\\(?:start)?(part|chapter|section|subsection|subsubsection)(?:\[.*?title=)?\{(.*?)\}.*"
)
_TEXINFO = re.compile(r"@(top|chapter|unnumbered|appendix|section|subsection|subsubsection)\s+(.*)")
_ROFF = re.compile(r"\.(SH|SS|NH|TH)\s+\"?(.*?)\"?\s*")
_VIMDOC = re.compile(r"([A-Z0-9][^*]*?)\s+\*\S+\*\s*")
_INI = re.compile(r"\s*\[{1,2}([^\[\]]+)\]{1,2}\s*(?:[#;].*)?")
_COMMAND = re.compile(r"\\(?:\w+\*?(?:\[[^\]]*\])?\{([^{}]*)\}|\w+\s?)")

_LATEX_LEVELS = {
    name: level
    for level, names in enumerate(
        (
            ("part", "top"),
            ("chapter", "unnumbered", "appendix"),
            ("section",),
            ("subsection",),
            ("subsubsection", "paragraph"),
        ),
        start=1,
    )
    for name in names
}


def _by_marks(pattern: re.Pattern[str], *, deepest_first: bool = False) -> Callable[[list[str]], _Headings]:
    """Headings whose lines match: group 1 is the mark, as long as its level, group 2 the title."""

    def find(lines: list[str]) -> _Headings:
        for index, line in enumerate(lines):
            if match := pattern.fullmatch(line):
                level = len(match[1])
                yield 7 - level if deepest_first else level, match[2], index

    return find


def _by_commands(pattern: re.Pattern[str]) -> Callable[[list[str]], _Headings]:
    r"""Headings that a command names, as `\section{…}` does."""

    def find(lines: list[str]) -> _Headings:
        for index, line in enumerate(lines):
            if match := pattern.fullmatch(line):
                title = _COMMAND.sub(lambda command: command[1] or "", match[2])
                yield _LATEX_LEVELS[match[1]], title, index

    return find


def _by_fixed_level(pattern: re.Pattern[str], levels: dict[str, int]) -> Callable[[list[str]], _Headings]:
    def find(lines: list[str]) -> _Headings:
        for index, line in enumerate(lines):
            if match := pattern.fullmatch(line):
                title = match[match.lastindex or 1]
                yield levels.get(match[1], 1), title, index

    return find


def _numbered(lines: list[str]) -> _Headings:
    for index, line in enumerate(lines):
        if match := _NUMBERED.fullmatch(line):
            yield int(match[1]), match[2], index


def _restructured(lines: list[str]) -> _Headings:
    """Titles with a line of one punctuation mark under them, or also over them; each new style is a level."""
    styles: list[tuple[str, bool]] = []
    for index in range(1, len(lines)):
        title, under = lines[index - 1], _ADORNMENT.fullmatch(lines[index])
        if under is None or not title.strip() or _ADORNMENT.fullmatch(title):
            continue
        above = lines[index - 2] if index > 1 else ""
        has_overline = bool(_ADORNMENT.fullmatch(above)) and above[:1] == under[1]
        if (title[:1].isspace() and not has_overline) or (above.strip() and not has_overline):
            continue
        if len(lines[index].rstrip()) < len(title.strip()):
            continue
        style = (under[1], has_overline)
        if style not in styles:
            styles.append(style)
        yield styles.index(style) + 1, title, index - 1


_FORMATS: dict[tuple[str, ...], Callable[[list[str]], _Headings]] = {
    (".rst", ".rest"): _restructured,
    (".adoc", ".asciidoc", ".asc", ".asciidoc_legacy"): _by_marks(_ASCIIDOC),
    (".org",): _by_marks(_ORG),
    (".muse",): _by_marks(_MUSE),
    (".typ", ".typst"): _by_marks(_TYPST),
    (".wiki", ".mediawiki", ".xwiki", ".creole"): _by_marks(_EQUALS),
    (".dokuwiki", ".zimwiki"): _by_marks(_EQUALS, deepest_first=True),
    (".textile", ".jira"): _numbered,
    (".tex", ".latex", ".ltx"): _by_commands(_LATEX),
    (".context",): _by_commands(_CONTEXT),
    (".texi", ".texinfo"): _by_commands(_TEXINFO),
    (".man", ".ms", ".mdoc"): _by_fixed_level(_ROFF, {"SS": 2}),
    (".vimdoc",): _by_fixed_level(_VIMDOC, {}),
    (".ini", ".cfg", ".conf", ".toml"): _by_fixed_level(_INI, {}),
    (".bbcode", ".haddock"): lambda _lines: iter(()),
}
_BY_SUFFIX = {suffix: find for suffixes, find in _FORMATS.items() for suffix in suffixes}

SUFFIXES: tuple[str, ...] = tuple(_BY_SUFFIX)
VERSION: int = 1


def load(path: Path) -> Document:
    """The file's text with its headings; the title is the first heading of the highest level that occurs.

    Raises UnreadableDocument for binary or empty files.
    """
    text = read_text(path)
    if not text.strip():
        raise UnreadableDocument(path, "holds no text")
    lines = text.split("\n")
    starts = _line_starts(lines)
    candidates = [line.rstrip() if len(line) <= _LONGEST_LINE else "" for line in lines]
    headings = tuple(
        Heading(level, " ".join(title.split()), starts[index])
        for level, title, index in _BY_SUFFIX[path.suffix.lower()](candidates)
        if 0 < len(title.strip()) <= _LONGEST_TITLE
    )
    highest = min((heading.level for heading in headings), default=0)
    title = next((heading.title for heading in headings if heading.level == highest), None)
    return Document(text, headings=headings, title=title)


def _line_starts(lines: list[str]) -> list[int]:
    starts, start = [], 0
    for line in lines:
        starts.append(start)
        start += len(line) + 1
    return starts
