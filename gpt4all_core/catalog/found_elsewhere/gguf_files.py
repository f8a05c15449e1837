"""The model files of a folder, whatever else lies in it."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

_DEEPEST = 6
"""Folders below the first; programs use three, and people sort theirs into some more."""

_PART = re.compile(r"-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf$", re.IGNORECASE)


def gguf_files(folder: Path) -> Iterator[Path]:
    """Every .gguf file below a folder, in alphabetical order; one that cannot be read has none.

    Passed over are hidden names, where downloads lie until they are verified, half downloads of
    GPT4All's desktop program (`incomplete-…`), links to nothing, and folders that were visited before.
    """
    yield from _below(folder, set(), _DEEPEST)


def model_files(folder: Path) -> Iterator[Path]:
    """The models among them: no projectors, and of a split model the first part, if all are there."""
    for path in gguf_files(folder):
        if "mmproj" not in path.name.lower() and is_whole(path):
            yield path


def is_whole(path: Path) -> bool:
    """Whether a file is a model by itself, or the first part of one whose other parts lie beside it."""
    match = _PART.search(path.name)
    if match is None:
        return True
    if match["number"] != "00001":
        return False
    stem = path.name[: match.start()]
    others = (
        f"{stem}-{number:05}-of-{match['count']}{path.suffix}" for number in range(2, int(match["count"]) + 1)
    )
    return all(is_file(path.with_name(name)) for name in others)


def is_file(path: Path) -> bool:
    """Whether there is a file, also where a folder on the way must not be looked into."""
    try:
        return path.is_file()
    except OSError:
        return False


def _below(folder: Path, visited: set[tuple[int, int]], depth: int) -> Iterator[Path]:
    try:
        status = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # not there, or not for us
        return
    if (status.st_dev, status.st_ino) in visited:  # a link that leads back
        return
    visited.add((status.st_dev, status.st_ino))
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith((".", "incomplete-")):
            continue
        if entry.name.lower().endswith(".gguf"):
            if is_file(path):
                yield path
        elif depth and _is_folder(entry):
            yield from _below(path, visited, depth - 1)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
