"""`gpt4all models pull` in processes of their own, against a mirror of the Hub on loopback."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from model_server import CONTENT, serving

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"]), pytest.mark.timeout(100)]

TOKEN = "hf_" + "a" * 34
HALF = len(CONTENT) // 2


@pytest.fixture
def server():
    with serving() as repository:
        repository.token = TOKEN
        yield repository


@pytest.fixture
def pull(server, tmp_path):
    def start():
        settings = {"HF_ENDPOINT": server.address, "HF_TOKEN": TOKEN, "GPT4ALL_HOME": str(tmp_path)}
        return subprocess.Popen(
            [sys.executable, "-m", "gpt4all_app", "models", "pull", "hf:owner/repo", "--json"],
            env=os.environ | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def finish(process):
    """The exit code and the document."""
    out, _ = process.communicate(timeout=60)
    return process.returncode, json.loads(out) if out else None


class HalfWay:
    """A fault: half of the file, then nothing until it may go on."""

    def __init__(self, folder):
        self.folder = folder
        self.may_go_on = threading.Event()

    def __call__(self, handler, content, start):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[:HALF])
        handler.wfile.flush()
        if self.may_go_on.wait(60):
            handler.wfile.write(content[HALF:])

    def wait_until_there(self, process):
        while not any(path.stat().st_size == HALF for path in self.folder.rglob("*.part")):
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)


def test_a_pull_that_was_killed_goes_on_in_the_next_process(server, pull, tmp_path):
    half_way = HalfWay(tmp_path)
    server.faults.append(half_way)
    first = pull()
    half_way.wait_until_there(first)
    first.kill()
    assert finish(first) == (-signal.SIGKILL, None)
    server.requests.clear()
    code, document = finish(pull())
    assert (code, Path(document["path"]).read_bytes(), document["checked_by"]) == (0, CONTENT, "sha256")
    assert server.byte_requests() == [f"bytes={HALF}-"]
    tokens = {("/files/" in path, token) for _, path, _, token in server.requests}
    assert tokens == {(False, f"Bearer {TOKEN}"), (True, None)}


def test_of_two_processes_one_fetches_and_the_other_finds_it(server, pull, tmp_path):
    half_way = HalfWay(tmp_path)
    server.faults.append(half_way)
    first = pull()
    half_way.wait_until_there(first)
    second = pull()
    assert "another process fetches this model" in second.stderr.readline()
    half_way.may_go_on.set()
    (first_code, first_document), (second_code, second_document) = finish(first), finish(second)
    assert (first_code, second_code) == (0, 0)
    assert first_document["path"] == second_document["path"]
    assert len(server.byte_requests()) == 1
