"""ODT: the text of an OpenDocument text file, such as LibreOffice writes."""

from collections.abc import Iterator
from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.opendocument import Blocks, OpenDocumentPackage
from gpt4all_localdocs.loaders.safe_xml import Element, attribute, descendants, local_name
from gpt4all_localdocs.types import Document

SUFFIXES: tuple[str, ...] = (".odt", ".ott")
VERSION: int = 1

_APART = {"footnote": "Footnotes", "endnote": "Endnotes", "annotation": "Comments"}


def load(path: Path) -> Document:
    """The body's text, then headers, footers, footnotes, endnotes and comments, under headings of their own.

    Blocks, rows and titles are as in `docx`. Deleted (tracked) text is left out. A text box and a
    chart's values follow the paragraph that they are anchored in.
    Raises UnreadableDocument where the file is no ODT file, is encrypted, damaged or without text.
    """
    with OpenDocumentPackage(path, kind="text", name="ODT") as package:
        content, styles = package.content(), package.styles()
        blocks = Blocks(package, titles=_title_styles(content))
        blocks.write(package.body(content))
        for title, name in (("Headers", "header"), ("Footers", "footer")):
            blocks.writer.write_apart(title, _on_every_page(styles, name))
        title_of_properties = package.title()
    for kind, title in _APART.items():
        blocks.writer.write_apart(title, blocks.apart[kind])
    text = blocks.writer.text
    if not text.strip():
        raise UnreadableDocument(path, "holds no text")
    return Document(
        text,
        headings=blocks.writer.headings,
        title=blocks.title or title_of_properties or None,
        notes=tuple(dict.fromkeys(blocks.left_out)),
    )


def _title_styles(content: Element) -> frozenset[str]:
    """The style named Title, and what the writer's own formatting derived from it."""
    derived = {
        attribute(style, "name")
        for style in descendants(content, "style")
        if attribute(style, "parent-style-name") == "Title"
    }
    return frozenset({"Title", *derived})


def _on_every_page(styles: Element | None, name: str) -> Iterator[str]:
    """Headers or footers of all kinds of pages, as far as they are switched on."""
    for page in [] if styles is None else descendants(styles, "master-page"):
        for element in page:
            if local_name(element).startswith(name) and attribute(element, "display") != "false":
                blocks = Blocks()
                blocks.write(element)
                yield blocks.writer.text
