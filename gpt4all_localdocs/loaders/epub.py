"""EPUB: the chapters of an electronic book, in reading order.

Packaging: EPUB 3.3, and EPUB 2 with its NCX.
"""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urldefrag

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.html import decode_markup, parse_markup, read_markup
from gpt4all_localdocs.loaders.parts import PartsWriter, listed
from gpt4all_localdocs.loaders.safe_xml import Element, attribute, child, descendants, local_name, parse_xml
from gpt4all_localdocs.loaders.safe_zip import SafeZip
from gpt4all_localdocs.types import Document

SUFFIXES: tuple[str, ...] = (".epub",)
VERSION: int = 1

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_CHAPTER_TYPES = frozenset(
    {"application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document"}
)
_CONTENTS = frozenset({"toc", "doc-toc"})


@dataclass(frozen=True, slots=True)
class _Item:
    """A file of the book, as its manifest lists it."""

    name: str
    media_type: str
    properties: frozenset[str]


def load(path: Path) -> Document:
    """The files of the spine as parts, each labelled with its title in the table of contents.

    A chapter's text is as `html` gives it. One that the table of contents does not name has its first
    heading as label. The table of contents itself is left out, with a note: it would be found for every
    subject of the book. Raises UnreadableDocument where the file is no book, is protected or holds no text.
    """
    chapters = PartsWriter("chapter")
    without_text = []
    with SafeZip(path, kind="an EPUB file") as members:
        book = _Book(members, path)
        titles = book.titles()
        for item in book.spine():
            if reason := book.reason_to_leave_out(item):
                chapters.notes.append(reason)
                continue
            document = read_markup(_as_xml(decode_markup(members.read(item.name), path)))
            first_heading = document.headings[0].title if document.headings else ""
            label = titles.get(item.name, first_heading)
            chapters.add(document.text, label=label, headings=document.headings)
            chapters.notes += document.notes
            if not document.text:
                without_text.append(len(chapters))
        title = book.title()
    if without_text:
        chapters.notes.append(f"{listed('chapter', without_text)}: no text; pictures are not read")
    if not chapters.has_text:
        raise UnreadableDocument(path, "; ".join(["holds no text", *dict.fromkeys(chapters.notes)]))
    chapters.notes[:] = dict.fromkeys(chapters.notes)
    return chapters.document(title=title)


def _as_xml(markup: str) -> str:
    """Chapters are XHTML, whether they say so or not: elements may be closed in their own tag."""
    return markup if markup.startswith("<?xml") else f'<?xml version="1.0"?>{markup}'


class _Book:
    """What the package says of its files."""

    def __init__(self, members: SafeZip, path: Path) -> None:
        self._members = members
        self._path = path
        container = self._parse(_CONTAINER)
        rootfile = next(descendants(container, "rootfile"), None) if container is not None else None
        self._package_name = attribute(rootfile, "full-path") if rootfile is not None else ""
        package = self._parse(self._package_name)
        if package is None:
            raise UnreadableDocument(path, "is a zip archive without a book in it")
        self._package: Element = package
        self._items = dict(self._manifest())
        self._refuse_protected()

    def title(self) -> str:
        metadata = child(self._package, "metadata")
        title = None if metadata is None else next(descendants(metadata, "title"), None)
        return "" if title is None else " ".join((title.text or "").split())

    def spine(self) -> Iterator[_Item]:
        """The files in reading order, also those that are off the main line."""
        spine = child(self._package, "spine")
        for reference in [] if spine is None else spine:
            item = self._items.get(attribute(reference, "idref"))
            if item is not None:
                yield item

    def reason_to_leave_out(self, item: _Item) -> str:
        """Why a file of the spine is no chapter; an empty string if it is one."""
        if "nav" in item.properties:
            return "the table of contents is left out"
        if item.name not in self._members:
            return f"{item.name!r} is missing in the file"
        if item.media_type not in _CHAPTER_TYPES:
            return f"{item.name!r} is left out: type {item.media_type!r} is not read"
        return ""

    def titles(self) -> dict[str, str]:
        """The titles in the table of contents by the name of the file they lead to.

        A title of a place inside a file is the file's only where it is the only one.
        """
        entries: dict[str, list[tuple[bool, str]]] = {}
        for item in self._items.values():
            for reference, title in self._entries(item):
                fragment = bool(urldefrag(reference).fragment)
                if title:
                    entries.setdefault(_resolved(item.name, reference), []).append((fragment, title))
        firsts = {name: min(found, key=lambda entry: entry[0]) for name, found in entries.items()}
        return {
            name: title for name, (inside, title) in firsts.items() if not inside or len(entries[name]) == 1
        }

    def _entries(self, item: _Item) -> Iterator[tuple[str, str]]:
        """References and titles, where the file is a table of contents."""
        if item.name not in self._members:
            return
        if "nav" in item.properties:
            yield from self._entries_of_navigation(item.name)
        elif item.media_type == "application/x-dtbncx+xml":
            yield from self._entries_of_ncx(item.name)

    def _entries_of_navigation(self, name: str) -> Iterator[tuple[str, str]]:
        menus = parse_markup(_as_xml(decode_markup(self._members.read(name), self._path))).css("nav")
        contents = [
            menu
            for menu in menus
            if {menu.attributes.get("epub:type"), menu.attributes.get("role")} & _CONTENTS
        ]
        for menu in (contents or menus)[:1]:
            for link in menu.css("a[href]"):
                yield link.attributes.get("href") or "", " ".join(link.text().split())

    def _entries_of_ncx(self, name: str) -> Iterator[tuple[str, str]]:
        root = self._parse(name)
        for point in [] if root is None else descendants(root, "navPoint"):
            text, content = child(point, "navLabel", "text"), child(point, "content")
            if text is not None and content is not None:
                yield attribute(content, "src"), " ".join((text.text or "").split())

    def _manifest(self) -> Iterator[tuple[str, _Item]]:
        manifest = child(self._package, "manifest")
        for entry in [] if manifest is None else manifest:
            if local_name(entry) == "item":
                name = _resolved(self._package_name, attribute(entry, "href"))
                properties = frozenset(attribute(entry, "properties").split())
                yield attribute(entry, "id"), _Item(name, attribute(entry, "media-type").lower(), properties)

    def _refuse_protected(self) -> None:
        """Fonts are often garbled; a garbled chapter means that the book is for one device only."""
        encryption = self._parse(_ENCRYPTION)
        if encryption is None:
            return
        garbled = {unquote(attribute(entry, "URI")) for entry in descendants(encryption, "CipherReference")}
        if any(item.name in garbled for item in self.spine()):
            raise UnreadableDocument(self._path, "is protected (DRM); get a copy without protection")

    def _parse(self, name: str) -> Element | None:
        if name not in self._members:
            return None
        return parse_xml(self._members.read(name), path=self._path, name=name)


def _resolved(base: str, reference: str) -> str:
    """The name in the archive that a reference in `base` leads to, without the place inside that file."""
    target = unquote(urldefrag(reference).url)
    return posixpath.normpath(posixpath.join("/", posixpath.dirname(base), target)).lstrip("/")
