"""A server of model files on loopback that does to a download what networks and servers do.

It serves each file at a plain address, `/files/NAME`, and as a repository of the Hub, `owner/repo`,
whose files lie on another origin, as the Hub's do. `faults` are what it does wrong with the next
requests for bytes, one each; after them it does all right.
"""

import hashlib
import http.server
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

COMMIT = "0" * 40
CONTENT = b"GGUF" + bytes(range(256)) * 2048
"""Half a megabyte that begins like a model file."""

Fault = Callable[["Handler", bytes, int], None]
"""Answers a request for the bytes of a file from a position on."""


@dataclass
class Repository:
    """What the server has, and what it was asked: (method, path, Range, Authorization)."""

    files: dict[str, bytes] = field(default_factory=lambda: {"m-Q4_0.gguf": CONTENT})
    faults: deque[Fault] = field(default_factory=deque)
    busy: deque[int] = field(default_factory=deque)  # answers of the Hub itself before it does its work
    has_hashes: bool = True
    is_its_own_storage: bool = False  # the Hub's links then lead to itself
    token: str | None = None
    requests: list[tuple[str, str, str | None, str | None]] = field(default_factory=list)
    address: str = ""
    storage: str = ""

    def byte_requests(self) -> list[str | None]:
        """The Range of each request for bytes."""
        return [ranges for method, path, ranges, _ in self.requests if method == "GET" and "/files/" in path]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        repository: Repository = self.server.repository
        headers = self.headers
        repository.requests.append(
            (self.command, self.path, headers.get("Range"), headers.get("Authorization"))
        )
        path = self.path.partition("?")[0]
        if path.startswith("/files/"):
            self.send_bytes(path.removeprefix("/files/"))
        elif repository.busy:
            self.send(repository.busy.popleft(), b"busy", {"Retry-After": "0"})
        elif repository.token and headers.get("Authorization") != f"Bearer {repository.token}":
            self.send(401, b"", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})
        elif path == "/api/models/owner/repo":
            self.send(200, json.dumps(self.listing()).encode())
        elif path.startswith("/owner/repo/resolve/"):
            self.send_link(path.split("/", 5)[5])
        else:
            self.send(404, b"not found", {"X-Error-Code": "RepoNotFound"})

    def listing(self):
        files = self.server.repository.files
        siblings = [
            {"rfilename": name, "size": len(content), "lfs": self.lfs(content)}
            for name, content in files.items()
        ]
        return {"id": "owner/repo", "siblings": siblings, "sha": COMMIT, "private": False, "tags": []}

    def lfs(self, content):
        if not self.server.repository.has_hashes:
            return None
        return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 128}

    def send_link(self, name):
        repository = self.server.repository
        if name not in repository.files:
            self.send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            return
        content = repository.files[name]
        etag = hashlib.sha256(content).hexdigest() if repository.has_hashes else "of-no-hash"
        storage = repository.address if repository.is_its_own_storage else repository.storage
        headers = {
            "Location": f"{storage}/files/{name}",
            "X-Linked-Size": str(len(content)),
            "X-Linked-Etag": f'"{etag}"',
            "X-Repo-Commit": COMMIT,
        }
        self.send(302, b"", headers)

    def send_bytes(self, name):
        content = self.server.repository.files.get(name)
        if content is None:
            self.send(404, b"not found")
            return
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
        faults = self.server.repository.faults
        (faults.popleft() if faults and self.command == "GET" else right)(self, content, start)

    def send(self, status, body=b"", headers=None, *, promised=None):
        """promised: the Content-Length, None for the body's, -1 for no such header."""
        self.send_response(status)
        if promised != -1:
            self.send_header("Content-Length", str(len(body) if promised is None else promised))
        for name, value in ({"ETag": '"tag"'} | (headers or {})).items():
            self.send_header(name, value)
        if promised is not None:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def content_range(content, start):
    return {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}


def right(handler, content, start):
    if start >= len(content):
        handler.send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
    elif start:
        handler.send(206, content[start:], content_range(content, start))
    else:
        handler.send(200, content)


def cut(handler, content, start):
    """The connection ends in the middle of what was promised."""
    rest = content[start:]
    headers = content_range(content, start) if start else {}
    handler.send(206 if start else 200, rest[: len(rest) // 2], headers, promised=len(rest))


def cut_without_length(handler, content, start):
    rest = content[start:]
    headers = content_range(content, start) if start else {}
    handler.send(206 if start else 200, rest[: len(rest) // 2], headers, promised=-1)


def without_length(handler, content, start):
    headers = content_range(content, start) if start else {}
    handler.send(206 if start else 200, content[start:], headers, promised=-1)


def longer_than_it_can_be(handler, content, start):
    handler.send(200, content + b"more", promised=-1)


def promises_less(handler, content, start):
    handler.send(200, content[:1000])


def promises_more(handler, content, start):
    handler.send(200, content, promised=len(content) + 1000)


def corrupt(handler, content, start):
    handler.send(200, content[:-1] + b"\x00")


def ignores_ranges(handler, content, start):
    handler.send(200, content)


def another_piece(handler, content, start):
    """Says 206 and begins elsewhere."""
    handler.send(206, content[5:], content_range(content, 5))


def a_range_without_a_name(handler, content, start):
    handler.send(206, content[start:])


def a_range_of_another_file(handler, content, start):
    total = len(content) + 7
    handler.send(206, content[start:], {"Content-Range": f"bytes {start}-{total - 1}/{total}"})


def not_satisfiable(handler, content, start):
    handler.send(416, b"")


def web_page(handler, content, start):
    handler.send(200, b"<!DOCTYPE html><p>log in</p>", {"Content-Type": "text/html; charset=utf-8"})


def web_page_of_the_right_size(handler, content, start):
    handler.send(200, b"<!DOCTYPE html>".ljust(len(content)))


def redirect(handler, content, start):
    handler.send(302, b"", {"Location": f"{handler.server.repository.storage}{handler.path}"})


def trickle(handler, content, start):
    """A few bytes, then nothing for longer than anybody waits."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[:10])
    handler.wfile.flush()
    handler.server.is_closing.wait(5)
    handler.close_connection = True


def answers(status, **headers):
    def fault(handler, content, start):
        handler.send(status, b"", {name.replace("_", "-"): value for name, value in headers.items()})

    fault.__name__ = f"answers_{status}"
    return fault


@contextmanager
def serving() -> Iterator[Repository]:
    """Two servers, of the same repository: the Hub, and where it has its bytes stored."""
    repository = Repository()
    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
    threads = []
    for server in servers:
        server.daemon_threads = True
        server.repository = repository
        server.is_closing = threading.Event()
        threads.append(threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}))
        threads[-1].start()
    repository.address, repository.storage = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    yield repository
    for server, thread in zip(servers, threads, strict=True):
        server.is_closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
