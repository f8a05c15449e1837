"""The package around a Word, PowerPoint or Excel file: its parts, found by relationship.

Packaging: ECMA-376 part 2 (Open Packaging Conventions).
"""

import posixpath
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.safe_xml import Element, attribute, child, local_name, parse_xml
from gpt4all_localdocs.loaders.safe_zip import SafeZip

_OLE_SIGNATURE = bytes.fromhex("d0cf11e0a1b11ae1")


def refuse_ole(path: Path, *, old: str, new: str) -> None:
    """Raise UnreadableDocument for the container of encrypted files and of the formats before 2007."""
    with path.open("rb") as file:
        if file.read(len(_OLE_SIGNATURE)) == _OLE_SIGNATURE:
            raise UnreadableDocument(
                path, f"is encrypted or an old {old} file; save it as {new} without a password"
            )


def relationship_id(element: Element, name: str = "id") -> str:
    """An attribute in the namespace of relationships; the plain `id` beside it is another thing."""
    return next((str(value) for key, value in element.items() if key.endswith("}" + name)), "")


class OfficePackage:
    """The parts of one file, as parsed XML; a context manager. Raises UnreadableDocument.

    what: "Word document" and the like; old, new: the endings, "doc" and "docx"; all for messages.
    main: the main part's name where no relationship names it.
    """

    def __init__(self, path: Path, *, what: str, main: str, old: str, new: str) -> None:
        refuse_ole(path, old=f".{old}", new=f".{new}")
        self._path = path
        self._what = what
        self._members = SafeZip(path, kind=f"a {new.upper()} file")
        self._relations: dict[str, dict[str, tuple[str, str]]] = {}
        try:
            self.main_name = next(self.targets("", "officeDocument"), main)
        except UnreadableDocument:
            self._members.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._members.close()

    def main(self) -> Element:
        """The root element of the main part."""
        if self.main_name not in self._members:
            raise UnreadableDocument(self._path, f"is a zip archive without a {self._what} in it")
        return self.parse(self.main_name)

    def parse(self, name: str) -> Element:
        """The root element of a part."""
        return parse_xml(self.read(name), path=self._path, name=name)

    def read(self, name: str) -> bytes:
        """The bytes of a part."""
        return self._members.read(name)

    def related(self, kind: str) -> Iterator[Element]:
        """The root elements of the parts that the main part is related to, such as `footnotes`."""
        for name in self.targets(self.main_name, kind):
            yield self.parse(name)

    def related_part(self, identifier: str) -> Element | None:
        """The root element of the part that the main part's relationship of this id leads to."""
        _, target = self.relations(self.main_name).get(identifier, ("", ""))
        return self.parse(target) if target else None

    def title(self) -> str:
        """The title in the file's properties, or an empty string."""
        for name in self.targets("", "core-properties"):
            title = child(self.parse(name), "title")
            if title is not None:
                return " ".join((title.text or "").split())
        return ""

    def targets(self, source: str, kind: str) -> Iterator[str]:
        """Names of existing parts that `source` has such a relationship to; an empty source is the file."""
        for relation_kind, target in self.relations(source).values():
            if relation_kind == kind:
                yield target

    def relations(self, source: str) -> dict[str, tuple[str, str]]:
        """Kind and target of a part's relationships, by id, as far as the target is in the package."""
        if source not in self._relations:
            self._relations[source] = self._read_relations(source)
        return self._relations[source]

    def _read_relations(self, source: str) -> dict[str, tuple[str, str]]:
        folder, name = posixpath.split(source)
        relationships = posixpath.join(folder, "_rels", f"{name}.rels")
        if relationships not in self._members:
            return {}
        found = {}
        for relationship in self.parse(relationships):
            if (
                local_name(relationship) != "Relationship"
                or attribute(relationship, "TargetMode") == "External"
            ):
                continue
            target = posixpath.join("/", folder, attribute(relationship, "Target"))
            part = posixpath.normpath(target).lstrip("/")
            if part in self._members:
                kind = attribute(relationship, "Type").rpartition("/")[2]
                found[attribute(relationship, "Id")] = (kind, part)
        return found
