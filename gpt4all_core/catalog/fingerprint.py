"""What a model file holds, told from samples: the gigabytes between them are not read."""

import hashlib
from pathlib import Path

from gpt4all_core.catalog.file_fault import file_fault

_HEADER_BYTES = 1 << 20
_SAMPLE_BYTES = 1 << 12
_SAMPLES = 16


def fingerprint(path: Path) -> str:
    """Equal for equal files, wherever they are: 32 hexadecimal digits.

    Made of the size, the first megabyte, where the header is, and 15 places in the weights: models
    that were trained further share names, headers and sizes. Raises ModelLoadError.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            digest.update(str(size).encode())
            digest.update(file.read(_HEADER_BYTES))
            for number in range(1, _SAMPLES):
                file.seek(size * number // _SAMPLES)
                digest.update(file.read(_SAMPLE_BYTES))
    except OSError as error:
        raise file_fault(path, f"cannot be read ({error.strerror or error})") from error
    return digest.hexdigest()[:32]
