"""The values LocalDocs works with, from a file's text to an answer's citation."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from gpt4all_core.types import FinishReason, Timing, Usage

Span = tuple[int, int]
"""Character offsets `[start, end)` into a document's extracted text."""

SearchMode = Literal["hybrid", "vector", "keyword"]
AnswerMode = Literal["quote", "free", "strict", "chat"]
Outcome = Literal["added", "updated", "unchanged", "moved", "removed", "unreadable", "skipped"]


PartKind = Literal["page", "slide", "sheet", "cell", "chapter", "message", "file"]


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a document that its file keeps apart, in text order.

    kind: what it is: "cell" is one of a notebook, "message" one of a mailbox, "file" one that is
    attached or packed. number: from 1, as the file counts.
    label: what the file calls it, if not by the number: a page's own number ("iv"), a sheet's or an
    attached file's name, a chapter's title.
    first_row: the row of the sheet that the part's first line is, where each line is a row.
    """

    number: int
    start: int
    end: int
    kind: PartKind = "page"
    label: str = ""
    first_row: int | None = None


@dataclass(frozen=True, slots=True)
class PartName:
    """Which part of its document a passage stands in; the fields are those of `Part`."""

    kind: PartKind
    number: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading and where it begins; `level` 1 is the highest.

    is_definition: of a class or function in source code; small ones that are neighbours share a passage.
    """

    level: int
    title: str
    start: int
    is_definition: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    r"""The text of one file with the places that a citation can point to.

    `text` uses `\n` line ends. For plain text and Markdown it is the file's own text, so its
    lines are the file's lines; for HTML and DOCX lines are those of the extracted text.
    `parts` is empty for formats that are of one piece. Parts and headings are in text order.
    `notes` says for people what of the file is not in the text, and why ("pages 3-5 need OCR").
    """

    text: str
    parts: tuple[Part, ...] = ()
    headings: tuple[Heading, ...] = ()
    title: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of a document: exactly `text[span[0]:span[1]]` of it.

    part: the part of the document it stands in; None where that is of one piece.
    page: the page or slide, from 1; None where the format has neither.
    lines: first and last line, from 1, both included: rows in a sheet, lines of its part in a cell, message
    or file, of the document where that has no parts; None on pages, slides and in chapters.
    headings: titles from the highest level down to the section the chunk stands in.
    columns: what the columns are called of the table or sheet whose later rows these are; empty where the
    chunk begins otherwise. The embedder and the keyword index see it; it is not part of `text` or `span`.
    """

    ordinal: int
    text: str
    span: Span
    page: int | None
    lines: tuple[int, int] | None
    headings: tuple[str, ...] = ()
    part: PartName | None = None
    columns: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that search found, best first.

    score: 0 to 1 within one search, higher is better; not comparable between searches.
    vector_score: cosine similarity, keyword_score: BM25 (higher is better); None where that
    index did not return the passage.
    previous_id, next_id: the `chunk_id` of the passages before and after it, empty at a file's ends.
    text_id, metadata: of a text that a program put. Its `path` is its id and leads to no file, `span` counts
    characters of that text. Empty for a passage of a file.
    """

    path: Path
    text: str
    score: float
    page: int | None
    lines: tuple[int, int] | None
    span: Span
    headings: tuple[str, ...] = ()
    chunk_id: str = ""
    vector_score: float | None = None
    keyword_score: float | None = None
    previous_id: str = ""
    next_id: str = ""
    text_id: str = ""
    metadata: dict[str, Any] = field(default_factory=dict, hash=False)
    part: PartName | None = None

    @property
    def name(self) -> str:
        """What people know the source by: the file's name, or what `text_name` finds."""
        return text_name(self.metadata, self.text_id) if self.text_id else self.path.name

    @property
    def is_part(self) -> bool:
        """Whether there is more of the file or text than this."""
        return bool(self.previous_id or self.next_id)

    @property
    def place(self) -> str:
        """Where in the file: `page 3`, `lines 10-14`, `sheet Costs, rows 2-9`, or nothing."""
        return describe_place(self.page, self.lines, self.part)


