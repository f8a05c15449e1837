import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from served import QUESTION
from shelf import LEAVE, TRAVEL, told

PROGRAM = Path(__file__).with_name("worker_server.py")


class Workers:
    """A server with two workers, and clients that reach one of them by connecting until they do."""

    def __init__(self, directory, *, count=2):
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, directory, str(count)], stderr=subprocess.PIPE, text=True
        )
        self.gate = directory / "gate"
        self._clients = []
        self.url = next(
            (found[1] for line in self.process.stderr if (found := re.search(r"listening on (\S+)", line))),
            None,
        )
        assert self.url, "the server ended"

    def client(self, but=()):
        """A client whose connection is to a worker that is none of these, and its process."""
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            client = httpx.Client(base_url=self.url, timeout=60)
            self._clients.append(client)
            worker = int(client.get("/health").headers["x-worker"])
            if worker not in but:
                return client, worker
        raise AssertionError(f"nobody answers but {but}")

    def end(self, number):
        """What the program wrote, once nothing of it is left: its streams end with its last process."""
        self.process.send_signal(number)
        return self.process.communicate(timeout=60)[1]

    def close(self):
        for client in self._clients:
            client.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()  # its workers see that, and end


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    workers = Workers(tmp_path_factory.mktemp("workers"))
    yield workers
    workers.close()


def test_what_one_worker_indexes_the_other_hears_of_and_finds(workers):
    one, first = workers.client()
    other, _ = workers.client(but=[first])
    assert one.post("/v1/collections", json={"id": "papers"}).status_code == 201
    files = [("files", ("leave.txt", LEAVE)), ("files", ("travel.txt", TRAVEL))]
    assert other.post("/v1/collections/papers/files", files=files).status_code == 200
    workers.gate.touch()
    with ThreadPoolExecutor() as threads:
        running = threads.submit(one.post, "/v1/collections/papers/sync", json={"stream": True})
        while other.get("/v1/collections/papers").json()["status"] != "syncing":
            pass
        waiting = threads.submit(other.post, "/v1/collections/papers/sync", json={"stream": True})
        time.sleep(0.5)  # in which it hears of the other one
        workers.gate.unlink()
        *_, (_, made) = told(running.result())
        *heard, (name, report) = told(waiting.result())
    assert running.result().headers["x-worker"] == str(first)
    assert (made["added"], name, report["unchanged"]) == (2, "report", 2)
    phases = [progress["phase"] for _, progress in heard]
    assert {"load", "embed"} & set(phases[: phases.index("scan")])
    found = [client.post("/v1/chunks", json={"text": "leave"}).json() for client in (one, other)]
    assert found[0] == found[1]
    assert found[0]["data"][0]["document"]["doc_metadata"]["file_name"] == "leave.txt"


def test_a_sync_is_stopped_through_the_other_worker(workers):
    one, first = workers.client()
    other, _ = workers.client(but=[first])
    one.post("/v1/collections", json={"id": "letters"})
    files = [("files", (f"{number}.txt", f"letter {number}".encode())) for number in range(3)]
    one.post("/v1/collections/letters/files", files=files)
    workers.gate.touch()
    with ThreadPoolExecutor() as threads:
        running = threads.submit(one.post, "/v1/collections/letters/sync", json={})
        while not other.delete("/v1/collections/letters/sync").json()["stopped"]:
            pass
        workers.gate.unlink()
        assert running.result().json()["stopped"]
    assert not other.post("/v1/collections/letters/sync", json={}).json()["stopped"]


def counted(client):
    """How many requests for models were answered, by the numbers that this client's worker tells."""
    lines = client.get("/metrics").text
    return float(
        re.search(r'gpt4all_http_requests_total\{method="GET",path="/v1/models",status="200"\} (\S+)', lines)[
            1
        ]
    )


def test_whichever_worker_is_asked_tells_what_all_of_them_counted(workers):
    one, first = workers.client()
    other, _ = workers.client(but=[first])
    for client in (one, other, other):
        assert client.get("/v1/models").status_code == 200
    assert counted(one) == counted(other) == 3
    for client in (one, other):
        assert client.post("/v1/chat/completions", json={"messages": QUESTION}).status_code == 200
    for client in (one, other):
        told = client.get("/metrics").text
        assert 'gpt4all_engine_requests_total{model="scripted"} 2.0' in told
        assert 'gpt4all_engine_threads{model="scripted"} 2.0' in told


def test_a_worker_that_is_killed_is_replaced_and_others_notice_nothing(workers):
    _, first = workers.client()
    other, second = workers.client(but=[first])
    body = {"messages": QUESTION}

    def ask():
        """Which worker answered; none where it was killed meanwhile."""
        try:
            answer = httpx.post(f"{workers.url}/v1/chat/completions", json=body, timeout=60)
        except httpx.TransportError:
            return None
        assert answer.status_code == 200
        return int(answer.headers["x-worker"])

    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(ask) for _ in range(60)]
        asked[20].result()
        os.kill(first, signal.SIGKILL)
        answered = [each.result() for each in asked]
        # No more than four were under way, of which some were with the one that was killed.
        assert answered.count(None) <= 4
        assert answered.count(second) > 0
    assert other.post("/v1/chat/completions", json=body).status_code == 200
    replaced, third = workers.client(but=[first, second])
    assert replaced.post("/v1/chunks", json={"text": "leave"}).status_code == 200
    assert third not in (first, second)
    assert counted(other) >= 3  # what the killed one had counted stays


def test_ctrl_c_ends_all_workers(workers):
    written = workers.end(signal.SIGINT)
    assert workers.process.returncode == 130
    assert "Traceback" not in written


def test_no_worker_outlives_a_server_that_is_killed(tmp_path):
    server = Workers(tmp_path, count=1)
    try:
        server.end(signal.SIGKILL)  # and with it all that has its streams
    finally:
        server.close()
