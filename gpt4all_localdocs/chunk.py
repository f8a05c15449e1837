"""Cuts a document into passages that fit an embedder's window and can be cited to the character.

Pure: the same text, counter and options give the same chunks, which is what lets a sync tell
the passages it has embedded from new ones.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass

from gpt4all_core.errors import ConfigError
from gpt4all_localdocs.blocks import Block, find_blocks, names_of_columns, names_of_sheet, one_line
from gpt4all_localdocs.check_arguments import check_count
from gpt4all_localdocs.cut import Sizes, cut_section
from gpt4all_localdocs.header import CountTokens, header_words
from gpt4all_localdocs.sections import Section, join_definitions, sections
from gpt4all_localdocs.types import Chunk, Document, Part, PartName, Span
from gpt4all_localdocs.words import split_words

CHUNKER_VERSION = 2
"""Raised whenever the same document and options give other chunks, so that indexes are built anew."""

_TARGET_TOKENS = 250
_SMALLEST_WINDOW = 8
_SHARE_OF_COLUMNS = 4
"""At most a quarter of a sheet's passage goes to the names of its columns."""

_PAGED = ("page", "slide")
_LINED = ("sheet", "cell", "message", "file")
"""Parts whose numbers are pages to readers, and those in which lines are counted."""


@dataclass(frozen=True, slots=True, init=False)
class ChunkOptions:
    """How large passages are, in the embedder's tokens.

    max_tokens: the embedder's window; text beyond it would be cut off before it is embedded
    (recall fell from .765 to .716 with passages of 400 tokens and a window of 256).
    header_tokens: what `embedding_text` may put in front of a passage at most, an eighth of the window by
    default and no more than 32: room for a title and two headings. Only what the names of a section take
    is taken off its passages.
    target_tokens: what a passage aims at, 250 where the window allows it. overlap_tokens: how much of a
    passage the next one repeats within a section, a quarter of the target by default, which adds a third to
    the passages.

    Recall@5 and precision@5 of the 472 questions' spans of chunking_evaluation, MiniLM and BM25 fused
    (docs/benchmarks.md): 250 tokens with a quarter .886 and .051 (1,826 passages), with a half .878 and .058
    (2,563); 240 with a quarter .876 and .051; 220 with a quarter .869 and .055, with a half .860 and .064.
    """

    max_tokens: int
    target_tokens: int
    overlap_tokens: int
    header_tokens: int

    def __init__(
        self,
        max_tokens: int,
        *,
        target_tokens: int | None = None,
        overlap_tokens: int | None = None,
        header_tokens: int | None = None,
    ) -> None:
        given = {
            "header_tokens": header_tokens,
            "target_tokens": target_tokens,
            "overlap_tokens": overlap_tokens,
        }
        for name, count in ({"max_tokens": max_tokens} | given).items():
            if count is not None or name == "max_tokens":
                check_count(name, count, least=0)
        if max_tokens < _SMALLEST_WINDOW:
            raise ConfigError(
                f"max_tokens is {max_tokens}; passages need a window of {_SMALLEST_WINDOW} or more"
            )
        header = min(32, max_tokens // 8) if header_tokens is None else header_tokens
        if not 0 <= header <= max_tokens // 2:
            raise ConfigError(f"header_tokens is {header}; choose 0 to {max_tokens // 2}, half of max_tokens")
        target = min(_TARGET_TOKENS, max_tokens) if target_tokens is None else target_tokens
        if not 4 <= target <= max_tokens:
            raise ConfigError(f"target_tokens is {target}; choose 4 to {max_tokens}, which is max_tokens")
        overlap = target // 4 if overlap_tokens is None else overlap_tokens
        if not 0 <= overlap <= target // 2:
            raise ConfigError(
                f"overlap_tokens is {overlap}; choose 0 to {target // 2}, half of target_tokens"
            )
        for name, value in zip(self.__slots__, (max_tokens, target, overlap, header), strict=True):
            object.__setattr__(self, name, value)

    def sizes(self, header: int) -> Sizes:
        """Of passages with a header of so many tokens."""
        cap = self.max_tokens - min(header, self.header_tokens)
        target = min(self.target_tokens, cap)
        return Sizes(target, cap, min(self.overlap_tokens, target // 2))


def chunk_document(
    document: Document, *, count_tokens: CountTokens, options: ChunkOptions
) -> tuple[Chunk, ...]:
    """The passages of a document, in text order, numbered from 0.

    Every character that is not white space is in at least one chunk, no chunk has more than
    `options.max_tokens` by `count_tokens`, less what its title and headings take, and none crosses a part
    or a heading with text under it. Within a section cuts fall, best first, at blank lines, ends of
    sentences, lines, words; inside a word only if it alone is too long. Fenced code and tables that fit
    stay whole; those that do not are cut between lines, and `Chunk.columns` says what a table's columns
    are. Small definitions in source code share passages, see `join_definitions`.

    count_tokens: tokens of a text, special tokens not counted. It is called about once a
    distinct word and once or twice a chunk; the sum over words is an estimate that the call on the
    whole chunk corrects.
    Raises ConfigError where a single character has more tokens than the target.

        >>> from gpt4all_core.testing import HashEmbedder
        >>> count_tokens = HashEmbedder().count_tokens
        >>> document = Document("Leave is 25 days. Sick pay is full for six weeks. Ask your manager first.")
        >>> options = ChunkOptions(16, overlap_tokens=0)
        >>> [chunk.text for chunk in chunk_document(document, count_tokens=count_tokens, options=options)]
        ['Leave is 25 days. Sick pay is full for six weeks.', 'Ask your manager first.']
    """
    text = document.text
    counts = _WordCounts(count_tokens)
    largest = min(options.target_tokens, options.max_tokens - options.header_tokens)
    found = find_blocks(text)
    places = ChunkPlaces(document)
    by_section = (
        (section, split_words(text, (section.start, section.end), counts.of, largest=largest))
        for section in sections(document)
    )
    chunks: list[Chunk] = []
    for section, words in join_definitions(by_section, most_tokens=options.target_tokens):
        if not words:
            continue
        tables = _Tables(text, found, section)
        header = header_words(
            section.headings, title=document.title, count_tokens=count_tokens, most=options.header_tokens
        )
        sizes = options.sizes(count_tokens(" ".join(header)) if header else 0)
        sizes = tables.sizes(sizes, sum(word.tokens for word in words), count_tokens)
        for span in cut_section(text, words, tables.kept_whole, count_tokens=count_tokens, sizes=sizes):
            chunks.append(places.chunk(len(chunks), span, section, columns=tables.columns_above(span[0])))
    return tuple(chunks)


class _Tables:
    """What is best not cut in a section, and what the columns are called where it must be."""

    def __init__(self, text: str, found: list[Block], section: Section) -> None:
        self._text = text
        self._sheet = section.part if section.part and section.part.kind == "sheet" else None
        first = bisect_left(found, (section.start,))
        last = bisect_left(found, (section.end,))
        inside = [block for block in found[first:last] if block.end <= section.end]
        if self._sheet is not None:
            inside = [Block(section.start, section.end, is_table=True)]
        self.kept_whole = [(block.start, block.end) for block in inside]
        self._tables = [block for block in inside if block.is_table]

    def columns_above(self, start: int) -> str:
        """What the columns of the table are called that a passage goes on with; empty if it does not."""
        index = bisect_left(self._tables, (start,)) - 1
        if index < 0 or start >= self._tables[index].end:
            return ""
        names = self._names(self._tables[index])
        return one_line(self._text, names) if names[1] <= start else ""

    def sizes(self, sizes: Sizes, tokens: int, count_tokens: CountTokens) -> Sizes:
        """Of the passages of a section of so many tokens.

        Those of a long sheet leave room for its columns, and repeat nothing: a row says what it says without
        the rows before it.
        """
        if self._sheet is None or tokens <= sizes.target:
            return sizes
        columns = count_tokens(one_line(self._text, self._names(self._tables[0])))
        room = min(columns, sizes.target // _SHARE_OF_COLUMNS)
        return Sizes(sizes.target - room, sizes.cap - room, 0)

    def _names(self, table: Block) -> Span:
        if self._sheet is not None:
            return names_of_sheet(self._text, self._sheet)
        return names_of_columns(self._text, table)


class ChunkPlaces:
    """Makes chunks of spans of one document, with the page or lines that they are cited by."""

    def __init__(self, document: Document) -> None:
        self._text = document.text
        self._line_ends = [match.start() for match in re.finditer("\n", document.text)]

    def chunk(self, ordinal: int, span: Span, section: Section, *, columns: str = "") -> Chunk:
        """A chunk of what stands there, in this section."""
        part = section.part
        return Chunk(
            ordinal,
            self._text[slice(*span)],
            span,
            part.number if part and part.kind in _PAGED else None,
            self._lines(span, part),
            section.headings,
            PartName(part.kind, part.number, part.label) if part else None,
            columns,
        )

    def _lines(self, span: Span, part: Part | None) -> tuple[int, int] | None:
        """The lines that a chunk takes, as `Chunk.lines` counts them."""
        if part is not None and part.kind not in _LINED:
            return None
        before = 0
        if part is not None:
            before = bisect_left(self._line_ends, part.start) - ((part.first_row or 1) - 1)
        first, last = (bisect_left(self._line_ends, offset) + 1 - before for offset in span)
        return first, last


class _WordCounts:
    """Tokens by word; a word counts at least one, so that no number of words is free."""

    def __init__(self, count_tokens: CountTokens) -> None:
        self._count_tokens = count_tokens
        self._known: dict[str, int] = {}

    def of(self, word: str) -> int:
        count = self._known.get(word)
        if count is None:
            count = self._known[word] = max(1, self._count_tokens(word))
        return count
