"""How a group of commands lists them in its help."""

import re
from typing import Any, Final

from typer.core import TyperGroup

_SENTENCE: Final = re.compile(r"(.+?\.)(?:\s|\Z)", re.DOTALL)


class CommandGroup(TyperGroup):
    """Commands under the headings that they were registered with, each with the first sentence of its help.

    Typer cuts that sentence off to keep it on one line, here and where shells complete, and has headings
    for rich help pages alone.
    """

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command = super().get_command(ctx, cmd_name)
        if command is not None and not command.short_help:
            command.short_help = first_sentence(command.help or "")
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command: Any = self.get_command(ctx, name)
            heading = getattr(command, "rich_help_panel", None)
            title = heading if isinstance(heading, str) else "Commands"
            sections.setdefault(title, []).append((name, command.short_help))
        width = max(len(name) for rows in sections.values() for name, _ in rows)
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), words) for name, words in rows])


def first_sentence(text: str) -> str:
    """The first sentence of a docstring on one line; all of its first paragraph where none ends."""
    paragraph = text.partition("\n\n")[0].strip()
    found = _SENTENCE.match(paragraph)
    return " ".join((found[1] if found else paragraph).split())
