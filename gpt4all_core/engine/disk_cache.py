"""The KV cells of conversations in a folder, where they outlive the process.

One file for each: a fixed header, the token ids, the cells. A file is written once, under a temporary
name first, and only its owner may read it: from token ids a conversation can be read back. Processes
may share a folder; each sees what was there when it opened it, and what it wrote itself.
"""

import contextlib
import errno
import hashlib
import logging
import os
import struct
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path

import numpy as np

from gpt4all_core.engine.prefix_forest import PrefixForest
from gpt4all_core.engine.prefix_tree import Match
from gpt4all_core.engine.saved_cells import SavedCells, Stop, never
from gpt4all_core.errors import ConfigError

_log = logging.getLogger(__name__)

_MAGIC = b"G4AKV\x001\n"
_HEADER = struct.Struct("<8s32sIQII")
"""Magic, digest of the model and its adapters, number of tokens, bytes of cells, checksum of the cells,
checksum of the tokens and of all before them."""
_SUFFIX = ".cells"
_UNFINISHED = ".part"
_ABANDONED_S = 3600.0
"""From which age on an unfinished file is one whose process died in the middle."""

_PIECE_BYTES = 4 << 20
"""Written at once: a request that arrives meanwhile waits for some milliseconds."""

DISK_LIMIT_BYTES = 8 << 30
"""What one folder may hold; the least recently used files go first."""


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    tokens: tuple[int, ...]
    byte_count: int
    cells_checksum: int = field(compare=False)
    """Another process may have written cells of the same tokens since, which differ by roundings."""
    adapters: str = ""


