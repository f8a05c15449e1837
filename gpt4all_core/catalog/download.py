"""Fetching models: verified, resumable, by one process at a time, and visible only when they are whole."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import filelock

from gpt4all_core.catalog.entry import FileSource, HuggingFaceSource, ModelEntry, UrlSource
from gpt4all_core.catalog.hub import RemoteFile, find_remote_file, list_remote_files, locate
from gpt4all_core.catalog.reference import HuggingFaceReference
from gpt4all_core.catalog.store import hugging_face_folder, models_folder
from gpt4all_core.catalog.transfer import Address, fetch
from gpt4all_core.errors import ChecksumMismatch, DownloadError

CheckedBy = Literal["sha256", "md5", "size"]
"""What a file was compared by before it got its name; "size" where nobody knows a hash of it."""

_SPARE_BYTES = 1 << 28
"""A quarter of a gigabyte stays free for the rest of the machine."""


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """How far a download is, in bytes of all its files together.

    phase: "wait" while another process fetches the same model, then "fetch" and "check" for each file.
    """

    phase: Literal["wait", "fetch", "check"]
    done_bytes: int
    total_bytes: int


OnProgress = Callable[[DownloadProgress], None]


@dataclass(frozen=True, slots=True)
class Download:
    """A model that was fetched. path: its file, of a split model the first.

    projector: what it sees or hears with, where its repository has that.
    checked_by: the weakest of the checks its files passed; None where all had been there before.
    """

    path: Path
    projector: Path | None = None
    checked_by: CheckedBy | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    target: Path
    locate: Callable[[], Address]
    size_bytes: int
    sha256: str | None
    md5: str | None = None

    @property
    def checked_by(self) -> CheckedBy:
        return "sha256" if self.sha256 else "md5" if self.md5 else "size"

    @property
    def part(self) -> Path:
        """What has arrived: hidden, and by the content's hash, so that another file is never continued."""
        mark = (self.sha256 or self.md5 or str(self.size_bytes))[:16]
        return self.target.with_name(f".{self.target.name}.{mark}.part")

    @property
    def verified(self) -> Path:
        """A file that waits for the others of its model."""
        return self.part.with_suffix(".whole")


def download(
    model: ModelEntry | HuggingFaceReference,
    *,
    with_projector: bool = True,
    on_progress: OnProgress | None = None,
) -> Download:
    """Fetch a model into our own folder; files that are there stay.

    A transfer that was cut short, or whose process was killed, continues where it stopped. What arrives
    is checked against the known SHA-256 or MD5 before it gets its final name; of several files none gets
    it before all are whole. Two processes that want the same model take turns, and the second finds it.

    with_projector: of an `hf:` reference also fetch the projector, half a gigabyte or more, without which
    a model that sees would be blind.
    Raises ChecksumMismatch, ModelNotFound for a file that the repository does not have, and DownloadError
    for a lack of disk space, a server that does not give the file, or no connection.
    """
    if isinstance(model, ModelEntry):
        return _fetch_all([_of_entry(model)], None, on_progress)
    files = list_remote_files(model, with_projector=with_projector)
    folder = hugging_face_folder(model.repository)
    wanted = [_of_remote(file, folder / file.name) for file in files]
    last = wanted[-1].target
    projector = last if "mmproj" in last.name.lower() else None
    return _fetch_all(wanted, projector, on_progress)


def _of_entry(entry: ModelEntry) -> _Wanted:
    target = models_folder() / entry.file_name
    source = entry.source
    if isinstance(source, HuggingFaceSource):
        return _of_entry_on_hub(entry, source, target)
    if isinstance(source, UrlSource) and entry.size_bytes is not None:
        address = Address(source.url)
        return _Wanted(target, lambda: address, entry.size_bytes, entry.sha256, entry.md5)
    if isinstance(source, FileSource):
        raise DownloadError(f"{entry.name} is {source.path} by your own catalog, and is not downloaded")
    raise DownloadError(f"{entry.name} is installed with pip, not downloaded; its source is {source.kind}")


def _of_entry_on_hub(entry: ModelEntry, source: HuggingFaceSource, target: Path) -> _Wanted:
    """What the catalog says of the file, and what it does not say by what the Hub does."""
    if entry.size_bytes is not None and (entry.sha256 or entry.md5):
        file = RemoteFile(source.repository, entry.file_name, entry.size_bytes, entry.sha256)
    else:
        file = find_remote_file(source.repository, entry.file_name)
        if entry.size_bytes not in (None, file.size_bytes):
            raise DownloadError(
                f"{file} has {file.size_bytes} bytes on the Hub, not {entry.size_bytes} as in the catalog, so"
                f" it is another file; fetch it as {file}"
            )
    return _of_remote(file, target, md5=entry.md5)


