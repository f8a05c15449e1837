"""What a model file holds, told from samples: the gigabytes between them are not read."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from gpt4all_core.catalog.file_fault import file_fault

_HEADER_BYTES = 1 << 20
_SAMPLE_BYTES = 1 << 12
_SAMPLES = 16


def fingerprint(path: Path) -> str:
    """Equal for files with equal samples, wherever they are: 32 hexadecimal digits.

    Raises ModelLoadError for a file that cannot be read.
    """
    digest = hashlib.sha256()
    for sample in file_samples(path):
        digest.update(sample)
    return digest.hexdigest()[:32]


def file_samples(path: Path) -> Iterator[bytes]:
    """Enough of a file to tell models apart: those that were trained further share names, headers and sizes.

    The size, the first megabyte, where the header is, and 15 places in the weights. Indexes, copies and
    saved conversations are told apart by these bytes: another choice of them would orphan all.
    Raises ModelLoadError for a file that cannot be read.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            yield str(size).encode()
            yield file.read(_HEADER_BYTES)
            for number in range(1, _SAMPLES):
                file.seek(size * number // _SAMPLES)
                yield file.read(_SAMPLE_BYTES)
    except OSError as error:
        raise file_fault(path, f"cannot be read ({error.strerror or error})") from error
