"""Plain text: the file's own characters and lines."""

from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.decode import read_text
from gpt4all_localdocs.types import Document

SUFFIXES: tuple[str, ...] = (
    *(".txt", ".text", ".log", ".plain", ".nfo", ".diff", ".patch"),
    *(".srt", ".vtt", ".sub"),  # what films say
    *(".ics", ".vcf", ".ldif", ".bib", ".ris"),  # appointments, addresses and references are readable lines
    *(".yaml", ".yml", ".properties", ".native"),
)
VERSION: int = 2


def load(path: Path) -> Document:
    """The text as it stands, without headings; raises UnreadableDocument for binary or empty files."""
    text = read_text(path)
    if not text.strip():
        raise UnreadableDocument(path, "holds no text")
    return Document(text)
