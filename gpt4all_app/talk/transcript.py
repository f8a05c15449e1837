"""Conversations in files: `/save` and `/load`."""

import json
from collections.abc import Sequence
from pathlib import Path

from gpt4all_app.kept_history import read_history
from gpt4all_app.whole_file import write_whole
from gpt4all_core.errors import ConfigError
from gpt4all_core.types import Message

_SPEAKERS = {"user": "You", "assistant": "Model"}


def save(turns: Sequence[Message], path: Path) -> None:
    """Write the turns, all or nothing: Markdown to `*.md`, else what `load` and `ask --history` read.

    An older conversation is replaced. Raises ConfigError for a file that is something else, OSError where it
    cannot be written.
    """
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent}; make it, or name a file elsewhere")
    if path.suffix == ".md":
        if path.exists():
            raise ConfigError(f"{path} exists; name another file, Markdown is not written over")
        text = "\n\n".join(f"**{_SPEAKERS[turn.role]}:** {turn.text}" for turn in turns) + "\n"
    else:
        if path.exists():
            read_history(path)  # nothing but a conversation is written over
        records = [{"role": turn.role, "content": turn.text} for turn in turns]
        text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    write_whole(path, text)


def load(path: Path) -> list[Message]:
    """The turns of a conversation that was saved; raises ConfigError and OSError."""
    if not path.is_file():
        raise ConfigError(f"{path} is no file; /save FILE makes one")
    return read_history(path)
