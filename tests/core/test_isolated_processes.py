"""What isolation promises of processes, and what it makes of a child that lies."""

import gc
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from measured import wait_until

from gpt4all_core import LocalModel
from gpt4all_core.errors import EngineCrashed
from gpt4all_core.isolated.child_process import Ending
from gpt4all_core.isolated.engine import IsolatedEngine
from gpt4all_core.isolated.failures import Failure
from gpt4all_core.isolated.messages import (
    Accepted,
    Compiled,
    Failed,
    Reply,
    Text,
    Tokens,
    read_request,
    reply_frame,
)
from gpt4all_core.model_pool import pool
from gpt4all_core.types import GenerationParams, Message, Piece

SHORT = GenerationParams(temperature=0, max_tokens=4)
ENDLESS = GenerationParams(temperature=0)
HELLO = [Message("user", "Hello")]

PROGRAM = """
import os, sys, time, warnings
warnings.simplefilter("ignore")  # later Pythons warn about a fork with threads, which is the point here
from gpt4all_core import GenerationParams, LocalModel, Message
model = LocalModel(sys.argv[1], isolate=True, context_size=256, threads=1)
reply = model.chat([Message("user", "Count.")], GenerationParams(temperature=0))
next(iter(reply))
reply = model.chat([Message("user", "Count.")], GenerationParams(temperature=0))
"""


@pytest.fixture
def run(starter_model):
    """Starts a program with an isolated model and a request in flight; gives it and its first line."""
    started = []

    def begin(rest):
        command = [sys.executable, "-c", PROGRAM + rest, str(starter_model)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        started.append(process)
        return process, process.stdout.readline().strip()

    yield begin
    for process in started:
        process.stdout.close()
        process.kill()
        process.wait()


def is_running(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    # One whose parent died is buried by somebody else, some time.
    status = Path(f"/proc/{process_id}/stat")
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def wait_until_gone(process_id):
    wait_until(lambda: not is_running(process_id), "the end of the child")


PRINT_CHILD = "print(model.open()._opened.process_id, flush=True)\n"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT], ids=lambda number: number.name)
def test_the_child_dies_with_its_parent(run, number):
    parent, child = run(PRINT_CHILD + "time.sleep(60)\n")
    assert is_running(int(child))
    parent.send_signal(number)
    wait_until_gone(int(child))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_fork_that_lives_on_does_not_keep_the_child_alive(run):
    parent, line = run(
        """
fork = os.fork()
if fork == 0:
    time.sleep(30)
    os._exit(0)
print(model._opened.process_id, fork, flush=True)
time.sleep(60)
"""
    )
    child, fork = map(int, line.split())
    try:
        parent.kill()
        wait_until_gone(child)
        assert is_running(fork)
    finally:
        os.kill(fork, signal.SIGKILL)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_forked_child_is_refused_at_once_and_the_parent_goes_on(run):
    parent, line = run(
        """
from gpt4all_core.errors import EngineClosed
engine = model._opened
fork = os.fork()
if fork == 0:
    refused = not engine.is_open
    for use in (lambda: engine.tokenize("x", parse_special=False), lambda: model.count_tokens("x")):
        try:
            use()
            refused = False
        except EngineClosed:
            pass
    engine.close()
    os._exit(0 if refused else 1)
status = os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1])
answer = model.complete("x", GenerationParams(max_tokens=2)).result(60)
print(status, answer.usage.completion_tokens, flush=True)
"""
    )
    assert line == "0 2"
    assert parent.wait(60) == 0


def test_the_end_of_the_program_is_the_end_of_the_child(run):
    parent, child = run(PRINT_CHILD)
    assert parent.wait(60) == 0
    wait_until_gone(int(child))


def test_the_weights_and_llama_cpp_stay_out_of_this_process(run, tmp_path, monkeypatch):
    home = tmp_path / "own"  # where the starter model's copy is still to be made
    monkeypatch.setenv("GPT4ALL_HOME", str(home))
    _parent, line = run(
        'print([name for name in sys.modules if name.split(".")[0] == "llama_cpp"], flush=True)\n'
    )
    assert line == "[]"
    [copy] = home.rglob("*.gguf")
    copy.unlink()  # pytest keeps the folders of three runs


def test_after_a_crash_the_next_request_is_served_by_a_new_child(starter_model):
    gc.collect()  # models of earlier tests that nobody holds any more
    before = pool.open_count
    engine = {"context_size": 256, "threads": 1, "isolate": True, "reproducible": True}
    with LocalModel(starter_model, **engine) as model:
        text = model.chat(HELLO, SHORT).result().text
        assert pool.open_count == before + 1  # no weights beside it
        with LocalModel(starter_model) as in_process:
            assert model.token_ids("Grüße!") == in_process.token_ids("Grüße!")
        first = model._opened
        handle = model.chat(HELLO, ENDLESS)
        os.kill(first.process_id, signal.SIGABRT)
        with pytest.raises(EngineCrashed, match="SIGABRT"):
            handle.result(60)
        assert model.chat(HELLO, SHORT).result().text == text
        second = model._opened
        assert second.process_id != first.process_id
        assert pool.open_count == before + 1
    assert not is_running(second.process_id)


class LyingChild:
    """Answers what a test tells it to; `script` gets each request and gives bytes."""

    pid = 0

    def __init__(self, script):
        self._requests_end, requests = os.pipe()
        replies, self._replies_end = os.pipe()
        self.requests = os.fdopen(requests, "wb")
        self.replies = os.fdopen(replies, "rb")
        self._script = script
        self.was_killed = False

    def serve(self):
        with os.fdopen(self._requests_end, "rb") as requests, os.fdopen(self._replies_end, "wb") as replies:
            while (request := read_request(requests)) is not None:
                for reply in self._script(request):
                    replies.write(reply_frame(reply) if isinstance(reply, Reply) else reply)
                    replies.flush()

    def kill(self):
        self.was_killed = True

    def bury(self, patience_s):
        self.replies.close()
        return Ending(0, "was buried")


def submit(engine):
    return engine.submit([1], SHORT, constraint=None, timeout_s=None, keep_alive=None)


@pytest.mark.parametrize(
    ("use", "script"),
    [
        (lambda engine: engine.facts, lambda request: [Tokens(request.number, [1])]),
        (lambda engine: engine.tokenize("x", parse_special=False), lambda _request: [Tokens(99, [1])]),
        (lambda engine: engine.counters, lambda request: [Accepted(request.number)]),
        (lambda engine: engine.compile_grammar("x"), lambda _request: [b"\x80\x04\x95 pickled?"]),
        (lambda engine: engine.compile_grammar("x"), lambda _request: [b"\0\0\0\x05[1,2]"]),
        (lambda engine: engine.compile_grammar("x"), lambda _request: [Failed(7, Failure("X", "x", {}))]),
        (
            lambda engine: submit(engine).result(60),
            lambda request: [Accepted(request.number), Text(99, Piece("x"))],
        ),
        (
            lambda engine: submit(engine).result(60),
            lambda request: [Accepted(request.number), Compiled(request.number)],
        ),
    ],
)
def test_a_child_that_breaks_the_rules_is_killed_and_nobody_waits(tmp_path, use, script):

    child = LyingChild(script)
    threading.Thread(target=child.serve, daemon=True).start()
    engine = IsolatedEngine(tmp_path / "m.gguf", child)
    with pytest.raises(EngineCrashed, match="broke the rules"):
        use(engine)
    assert child.was_killed
    assert not engine.is_open
    engine.close()
