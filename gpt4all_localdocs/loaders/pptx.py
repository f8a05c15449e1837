"""PPTX: the slides of a PowerPoint file with their tables, charts, diagrams, notes and comments.

Markup: ECMA-376 part 1, section 19 (PresentationML).
"""

from collections.abc import Iterator
from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.drawing import graphic_rows, paragraphs
from gpt4all_localdocs.loaders.office_package import OfficePackage, relationship_id
from gpt4all_localdocs.loaders.outline import TextWriter
from gpt4all_localdocs.loaders.parts import PartsWriter, listed
from gpt4all_localdocs.loaders.safe_xml import Element, attribute, child, descendants, local_name
from gpt4all_localdocs.types import Document

SUFFIXES: tuple[str, ...] = (".pptx", ".pptm", ".ppsx", ".ppsm", ".potx")
VERSION: int = 2

_TITLES = frozenset({"title", "ctrTitle"})
_REPEATED = frozenset({"ftr", "hdr", "dt"})
"""Placeholders that say the same on many slides; the slide's number is a field and never written."""


def load(path: Path) -> Document:
    """The slides in the order in which they are shown, hidden ones included.

    A slide's title is its heading and label, and comes first; then its shapes in the file's order,
    which is the one that screen readers follow; then alternative texts, the speaker's notes and
    comments. Shapes are set apart by a blank line, paragraphs of a shape by a line end, cells of a
    row by ` | `. Footers are written on the first slide that has them.
    Raises UnreadableDocument as `docx` does.
    """
    slides = PartsWriter("slide")
    hidden, without_text = [], []
    with OfficePackage(
        path, what="presentation", main="ppt/presentation.xml", old="ppt", new="pptx"
    ) as package:
        seen_footers = set[str]()
        for number, name in enumerate(_slide_names(package), start=1):
            slide = _Slide(package, name, seen_footers)
            slides.add(slide.writer.text, label=slide.title, headings=slide.writer.headings)
            if slide.is_hidden:
                hidden.append(number)
            if not slide.writer.text:
                without_text.append(number)
            slides.notes += (f"slide {number}: {what}" for what in slide.left_out)
        title = package.title()
    if not slides.has_text:
        raise UnreadableDocument(path, "holds no text (slides of pictures?)")
    if hidden:
        slides.notes.append(f"{listed('slide', hidden)}: hidden in the file, and read like the others")
    if without_text:
        slides.notes.append(f"{listed('slide', without_text)}: no text; pictures are not read")
    return slides.document(title=title)


def _slide_names(package: OfficePackage) -> Iterator[str]:
    relations = package.relations(package.main_name)
    listing = child(package.main(), "sldIdLst")
    for entry in [] if listing is None else listing:
        kind, name = relations.get(relationship_id(entry), ("", ""))
        if kind == "slide":
            yield name


class _Slide:
    """Writes one slide; shapes nest as deeply as the XML, which the parser bounds."""

    def __init__(self, package: OfficePackage, name: str, seen_footers: set[str]) -> None:
        self.writer = TextWriter()
        self.title = ""
        self.left_out: list[str] = []
        self._package = package
        self._relations = package.relations(name)
        self._seen_footers = seen_footers
        root = package.parse(name)
        self.is_hidden = attribute(root, "show") in {"0", "false"}
        shapes = child(root, "cSld", "spTree")
        if shapes is not None:
            self._write_title(shapes)
            self._shapes(shapes)
        for kind, target in self._relations.values():
            if kind == "notesSlide":
                self._speaker_notes(package.parse(target))
        for kind, target in self._relations.values():
            if kind == "comments":
                self._comments(package.parse(target))

    def _write_title(self, shapes: Element) -> None:
        for shape in descendants(shapes, "sp"):
            body = child(shape, "txBody")
            if body is None or _placeholder(shape) not in _TITLES:
                continue
            self.title = " ".join(" ".join(paragraphs(body)).split())
            if self.title:
                self.writer.begin_heading(1)
                self.writer.write(self.title)
                self.writer.end_heading()
                return

    def _shapes(self, parent: Element) -> None:
        for shape in parent:
            match local_name(shape):
                case "sp" | "cxnSp":
                    self._shape(shape)
                case "grpSp":
                    self._shapes(shape)
                case "AlternateContent":
                    self._shapes(next(iter(shape), ()))  # the first alternative is the richest
                case "graphicFrame":
                    self._graphic(shape)
                case "pic":
                    self._alternative_text(shape, "nvPicPr")

    def _shape(self, shape: Element) -> None:
        body = child(shape, "txBody")
        if body is None:
            return
        lines = paragraphs(body)
        placeholder = _placeholder(shape)
        text = "\n".join(lines)
        if placeholder in _TITLES and " ".join(text.split()) == self.title:
            return  # stands at the top
        if placeholder in _REPEATED:
            if text in self._seen_footers:
                return
            self._seen_footers.add(text)
        self._block(lines)

    def _graphic(self, frame: Element) -> None:
        data = child(frame, "graphic", "graphicData")
        for content in [] if data is None else data:
            if local_name(content) in {"oleObj", "AlternateContent"}:
                embedded = next(iter(content.iter("{*}oleObj")), content)
                what = attribute(embedded, "progId") or "other"
                self.left_out.append(f"an embedded object of kind {what!r} is not read")
            else:
                self._rows(graphic_rows(content, self._related))
        self._alternative_text(frame, "nvGraphicFramePr")

    def _related(self, identifier: str) -> Element | None:
        _, target = self._relations.get(identifier, ("", ""))
        return self._package.parse(target) if target else None

    def _alternative_text(self, shape: Element, properties_name: str) -> None:
        properties = child(shape, properties_name, "cNvPr")
        if properties is not None:
            self._block([" ".join(attribute(properties, "descr").split())])

    def _speaker_notes(self, root: Element) -> None:
        lines = [
            line
            for shape in descendants(root, "sp")
            if _placeholder(shape) == "body" and child(shape, "txBody") is not None
            for line in paragraphs(child(shape, "txBody"))
        ]
        if lines:
            self._block(["Speaker notes:", *lines])

    def _comments(self, root: Element) -> None:
        """Comments of old hold their text plainly, those of today a text body, replies included."""
        for comment in root:
            plain = child(comment, "text")
            lines = paragraphs(comment) if plain is None else [(plain.text or "").strip()]
            self._block([f"Comment: {line}" for line in lines if line])

    def _block(self, lines: list[str]) -> None:
        self.writer.break_lines(2)
        self.writer.write_verbatim("\n".join(lines))
        self.writer.break_lines(2)

    def _rows(self, rows: list[list[str]]) -> None:
        self.writer.break_lines(2)
        for row in rows:
            self.writer.write_row(row)
        self.writer.break_lines(2)


def _placeholder(shape: Element) -> str:
    """The kind of a placeholder; an empty string for a shape that is none or of the usual kind."""
    placeholder = child(shape, "nvSpPr", "nvPr", "ph")
    return "" if placeholder is None else attribute(placeholder, "type")
