"""Files in files: attachments of mails and members of archives, read by the loaders of their formats."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.types import Document, Heading, Part, PartKind

MAX_CHARACTERS = 50_000_000
"""A longer text (some 25,000 pages) is an export rather than a document; texts are held in memory whole."""

MAX_PACKED_FILES = 5_000
"""Of one outermost file, at whatever depth: each is written to the disk and read."""

MAX_PACKED_BYTES = 512 * 1024**2
"""Of all packed files together, unpacked."""

MAX_DEPTH = 2
"""How often what is packed may be packed again: a report in a mail in an archive, but nothing endless."""

_LONGEST_NAME = 120
_MAX_NOTES = 100
_WITHOUT_TEXT = {
    "image": (
        "pictures have no text",
        "png jpg jpeg jpe gif bmp tif tiff webp heic heif avif ico psd emf wmf raw cr2 nef xcf ai eps",
    ),
    "audio": ("sounds have no text", "mp3 wav ogg oga opus flac m4a aac wma aif aiff mid midi"),
    "video": ("films have no text", "mp4 m4v mov avi mkv webm wmv mpg mpeg flv 3gp"),
    "font": ("fonts have no text", "ttf otf woff woff2 eot"),
}
_SUFFIX_OF_TYPE = {
    "text/plain": ".txt",
    "text/html": ".html",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "text/markdown": ".md",
    "text/calendar": ".ics",
    "text/vcard": ".vcf",
    "text/xml": ".xml",
    "application/xml": ".xml",
    "application/json": ".json",
    "message/rfc822": ".eml",
}
"""For names without an ending; what has a signature is known by that."""


@dataclass(slots=True)
class _Budget:
    files: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class PackedFiles:
    """Reads packed files, for the loader of the file around them. Not thread-safe.

    read_file: reads a file by the loader of its format; takes the `PackedFiles` for what is packed in it.
    depth: how many files stand around the file whose contents are read here; 0 for one on the disk.
    """

    read_file: Callable[[Path, "PackedFiles"], Document]
    depth: int = 0
    _budget: _Budget = field(default_factory=_Budget)

    def read(self, name: str, content: bytes, *, mime_type: str = "") -> Document:
        """The document of one packed file; `mime_type` says what it is where its name has no known ending.

        Raises UnreadableDocument, also for files beyond `MAX_PACKED_FILES` and `MAX_PACKED_BYTES`.
        """
        if reason := reason_without_text(name, mime_type=mime_type):
            raise UnreadableDocument(Path(name), reason)
        self._budget.files += 1
        self._budget.bytes += len(content)
        if self._budget.files > MAX_PACKED_FILES:
            raise UnreadableDocument(Path(name), f"only the first {MAX_PACKED_FILES:,} packed files are read")
        if self._budget.bytes > MAX_PACKED_BYTES:
            raise UnreadableDocument(Path(name), f"only {MAX_PACKED_BYTES:,} bytes are unpacked")
        suffix = _suffix(name) or _SUFFIX_OF_TYPE.get(mime_type.lower(), "")
        with TemporaryDirectory(prefix="gpt4all-") as folder:
            path = Path(folder) / f"packed{suffix if suffix[1:].isalnum() and len(suffix) < 16 else ''}"
            path.write_bytes(content)
            return self.read_file(path, replace(self, depth=self.depth + 1))

    @property
    def is_too_deep(self) -> bool:
        """Whether files in the file at hand are not read any more."""
        return self.depth > MAX_DEPTH

    def bind(self) -> "Binder":
        """An empty document that files are added to."""
        return Binder(self)


class Binder:
    """One document out of several, blank lines between them; remembers where each one's parts are."""

    def __init__(self, files: PackedFiles) -> None:
        self._files = files
        self._texts: list[str] = []
        self._length = 0
        self._parts: list[Part] = []
        self._headings: list[Heading] = []
        self._notes: list[str] = []
        self._left_out = 0

    @property
    def is_full(self) -> bool:
        """Whether nothing more can be added: the text is as long as a text may be."""
        return self._length > MAX_CHARACTERS

    @property
    def has_text(self) -> bool:
        return self._length > 0

    def note(self, note: str) -> None:
        """Say what is not in the text; of very many notes the first ones are kept and the others counted."""
        if len(self._notes) < _MAX_NOTES:
            self._notes.append(note)
        else:
            self._left_out += 1

    def leave_out(self, name: str, reason: str) -> None:
        """Say why a packed file is not in the text."""
        self.note(f"{printable_name(name)} was left out: {reason}")

    def add(self, document: Document, *, number: int, kind: PartKind, label: str, heading: str = "") -> None:
        """Append a document as one part or, if it has parts of its own, as those with `label` before theirs.

        heading: a heading of level 1 over it; the document's own go one level down.
        """
        start = self._append(document.text)
        if heading:
            self._headings.append(Heading(1, heading, start))
        deeper = 1 if heading else 0
        self._headings += [
            replace(inner, level=inner.level + deeper, start=inner.start + start)
            for inner in document.headings
        ]
        self._parts += [
            replace(
                inner,
                number=number,
                kind="file",
                label=_joined(label, inner),
                start=inner.start + start,
                end=inner.end + start,
            )
            for inner in document.parts
        ] or [Part(number, start, start + len(document.text), kind, label)]
        for note in document.notes:
            self.note(f"{label}: {note}" if kind == "file" else note)

    def add_file(
        self, name: str, content: bytes, *, number: int, mime_type: str = "", under: str = ""
    ) -> None:
        """Append a packed file, or a note that says why it has no text here.

        under: what stands around it and has a name, such as the message of a mailbox.
        """
        shown = printable_name(name)
        label = f"{under}, {shown}" if under else shown
        if self.is_full:
            self.leave_out(label, f"the text is longer than {MAX_CHARACTERS:,} characters")
            return
        try:
            document = self._files.read(name, content, mime_type=mime_type)
        except UnreadableDocument as error:
            self.leave_out(label, error.reason)
        else:
            self.add(document, number=number, kind="file", label=label, heading=shown)

    def document(self, *, title: str | None = None) -> Document:
        """All that was added; its text may be empty."""
        notes = [*self._notes, f"and {self._left_out:,} more"] if self._left_out else self._notes
        return Document(
            "\n\n".join(self._texts),
            parts=tuple(self._parts),
            headings=tuple(self._headings),
            title=title,
            notes=tuple(notes),
        )

    def _append(self, text: str) -> int:
        start = self._length + (2 if self._texts else 0)
        self._texts.append(text)
        self._length = start + len(text)
        return start


def printable_name(name: str) -> str:
    """A name as it may stand in a line of text: without control, direction and line-end characters."""
    shown = "".join(" " if unicodedata.category(c) in _UNPRINTABLE else c for c in name)
    shown = " ".join(shown.split())
    return f"{shown[:_LONGEST_NAME]}…" if len(shown) > _LONGEST_NAME else shown or "without a name"


_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def _joined(label: str, inner: Part) -> str:
    """`report.pdf, page 2`: where in a packed file."""
    if inner.kind == "file":
        return f"{label}, {inner.label}"
    if inner.kind in ("page", "slide"):
        return f"{label}, {inner.kind} {inner.label or inner.number}"
    return f"{label}, {inner.kind} {inner.number}" + (f": {inner.label}" if inner.label else "")


def _suffix(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/").rpartition("/")[2]).suffix.lower()


def reason_without_text(name: str, *, mime_type: str = "") -> str:
    """Why a file of this name or kind is not looked into; an empty text for one that is."""
    kind, suffix = mime_type.lower().partition("/")[0], _suffix(name)[1:]
    for named, (reason, suffixes) in _WITHOUT_TEXT.items():
        if suffix in suffixes.split() or (kind == named and mime_type.lower() != "image/svg+xml"):
            return reason
    return ""
