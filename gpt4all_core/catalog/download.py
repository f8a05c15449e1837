"""Fetching model files: verified, resumable, and never half done under the final name."""

import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import filelock

from gpt4all_core.catalog.entry import FileSource, HuggingFaceSource, ModelEntry, UrlSource
from gpt4all_core.catalog.hub import RemoteFile, fetch_from_hub, list_remote_files
from gpt4all_core.catalog.reference import HuggingFaceReference
from gpt4all_core.catalog.store import hugging_face_folder, models_folder
from gpt4all_core.errors import ChecksumMismatch, DownloadError

Progress = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes there will be."""

_BLOCK = 1 << 20
_TIMEOUT_S = 30.0
_SPARE_BYTES = 1 << 28  # a quarter of a gigabyte stays free for the rest of the machine


def download(model: ModelEntry | HuggingFaceReference, *, on_progress: Progress | None = None) -> Path:
    """Fetch a model into our own folder and return its path; a file that is there stays.

    A transfer that was cut short continues where it stopped. What arrives is checked against
    the known SHA-256 or MD5 before it gets its final name. Two processes that want the same
    file take turns, and the second finds it there.

    Raises ChecksumMismatch, and DownloadError for a lack of disk space, a server that does not
    have the file, or no connection.
    """
    if isinstance(model, ModelEntry):
        return _download_entry(model, on_progress)
    files = list_remote_files(model)
    folder = hugging_face_folder(model.repository)
    total = sum(file.size_bytes for file in files)
    done = 0
    for file in files:
        before = done
        relay = (
            (lambda count, _size, before=before: on_progress(before + count, total)) if on_progress else None
        )
        _download_from_hub(file, folder, relay)
        done += file.size_bytes
    return folder / files[0].name


def _download_entry(entry: ModelEntry, on_progress: Progress | None) -> Path:
    folder = models_folder()
    if isinstance(entry.source, HuggingFaceSource):
        return _download_from_hub(_remote_file(entry, entry.source.repository), folder, on_progress)
    if isinstance(entry.source, UrlSource) and entry.size_bytes is not None:
        target = folder / entry.file_name
        with _only_one(target):
            if not target.is_file():
                require_space(folder, entry.size_bytes)
                part = target.with_name(f"{target.name}.part")
                fetch_url(entry.source.url, part, size_bytes=entry.size_bytes, on_progress=on_progress)
                verify(part, size_bytes=entry.size_bytes, sha256=entry.sha256, md5=entry.md5)
                part.replace(target)
        return target
    if isinstance(entry.source, FileSource):
        raise DownloadError(f"{entry.name} is {entry.source.path} by your own catalog, and is not downloaded")
    raise DownloadError(
        f"{entry.name} is installed with pip, not downloaded; its source is {entry.source.kind}"
    )


def _remote_file(entry: ModelEntry, repository: str) -> RemoteFile:
    """What to check the file by: what the catalog says of it, or else what the hub does."""
    if entry.size_bytes is None or (entry.sha256 is None and entry.md5 is None):
        return list_remote_files(HuggingFaceReference(repository, entry.file_name))[0]
    return RemoteFile(repository, entry.file_name, entry.size_bytes, sha256=entry.sha256, md5=entry.md5)


def _download_from_hub(file: RemoteFile, folder: Path, on_progress: Progress | None) -> Path:
    target = folder / file.name
    with _only_one(target):
        if not target.is_file():
            require_space(folder, file.size_bytes)
            incoming = target.with_name(f".{target.name}.incoming")  # each file its own: others come too
            fetched = fetch_from_hub(file, incoming, on_progress=on_progress)
            verify(fetched, size_bytes=file.size_bytes, sha256=file.sha256, md5=file.md5)
            fetched.replace(target)
            shutil.rmtree(incoming)
    return target


def _only_one(target: Path) -> filelock.BaseFileLock:
    """A lock on this file's download; the folder is made if need be."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(f"cannot make the folder {target.parent}: {error}; set GPT4ALL_HOME") from error
    return filelock.FileLock(target.with_name(f".{target.name}.lock"))


def require_space(folder: Path, size_bytes: int) -> None:
    """Raise DownloadError unless the folder's disk has room for so many bytes and some to spare."""
    free = shutil.disk_usage(folder).free
    if free < size_bytes + _SPARE_BYTES:
        raise DownloadError(
            f"{folder} has {free / 1e9:.1f} GB free, but the model needs {size_bytes / 1e9:.1f} GB;"
            " make room, or set GPT4ALL_HOME to a folder on a larger disk"
        )


def verify(path: Path, *, size_bytes: int, sha256: str | None, md5: str | None) -> None:
    """Compare a file with what the catalog says of it; the wrong file is removed.

    Raises ChecksumMismatch. SHA-256 is preferred where both are known.
    """
    size = path.stat().st_size
    if size != size_bytes:
        path.unlink()
        raise ChecksumMismatch(
            f"{path.name} has {size} bytes instead of {size_bytes}; it was removed, so download it again"
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
            f"{path.name} has the {algorithm} {found} instead of {expected}; it was removed, so download it"
            " again, and if it happens again the file at its source has changed"
        )


def fetch_url(url: str, part: Path, *, size_bytes: int, on_progress: Progress | None = None) -> None:
    """Write what is at the address into `part`, after what an earlier attempt left there.

    Raises DownloadError; what arrived stays in `part` for the next attempt.
    """
    present = part.stat().st_size if part.exists() else 0
    if present > size_bytes:
        part.unlink()
        present = 0
    if present == size_bytes:
        return
    # Compressed answers would make byte ranges meaningless.
    headers = {"Accept-Encoding": "identity", "User-Agent": "gpt4all-adapters"}
    if present:
        headers["Range"] = f"bytes={present}-"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the catalog's addresses are https
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310 - as above
            continues = response.status == http.HTTPStatus.PARTIAL_CONTENT
            with part.open("ab" if continues else "wb") as file:
                _copy(response, file.write, present if continues else 0, size_bytes, on_progress)
                file.flush()
                os.fsync(file.fileno())
    except urllib.error.HTTPError as error:
        raise DownloadError(f"{url}: the server answered {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise DownloadError(f"{url}: {reason}; run the same again to continue the download") from error
    arrived = part.stat().st_size
    if arrived < size_bytes:
        raise DownloadError(
            f"{url}: the connection ended after {arrived} of {size_bytes} bytes;"
            " run the same again to continue the download"
        )


def _copy(
    response: http.client.HTTPResponse,
    write: Callable[[bytes], int],
    done: int,
    size_bytes: int,
    on_progress: Progress | None,
) -> None:
    while block := response.read(_BLOCK):
        write(block)
        done += len(block)
        if on_progress:
            on_progress(done, size_bytes)
        if done > size_bytes:
            return  # Longer than the file can be: the size check will say so.
