"""One thing that was looked at."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "advice", "problem"]
"""advice: works, and could be better. problem: something does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """about: what was looked at. text: what was found. remedy: a command that mends it, if there is one."""

    about: str
    level: Level
    text: str
    remedy: str = ""
