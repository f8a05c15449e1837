"""Two of everything in one process, as two workers have it: they share nothing but a directory."""

import asyncio
import subprocess
import sys
import threading

import pytest

from gpt4all_app.server.errors import RequestRefused
from gpt4all_app.server.shared_turn import SharedTurn
from gpt4all_app.server.sync_runs import SyncRuns
from gpt4all_localdocs.sync_progress import SyncProgress
from gpt4all_localdocs.types import SyncReport


@pytest.fixture
def turns(tmp_path):
    return SharedTurn(tmp_path, "sync"), SharedTurn(tmp_path, "sync")


class Worker:
    """Syncs of one worker; each ends when it is let or stopped."""

    def __init__(self, turn):
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.count = 0
        self.runs = SyncRuns(self.sync, turn=turn)

    def sync(self, on_progress, stop):
        self.count += 1
        on_progress(SyncProgress("load", 1, 2, path=None))
        self.begun.set()
        while not (self.may_end.wait(0.01) or stop.is_set()):
            pass
        return SyncReport(files=(), is_stopped=stop.is_set())


@pytest.fixture
def workers(turns):
    workers = [Worker(turn) for turn in turns]
    yield workers
    for worker in workers:
        worker.runs.close()


def reported(worker, run):
    return asyncio.run(asyncio.wait_for(worker.runs.report(run), 60))


async def heard(worker, run, phase):
    """The first progress of this phase that a worker tells."""
    async for progress in worker.runs.progress(run):
        if progress.phase == phase:
            return progress
    raise AssertionError(f"{phase} was never told")


def test_one_worker_hears_how_far_the_sync_of_another_is_and_syncs_when_that_is_done(workers):
    first, second = workers
    running = first.runs.request()
    assert first.begun.wait(60)
    assert second.runs.is_running
    waiting = second.runs.request()
    assert asyncio.run(heard(second, waiting, "load")) == SyncProgress("load", 1, 2)
    assert second.runs.request() is waiting  # it has not looked yet, whatever the other one has
    assert second.count == 0
    first.may_end.set()
    second.may_end.set()
    assert not reported(first, running).is_stopped
    assert not reported(second, waiting).is_stopped
    assert second.count == 1
    assert not first.runs.is_running


def test_a_sync_is_stopped_through_another_worker_and_so_are_those_that_wait(workers):
    first, second = workers
    running = first.runs.request()
    assert first.begun.wait(60)
    waiting = second.runs.request()
    assert second.runs.stop()
    assert reported(first, running).is_stopped
    assert reported(second, waiting).is_stopped
    assert second.count == 0
    first.may_end.set()
    assert not reported(first, first.runs.request()).is_stopped


HOLD = """
import sys, time
from pathlib import Path
from gpt4all_app.server.shared_turn import SharedTurn
with SharedTurn(Path(sys.argv[1]), "sync").taken() as _:
    SharedTurn(Path(sys.argv[1]), "sync").tell("half of it")
    print("taken", flush=True)
    time.sleep(600)
"""


def test_the_turn_of_a_process_that_is_killed_is_free(tmp_path):
    turn = SharedTurn(tmp_path, "sync")
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout.readline() == b"taken\n"
            assert (turn.is_taken, turn.news) == (True, "half of it")
            with pytest.raises(RequestRefused, match="wait"), turn.taken(timeout_s=0, refusal="wait"):
                pass
        finally:
            holder.kill()
    assert (turn.is_taken, turn.news) == (False, "")
    with turn.taken(timeout_s=0):
        assert turn.is_taken


def test_a_thread_of_the_same_process_waits_too(turns):
    turn, other = turns
    for held in (turn, other):
        with turn.taken(), pytest.raises(RequestRefused), held.taken(timeout_s=0):
            pass


def test_what_waits_may_give_up(turns):
    turn, other = turns

    def give_up():
        raise InterruptedError

    with turn.taken(), pytest.raises(InterruptedError), other.taken(while_waiting=give_up):
        pass
    assert not turn.is_taken
