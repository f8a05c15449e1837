"""The lines that somebody typed before, for the arrow keys."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

MOST = 1_000
"""Lines that are offered again; twice as many may stand in the file before it is cut."""


class KeptLines:
    """A file of lines, a JSON text each, readable by its owner alone.

    A file that cannot be read or written is no reason not to talk: it is then as if there were none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[str]:
        """The last ones, oldest first."""
        lines = list(self._stored())
        if len(lines) > 2 * MOST:
            self._write(lines[-MOST:], mode="w")
        return lines[-MOST:]

    def add(self, line: str) -> None:
        self._write([line], mode="a")

    def _stored(self) -> Iterator[str]:
        try:
            text = self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return
        for written in text.splitlines():
            try:
                line = json.loads(written)
            except ValueError:  # cut off when the machine was
                continue
            if isinstance(line, str):
                yield line

    def _write(self, lines: list[str], *, mode: str) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with open(self._path, mode, encoding="utf-8", opener=_for_the_owner) as file:
                file.write("".join(json.dumps(line) + "\n" for line in lines))
        except OSError:
            return


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
