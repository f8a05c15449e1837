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
threading.Event().wait(20)  # the signal may come after all was done
"""


@pytest.mark.parametrize("delay_s", [0, 0.01, 0.1])
@pytest.mark.parametrize("name", ["llama_model_load_from_file", "llama_init_from_model"])
def test_ctrl_c_ends_a_program_that_loads_a_model(starter_model, name, delay_s):
    command = [sys.executable, "-c", PROGRAM, str(starter_model), name, str(delay_s)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
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


def send_when(event):
    """Ctrl-C for this process, once the event is set."""

    def wait_and_send():
        event.wait(10)
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
            assert unwanted.wait(10)
            time.sleep(0.05)
            return "made"

        send_when(began)
        with pytest.raises(KeyboardInterrupt):
            interruptible(call, discard=discarded.append)
        assert discarded == ["made"]

    def test_a_second_ctrl_c_does_not_wait_but_the_result_is_discarded_all_the_same(self):
        began, told, may_end, discarded = (threading.Event() for _ in range(4))

        def call(unwanted):
            began.set()
            unwanted.wait(10)
            told.set()
            may_end.wait(10)

        send_when(began)
        send_when(told)
        with pytest.raises(KeyboardInterrupt):
            interruptible(call, discard=lambda _result: discarded.set())
        assert not discarded.is_set()
        may_end.set()
        assert discarded.wait(10)

    def test_an_interrupted_call_that_fails_leaves_the_interruption(self):
        began = threading.Event()

        def call(unwanted):
            began.set()
            unwanted.wait(10)
            raise ModelLoadError("stopped", path=None)

        send_when(began)
        with pytest.raises(KeyboardInterrupt):
            interruptible(call, discard=pytest.fail)
