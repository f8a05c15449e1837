"""Where uploaded files are kept: a directory for each collection, and one for each upload on its way in."""

import hashlib
import json
import logging
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from gpt4all_app.server.shared_turn import SharedTurn
from gpt4all_app.server.writing_files import writing_files

logger = logging.getLogger(__name__)

INCOMING: Final = ".incoming-"
"""How directories of uploads begin that are on their way in."""

_FILES: Final = "files"
_FACTS: Final = "collection.json"
_LONGEST_UPLOAD_S: Final = 24 * 3600


class UploadFolders:
    """The directories below one, made when they are needed. Thread-safe; programs may share them.

    A directory's name is made of a hash, whatever its collection is called, and the name stands in a file
    there: collections are found again where the index is made anew.

        >>> folders = UploadFolders(Path(tempfile.mkdtemp()))
        >>> path = folders.make("Ann's papers")
        >>> folders.names()
        ["Ann's papers"]
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._filing = self.turn("filing")

    def turn(self, name: str) -> SharedTurn:
        """One thing that the servers of these directories do one after another."""
        return SharedTurn(self.root.with_name(f".{self.root.name}-turns"), name)

    @contextmanager
    def filing(self) -> Iterator[None]:
        """Held while files are put in their place or taken away. Raises RequestRefused as `make` does."""
        with self._filing.taken(), writing_files():
            yield

    def of(self, name: str) -> Path:
        """Where the files of a collection are, or would be."""
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
        digest = hashlib.sha256(name.encode()).hexdigest()[:12]
        return self.root / f"{slug or 'collection'}-{digest}" / _FILES

    def make(self, name: str) -> Path:
        """The same, which is there now. Raises RequestRefused where nothing can be written."""
        place = self.of(name)
        facts = place.with_name(_FACTS)
        with writing_files():
            place.mkdir(parents=True, exist_ok=True)
            if not facts.exists():
                # Whole or not at all: others read it meanwhile.
                written = facts.with_name(f"{_FACTS}.{secrets.token_hex(8)}")
                written.write_text(json.dumps({"id": name}), encoding="utf-8")
                written.replace(facts)
        return place

    def names(self) -> list[str]:
        """The collections that have a directory."""
        found = []
        for facts in sorted(self.root.glob(f"*/{_FACTS}")):
            try:
                name = str(json.loads(facts.read_text(encoding="utf-8"))["id"])
            except (OSError, ValueError, KeyError, TypeError) as error:
                logger.warning("%s is passed over: %s", facts, error)
                continue
            if self.of(name).parent == facts.parent:
                found.append(name)
        return found

    def delete(self, name: str) -> None:
        """Delete the files of a collection, where it has any."""
        if self.of(name).parent.exists():
            with self.filing():
                shutil.rmtree(self.of(name).parent)

    @contextmanager
    def incoming(self) -> Iterator[Path]:
        """A directory for files on their way in, on the disk where they are to stay; deleted at the end."""
        with writing_files():
            self.root.mkdir(parents=True, exist_ok=True)
            self._sweep()
            folder = Path(tempfile.mkdtemp(prefix=INCOMING, dir=self.root))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _sweep(self) -> None:
        """Delete what a server left that ended in the middle of an upload."""
        for left in self.root.glob(f"{INCOMING}*"):
            with suppress(FileNotFoundError):  # another server sweeps, too
                if time.time() - left.stat().st_mtime > _LONGEST_UPLOAD_S:
                    shutil.rmtree(left, ignore_errors=True)
