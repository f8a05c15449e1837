"""How an answer is shown while the model writes it: as Markdown in a terminal, as it is elsewhere."""

from typing import Protocol

from rich.console import Console
from rich.text import Text

from gpt4all_app.output import Output, printable
from gpt4all_app.passages import WordWrap
from gpt4all_app.talk.markdown_stream import MarkdownStream


class AnswerView(Protocol):
    """Shows one answer; call `finish` whatever happens. One thread."""

    def think(self, text: str) -> None:
        """Show more of what the model thinks first."""

    def say(self, text: str) -> None:
        """Show more of the answer."""

    def finish(self) -> None:
        """Show what was held back, and end the line."""


def answer_view(output: Output) -> AnswerView:
    """The view for where standard output goes to; thoughts are not data, and go to terminals only."""
    if output.is_json:
        return _NoView()
    return _TerminalView(output.page) if output.page else _PlainView(output)


class _NoView:
    """For those who want the whole answer at its end."""

    def think(self, text: str) -> None: ...

    def say(self, text: str) -> None: ...

    def finish(self) -> None: ...


class _PlainView:
    """Pieces as they come; for pipes, files and terminals that know no more than letters."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._wrap = WordWrap(output.width) if output.width else None
        self._is_thinking = False

    def think(self, text: str) -> None:
        if self._wrap is None:
            return
        self._write(text if self._is_thinking else f"(thinks: {text.lstrip()}")
        self._is_thinking = True

    def say(self, text: str) -> None:
        self._end_thought()
        self._write(text)

    def finish(self) -> None:
        self._end_thought()
        self._output.piece((self._wrap.finish() if self._wrap else "") + "\n")

    def _end_thought(self) -> None:
        if self._is_thinking:
            self._write(")\n")
        self._is_thinking = False

    def _write(self, text: str) -> None:
        self._output.piece(self._wrap.push(text) if self._wrap else text)


class _TerminalView:
    """Thoughts dimmed, the answer as Markdown."""

    def __init__(self, page: Console) -> None:
        self._page = page
        self._thought: WordWrap | None = None
        self._answer = MarkdownStream(page)

    def think(self, text: str) -> None:
        if self._thought is None:
            self._thought = WordWrap(self._page.width)
            text = text.lstrip()
        self._dimmed(self._thought.push(printable(text)))

    def say(self, text: str) -> None:
        self._end_thought()
        self._answer.push(text)

    def finish(self) -> None:
        self._end_thought()
        self._answer.finish()

    def _end_thought(self) -> None:
        if self._thought is not None:
            self._dimmed(self._thought.finish().rstrip() + "\n\n")
        self._thought = None

    def _dimmed(self, text: str) -> None:
        self._page.print(Text(text, "dim italic"), end="", soft_wrap=True)
