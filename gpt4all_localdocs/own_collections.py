"""Which collections have an index of their own, and where it is."""

import hashlib
import json
import logging
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gpt4all_core.errors import ConfigError, IndexBusy
from gpt4all_localdocs.collection_table import check_collection
from gpt4all_localdocs.database import DATABASE_NAME
from gpt4all_localdocs.writer_lock import WriterLock

logger = logging.getLogger(__name__)

_FACTS: Final = "collection.json"
_INDEX: Final = "index"
_LEAVING: Final = ".leaving-"
"""How directories begin that are being deleted."""


@dataclass(frozen=True, slots=True)
class OwnCollection:
    """A collection with an index of its own. embedder: a model reference. token: differs from that of one
    that had the same name before, so that whoever has that open notices.
    """

    name: str
    embedder: str
    token: str
    directory: Path


class OwnCollections:
    """The directories below one, made by the first collection. May be used from any thread and process.

    A directory's name is made of a hash, whatever its collection is called, and the name stands in a file
    there; the index is beside that file.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def all(self) -> dict[str, OwnCollection]:
        """All of them by name, in order."""
        found = {}
        for facts in self._root.glob(f"*/{_FACTS}"):
            if facts.parent.name.startswith(_LEAVING):
                continue
            try:
                known = json.loads(facts.read_text(encoding="utf-8"))
                one = OwnCollection(
                    str(known["collection"]),
                    str(known["embedder"]),
                    str(known["token"]),
                    facts.parent / _INDEX,
                )
            except (OSError, ValueError, KeyError, TypeError) as error:
                logger.warning("%s is passed over: %s", facts, error)
                continue
            if self._place(one.name) == facts.parent:
                found[one.name] = one
        return dict(sorted(found.items()))

    def indexed(self) -> Iterator[Path]:
        """The indexes that hold something."""
        return self._root.glob(f"*/{_INDEX}/{DATABASE_NAME}")

    def make(self, name: str, *, embedder: str) -> OwnCollection:
        """A collection of this embedder; the one that is there if it has the same one.

        Raises ConfigError for a name that is none, one that is there with another embedder, and a directory
        that cannot be written to.
        """
        check_collection(name)
        known = self.all().get(name)
        if known is not None and known.embedder == embedder:
            return known
        if known is not None:
            raise ConfigError(
                f"the collection {name!r} is of the embedder {known.embedder!r}, not of {embedder!r};"
                " remove it first, or choose another name"
            )
        place = self._place(name)
        facts = {"collection": name, "embedder": embedder, "token": secrets.token_hex(8)}
        try:
            place.mkdir(parents=True, exist_ok=True)
            written = place / f"{_FACTS}.{secrets.token_hex(4)}"
            written.write_text(json.dumps(facts), encoding="utf-8")
            written.replace(place / _FACTS)  # whole: others read it meanwhile
        except OSError as error:
            raise ConfigError(
                f"the collection {name!r} cannot be made at {place} ({error.strerror or error});"
                " change the permissions of the index, or free some space"
            ) from error
        return self.all()[name]

    def remove(self, name: str, *, lock_timeout_s: float | None) -> None:
        """Delete a collection's index, wholly or not at all; the files that it was made of stay.

        Raises IndexBusy while somebody writes to it, ConfigError where it cannot be deleted.
        """
        place = self._place(name)
        leaving = place.with_name(f"{_LEAVING}{secrets.token_hex(8)}")
        try:
            (place / _INDEX).mkdir(exist_ok=True)  # the lock is in it
            with WriterLock(place / _INDEX, timeout_s=lock_timeout_s):
                place.rename(leaving)
            shutil.rmtree(leaving)
        except IndexBusy:
            raise
        except OSError as error:
            raise ConfigError(
                f"the collection {name!r} at {place} cannot be deleted ({error.strerror or error});"
                " change its permissions, or delete that directory"
            ) from error

    def _place(self, name: str) -> Path:
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:12]
        return self._root / f"{slug or 'collection'}-{digest}"
