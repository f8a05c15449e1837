"""What the embedder sees of a passage: where it stands, then what it says."""

from collections.abc import Iterable

from gpt4all_localdocs.chunk import ChunkOptions
from gpt4all_localdocs.header import CountTokens, header_words
from gpt4all_localdocs.types import Chunk


def embedding_text(
    chunk: Chunk, *, title: str | None, file_name: str = "", count_tokens: CountTokens, options: ChunkOptions
) -> str:
    """The text that a chunk is embedded as: a line that says where it stands, then its own text.

    The header line is that of `header_words`. After it comes what a table's columns are called where the
    chunk goes on with one, as far as there is room. The whole has at most `options.max_tokens`. Without
    `file_name` a renamed file keeps its texts, and so its vectors.
    """
    words = header_words(
        chunk.headings,
        title=title,
        file_name=file_name,
        count_tokens=count_tokens,
        most=options.header_tokens,
    )
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
