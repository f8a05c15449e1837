"""Look at a Chroma directory in a process of its own, because a damaged one ends its process."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np

_TIMEOUT_S: Final = 120.0


def probe(directory: Path, *, dimensions: int) -> str:
    """Why the files in `directory` cannot be used, or an empty string.

    A child process lists all ids and runs a few queries. Takes as long as importing chromadb, so ask
    only when the files are not those that were published.
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "gpt4all_localdocs.vector_index.probe", str(directory), str(dimensions)]
    try:
        child = subprocess.run(  # noqa: S603 - our own module, in our own interpreter
            command, env=environment, capture_output=True, timeout=_TIMEOUT_S, check=False, text=True
        )
    except subprocess.TimeoutExpired:
        return f"Chroma did not open within {_TIMEOUT_S:.0f} s"
    if child.returncode == 0:
        return ""
    last_line = child.stderr.strip().rpartition("\n")[2].replace(str(directory), directory.name)
    return f"Chroma's process ended with status {child.returncode} {last_line}".rstrip()


def main(directory: str, dimensions: str) -> None:
    """What the child does: touch every vector's neighbourhood that a few random queries reach."""
    from gpt4all_localdocs.vector_index.chroma import ChromaIndex  # noqa: PLC0415 - only the child needs it

    index = ChromaIndex.open(Path(directory))
    count = len(index.ids())
    for vector in np.random.default_rng(0).normal(size=(8, int(dimensions))).astype(np.float32):
        if len(index.query(vector, min(count, 100))) < min(count, 1):
            sys.exit("Chroma finds none of its vectors")
    index.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
