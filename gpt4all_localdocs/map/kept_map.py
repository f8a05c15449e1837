"""Maps in files beside the index: derived from it, and made anew whenever they are not there."""

import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from gpt4all_core.errors import LocalDocsError
from gpt4all_localdocs.digest import digest
from gpt4all_localdocs.map.document_map import (
    DocumentMap,
    MapDocument,
    MapTopic,
    NearDuplicate,
    Outlier,
)

_FOLDER: Final = "maps"
_VERSION: Final = 1
"""Of what is in a file; those of another one are made anew."""


class KeptMaps:
    """The maps of one index, one file each: a line that says what of, and a line with the map.

    directory: of the index. A file that cannot be read counts as none. May be used from any thread.
    """

    def __init__(self, directory: Path) -> None:
        self._folder = directory / _FOLDER

    def fingerprint(self, collection: str | None) -> str | None:
        """Of the passages that the map was made of; None where there is no map."""
        try:
            with self._place(collection).open(encoding="utf-8") as file:
                facts = json.loads(file.readline())
        except (OSError, ValueError):
            return None
        return str(facts["fingerprint"]) if facts.get("version") == _VERSION else None

    def load(self, collection: str | None, *, fingerprint: str) -> DocumentMap | None:
        """The map, outdated if the passages' fingerprint is another one now."""
        try:
            facts, told = map(json.loads, self._place(collection).read_text(encoding="utf-8").splitlines())
        except (OSError, ValueError):
            return None
        if facts.get("version") != _VERSION:
            return None
        return replace(_from_json(told), is_outdated=facts["fingerprint"] != fingerprint)

    def store(self, made: DocumentMap, *, fingerprint: str) -> None:
        """Keep a map in the place of the last one; readers see the one or the other.

        Raises LocalDocsError where it cannot be written.
        """
        facts = {"version": _VERSION, "collection": made.collection, "fingerprint": fingerprint}
        try:
            self._write(self._place(made.collection), facts, made)
        except OSError as error:
            raise LocalDocsError(
                f"the map cannot be kept in {self._folder} ({error}); free some space on its disk"
            ) from error

    def forget(self, collection: str | None) -> None:
        """Delete the map, where there is one."""
        self._place(collection).unlink(missing_ok=True)

    def forget_all_but(self, collections: Iterable[str]) -> None:
        """Delete the maps of others and of the whole index: they tell what removed documents were about."""
        stay = {self._place(name).name for name in collections}
        for place in self._folder.glob("*.map"):
            if place.name not in stay:
                place.unlink(missing_ok=True)

    def _write(self, place: Path, facts: dict[str, Any], made: DocumentMap) -> None:
        self._folder.mkdir(exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=f".{place.name}.", suffix=".part")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(f"{json.dumps(facts)}\n{json.dumps(asdict(made), default=str)}\n")
            Path(name).replace(place)
        finally:
            Path(name).unlink(missing_ok=True)

    def _place(self, collection: str | None) -> Path:
        return self._folder / ("index.map" if collection is None else f"{digest(collection)}.map")


def _from_json(told: dict[str, Any]) -> DocumentMap:
    return DocumentMap(
        collection=told["collection"],
        method=told["method"],
        x=tuple(told["x"]),
        y=tuple(told["y"]),
        passage_ids=tuple(told["passage_ids"]),
        topic_of=tuple(told["topic_of"]),
        document_of=tuple(told["document_of"]),
        documents=tuple(MapDocument(**{**one, "path": Path(one["path"])}) for one in told["documents"]),
        topics=tuple(MapTopic(**one) for one in told["topics"]),
        near_duplicates=tuple(NearDuplicate(**one) for one in told["near_duplicates"]),
        outliers=tuple(Outlier(**one) for one in told["outliers"]),
    )
