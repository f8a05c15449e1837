"""GPT4All: its Python bindings and its desktop program keep files under their own names in a folder each."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from gpt4all_core.catalog.found_elsewhere.gguf_files import model_files
from gpt4all_core.catalog.found_elsewhere.kept_file import KeptFile

PROGRAM = "GPT4All"


def kept_files(repository: str | None = None) -> Iterator[KeptFile]:
    """All of them; none of a repository, since where they came from is not recorded."""
    if repository is not None:
        return
    for folder in gpt4all_folders():
        for path in model_files(folder):
            yield KeptFile(path, PROGRAM, path.relative_to(folder).as_posix(), folder)


def gpt4all_folders() -> Iterator[Path]:
    """Where GPT4All's Python bindings and its desktop program keep models."""
    home = Path.home()
    yield home / ".cache" / "gpt4all"
    if sys.platform == "darwin":
        yield home / "Library" / "Application Support" / "nomic.ai" / "GPT4All"
    elif sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        yield (Path(local) if local else home / "AppData" / "Local") / "nomic.ai" / "GPT4All"
    else:
        yield home / ".local" / "share" / "nomic.ai" / "GPT4All"