def _of_remote(file: RemoteFile, target: Path, md5: str | None = None) -> _Wanted:
    return _Wanted(target, lambda: locate(file), file.size_bytes, file.sha256, md5)


def _fetch_all(wanted: Sequence[_Wanted], projector: Path | None, on_progress: OnProgress | None) -> Download:
    total = sum(file.size_bytes for file in wanted)
    report = on_progress or (lambda _: None)
    with _only_one(wanted[0].target, lambda: report(DownloadProgress("wait", 0, total))):
        missing = [file for file in wanted if not file.target.is_file()]
        _require_space(missing)
        done = total - sum(file.size_bytes for file in missing)
        for file in missing:
            _fetch_verified(file, done, total, report)
            done += file.size_bytes
        for file in reversed(missing):  # The first part makes a split model visible.
            file.verified.replace(file.target)
    checks: set[CheckedBy] = {file.checked_by for file in missing}
    weakest = next((check for check in ("size", "md5", "sha256") if check in checks), None)
    return Download(wanted[0].target, projector, weakest)


def _fetch_verified(file: _Wanted, done: int, total: int, report: OnProgress) -> None:
    if file.verified.is_file():
        return
    file.part.parent.mkdir(parents=True, exist_ok=True)
    _remove_others(file)
    was_continued = file.part.is_file()
    try:
        _fetch_and_check(file, done, total, report)
    except ChecksumMismatch:
        if not was_continued:
            raise
        # What an earlier attempt left was of another file, or damaged with its machine: once from the start.
        _fetch_and_check(file, done, total, report)


def _fetch_and_check(file: _Wanted, done: int, total: int, report: OnProgress) -> None:
    def relay(count: int) -> None:
        report(DownloadProgress("fetch", done + count, total))

    fetch(file.locate, file.part, size_bytes=file.size_bytes, on_bytes=relay)
    report(DownloadProgress("check", done + file.size_bytes, total))
    verify(file.part, file.target.name, size_bytes=file.size_bytes, sha256=file.sha256, md5=file.md5)
    file.part.replace(file.verified)


def _remove_others(file: _Wanted) -> None:
    """Parts of what had this name before; nobody will continue them."""
    for path in file.part.parent.iterdir():
        is_part = path.name.startswith(f".{file.target.name}.") and path.suffix in (".part", ".whole")
        if is_part and path != file.part:
            path.unlink()


@contextmanager
def _only_one(target: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock on this model's download; the system lets go of it if its process is killed."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(target.with_name(f".{target.name}.lock"))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            on_wait()
            lock.acquire()
    except OSError as error:
        raise DownloadError(
            f"cannot write to the folder {target.parent}: {error}; set GPT4ALL_HOME"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _require_space(missing: Sequence[_Wanted]) -> None:
    if missing:
        present = sum(_size(file.part) + _size(file.verified) for file in missing)
        needed = sum(file.size_bytes for file in missing) - present
        require_space(missing[0].target.parent, needed)


def require_space(folder: Path, size_bytes: int) -> None:
    """Raise DownloadError unless the folder's disk has room for so many bytes and some to spare."""
    free = shutil.disk_usage(folder).free
    if free < size_bytes + _SPARE_BYTES:
        raise DownloadError(
            f"{folder} has {free / 1e9:.1f} GB free, but the model needs {size_bytes / 1e9:.1f} GB;"
            " make room, or set GPT4ALL_HOME to a folder on a larger disk"
        )


def verify(path: Path, name: str, *, size_bytes: int, sha256: str | None, md5: str | None) -> None:
    """Compare a file with what is known of it; the wrong file is removed.

    Raises ChecksumMismatch. SHA-256 is preferred where both are known.
    """
    size = path.stat().st_size
    if size != size_bytes:
        path.unlink()
        raise ChecksumMismatch(
            f"{name} has {size} bytes instead of {size_bytes}; it was removed, so download it again"
        )
    expected = sha256 or md5
    if expected is None:
        return
    algorithm = "sha256" if sha256 else "md5"
    with path.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    if found != expected:
        path.unlink()
        raise ChecksumMismatch(
            f"{name} has the {algorithm} {found} instead of {expected}; it was removed, so download it"
            " again, and if it happens again the file at its source has changed"
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
