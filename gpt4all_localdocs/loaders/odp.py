"""ODP: the slides of an OpenDocument presentation."""

from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.opendocument import Blocks, OpenDocumentPackage
from gpt4all_localdocs.loaders.parts import PartsWriter, listed
from gpt4all_localdocs.loaders.safe_xml import Element, attribute, child, descendants, local_name
from gpt4all_localdocs.types import Document

SUFFIXES: tuple[str, ...] = (".odp", ".otp")
VERSION: int = 1


def load(path: Path) -> Document:
    """The slides in the order in which they are shown, hidden ones included; see `pptx`."""
    slides = PartsWriter("slide")
    hidden, without_text = [], []
    with OpenDocumentPackage(path, kind="presentation", name="ODP") as package:
        content = package.content()
        hidden_styles = _hidden_styles(content)
        pages = (page for page in package.body(content) if local_name(page) == "page")
        for number, page in enumerate(pages, start=1):
            blocks = Blocks(package)
            title = _write_slide(page, blocks)
            slides.add(blocks.writer.text, label=title, headings=blocks.writer.headings)
            slides.notes += (f"slide {number}: {what}" for what in blocks.left_out)
            if attribute(page, "style-name") in hidden_styles:
                hidden.append(number)
            if not blocks.writer.text:
                without_text.append(number)
        title_of_properties = package.title()
    if not slides.has_text:
        raise UnreadableDocument(path, "holds no text (slides of pictures?)")
    if hidden:
        slides.notes.append(f"{listed('slide', hidden)}: hidden in the file, and read like the others")
    if without_text:
        slides.notes.append(f"{listed('slide', without_text)}: no text; pictures are not read")
    return slides.document(title=title_of_properties)


def _write_slide(page: Element, blocks: Blocks) -> str:
    """Write the title, the shapes in the file's order, the speaker's notes and comments; give the title."""
    title_frame = next(
        (frame for frame in descendants(page, "frame") if attribute(frame, "class") == "title"), None
    )
    title = ""
    if title_frame is not None:
        inner = Blocks()
        inner.write(title_frame)
        title = " ".join(inner.writer.text.split())
        blocks.writer.begin_heading(1)
        blocks.writer.write(title)
        blocks.writer.end_heading()
        blocks.writer.break_lines(2)
        title_frame.getparent().remove(title_frame)
    blocks.write(page)
    notes = child(page, "notes")
    inner = Blocks()
    if notes is not None:
        inner.write(notes)
    comments = [f"Comment: {text}" for text in blocks.apart["annotation"] if text]
    spoken = [f"Speaker notes:\n{inner.writer.text}"] if inner.writer.text else []
    for text in spoken + comments:
        blocks.writer.break_lines(2)
        blocks.writer.write_verbatim(text)
    return title


def _hidden_styles(content: Element) -> frozenset[str]:
    return frozenset(
        attribute(style, "name")
        for style in descendants(content, "style")
        for properties in style
        if attribute(properties, "visibility") == "hidden"
    )
