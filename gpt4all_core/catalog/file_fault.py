"""What is wrong with a model's file, as a sentence."""

import re
from pathlib import Path

from gpt4all_core.errors import ModelLoadError

_PREDICATE = re.compile(r"(is|has|does|was|cannot) ")


def file_fault(path: Path, reason: str) -> ModelLoadError:
    """The error for a file that cannot be used.

    reason: what the file is, has or does ("is incomplete"), or a sentence of its own ("there is no
    such file"), which a colon then sets apart.
    """
    separator = "" if _PREDICATE.match(reason) else ":"
    return ModelLoadError(f"{path}{separator} {reason}", path=path)
