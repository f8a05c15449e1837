"""Cuts documents by a splitter of a program's own, and finds where its passages stand."""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Protocol, runtime_checkable

from gpt4all_core.errors import ConfigError
from gpt4all_localdocs.chunk import ChunkOptions, ChunkPlaces
from gpt4all_localdocs.cut import Sizes, cut_section
from gpt4all_localdocs.header import CountTokens, header_words
from gpt4all_localdocs.sections import Section, sections
from gpt4all_localdocs.types import Chunk, Document, Span
from gpt4all_localdocs.words import split_words


@runtime_checkable
class Splitter(Protocol):
    """A way of cutting texts that takes the place of the project's own; called in one thread at a time."""

    @property
    def identity(self) -> str:
        """Changes whenever the same text would be cut otherwise: what was cut before is then cut anew."""

    def split(self, text: str) -> Sequence[str]:
        """Passages of a text, words of it as they stand there; they may overlap and leave some out."""


def check_splitter(splitter: object) -> None:
    """Raise ConfigError for what is neither None nor a splitter."""
    if splitter is not None and not isinstance(splitter, Splitter):
        raise ConfigError(
            f"splitter={splitter!r} has no identity and split(); give a LocalDocsSplitter of"
            " langchain_gpt4all or llamaindex_gpt4all, or an object with these"
        )


def identity_of(splitter: object, settings: Mapping[str, Any]) -> str:
    """A splitter's class and settings in words that are the same in every run."""
    kind = type(splitter)
    return f"{kind.__module__}.{kind.__qualname__} {json.dumps(settings, default=_named, sort_keys=True)}"


def _named(value: Any) -> Any:
    """What JSON has no word for: functions and objects by name, as their addresses differ from run to run."""
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    return str(getattr(value, "__qualname__", type(value).__qualname__))


def split_document(
    document: Document, splitter: Splitter, *, count_tokens: CountTokens, options: ChunkOptions
) -> tuple[Chunk, ...]:
    """The passages that a splitter makes of a document, in text order, numbered from 0.

    The splitter is given each page, slide, sheet or other part alone, so that a passage has one place; its
    headings are those of where it begins. `Chunk.text` is what stands in the document at `Chunk.span`, see
    `locate_passages`. A passage that the embedder would not see whole is cut further.
    Raises ConfigError for a passage that stands nowhere in the text.
    """
    text = document.text
    places = ChunkPlaces(document)
    chunks: list[Chunk] = []
    for _, neighbours in groupby(sections(document), key=lambda section: section.part):
        stretch = list(neighbours)
        starts = [section.start for section in stretch]
        first, last = stretch[0].start, stretch[-1].end
        if not text[first:last].strip():
            continue
        for start, end in locate_passages(text[first:last], splitter):
            section = stretch[bisect_right(starts, first + start) - 1]
            span = first + start, first + end
            for part in _seen_whole(document, section, span, count_tokens=count_tokens, options=options):
                chunks.append(places.chunk(len(chunks), part, section))
    return tuple(chunks)


def _seen_whole(
    document: Document, section: Section, span: Span, *, count_tokens: CountTokens, options: ChunkOptions
) -> Iterator[Span]:
    """The span, or spans of it that fit the window with their header."""
    header = header_words(
        section.headings, title=document.title, count_tokens=count_tokens, most=options.header_tokens
    )
    cap = options.sizes(count_tokens(" ".join(header)) if header else 0).cap
    if count_tokens(document.text[slice(*span)]) <= cap:
        yield span
        return
    words = split_words(document.text, span, count_tokens, largest=cap)
    yield from cut_section(document.text, words, (), count_tokens=count_tokens, sizes=Sizes(cap, cap, 0))


def locate_passages(text: str, splitter: Splitter) -> list[Span]:
    """Where a splitter's passages stand in a text, in text order, each place once.

    A passage that stands at several places is taken to follow the one before it, else to be the first that
    begins after that one begins. White space may differ from the text's, and the character U+FFFD at an end,
    which token splitters write for part of a character, is passed over.
    Raises ConfigError for a passage that is not in the text.
    """
    spans: list[Span] = []
    before = (-1, 0)
    for passage in splitter.split(text):
        words = passage.strip("\ufffd \t\r\n\f\v").strip()
        if not words:
            continue
        found = _find(text, words, before)
        if found is None:
            raise ConfigError(
                f"the splitter {splitter.identity!r} made a passage that is not in the text: {words[:80]!r};"
                " citations name where passages stand, so use one that keeps the text as it is"
            )
        spans.append(found)
        before = found
    return sorted(set(spans))


def _find(text: str, words: str, before: Span) -> Span | None:
    gap = re.compile(r"\s*").match(text, before[1])
    if gap and text.startswith(words, gap.end()):
        return gap.end(), gap.end() + len(words)
    for begin in (before[0] + 1, 0):  # parsers of several levels go back to where the larger passage began
        start = text.find(words, begin)
        if start >= 0:
            return start, start + len(words)
    pattern = re.compile(r"\s+".join(map(re.escape, words.split())))
    match = pattern.search(text, before[0] + 1) or pattern.search(text)
    return match.span() if match else None
