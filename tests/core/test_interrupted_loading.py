"""Ctrl-C while llama.cpp loads: it ends the program, frees what was made, and says nothing else."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from gpt4all_core.engine.llama import weights
from gpt4all_core.engine.llama.native_call import interruptible
from gpt4all_core.errors import ModelLoadError

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "pthread_kill"), reason="Windows sends Ctrl-C to whole groups of processes"
)

PROGRAM = """
import os, signal, sys, threading
from gpt4all_core import LocalModel
from gpt4all_core.engine.llama.library import api

path, name, delay_s = sys.argv[1], sys.argv[2], float(sys.argv[3])
native = getattr(api, name)

def begin(*arguments):
    threading.Timer(delay_s, os.kill, (os.getpid(), signal.SIGINT)).start()
    return native(*arguments)

setattr(api, name, begin)
LocalModel(path, context_size=4096).open()
threading.Event().wait(60)  # the signal may come after all was done
"""


@pytest.mark.parametrize("delay_s", [0, 0.01, 0.1])
@pytest.mark.parametrize("name", ["llama_model_load_from_file", "llama_init_from_model"])
def test_ctrl_c_ends_a_program_that_loads_a_model(starter_model, name, delay_s):
    command = [sys.executable, "-c", PROGRAM, str(starter_model), name, str(delay_s)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == -signal.SIGINT
    lines = ended.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "KeyboardInterrupt"
    assert ended.stderr.count("Traceback") == 1
    assert "ignored" not in ended.stderr
    assert ended.stdout == ""


def test_loading_stops_early_once_nobody_wants_the_model(starter_model):
    unwanted = threading.Event()
    unwanted.set()
    with pytest.raises(ModelLoadError):
        weights._load(starter_model, (), 0, unwanted)


def wait_for(event):
    """Wait until the event is set, looking at it: a signal that comes just before the main thread sleeps
    on a lock is handled only when the lock's time is over.
    """
    ends = time.monotonic() + 60
    while not event.is_set():
        assert time.monotonic() < ends
        time.sleep(0.005)


def send_when(event):
    """Ctrl-C for this process, once the event is set."""

    def wait_and_send():
        event.wait(60)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    threading.Thread(target=wait_and_send).start()


class TestInterruptible:
    def test_the_result_and_the_error_are_those_of_the_call(self):
        discarded = []
        assert interruptible(lambda _unwanted: 7, discard=discarded.append) == 7
        with pytest.raises(ModelLoadError, match="such"):
            interruptible(self.fail, discard=discarded.append)
        assert discarded == []

    @staticmethod
    def fail(_unwanted):
        raise ModelLoadError("such", path=None)

    def test_an_interrupted_call_is_told_waited_for_and_its_result_discarded(self):
        began, discarded = threading.Event(), []

        def call(unwanted):
            began.set()
            wait_for(unwanted)
            time.sleep(0.05)
            return "made"

        send_when(began)
        with pytest.raises(KeyboardInterrupt):
            interruptible(call, discard=discarded.append)
        assert discarded == ["made"]

    def test_a_handler_of_the_programs_own_is_called_after_the_call(self):
        noted, discarded = [], []
        before = signal.signal(signal.SIGINT, lambda number, _frame: noted.append(number))
        began = threading.Event()

        def call(unwanted):
            began.set()
            time.sleep(0.1)
            assert noted == []
            return not unwanted.is_set()

        try:
            send_when(began)
            assert interruptible(call, discard=discarded.append)
        finally:
            signal.signal(signal.SIGINT, before)
        assert (noted, discarded) == ([signal.SIGINT], [])

    def test_the_handler_is_back_afterwards_whatever_happened(self):
        before = signal.getsignal(signal.SIGINT)
        with pytest.raises(ModelLoadError):
            interruptible(self.fail, discard=pytest.fail)
        assert interruptible(lambda _unwanted: 7, discard=pytest.fail) == 7
        assert signal.getsignal(signal.SIGINT) is before

    def test_an_interrupted_call_that_fails_leaves_the_interruption(self):
        began = threading.Event()

        def call(unwanted):
            began.set()
            wait_for(unwanted)
            raise ModelLoadError("stopped", path=None)

        send_when(began)
        with pytest.raises(KeyboardInterrupt):
            interruptible(call, discard=pytest.fail)