class DiskCache:
    """Saved cells in a folder; the store below `HostCache`. For the engine's owner thread alone.

    model: says what the cells belong to, down to the version of llama.cpp; files of others are left
    alone. Those of a set of adapters are looked for when it is first asked for. A file that cannot be
    read or was changed is taken for absent. On a full disk the oldest files go, as they do at the limit;
    when that does not help, or the folder cannot be written any more, that is logged once and nothing
    further is written. Raises ConfigError when there can be no such folder.
    """

    outlives_process = True

    def __init__(self, folder: Path, *, model: str, limit_bytes: int = DISK_LIMIT_BYTES) -> None:
        self._folder = folder
        self._model = model
        self._digests: dict[str, bytes] = {}
        self._sets: dict[bytes, str] = {}
        """Of which adapters the files with a digest are."""
        self._limit_bytes = limit_bytes
        self._files: dict[int, _File] = {}
        self._tree: PrefixForest[int] = PrefixForest()
        self._next_key = 0
        self._may_write = True
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._remove_abandoned()
            self._digest("")
        except OSError as error:
            raise ConfigError(
                f"cache_dir={folder} cannot be used ({error}); choose another folder"
            ) from error

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[int]:
        return iter(self._files)

    def find(self, tokens: list[int], *, whole: bool, adapters: str = "") -> Match[int]:
        with contextlib.suppress(OSError):  # a folder that cannot be read holds nothing that could be found
            self._digest(adapters)
        if whole:
            return self._tree.longest_whole(tokens, adapters=adapters)
        return self._tree.longest(tokens, adapters=adapters)

    def covers(self, tokens: list[int], *, whole: bool, adapters: str = "") -> bool:
        if not self._may_write:
            return True
        return self.find(tokens, whole=whole, adapters=adapters).length == len(tokens)

    def put(self, saved: SavedCells, *, stop: Stop = never) -> bool:
        size = _HEADER.size + 4 * len(saved.tokens) + saved.byte_count
        if not self._may_write or size > self._limit_bytes:
            return False
        tokens = np.array(saved.tokens, dtype=np.int32).tobytes()
        superseded = self.find(list(saved.tokens), whole=True, adapters=saved.adapters).keys
        try:
            digest = self._digest(saved.adapters)
            front = (_MAGIC, digest, len(saved.tokens), saved.byte_count, saved.checksum)
            head = _HEADER.pack(*front, _checksum(front, tokens))
            name = hashlib.sha256(digest + tokens).hexdigest()[:40] + _SUFFIX
            self._make_room(size)
            if not self._write_with_room(self._folder / name, [head, tokens, saved.state.data], stop):
                return False
        except OSError as error:
            self._may_write = False
            _log.warning(
                "%s cannot be written (%s); no more conversations are kept there", self._folder, error
            )
            return False
        for key in superseded:
            if key in self._files and self._files[key].path.name != name:
                self._drop(key)
        self._forget({name})
        self._remember(
            _File(self._folder / name, saved.tokens, saved.byte_count, saved.checksum, saved.adapters)
        )
        return True

    def get(self, key: int) -> SavedCells | None:
        saved = self.peek(key)
        if saved is not None:
            with contextlib.suppress(OSError):
                os.utime(self._files[key].path)  # the last one used is the last to go
        return saved

    def peek(self, key: int) -> SavedCells | None:
        file = self._files.get(key)
        if file is None:
            return None
        saved = self._read(file)
        if saved is None or not saved.is_intact:
            _log.info("%s is damaged or gone, and is left out", file.path)
            self._drop(key)
            return None
        return saved

    def _digest(self, adapters: str) -> bytes:
        """What marks the files of a set of adapters, which are found when it is first asked for."""
        if adapters not in self._digests:
            text = f"{self._model}\n{adapters}" if adapters else self._model
            digest = hashlib.sha256(text.encode()).digest()
            listed = self._listed(_SUFFIX)
            self._digests[adapters], self._sets[digest] = digest, adapters
            for _, _, path in listed:
                found = self._read_head(path)
                if found is not None and found.adapters == adapters:
                    self._remember(found)
        return self._digests[adapters]

    def _remember(self, file: _File) -> None:
        key, self._next_key = self._next_key, self._next_key + 1
        self._files[key] = file
        self._tree.set(key, list(file.tokens), adapters=file.adapters)

    def _drop(self, key: int) -> None:
        file = self._files.pop(key)
        self._tree.remove(key)
        with contextlib.suppress(OSError):  # another process may have been faster
            file.path.unlink()

    def _make_room(self, needed: int) -> None:
        """Remove the oldest files of the folder, whatever model they belong to, down to the limit."""
        found = self._listed(_SUFFIX)
        used = sum(size for _, size, _ in found)
        removed: set[str] = set()
        for _, size, path in found:
            if used + needed <= self._limit_bytes:
                break
            used -= size
            path.unlink(missing_ok=True)
            removed.add(path.name)
        self._forget(removed)

    def _forget(self, names: set[str]) -> None:
        """Remember no more what these files held, or the index would outgrow the folder."""
        for key in [key for key, file in self._files.items() if file.path.name in names]:
            del self._files[key]
            self._tree.remove(key)

    def _listed(self, suffix: str) -> list[tuple[float, int, Path]]:
        """When each file was last used, its bytes and its path, the oldest first."""
        found = []
        for path in self._folder.glob(f"*{suffix}"):
            with contextlib.suppress(FileNotFoundError):  # another process removed it just now
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        return sorted(found)

    def _remove_abandoned(self) -> None:
        for modified, _, path in self._listed(_UNFINISHED):
            if modified < time.time() - _ABANDONED_S:
                path.unlink(missing_ok=True)

    def _write_with_room(self, path: Path, parts: list[bytes | memoryview], stop: Stop) -> bool:
        """Write a file; on a full disk the oldest of ours go for it, as they do at the limit."""
        while True:
            try:
                return self._write(path, parts, stop)
            except OSError as error:
                oldest = self._listed(_SUFFIX)[:1]
                if error.errno != errno.ENOSPC or not oldest:
                    raise
                oldest[0][2].unlink(missing_ok=True)
                self._forget({oldest[0][2].name})

    def _write(self, path: Path, parts: list[bytes | memoryview], stop: Stop) -> bool:
        handle, name = tempfile.mkstemp(dir=self._folder, suffix=_UNFINISHED)  # for its owner's eyes alone
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                for piece in _pieces(parts):
                    if stop():
                        return False
                    file.write(piece)
            temporary.replace(path)
            return True
        finally:
            temporary.unlink(missing_ok=True)

    def _read_head(self, path: Path) -> _File | None:
        """What a file says it holds, None if it is not ours or not whole."""
        try:
            with path.open("rb") as opened:
                return self._head(path, opened)
        except OSError:
            return None

    def _read(self, file: _File) -> SavedCells | None:
        """The cells of a file, None if it holds something else by now."""
        try:
            with file.path.open("rb") as opened:
                found = self._head(file.path, opened)
                if found is None or found != file:
                    return None
                state = np.fromfile(opened, dtype=np.uint8)  # from behind the tokens on
        except OSError:
            return None
        return SavedCells(found.tokens, state, found.cells_checksum, found.adapters)

    def _head(self, path: Path, opened: BufferedReader) -> _File | None:
        head = opened.read(_HEADER.size)
        if len(head) < _HEADER.size:
            return None
        *front, checksum = _HEADER.unpack(head)
        magic, model, count, byte_count, cells_checksum = front
        size = os.fstat(opened.fileno()).st_size
        if magic != _MAGIC or model not in self._sets or size != _HEADER.size + 4 * count + byte_count:
            return None
        tokens = opened.read(4 * count)
        if _checksum(tuple(front), tokens) != checksum:
            return None
        ids = tuple(np.frombuffer(tokens, dtype=np.int32).tolist())
        return _File(path, ids, byte_count, cells_checksum, self._sets[model])


def _pieces(parts: list[bytes | memoryview]) -> Iterator[memoryview]:
    for part in parts:
        view = memoryview(part)
        for start in range(0, len(view), _PIECE_BYTES):
            yield view[start : start + _PIECE_BYTES]


def _checksum(front: tuple[bytes | int, ...], tokens: bytes) -> int:
    return zlib.crc32(tokens, zlib.crc32(_HEADER.pack(*front, 0)))
