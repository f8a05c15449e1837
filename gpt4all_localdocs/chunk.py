"""Cuts a document into passages that fit an embedder's window and can be cited to the character.

Pure: the same text, counter and options give the same chunks, which is what lets a sync tell
the passages it has embedded from new ones.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from gpt4all_core.errors import ConfigError
from gpt4all_localdocs.sections import Section, blocks, sections
from gpt4all_localdocs.types import Chunk, Document, Part, PartName, Span
from gpt4all_localdocs.words import Boundary, Word, boundary_after, split_words

CHUNKER_VERSION = 1
"""Raised whenever the same document and options give other chunks, so that indexes are built anew."""

CountTokens = Callable[[str], int]

_TARGET_TOKENS = 220
_SMALLEST_WINDOW = 8

_PAGED = ("page", "slide")
_LINED = ("sheet", "cell", "message", "file")
"""Parts whose numbers are pages to readers, and those in which lines are counted."""


@dataclass(frozen=True, slots=True, init=False)
class ChunkOptions:
    """How large passages are, in the embedder's tokens.

    max_tokens: the embedder's window; text beyond it would be cut off before it is embedded
    (recall fell from .765 to .716 with passages of 400 tokens and a window of 256).
    header_tokens: what `embedding_text` may put in front of a passage; taken off the window. The
    default is an eighth of the window, 32 at most: room for a file name and two headings.
    target_tokens: what a passage aims at, 220 where the window allows it: recall is best between
    200 and 250 tokens, and the splitting method matters less than that.
    overlap_tokens: how much of a passage the next one repeats within a section, a quarter of
    the target by default. A fifth gave a recall@5 of .848, a half .880, but a half doubles the
    passages to embed and a quarter adds a third.
    (Figures: 472 questions of chunking_evaluation, MiniLM and BM25 fused.)
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
        if max_tokens < _SMALLEST_WINDOW:
            raise ConfigError(
                f"max_tokens is {max_tokens}; passages need a window of {_SMALLEST_WINDOW} or more"
            )
        header = min(32, max_tokens // 8) if header_tokens is None else header_tokens
        if not 0 <= header <= max_tokens // 2:
            raise ConfigError(f"header_tokens is {header}; choose 0 to {max_tokens // 2}, half of max_tokens")
        cap = max_tokens - header
        target = min(_TARGET_TOKENS, cap) if target_tokens is None else target_tokens
        if not 4 <= target <= cap:
            raise ConfigError(f"target_tokens is {target}; choose 4 to {cap} (max_tokens less header_tokens)")
        overlap = target // 4 if overlap_tokens is None else overlap_tokens
        if not 0 <= overlap <= target // 2:
            raise ConfigError(
                f"overlap_tokens is {overlap}; choose 0 to {target // 2}, half of target_tokens"
            )
        for name, value in zip(self.__slots__, (max_tokens, target, overlap, header), strict=True):
            object.__setattr__(self, name, value)

    @property
    def cap_tokens(self) -> int:
        """Most tokens of a passage's own text."""
        return self.max_tokens - self.header_tokens


def chunk_document(
    document: Document, *, count_tokens: CountTokens, options: ChunkOptions
) -> tuple[Chunk, ...]:
    """The passages of a document, in text order, numbered from 0.

    Every character that is not white space is in at least one chunk, no chunk has more than
    `options.cap_tokens` by `count_tokens`, and none crosses a part or a heading with text under
    it. Within a section cuts fall, best first, at blank lines, ends of sentences, lines, words;
    inside a word only if it alone is too long. Fenced code and tables that fit stay whole.

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
    counts = _WordCounts(count_tokens)
    kept_whole = blocks(document.text)
    line_ends = [match.start() for match in re.finditer("\n", document.text)]
    chunks: list[Chunk] = []
    for section in sections(document):
        words = split_words(
            document.text, (section.start, section.end), counts.of, largest=options.target_tokens
        )
        if not words:
            continue
        cutter = _Cutter(document.text, words, _blocks_within(kept_whole, section), count_tokens, options)
        for start, end in cutter.spans():
            chunks.append(
                Chunk(
                    len(chunks),
                    document.text[start:end],
                    (start, end),
                    section.part.number if section.part and section.part.kind in _PAGED else None,
                    _lines(line_ends, (start, end), section.part),
                    section.headings,
                    PartName(section.part.kind, section.part.number, section.part.label)
                    if section.part
                    else None,
                )
            )
    return tuple(chunks)


def _lines(line_ends: list[int], span: Span, part: Part | None) -> tuple[int, int] | None:
    """The lines that a chunk takes, as `Chunk.lines` counts them."""
    if part is not None and part.kind not in _LINED:
        return None
    before = 0 if part is None else bisect_left(line_ends, part.start) - ((part.first_row or 1) - 1)
    return bisect_left(line_ends, span[0]) + 1 - before, bisect_left(line_ends, span[1]) + 1 - before


def embedding_text(
    chunk: Chunk, *, title: str | None, file_name: str = "", count_tokens: CountTokens, options: ChunkOptions
) -> str:
    """What the embedder and the keyword index see of a chunk: where it stands, then its text.

    The header line names the file (without its ending), the title and the headings, each once.
    It has at most `options.header_tokens`: headings are left out from the highest on, then the
    title, then words. The whole has at most `options.max_tokens`. Without `file_name` a renamed
    file keeps its texts, and so its vectors.
    """
    stem = re.sub(r"[\s_]+", " ", file_name.rpartition(".")[0] or file_name).strip()
    file_and_title, headings = _each_once([stem, title or ""]), _each_once(chunk.headings)
    headings = [heading for heading in headings if heading not in file_and_title]
    while len(headings) > 1 and count_tokens(_header(file_and_title, headings)) > options.header_tokens:
        del headings[0]
    if headings and count_tokens(_header(file_and_title, headings)) > options.header_tokens:
        del file_and_title[1:]
    words = _header(file_and_title, headings).split()[: options.header_tokens]
    while words:
        header = " ".join(words)
        text = f"{header}\n{chunk.text}"
        if count_tokens(header) <= options.header_tokens and count_tokens(text) <= options.max_tokens:
            return text
        words.pop()
    return chunk.text


def _each_once(names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(" ".join(name.split()) for name in names) if name]


def _header(file_and_title: list[str], headings: list[str]) -> str:
    return " > ".join([*file_and_title, *headings])


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


def _blocks_within(spans: list[Span], section: Section) -> list[Span]:
    first = bisect_left(spans, (section.start, section.start))
    last = bisect_right(spans, (section.end, section.end))
    return [span for span in spans[first:last] if span[1] <= section.end]


class _Cutter:
    """Cuts one section. Positions are word indices: cut 5 stands before the sixth word."""

    def __init__(
        self,
        text: str,
        words: list[Word],
        kept_whole: list[Span],
        count_tokens: CountTokens,
        options: ChunkOptions,
    ) -> None:
        self._text = text
        self._words = words
        self._count_tokens = count_tokens
        self._options = options
        self._tokens_before = [0]
        for word in words:
            self._tokens_before.append(self._tokens_before[-1] + word.tokens)
        starts = [word.start for word in words]
        block_words = [(bisect_left(starts, start), bisect_left(starts, end)) for start, end in kept_whole]
        self._blocks = [span for span in block_words if 0 < self._tokens(*span) <= options.cap_tokens]
        self._block_ends = dict(self._blocks)

    def spans(self) -> Iterator[Span]:
        """Character spans of the section's chunks, in order."""
        covered = 0
        while covered < len(self._words):
            start = self._overlap_start(covered)
            cut = self._checked_cut(start, covered)
            if cut <= covered:  # the repeated words left no room for new ones
                start, cut = covered, self._checked_cut(covered, covered)
            yield self._words[start].start, self._words[cut - 1].end
            covered = cut

    def _tokens(self, start: int, cut: int) -> int:
        return self._tokens_before[cut] - self._tokens_before[start]

    def _furthest(self, start: int, tokens: int) -> int:
        """The last cut with at most this many tokens after `start`."""
        return bisect_right(self._tokens_before, self._tokens_before[start] + tokens) - 1

    def _checked_cut(self, start: int, covered: int) -> int:
        """A cut after `start` such that the real count of the chunk fits."""
        target, cap = self._options.target_tokens, self._options.cap_tokens
        cut = self._cut(start, covered, target)
        while cut > start + 1:  # one word always fits: it was halved until it had `target` at most
            text = self._text[self._words[start].start : self._words[cut - 1].end]
            count = self._count_tokens(text)
            if count <= cap:
                break
            # The words counted apart are fewer than counted together: aim lower by that factor.
            target = max(1, min(target, self._tokens(start, cut)) * cap // count)
            cut = max(start + 1, min(cut - 1, self._cut(start, covered, target)))
        return cut

    def _cut(self, start: int, covered: int, target: int) -> int:
        """The best cut that leaves at most `target` tokens after `start`, a block more at most."""
        furthest = min(self._furthest(start, target), len(self._words))
        if furthest == len(self._words):
            return furthest
        earliest = max(covered, self._furthest(start, target // 2)) + 1
        cut = self._best_boundary(earliest, furthest) if earliest <= furthest else furthest
        block = self._block_around(cut)
        if block is None or target < self._options.target_tokens:
            return cut
        if self._tokens(start, block[1]) <= self._options.cap_tokens:
            return block[1]
        return block[0] if block[0] > covered else cut

    def _best_boundary(self, earliest: int, furthest: int) -> int:
        """The last one of the strongest boundaries from `earliest` to `furthest`, both included."""
        best, best_strength = furthest, self._boundary(furthest)
        for cut in range(furthest - 1, earliest - 1, -1):
            if best_strength is Boundary.BLANK_LINE:
                break
            strength = self._boundary(cut)
            if strength > best_strength:
                best, best_strength = cut, strength
        return best

    def _boundary(self, cut: int) -> Boundary:
        return boundary_after(self._text, self._words[cut - 1], self._words[cut])

    def _overlap_start(self, covered: int) -> int:
        """Where the chunk that brings words from `covered` on begins: some words earlier."""
        overlap = self._options.overlap_tokens
        if covered == 0 or overlap == 0:
            return covered
        block_end = self._block_ends.get(covered)
        if block_end is not None and self._tokens(covered, block_end) + overlap > self._options.cap_tokens:
            return covered
        earliest = bisect_left(self._tokens_before, self._tokens_before[covered] - overlap)
        start = self._earliest_boundary(earliest, covered)
        block = self._block_around(start)
        return start if block is None else min(block[1], covered)

    def _earliest_boundary(self, earliest: int, covered: int) -> int:
        """The first one of the strongest boundaries before `covered`: what is repeated begins well."""
        candidates = range(max(1, earliest), covered)
        return max(candidates, key=lambda cut: (self._boundary(cut), -cut), default=covered)

    def _block_around(self, cut: int) -> Span | None:
        """The block that a cut would divide."""
        index = bisect_left(self._blocks, (cut, 0)) - 1
        if index < 0:
            return None
        first, last = self._blocks[index]
        return (first, last) if first < cut < last else None
