"""Where data are kept: whether that can be written to, and how much room there is."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from gpt4all_app.checkup.finding import Finding
from gpt4all_app.checkup.taken_back import taken_back
from gpt4all_core.config import Settings, setting_sources

LEAST_FREE_BYTES = 2 << 30
"""A small model and the index of a folder take about as much."""


def findings(settings: Settings) -> Iterator[Finding]:
    """Of the folders that these settings name."""
    yield _folder("home", settings.home)
    if settings.cache_dir is not None:
        yield _folder("cache_dir", settings.cache_dir)


def _folder(name: str, folder: Path) -> Finding:
    about = f"folder {name}"
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        remedy = taken_back(name) if name in setting_sources() else f"export GPT4ALL_{name.upper()}=FOLDER"
        return Finding(about, "problem", f"{folder} cannot be written to", remedy)
    free = shutil.disk_usage(place).free
    text = f"{folder}, {free / 2**30:.1f} GiB free"
    if free < LEAST_FREE_BYTES:
        return Finding(about, "advice", f"{text}: little for models and indexes", "gpt4all models list")
    return Finding(about, "ok", text)
