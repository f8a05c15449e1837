"""A conversation that is kept in a file from one run of the program to the next.

A line a turn: `{"role": "user", "content": "…"}`, as JSON.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from gpt4all_core.errors import ConfigError
from gpt4all_core.types import Message

_ROLES = ("user", "assistant")


def read_history(path: Path) -> list[Message]:
    """What was said before, oldest first; nothing from a file that is not there yet, which is made.

    Raises ConfigError for a line that is no turn, OSError for a file that cannot be read and written.
    """
    with path.open("a+", encoding="utf-8") as file:  # an answer is not the time to find out
        file.seek(0)
        return [_turn(line, number, path) for number, line in enumerate(file, start=1) if line.strip()]


def add_to_history(path: Path, turns: Sequence[Message]) -> None:
    """Write down what was said now."""
    lines = [json.dumps({"role": turn.role, "content": turn.text}, ensure_ascii=False) for turn in turns]
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))


def _turn(line: str, number: int, path: Path) -> Message:
    try:
        read = json.loads(line)
    except ValueError:
        read = None
    if isinstance(read, dict) and read.get("role") in _ROLES and isinstance(read.get("content"), str):
        return Message(read["role"], read["content"])
    raise ConfigError(
        f'{path}, line {number} is no turn of a conversation such as {{"role": "user", "content": "…"}};'
        " name another file, and one that is not there yet is made"
    )
