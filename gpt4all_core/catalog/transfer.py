"""The bytes at an address, written after what an earlier attempt left, and no others."""

import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from gpt4all_core.catalog.patience import Interrupted, Unreachable, is_busy, pause_asked_for, until_done
from gpt4all_core.errors import DownloadError

_BLOCK = 1 << 20
_TIMEOUT_S = 30.0
"""Without a byte; then the connection is taken for dead, and the rest is asked for on another."""

_MAGIC = b"GGUF"
_ADVANCE = 1 << 20
"""Bytes that an attempt has to bring to be no failure, or a server could keep us forever."""

_CONTENT_RANGE = re.compile(r"bytes (?P<start>\d+)-\d+/(?P<total>\d+|\*)")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a file is. headers: for this address alone, and never for those that it redirects to."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


def fetch(
    locate: Callable[[], Address],
    part: Path,
    *,
    size_bytes: int,
    on_bytes: Callable[[int], None] | None = None,
) -> None:
    """Write the file into `part`, whose beginning may be there already, until it has `size_bytes`.

    Connections that break, servers that are busy, and answers to another question than was asked are
    tried again. What arrived stays in `part` for the next call, also where this one is killed; only what
    cannot be the beginning of the file is removed.

    locate: asked before every request, since addresses expire; it may raise Interrupted.
    on_bytes: called with how many there are.
    Raises DownloadError: for a refusal, an answer that is no model file, or one of another size.
    """
    before = _size(part)

    def has_advanced() -> bool:
        nonlocal before
        arrived, before = _size(part) - before, _size(part)
        return arrived >= _ADVANCE

    if before > size_bytes:
        part.unlink()
    if before != size_bytes:
        until_done(lambda: _continue(locate(), part, size_bytes, on_bytes), has_advanced=has_advanced)


class _WrongContent(DownloadError):  # noqa: N818 - what it is, as its kind
    """What arrived cannot be the file, nor its beginning."""


def _continue(address: Address, part: Path, size_bytes: int, on_bytes: Callable[[int], None] | None) -> None:
    present = _size(part)
    with _open(address, part, present) as response:
        start = _start(response, address.url, part, present, size_bytes)
        _require_offer(response, address.url, start, size_bytes)
        done = start
        with part.open("r+b" if start else "wb", buffering=0) as file:
            file.seek(start)
            try:
                for block in _blocks(response, address.url, start, size_bytes):
                    _write(file, block)
                    done += len(block)
                    if on_bytes:
                        on_bytes(done)
            except _WrongContent:
                file.truncate(0)
                raise
            os.fsync(file.fileno())
    if done < size_bytes:
        raise Interrupted(f"{address.url}: the connection ended after {done} of {size_bytes} bytes")


def _open(address: Address, part: Path, present: int) -> http.client.HTTPResponse:
    # Compressed answers would make byte ranges meaningless.
    headers = {"Accept-Encoding": "identity", "User-Agent": "gpt4all-adapters"}
    if present:
        headers["Range"] = f"bytes={present}-"
    request = urllib.request.Request(address.url, headers=headers)  # noqa: S310 - the catalog's are https
    for name, value in address.headers.items():
        request.add_unredirected_header(name, value)
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=_TIMEOUT_S)  # noqa: S310 - as above
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error, address.url, part) from error
    except urllib.error.URLError as error:
        raise Unreachable(f"{address.url}: {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:  # it let us in and then said nothing of use
        raise Interrupted(f"{address.url}: {error or type(error).__name__}") from error
    return response


def _refusal(error: urllib.error.HTTPError, url: str, part: Path) -> Exception:
    if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and part.exists():
        part.unlink()  # The server's file is shorter than what is here, which so cannot be its beginning.
        return Interrupted(f"{url}: the server has less than what an earlier attempt brought")
    words = f"{url}: the server answered {error.code} {error.reason}"
    if is_busy(error.code):
        return Interrupted(words, pause_s=pause_asked_for(error.headers.get("Retry-After")))
    return DownloadError(f"{words}; check the name, or whether a newer version of this project knows another")


def _start(response: http.client.HTTPResponse, url: str, part: Path, present: int, size_bytes: int) -> int:
    """At which byte of the file the answer begins; raises for one that continues nothing we have."""
    if response.status == http.HTTPStatus.OK:
        return 0
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        raise DownloadError(f"{url}: the server answered {response.status} {response.reason}, not the file")
    if match is not None and match["total"] not in ("*", str(size_bytes)):
        raise DownloadError(f"{url}: {_another_size(int(match['total']), size_bytes)}")
    if match is None or int(match["start"]) != present:
        part.unlink(missing_ok=True)  # Asked without a range the server can only begin at the beginning.
        raise Interrupted(f"{url}: the server sent another piece than was asked for")
    return present


def _require_offer(response: http.client.HTTPResponse, url: str, start: int, size_bytes: int) -> None:
    if response.headers.get_content_type() == "text/html":
        raise DownloadError(
            f"{url}: the server sent a web page instead of the file; a proxy or a login may be in between,"
            " so open the address in a browser"
        )
    if response.length is not None and start + response.length != size_bytes:
        raise DownloadError(f"{url}: {_another_size(start + response.length, size_bytes)}")


def _another_size(offered: int, size_bytes: int) -> str:
    return (
        f"the server offers {offered} bytes instead of {size_bytes}, so it is another file;"
        " fetch it later, or by another name"
    )


def _blocks(response: http.client.HTTPResponse, url: str, start: int, size_bytes: int) -> Iterator[bytes]:
    """What arrives, at once, as long as it can be the file."""
    done = start
    head = b"" if start == 0 else _MAGIC
    while block := _read(response, url):
        head += block[: len(_MAGIC) - len(head)]
        done += len(block)
        if not _MAGIC.startswith(head):
            raise _WrongContent(f"{url}: what the server sent is no GGUF file; it was removed")
        if done > size_bytes:
            raise _WrongContent(f"{url}: the server sent more than {size_bytes} bytes; they were removed")
        yield block


def _write(file: FileIO, block: bytes) -> None:
    rest = memoryview(block)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise DownloadError(
            f"{file.name} cannot be written: {error.strerror}; what arrived is kept, so make room and"
            " run the same again, or set GPT4ALL_HOME to a folder on a larger disk"
        ) from error


def _read(response: http.client.HTTPResponse, url: str) -> bytes:
    """What has arrived, without waiting for more; empty at the end."""
    try:
        return response.read1(_BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise Interrupted(f"{url}: {error or type(error).__name__}") from error


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
