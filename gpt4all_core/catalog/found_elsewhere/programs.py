"""All programs whose models are found; one more is one file and one row."""

import os
from collections.abc import Callable, Iterator

from gpt4all_core.catalog.found_elsewhere import gpt4all, hugging_face, llama_cpp_cache, lm_studio, ollama
from gpt4all_core.catalog.found_elsewhere.kept_file import KeptFile

PROGRAMS: dict[str, Callable[[str | None], Iterator[KeptFile]]] = {
    gpt4all.PROGRAM: gpt4all.kept_files,
    lm_studio.PROGRAM: lm_studio.kept_files,
    hugging_face.PROGRAM: hugging_face.kept_files,
    llama_cpp_cache.PROGRAM: llama_cpp_cache.kept_files,
    ollama.PROGRAM: ollama.kept_files,
}
"""In the order in which they are looked through: files that have their own name before others."""


def kept_elsewhere(repository: str | None = None) -> Iterator[KeptFile]:
    """What all of them keep, each file once; or what they have of one repository of the Hub."""
    seen: set[str] = set()
    for kept_files in PROGRAMS.values():
        for kept in kept_files(repository):
            place = os.path.realpath(kept.path)
            if place not in seen:
                seen.add(place)
                yield kept
