"""What files and passages are called in front of clients: by ids and names, never by paths."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from gpt4all_app.paths import shown_path
from gpt4all_localdocs.place_metadata import describe_metadata, place_metadata
from gpt4all_localdocs.source_text import name_for_model
from gpt4all_localdocs.types import Citation, Hit

Json = dict[str, Any]


class DocumentName(BaseModel):
    id: str
    filename: str


class Reference(BaseModel):
    """A source that the answer names as [number]. quote: what stands at `span` of the document."""

    number: int
    document: DocumentName
    passage_id: str | None
    place: str
    page: int | None
    lines: list[int] | None
    span: list[int]
    quote: str
    score: float


def file_id(path: Path) -> str:
    """The id of a file of an index: the same as long as it stays where it is."""
    return f"file-{_digest(str(path))}"


def document_id(place: Hit | Citation) -> str:
    """The id of the document that a passage is of; a text that a program put has one, too."""
    return f"text-{_digest(place.text_id)}" if place.text_id else file_id(place.path)


@dataclass(frozen=True, slots=True)
class DocumentNames:
    """Tells what documents are called. collections: folders by the collections they are in; folders: all.

    tells_all: whether also of files that are in none of these collections.
    """

    collections: Mapping[str, tuple[Path, ...]]
    folders: tuple[Path, ...] = ()
    tells_all: bool = True

    def name(self, path: Path) -> str:
        """A file's name from its folder on; line ends and marks that turn the direction show as signs."""
        inside = [folder for folder in self.folders if path.is_relative_to(folder)]
        nearest = max(inside, key=lambda folder: len(folder.parts), default=path.parent)
        return shown_path(path, [nearest])

    def collection(self, path: Path) -> str | None:
        """The first collection, by name, that a file is in; None for one that is in none."""
        return next(
            (
                name
                for name, folders in sorted(self.collections.items())
                if any(path.is_relative_to(folder) for folder in folders)
            ),
            None,
        )

    def tells(self, path: Path) -> bool:
        """Whether clients may know of a file."""
        return self.tells_all or self.collection(path) is not None

    def without_paths(self, text: str) -> str:
        """A message with the files that it names called as here."""
        for folder in sorted(self.folders, key=lambda folder: -len(folder.parts)):
            text = text.replace(f"{folder}{os.sep}", "").replace(str(folder), folder.name)
        return text

    def document(self, place: Hit | Citation, *, title: str = "") -> Json:
        """`{"id", "filename"}` of the document that a passage is of."""
        name = name_for_model(title or place.text_id) if place.text_id else self.name(place.path)
        return {"id": document_id(place), "filename": name}


def place_json(place: Hit | Citation) -> Json:
    """Where in its document a passage or quotation stands."""
    return {
        "place": place_name(place),
        "page": place.page,
        "lines": None if place.lines is None else list(place.lines),
        "span": list(place.span),
    }


def place_name(place: Hit | Citation) -> str:
    """The same in words: "page 3", "sheet Costs, rows 2-9", or an empty text."""
    if isinstance(place, Hit) and place.text_id:
        return describe_metadata(place.metadata)
    return place.place


def document_metadata(hit: Hit, names: DocumentNames) -> Json:
    """What is known of a passage's document and place, without the paths."""
    facts = {**hit.metadata} if hit.text_id else place_metadata(hit)
    own = {"file_name": names.document(hit, title=hit.name)["filename"]}
    if not hit.text_id:
        own["collection"] = names.collection(hit.path)
    if hit.headings:
        own["headings"] = list(hit.headings)
    return {**facts, **own}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:24]
