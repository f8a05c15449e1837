"""Requests byte by byte: what two readers would take for different requests, and what never ends."""

import json
import logging
import socket
import threading
import time
from contextlib import suppress

import pytest
from served import QUESTION, Endless, Script

from gpt4all_app.server import connections, security
from gpt4all_app.server.options import ServerOptions

PATH = "/v1/chat/completions"
LINE = f"POST {PATH} HTTP/1.1\r\n".encode()
HEAD = b"Host: localhost\r\nContent-Type: application/json\r\n"
BODY = json.dumps({"messages": QUESTION}).encode()
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def dial(server):
    line = socket.create_connection(("127.0.0.1", server.port))
    line.settimeout(60)
    return line


def answer_to(server, sent):
    """All that the server says until it hangs up."""
    with dial(server) as line:
        threading.Thread(target=_send, args=(line, sent), daemon=True).start()
        return _rest(line)


def _send(line, sent):
    with suppress(OSError):  # it was hung up on in the middle
        line.sendall(sent)


def drip(line, letter):
    """What the server says to a request that goes on and on, until it hangs up."""
    line.settimeout(0.05)
    answer = b""
    for _ in range(1000):
        try:
            line.sendall(letter)
            if not (part := line.recv(65536)):
                return answer
            answer += part
        except TimeoutError:
            continue
        except OSError:
            return answer
    pytest.fail("it was never hung up on")


def _rest(line):
    answer = b""
    with suppress(ConnectionResetError):  # what was still on its way to the server is nobody's any more
        while part := line.recv(65536):
            answer += part
    return answer


@pytest.mark.parametrize(
    "sent",
    [
        LINE + HEAD + LENGTH + CHUNKED + b"\r\n0\r\n\r\n" + SMUGGLED,
        LINE + HEAD + LENGTH + b"Content-Length: 4\r\n\r\n" + BODY + SMUGGLED,
        LINE + HEAD + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n" + SMUGGLED,
        LINE + HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        LINE + HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        LINE + HEAD + b"Content-Length: +4\r\n\r\n" + BODY + SMUGGLED,
        LINE + HEAD + b"Content-Length: -1\r\n\r\n" + SMUGGLED,
        LINE + HEAD + b"X: a\0b\r\n\r\n" + SMUGGLED,
        LINE + HEAD + b"Host: evil.example\r\n\r\n" + SMUGGLED,
        LINE + HEAD + b"X: " + b"a" * 3_000_000 + b"\r\n\r\n" + SMUGGLED,
        LINE + HEAD + b"X: a\r\n" * 100_000 + b"\r\n" + SMUGGLED,
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n" + SMUGGLED,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 500,
    ],
    ids=range(13),
)
def test_what_can_be_read_in_two_ways_is_refused_with_all_that_follows(running, sent):
    server = running()
    answer = answer_to(server, sent)
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert answer.startswith(b"HTTP/1.1 400") or not answer
    assert b"scripted" not in answer
    assert server.client.post(PATH, json={"messages": QUESTION}).status_code == 200


@pytest.mark.parametrize("chunk", [b"1;" + b"a" * 200_000, b"-1\r\n", b"F" * 30 + b"\r\n"])
def test_a_chunk_without_end_is_no_part_of_a_body(running, chunk):
    server = running()
    answer = answer_to(server, LINE + HEAD + CHUNKED + b"\r\n" + chunk)
    assert b"200 OK" not in answer
    assert server.client.post(PATH, json={"messages": QUESTION}).status_code == 200


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET http://evil.example/v1/models HTTP/1.1", 404),
        (b"CONNECT evil.example:80 HTTP/1.1", 404),
        (b"TRACE /v1/models HTTP/1.1", 405),
        (b"OPTIONS * HTTP/1.1", 404),
    ],
    ids=lambda value: value.split()[0].decode() if isinstance(value, bytes) else None,
)
def test_nothing_is_passed_on_or_sent_back(running, line, status):
    head = b"\r\nHost: localhost\r\nX-Secret: a secret\r\nConnection: close\r\n\r\n"
    answer = answer_to(running(), line + head)
    assert answer.startswith(b"HTTP/1.1 %d" % status)
    assert b"a secret" not in answer


@pytest.mark.parametrize(("host", "status"), [(b"localhost", 401), (b"evil.example", 403)])
def test_a_web_socket_comes_in_no_easier_than_any_request(running, host, status, caplog):
    server = running(options=ServerOptions(api_key="a secret"))
    with dial(server) as line:
        line.sendall(b"GET /v1/models HTTP/1.1\r\nHost: " + host + b"\r\n" + UPGRADE)
        assert line.recv(65536).startswith(b"HTTP/1.1 %d" % status)
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]


def test_a_key_is_asked_for_in_one_place_and_written_nowhere(running, caplog):
    server = running(options=ServerOptions(api_key="sesame"))
    with caplog.at_level(logging.DEBUG):
        for name in ("api_key", "key", "access_token", "Authorization"):
            assert server.client.get("/v1/models", params={name: "sesame"}).status_code == 401
        cookie = {"Cookie": "Authorization=Bearer sesame", "X-Api-Key": "sesame"}
        assert server.client.get("/v1/models", headers=cookie).status_code == 401
        known = {"Authorization": "Bearer sesame"}
        assert server.client.get("/v1/models", headers=known).status_code == 200
        assert "sesame" not in server.client.get("/metrics", headers=known).text
    ours = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert len(ours) >= 7
    assert "sesame" not in "".join(record.getMessage() for record in ours)


@pytest.mark.parametrize("sent", [b"", b"GET", LINE + HEAD], ids=["nothing", "a word", "half"])
def test_a_request_that_does_not_begin_is_hung_up_on(running, monkeypatch, sent):
    monkeypatch.setattr(connections, "LONGEST_HEAD_S", 0.2)
    assert answer_to(running(), sent) == b""


def test_a_request_that_begins_letter_by_letter_is_hung_up_on(running, monkeypatch):
    monkeypatch.setattr(connections, "LONGEST_HEAD_S", 0.2)
    with dial(running()) as line:
        assert drip(line, b"G") == b""


def test_a_long_answer_and_what_follows_it_are_not_hung_up_on(running, monkeypatch):
    monkeypatch.setattr(connections, "LONGEST_HEAD_S", 0.2)
    model = Endless()
    server = running(model)
    asked = {"messages": QUESTION, "stream": True}
    with server.client.stream("POST", PATH, json=asked) as answer:
        lines = answer.iter_lines()
        next(lines)
        time.sleep(0.5)
        assert server.client.get("/health").status_code == 200
        assert not model.left.acquire(blocking=False)  # the model still speaks: nobody hung up


def test_a_body_letter_by_letter_is_hung_up_on(running, monkeypatch):
    monkeypatch.setattr(security, "LONGEST_SILENCE_S", 0.3)
    with dial(running()) as line:
        line.sendall(LINE + HEAD + b"Content-Length: 1000000\r\n\r\n")
        answer = drip(line, b" ")
    assert answer.startswith(b"HTTP/1.1 408")


def test_answers_that_nobody_reads_keep_no_other_waiting(running):
    server = running(Script(["word " * 200_000]))
    asked = json.dumps({"messages": QUESTION, "stream": True}).encode()
    lines = [dial(server) for _ in range(8)]
    for line in lines:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.sendall(LINE + HEAD + b"Content-Length: %d\r\n\r\n" % len(asked) + asked)
    assert server.client.get("/health").status_code == 200
    for line in lines:
        line.close()
