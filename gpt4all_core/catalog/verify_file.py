"""Whether a model's file is, byte for byte, the one that its source published."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gpt4all_core.catalog.entry import ModelEntry
from gpt4all_core.errors import ChecksumMismatch

Publisher = Literal["catalog", "Hugging Face Hub"]

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Digest:
    """A file's hash. source: who states the same one; None where nobody is known to state any."""

    algorithm: Literal["sha256", "md5"]
    value: str
    source: Publisher | None


def verify_file(path: Path, entry: ModelEntry | None) -> Digest:
    """Read the whole file, a second for each gigabyte or so, and compare it with what is known of it.

    entry: the catalog's, for this very file. The Hub's own hash is the name under which its cache keeps
    a file. Raises ChecksumMismatch where they differ; the file stays.
    """
    expected, source = _expected(path, entry)
    is_md5 = expected is not None and len(expected) == 32
    algorithm: Literal["sha256", "md5"] = "md5" if is_md5 else "sha256"
    with path.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    if expected is not None and found != expected:
        raise ChecksumMismatch(
            f"{path} has the {algorithm} {found}, and the {source} says {expected}: it is damaged, or"
            " another file of that name; remove it and fetch it again"
        )
    return Digest(algorithm, found, source)


def _expected(path: Path, entry: ModelEntry | None) -> tuple[str | None, Publisher | None]:
    if entry is not None and (stated := entry.sha256 or entry.md5):
        return stated, "catalog"
    stored = path.resolve()
    is_blob = stored.parent.name == "blobs" and _SHA256.fullmatch(stored.name)
    return (stored.name, "Hugging Face Hub") if is_blob else (None, None)
