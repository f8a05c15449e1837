"""What the embedder sees of a passage: where it stands, then what it says."""

import re
from collections.abc import Iterable

from gpt4all_localdocs.chunk import ChunkOptions, CountTokens
from gpt4all_localdocs.types import Chunk


def embedding_text(
    chunk: Chunk, *, title: str | None, file_name: str = "", count_tokens: CountTokens, options: ChunkOptions
) -> str:
    """The text that a chunk is embedded as: a line that says where it stands, then its own text.

    The header line names the file (without its ending), the title and the headings, each once.
    It has at most `options.header_tokens`: headings are left out from the highest on, then the
    title, then words. After it comes what a table's columns are called where the chunk goes on with one,
    as far as there is room. The whole has at most `options.max_tokens`. Without `file_name` a renamed
    file keeps its texts, and so its vectors.
    """
    words = _fitting_names(chunk, title, file_name, count_tokens=count_tokens, most=options.header_tokens)
    columns = chunk.columns.split()
    if columns:
        room = options.max_tokens - count_tokens(_lines(words, (), chunk.text))
        while columns and count_tokens(" ".join(columns)) > room:
            columns.pop()
    while (words or columns) and count_tokens(_lines(words, columns, chunk.text)) > options.max_tokens:
        (columns or words).pop()
    return _lines(words, columns, chunk.text)


def _lines(words: Iterable[str], columns: Iterable[str], text: str) -> str:
    return "\n".join(line for line in (" ".join(words), " ".join(columns), text) if line)


def _fitting_names(
    chunk: Chunk, title: str | None, file_name: str, *, count_tokens: CountTokens, most: int
) -> list[str]:
    """The words of the header line."""
    stem = re.sub(r"[\s_]+", " ", file_name.rpartition(".")[0] or file_name).strip()
    file_and_title, headings = _each_once([stem, title or ""]), _each_once(chunk.headings)
    headings = [heading for heading in headings if heading not in file_and_title]
    while len(headings) > 1 and count_tokens(_header(file_and_title, headings)) > most:
        del headings[0]
    if headings and count_tokens(_header(file_and_title, headings)) > most:
        del file_and_title[1:]
    words = _header(file_and_title, headings).split()[:most]
    while words and count_tokens(" ".join(words)) > most:
        words.pop()
    return words


def _each_once(names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(" ".join(name.split()) for name in names) if name]


def _header(file_and_title: list[str], headings: list[str]) -> str:
    return " > ".join([*file_and_title, *headings])
