"""An address that sends the bytes that a test wrote for it, whatever it is asked, and may hang up or hang."""

import json
import socket
import threading
from contextlib import suppress

LISTED = {"data": [{"id": "remote", "owned_by": "somebody"}]}


def answer(status, told, *headers):
    """A whole answer in JSON."""
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    lines = [
        f"HTTP/1.1 {status} X",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def events(*told, ending=b"data: [DONE]\n\n"):
    """A stream of events, whose length is not told: it ends where the connection does."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    lines = [event if isinstance(event, bytes) else json.dumps(event).encode() for event in told]
    return head + b"".join(b"data: " + line + b"\n\n" for line in lines) + ending


def delta(reason=None, **said):
    """One event of a chat's stream."""
    return {"choices": [{"index": 0, "delta": said, "finish_reason": reason}]}


class RawEndpoint:
    """answers: by path, a list of bytes, one for each request and the last for all further ones.

    holds: paths whose connection stays open after the bytes until the client leaves it; `left` then is set.
    """

    def __init__(self, answers, *, holds=()):
        self.asked = []
        self.left = threading.Event()
        self._answers = {"/v1/models": [answer(200, LISTED)], **answers}
        self._holds = holds
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def answer_models(self, *models):
        self._answers["/v1/models"] = [answer(200, {"data": list(models)})]

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join()

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection):
        with connection, connection.makefile("rb") as reading, suppress(OSError):
            head = [line.decode().strip() for line in iter(reading.readline, b"\r\n") if line]
            fields = dict(line.lower().split(": ", 1) for line in head[1:])
            body = reading.read(int(fields.get("content-length", 0)))
            path = head[0].split()[1]
            with self._lock:
                self.asked.append((path, fields, json.loads(body) if body else None))
                left = self._answers[path]
                sent = left.pop(0) if len(left) > 1 else left[0]
            connection.sendall(sent)
            if path in self._holds:
                reading.read()
                self.left.set()
