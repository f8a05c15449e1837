"""PPT: the slides of a PowerPoint file of 1997 to 2003; as in `pptx`."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.ole_streams import ENCRYPTED, read_streams
from gpt4all_localdocs.loaders.outline import TextWriter
from gpt4all_localdocs.loaders.parts import PartsWriter, listed
from gpt4all_localdocs.loaders.powerpoint97 import (
    COMMENT,
    OUTLINE_TEXT,
    SLIDE_ATOM,
    SLIDE_INFO,
    STRING,
    TEXT_BYTES,
    TEXT_CHARACTERS,
    TEXT_HEADER,
    ListedSlide,
    PowerPoint97,
    PresentationDamageError,
    PresentationLockedError,
    Record,
)
from gpt4all_localdocs.types import Document

SUFFIXES: tuple[str, ...] = (".ppt", ".pps", ".pot")
VERSION: int = 2

_TITLES = frozenset({0, 6})
_SPOKEN = 2
_FIELD = "*"
"""What stands for a slide's number, a date or a footer that its master writes."""

_NOTES_AT = 16
_FLAGS_AT, _IS_HIDDEN = 10, 0x04
_COMMENT_TEXT = 1
_SHOWN: dict[int, str | None] = {**dict.fromkeys(range(32)), 9: "\t", 13: "\n", 11: "\n"}


def load(path: Path) -> Document:
    """The slides in the order in which they are listed, hidden ones included; see `pptx`.

    Cells of tables are shapes of their own. Raises UnreadableDocument where the file is none of these, is
    encrypted, damaged or without text.
    """
    container = read_streams(path, "PowerPoint Document", "Current User", what="a PowerPoint presentation")
    slides = PartsWriter("slide")
    hidden, without_text = [], []
    try:
        source = PowerPoint97(
            container.streams["PowerPoint Document"], container.streams.get("Current User", b"")
        )
        for number, listed_slide in enumerate(source.slides, start=1):
            slide = _Slide(source, listed_slide)
            slides.add(slide.writer.text, label=slide.title, headings=slide.writer.headings)
            if slide.is_hidden:
                hidden.append(number)
            if not slide.writer.text:
                without_text.append(number)
    except PresentationLockedError as error:
        raise UnreadableDocument(path, ENCRYPTED) from error
    except PresentationDamageError as error:
        raise UnreadableDocument(path, f"is damaged: {error}") from error
    if not slides.has_text:
        raise UnreadableDocument(path, "holds no text (slides of pictures?)")
    if hidden:
        slides.notes.append(f"{listed('slide', hidden)}: hidden in the file, and read like the others")
    if without_text:
        slides.notes.append(f"{listed('slide', without_text)}: no text; pictures are not read")
    return slides.document(title=container.title)


class _Slide:
    """Writes one slide: its title, the texts of its shapes, the speaker's notes and comments."""

    def __init__(self, source: PowerPoint97, slide: ListedSlide) -> None:
        self.writer = TextWriter()
        self.is_hidden = False
        self._source = source
        self._comments: list[str] = []
        self._notes = 0
        texts = self._texts_of(slide)
        self.title = next((" ".join(text.split()) for kind, text in texts if kind in _TITLES), "")
        self._write(texts)

    def _write(self, texts: list[tuple[int, str]]) -> None:
        if self.title:
            self.writer.begin_heading(1)
            self.writer.write(self.title)
            self.writer.end_heading()
        for kind, text in texts:
            if kind not in _TITLES or " ".join(text.split()) != self.title:
                self._block(text)
        notes = self._source.notes.get(self._notes)
        spoken = [] if notes is None else [text for kind, text in self._texts_of(notes) if kind == _SPOKEN]
        if spoken:
            self._block("\n".join(["Speaker notes:", *spoken]))
        for comment in self._comments:
            self._block(f"Comment: {comment}")

    def _block(self, text: str) -> None:
        self.writer.break_lines(2)
        self.writer.write_verbatim(text)

    def _texts_of(self, slide: ListedSlide) -> list[tuple[int, str]]:
        """The texts of a slide or of notes, each with its kind, such as a title's."""
        shapes = []
        for record in self._source.descendants(self._source.record_at(slide.offset), except_in=COMMENT):
            content = self._source.bytes_of(record) if record.kind in {SLIDE_ATOM, SLIDE_INFO} else b""
            if record.kind == SLIDE_ATOM:
                self._notes = int.from_bytes(content[_NOTES_AT : _NOTES_AT + 4], "little")
            elif record.kind == SLIDE_INFO:
                self.is_hidden = any(flags & _IS_HIDDEN for flags in content[_FLAGS_AT : _FLAGS_AT + 1])
            elif record.kind == COMMENT:
                self._comments += self._comment(record)
            else:
                shapes.append(record)
        texts = self._texts(shapes, outline=self._texts(slide.outline))
        return [(kind, text) for kind, text in texts if text and text != _FIELD]

    def _texts(
        self, records: Iterable[Record], *, outline: Sequence[tuple[int, str]] = ()
    ) -> list[tuple[int, str]]:
        """A text for each header among the records, and what is referred to in the outline."""
        texts: list[tuple[int, str]] = []
        for record in records:
            if record.kind == TEXT_HEADER:
                texts.append((int.from_bytes(self._source.bytes_of(record)[:4], "little"), ""))
            elif record.kind in {TEXT_CHARACTERS, TEXT_BYTES} and texts:
                shown = self._source.text_of(record).translate(_SHOWN).strip()
                texts[-1] = (texts[-1][0], shown)
            elif record.kind == OUTLINE_TEXT:
                index = int.from_bytes(self._source.bytes_of(record)[:4], "little")
                texts += outline[index : index + 1]
        return texts

    def _comment(self, comment: Record) -> Iterator[str]:
        for record in self._source.records(comment):
            if record.kind == STRING and record.instance == _COMMENT_TEXT:
                yield self._source.text_of(record).translate(_SHOWN).strip()
