"""Where indexes are, and what files are called in front of people."""

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

LONGEST_SLUG = 40
"""Characters of a folder's name in the name of its index; the hash alone makes it unique."""

_MISLEADING = str.maketrans(
    {"\n": "\N{SYMBOL FOR NEWLINE}"}
    | dict.fromkeys(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))), "\N{REPLACEMENT CHARACTER}")
)
"""What makes a name pass for something else: a line end for a line of the program's own, marks that turn the
direction of writing for another name and place."""


def absolute(path: Path) -> Path:
    """Absolute, without `..` and `~`, but with its links, so that people see the names they gave."""
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - resolve() would follow links


def default_index() -> Path:
    """The index of `gpt4all docs` when none is named."""
    return _indexes() / "default"


def index_place(index: Path | None) -> Path:
    """The index that an option named, else the default one."""
    return absolute(index) if index else default_index()


def index_for(folders: Sequence[Path]) -> Path:
    """The index that belongs to these folders: the same for the same folders in any order."""
    names = sorted({str(absolute(folder)) for folder in folders})
    digest = hashlib.sha256("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest()
    slug = re.sub(r"[^a-z0-9]+", "-", Path(names[0]).name.lower()).strip("-")[:LONGEST_SLUG]
    return _indexes() / f"{slug or 'folder'}-{digest[:12]}"


def shown_path(path: Path, folders: Sequence[Path]) -> str:
    """A file's name from its folder on; with the folder's own name where there are several.

    Line ends in it, and marks that turn the direction of writing, are shown as signs.
    """
    return _relative(path, folders).translate(_MISLEADING)


def _relative(path: Path, folders: Sequence[Path]) -> str:
    inside = [folder for folder in folders if path.is_relative_to(folder)]
    if not inside:
        return str(path)
    folder = max(inside, key=lambda candidate: len(candidate.parts))
    start = folder if len(folders) == 1 else folder.parent
    return str(path.relative_to(start)) if path != start else path.name


def _indexes() -> Path:
    from gpt4all_core.config import resolve_settings  # noqa: PLC0415 - pydantic: 0.1 s --help does not need

    return resolve_settings().home / "indexes"
