"""Markdown that is shown while it is written, in a terminal that can be redrawn."""

import re
import time
from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.markdown import Heading, Markdown, MarkdownElement
from rich.segment import Segment, SegmentLines
from rich.style import Style
from rich.syntax import ANSISyntaxTheme, Syntax
from rich.text import Text
from rich.theme import Theme

from gpt4all_app.output import printable

REDRAWN_EVERY_S = 0.06
"""A reader sees no more pictures a second, and each takes time from the model."""

CODE_CONTEXT = 40
"""Lines of code that are coloured together: a text over several lines is seldom longer, and to read all of a
long block anew for each line would take seconds."""

_SHARE = 20
"""The time between two pictures, in that which one takes: drawing has at most a twentieth of a core."""

_MARGIN = 2
"""Lines of the terminal that the redrawn part leaves free, so that it never scrolls."""

# Text that looks like HTML or like a definition of a link is text of the answer, which must not vanish.
_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("reference")

_OPENING = re.compile(r" {0,3}(?P<mark>`{3,}|~{3,})[ \t]*(?P<language>[^\s`]*)[^\n]*\n")

# The eight colours that every terminal sets for its own background, dark or light; never a background.
_STYLES = Theme(
    {
        "markdown.h1": "bold underline",
        "markdown.h2": "bold",
        "markdown.h3": "bold",
        "markdown.h4": "italic bold",
        "markdown.code": "cyan",
        "markdown.code_block": "none",
        "markdown.block_quote": "dim",
        "markdown.item.bullet": "bold",
        "markdown.item.number": "bold",
        "markdown.hr": "dim",
        "markdown.link": "underline",
        "markdown.link_url": "blue underline",
    }
)
_CODE_STYLES = ANSISyntaxTheme(
    {
        ("Comment",): Style(dim=True),
        ("Keyword",): Style(color="magenta"),
        ("Literal", "String"): Style(color="green"),
        ("Literal", "Number"): Style(color="cyan"),
        ("Name", "Function"): Style(color="blue"),
        ("Name", "Class"): Style(color="blue", bold=True),
    }
)