@dataclass(frozen=True, slots=True)
class Citation:
    """A source of an answer; `quote` is exactly the text at `span` of the document.

    text_id: of a text that a program put, which is then what `path` says; empty for a file.
    likelihood: of a quotation, 0 to 1, how sure the model was of each of its tokens (their geometric mean);
    None for other citations, and for a model that tells no log-probabilities.
    """

    number: int
    path: Path
    page: int | None
    lines: tuple[int, int] | None
    span: Span
    quote: str
    score: float
    text_id: str = ""
    part: PartName | None = None
    likelihood: float | None = None

    @property
    def place(self) -> str:
        """Where in the file: `page 3`, `lines 10-14`, `sheet Costs, rows 2-9`, or nothing."""
        return describe_place(self.page, self.lines, self.part)


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of an answer that names sources, and whether they say it.

    span: where it stands in the answer's text. numbers: the sources that it names. support: 0 to 1.
    """

    text: str
    span: Span
    numbers: tuple[int, ...]
    support: float
    is_supported: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and what it rests on.

    citations: the sources named by the answer, in the order of their numbers.
    hits: the passages the model was given, best first.
    is_refused: whether the documents were found not to answer the question; `text` then says so, and no
    source is cited. evidence: 0 to 1, how much spoke for the documents answering it; None where nobody asked.
    quotes: in quote mode, all spans that were considered, likeliest first; the first one is the answer.
    claims: what `verify` found out, sentence by sentence; None where it was not asked for.
    finish_reason: "length" where its tokens were spent before it was done.
    reasoning: what a model that thinks thought before it wrote. timing: None where several requests, or none,
    made the answer; not compared.
    """

    text: str
    citations: tuple[Citation, ...]
    hits: tuple[Hit, ...]
    mode: AnswerMode
    usage: Usage
    is_refused: bool = False
    evidence: float | None = None
    quotes: tuple[Citation, ...] = ()
    claims: tuple[Claim, ...] | None = None
    finish_reason: FinishReason = "stop"
    reasoning: str = ""
    timing: Timing | None = field(default=None, compare=False)

    @property
    def unsupported(self) -> tuple[Claim, ...]:
        """The sentences whose sources do not say what they say; empty where nobody verified."""
        return tuple(claim for claim in self.claims or () if not claim.is_supported)


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What a sync made of one file, and why where that is not plain.

    notes: what of the file is not in the index, and why ("pages 3-5 need OCR").
    """

    path: Path
    outcome: Outcome
    reason: str = ""
    chunks: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SyncReport:
    """What became of every file that a sync saw or missed.

    files: by path; what `sync` returns reads them from disk, some at a time, and holds none in memory.
    embedded: passages that needed a new vector; the others were found in the store.
    rebuilt: why the vector index was rebuilt from the store, or cannot be; else an empty string.
    behind: why a server that keeps the vectors does not have all of them yet; else an empty string. Searches
    find everything all the same, and the next sync makes up for it.
    texts: how many texts of programs are in the index beside the files; a sync keeps them all.
    is_stopped: whether somebody asked it to stop before it was done; the next sync goes on.
    """

    files: Sequence[FileOutcome]
    embedded: int = 0
    rebuilt: str = ""
    behind: str = ""
    texts: int = 0
    is_stopped: bool = False

    @cached_property
    def counts(self) -> dict[Outcome, int]:
        """How many files had each outcome; outcomes that did not occur are missing."""
        return dict(Counter(file.outcome for file in self.files))

    @property
    def unreadable(self) -> tuple[FileOutcome, ...]:
        """The files whose text could not be had, each with its reason."""
        return tuple(file for file in self.files if file.outcome == "unreadable")

    @property
    def has_changes(self) -> bool:
        return not self.counts.keys().isdisjoint(("added", "updated", "moved", "removed"))


def text_name(metadata: Mapping[str, Any], text_id: str) -> str:
    """What to call a text that a program put: its title, else the last part of its source, else its id."""
    return str(metadata.get("title") or Path(str(metadata.get("source") or "")).name or text_id)


def describe_place(page: int | None, lines: tuple[int, int] | None, part: PartName | None = None) -> str:
    """A place in words: `page 3`, `line 7`, `sheet Costs, rows 2-9`, or an empty string."""
    if part is None and page is not None:
        part = PartName("page", page)
    names = [] if part is None else [_describe_part(part)]
    if lines is not None:
        unit = "row" if part is not None and part.kind == "sheet" else "line"
        first, last = lines
        names.append(f"{unit} {first}" if first == last else f"{unit}s {first}-{last}")
    return ", ".join(names)


def _describe_part(part: PartName) -> str:
    """The name by which people find a part: a file's own, else its kind with label or number."""
    if part.kind == "file":
        return part.label or f"file {part.number}"
    if part.kind in ("page", "sheet"):
        return f"{part.kind} {part.label or part.number}"
    return f"{part.kind} {part.number}"
