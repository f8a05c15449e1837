"""Vector servers, and what stands before them, that answer with nothing, with other things, or never."""

import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from workbench import Workbench

from gpt4all_core.errors import VectorServerError
from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.vector_index import chroma_server, qdrant
from gpt4all_localdocs.vector_index.exact import ExactIndex
from gpt4all_localdocs.vector_index.ownership import take_prefix
from gpt4all_localdocs.vector_index.registry import choose_place
from gpt4all_localdocs.vector_index.word_search import WordSearch
from gpt4all_localdocs.vector_index.word_server import ServedWords
from gpt4all_localdocs.vector_index.word_table import WordCollection, WordTable

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
IDENTITY = json.dumps({"user_id": "", "tenant": "default_tenant", "databases": ["default_database"]}).encode()
VERSION = json.dumps({"title": "qdrant", "version": "1.15.0"}).encode()

Answer = Callable[[str], tuple[int, bytes]]
"""To the path of a request: a status and a body."""
OpenServer = Callable[[str, Answer], str]


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gave up is no fault."""


@pytest.fixture
def serve() -> Iterator[OpenServer]:
    """Makes a server of this kind that answers so; returns its address."""
    opened: list[ThreadingHTTPServer] = []

    def start(kind: str, answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, body = answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 - the names that its base calls

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - as its base names it
                """Nothing."""

        opened.append(_Server(("127.0.0.1", 0), Handler))
        threading.Thread(target=opened[-1].serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return f"{kind}+http://127.0.0.1:{opened[-1].server_address[1]}"

    yield start
    for server in opened:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (200, b'{"result": null}'), (200, b"")])
def test_what_is_no_answer_of_qdrant_s_is_named_and_ends_no_sync_or_search(
    serve: OpenServer, tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int, body: bytes
) -> None:
    caplog.set_level(logging.ERROR)
    address = serve("qdrant", lambda path: (200, VERSION) if path == "/" else (status, body))
    bench = Workbench(tmp_path)
    bench.write("1.txt", "alpha one")
    bench.options = replace(bench.options, vector_index=address)
    assert "does not answer as Qdrant does" in bench.sync().behind
    assert bench.search("alpha", mode="hybrid")[0].path.name == "1.txt"


@pytest.mark.parametrize("error", [{"code": 5}, 5])
def test_a_reason_of_another_form_is_told_all_the_same(serve: OpenServer, error: object) -> None:
    body = json.dumps({"status": {"error": error}}).encode()
    place = choose_place(serve("qdrant", lambda _path: (500, body)), None)
    assert not isinstance(place, str)
    with pytest.raises(VectorServerError, match=r"refuses \(HTTP 500: .*5"):
        place.names("")
    place.close()


@pytest.mark.parametrize("silent_from", [1, 2])
def test_a_chroma_server_that_falls_silent_while_one_connects_is_given_up(
    serve: OpenServer, monkeypatch: pytest.MonkeyPatch, silent_from: int
) -> None:
    monkeypatch.setattr(chroma_server, "_TIMEOUT_S", (5.0, 0.3))
    asked: list[str] = []
    is_over = threading.Event()

    def answer(path: str) -> tuple[int, bytes]:
        asked.append(path)
        if len(asked) > silent_from:
            is_over.wait(10)
            return 500, b"too late"
        return 200, IDENTITY

    place = choose_place(serve("chroma", answer), None)
    assert not isinstance(place, str)
    with pytest.raises(VectorServerError, match=r"does not answer \(ReadTimeout"):
        place.names("")
    is_over.set()
    place.close()


@pytest.mark.parametrize(("method", "read_s"), [("GET", 10.0), ("POST", 60.0), ("PUT", 60.0)])
def test_looking_for_a_collection_waits_less_than_reading_and_writing(method: str, read_s: float) -> None:
    waits = httpx.Timeout(60.0).as_dict()
    request = httpx.Request(method, "http://127.0.0.1/collections", extensions={"timeout": waits})
    sent: list[Any] = []
    qdrant._limit_waiting(request, sent.append)
    assert sent[0].extensions["timeout"] == {"connect": 5.0, "read": read_s, "write": 60.0, "pool": 60.0}


class _Forgetful(ExactIndex):
    """Counts what it cannot find any more, as a Chroma server does whose disk was full."""

    hidden: frozenset[str] = frozenset()

    def upsert(self, ids: Sequence[str], vectors: Vectors) -> None:
        super().upsert(ids, vectors)
        self.hidden -= set(ids)

    def query(self, vector: Vectors, k: int, **choices: Any) -> list[tuple[str, float]]:
        found = super().query(vector, k + len(self.hidden), **choices)
        return [(id_, cosine) for id_, cosine in found if id_ not in self.hidden][:k]


def test_a_sync_that_changes_nothing_notices_that_vectors_are_not_found_any_more(tmp_path: Path) -> None:
    given = _Forgetful()
    bench = Workbench(tmp_path)
    bench.options = replace(bench.options, vector_index=given)
    for number in range(8):
        bench.write(f"{number}.txt", f"alpha {number}")
    bench.sync()
    given.hidden = frozenset(sorted(given.ids())[:4])
    assert "4 of 8 sampled vectors do not find themselves" in bench.sync().rebuilt
    assert given.hidden == frozenset()
    assert bench.sync().rebuilt == ""


class _SilentWords:
    """A server whose first look for words fails, once another thread waits for its turn to look."""

    def __init__(self, ask_again: Callable[[], object]) -> None:
        self.looks = 0
        self.second = threading.Thread(target=ask_again)
        self._second_waits = threading.Event()

    @property
    def place(self) -> str:
        if threading.current_thread() is self.second:
            self._second_waits.set()
        return "qdrant+http://silent"

    def open_words(self, name: str) -> ServedWords | None:
        self.looks += 1
        if self.looks == 1:
            self.second.start()
            assert self._second_waits.wait(30)
        raise VectorServerError(self.place, f"does not answer for {name}")


def test_who_waited_for_another_to_look_in_vain_does_not_look_as_well(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    bench.write("1.txt", "alpha one")
    bench.options = replace(bench.options, vector_index="exact")
    bench.sync()
    ranked: list[dict[int, float]] = []

    def ask() -> None:
        ranked.append(search.rank(["alpha"], limit=5))

    server = _SilentWords(ask)
    with Store.open(bench.index) as store:
        take_prefix(store.database)
        WordTable(store.database).begin(WordCollection(server.place, "words", 2.0))
        search = WordSearch(store, bench.options, server)  # type: ignore[arg-type]  # what is asked of it
        ask()
        server.second.join()
    assert server.looks == 1
    assert ranked[0] == ranked[1]
    assert len(ranked[0]) == 1