class MarkdownStream:
    """Shows blocks as soon as they are whole; the last one is redrawn until it is.

    Code comes line by line, exactly as it was written and without a frame, so that it can be copied from the
    terminal. Text cannot command the terminal. One thread.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._text = ""
        self._code: _Code | None = None
        self._live = Live(console=console, auto_refresh=False, transient=True, vertical_overflow="crop")
        self._next_draw = 0.0
        self._is_empty = True

    def push(self, piece: str) -> None:
        """Show more of the text; what was drawn last may lag behind until `finish`."""
        self._text += printable(piece)
        with self._console.use_theme(_STYLES):
            while "\n" in piece and self._settle():
                pass
            if time.monotonic() >= self._next_draw:
                self._draw()

    def finish(self) -> None:
        """Show the rest for good. Idempotent."""
        rest, self._text = self._text, ""
        with self._console.use_theme(_STYLES):
            self._live.stop()
            if rest.strip() and self._code is not None:
                self._print(self._code.highlighted(rest))
            elif rest.strip():
                self._print_block(rest)
        self._code = None

    def _settle(self) -> bool:
        """Print what can change no more; whether there may be more of that."""
        if self._code is not None:
            return self._settle_code_line(self._code)
        whole_lines = self._text[: self._text.rfind("\n") + 1]  # half a line may become anything
        tokens = _PARSER.parse(whole_lines)
        kinds = {token.map[0]: token.type for token in tokens if token.level == 0 and token.map}
        if not kinds:
            return False
        first, *others = sorted(kinds)
        lines = self._text.split("\n")
        from_first = "\n".join(lines[first:])
        opening = _OPENING.match(from_first) if kinds[first] == "fence" else None
        if opening is None and others:
            self._text = "\n".join(lines[others[0] :])
            self._print_block("\n".join(lines[first : others[0]]))
            return True
        if opening is not None:
            self._text = from_first[opening.end() :]
            self._code = _Code(opening["mark"], opening["language"])
            self._begin_block()
            self._print(Text(opening[0].strip(), "dim"))
            return True
        return False

    def _settle_code_line(self, code: "_Code") -> bool:
        line, end, rest = self._text.partition("\n")
        if not end:
            return False
        self._text = rest
        if code.is_closed_by(line):
            self._code = None
            self._print(Text(line.strip(), "dim"))
        else:
            self._print(code.highlighted(line))
        return True

    def _draw(self) -> None:
        began = time.monotonic()
        shown = Text(self._text, no_wrap=True) if self._code else _Block(self._text, tail=self._room)
        if not self._live.is_started:
            self._live.start()
        self._live.update(shown, refresh=True)
        taken = time.monotonic() - began
        self._next_draw = began + max(REDRAWN_EVERY_S, _SHARE * taken)

    @property
    def _room(self) -> int:
        return max(self._console.height - _MARGIN, 1)

    def _print_block(self, source: str) -> None:
        self._begin_block()
        self._print(_Block(source))

    def _begin_block(self) -> None:
        if not self._is_empty:
            self._print(Text())
        self._is_empty = False

    def _print(self, shown: "Text | _Block") -> None:
        with self._console:  # in one write: nothing vanishes or is seen twice in between
            self._live.update(Text(), refresh=self._live.is_started)
            self._console.print(shown, soft_wrap=isinstance(shown, Text))


@dataclass(slots=True)
class _Code:
    """A block of code between two marks; its last lines, for colours that depend on those before."""

    mark: str
    language: str
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=CODE_CONTEXT))

    def is_closed_by(self, line: str) -> bool:
        text = line.strip()
        return len(text) >= len(self.mark) and set(text) == {self.mark[0]} and not line.startswith(" " * 4)

    def highlighted(self, line: str) -> Text:
        """The next line, in colours where its language is known."""
        self.lines.append(line)
        source = "\n".join(self.lines) + "\n"
        syntax = Syntax(source, self.language or "text", theme=_CODE_STYLES)
        coloured = syntax.highlight(source).split("\n", allow_blank=True)[len(self.lines) - 1]
        return coloured if coloured.plain == line else Text(line)


class _PlainHeading(Heading):
    """One that begins where the text does."""

    LEVEL_ALIGN: ClassVar = {}


class _PlainCode(MarkdownElement):
    """Code inside of a list or a quotation."""

    def __init__(self) -> None:
        self._text = Text()

    def on_text(self, _context: object, text: str | Text) -> None:
        self._text.append(text)

    def __rich_console__(self, _console: Console, _options: ConsoleOptions) -> RenderResult:
        self._text.rstrip()
        yield self._text


class _Markdown(Markdown):
    elements: ClassVar = {
        **Markdown.elements,
        "heading_open": _PlainHeading,
        "fence": _PlainCode,
        "code_block": _PlainCode,
    }

    def __init__(self, source: str) -> None:
        super().__init__(source, hyperlinks=False)  # a link must not lead elsewhere than it shows
        self.parsed = [_with_line_ends(token) for token in _PARSER.parse(source)]


def _with_line_ends(token: Token) -> Token:
    """Lines stay lines: models write poems and addresses without the two spaces that Markdown wants."""
    for child in token.children or ():
        if child.type == "softbreak":
            child.type = "hardbreak"
    return token


class _Block:
    """A piece of Markdown without white space at the ends of its lines, which would be copied, too.

    tail: show so many lines, the last ones.
    """

    def __init__(self, source: str, *, tail: int | None = None) -> None:
        self._markdown = _Markdown(source)
        self._tail = tail

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = [_stripped(line) for line in console.render_lines(self._markdown, options, pad=False)]
        while lines and not lines[0]:
            lines.pop(0)
        while lines and not lines[-1]:
            lines.pop()
        yield SegmentLines(lines[-self._tail :] if self._tail else lines, new_lines=True)


def _stripped(line: list[Segment]) -> list[Segment]:
    kept = list(line)
    while kept and not kept[-1].text.strip():
        kept.pop()
    if kept:
        kept[-1] = Segment(kept[-1].text.rstrip(), kept[-1].style, kept[-1].control)
    return kept
