"""LM Studio: `owner/repository/file.gguf` in a folder that its settings may move."""

import json
from collections.abc import Iterator
from pathlib import Path

from gpt4all_core.catalog.found_elsewhere.gguf_files import model_files
from gpt4all_core.catalog.found_elsewhere.kept_file import KeptFile

PROGRAM = "LM Studio"


def kept_files(repository: str | None = None) -> Iterator[KeptFile]:
    """All of them, or those of one repository of the Hub."""
    for folder in _folders():
        for path in model_files(folder if repository is None else folder / repository):
            owner, *rest = path.relative_to(folder).parts
            if len(rest) < 2:  # put there by hand: no telling from where
                yield KeptFile(path, PROGRAM, path.name, path.parent)
                continue
            root = folder / owner / rest[0]
            yield KeptFile(path, PROGRAM, "/".join(rest[1:]), root, repository=f"{owner}/{rest[0]}")


def _folders() -> Iterator[Path]:
    """What its settings say, then where it has kept models in earlier versions and does by default."""
    home = Path.home()
    homes = dict.fromkeys((*_pointed_to(home), home / ".lmstudio", home / ".cache" / "lm-studio"))
    chosen = [folder for own in homes for folder in _downloads_folder(own)]
    yield from dict.fromkeys((*chosen, *(own / "models" for own in homes)))


def _pointed_to(home: Path) -> Iterator[Path]:
    """Its own folder, where it was moved: a file in the home folder holds the path."""
    try:
        text = (home / ".lmstudio-home-pointer").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return
    if text:
        yield Path(text)


def _downloads_folder(own: Path) -> Iterator[Path]:
    try:
        settings = json.loads((own / "settings.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none, or not one that we can read: the default holds
        return
    folder = settings.get("downloadsFolder") if isinstance(settings, dict) else None
    if isinstance(folder, str) and folder:
        yield Path(folder).expanduser()
