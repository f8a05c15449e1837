"""What a child that hangs costs its parent: a bounded time, whatever it was asked."""

import asyncio
import os
import signal
import threading
import time

import pytest
from measured import wait_until

from gpt4all_core.errors import EngineClosed, EngineCrashed, GenerationTimeout
from gpt4all_core.isolated.engine import start_isolated
from gpt4all_core.isolated.patience import Clock, Patience
from gpt4all_core.open_model import EngineOptions
from gpt4all_core.types import GenerationParams

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="Windows cannot stop a process so")

OPTIONS = EngineOptions(context_size=2048, threads=1, isolate=True)
ENDLESS = GenerationParams(temperature=0)
SLACK_S = 20.0
"""What a busy machine may add."""


@pytest.fixture
def open_with(starter_model):
    """Opens an engine with the patience that is asked for."""
    engines = []

    def begin(**bounds):
        engine = start_isolated(starter_model, OPTIONS, patience=Patience(**bounds))
        engines.append(engine)
        return engine

    yield begin
    for engine in engines:
        engine._child.kill()
        engine.close()


def stop(engine):
    os.kill(engine.process_id, signal.SIGSTOP)


def submit(engine, timeout_s=None):
    return engine.submit([1, 2, 3], ENDLESS, constraint=None, timeout_s=timeout_s, keep_alive=None)


def is_running(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


async def collect(handle):
    return [piece async for piece in handle]


@pytest.mark.parametrize(
    "face",
    [
        lambda handle: handle.result(60),
        list,
        lambda handle: asyncio.run(handle.aresult()),
        lambda handle: asyncio.run(collect(handle)),
    ],
    ids=["result", "iteration", "aresult", "async iteration"],
)
def test_a_request_ends_when_its_time_is_up_although_the_child_hangs(open_with, face):
    engine = open_with(overdue_s=0.2)
    began = time.monotonic()
    handle = submit(engine, timeout_s=0.5)
    stop(engine)
    with pytest.raises(GenerationTimeout) as caught:
        face(handle)
    assert caught.value.timeout_s == 0.5
    assert 0.5 <= time.monotonic() - began < 0.7 + SLACK_S


def test_a_request_that_was_never_accepted_ends_in_time_too(open_with):
    engine = open_with(overdue_s=0.2)
    stop(engine)
    began = time.monotonic()
    with pytest.raises(GenerationTimeout):
        submit(engine, timeout_s=0.3)
    assert time.monotonic() - began < 0.5 + SLACK_S


def test_a_child_that_wakes_up_late_serves_the_next_request(open_with):
    engine = open_with(overdue_s=0.1)
    accepted = submit(engine, timeout_s=0.3)
    stop(engine)
    with pytest.raises(GenerationTimeout):
        submit(engine, timeout_s=0.1)
    with pytest.raises(GenerationTimeout):
        accepted.result(60)
    pieces = list(accepted._mailbox._pieces)
    os.kill(engine.process_id, signal.SIGCONT)
    assert next(iter(submit(engine))) is not None
    wait_until(lambda: not engine._mailboxes)
    assert list(accepted._mailbox._pieces) == pieces
    assert engine.is_open


def test_a_child_that_never_ends_an_overdue_request_is_killed(open_with):
    engine = open_with(overdue_s=0.1, answer_s=2)
    handle = submit(engine, timeout_s=0.1)
    patient = submit(engine)
    stop(engine)
    with pytest.raises(GenerationTimeout):
        handle.result(60)
    with pytest.raises(EngineCrashed, match=r"did not end a request within 2 s of its time"):
        patient.result(60)
    assert not is_running(engine.process_id)


@pytest.mark.parametrize(
    ("kind", "use"),
    [
        ("tokenize", lambda engine: engine.tokenize("x", parse_special=False)),
        ("read_facts", lambda engine: engine.facts),
        ("read_counters", lambda engine: engine.counters),
        ("compile", lambda engine: engine.compile_grammar('start: "x"')),
        ("submit", submit),
    ],
)
def test_a_child_that_gives_no_answer_is_killed(open_with, kind, use):
    engine = open_with(answer_s=0.5)
    stop(engine)
    began = time.monotonic()
    with pytest.raises(
        EngineCrashed, match=rf"gave no answer to '{kind}' within 0\.5 s; it was ended by SIGK"
    ):
        use(engine)
    assert time.monotonic() - began < 0.5 + SLACK_S
    assert not engine.is_open
    assert not is_running(engine.process_id)


def test_opening_a_model_may_take_longer_than_an_answer(open_with):
    assert open_with(answer_s=0.01).is_open


def test_a_child_that_hangs_is_killed_soon_after_its_last_sign_of_life(open_with):
    engine = open_with(silence_s=0.3, closing_s=300)
    handle = submit(engine)
    stop(engine)
    began = time.monotonic()
    engine.close()
    assert 0.3 <= time.monotonic() - began < 0.3 + SLACK_S
    assert not is_running(engine.process_id)
    with pytest.raises(EngineClosed) as caught:
        handle.result(60)
    assert type(caught.value) is EngineClosed


def test_beginning_to_close_is_enough_to_be_rid_of_it(open_with):
    engine = open_with(silence_s=0.2)
    stop(engine)
    engine.begin_close()
    wait_until(lambda: not is_running(engine.process_id))


SLOW_CLOSE = """
import sys, time
def slow():
    from gpt4all_core.open_engine import OpenEngine
    close = OpenEngine.close
    def close_slowly(self):
        time.sleep({seconds})
        close(self)
        print("closed in peace", file=sys.stderr, flush=True)
    OpenEngine.close = close_slowly
if "-m" in sys.orig_argv and "gpt4all_core.isolated_child" in sys.orig_argv:
    slow()
"""


@pytest.mark.parametrize(("seconds", "is_spared"), [(4, True), (300, False)])
def test_one_that_is_busy_closing_has_longer_but_not_for_ever(
    open_with, tmp_path, monkeypatch, seconds, is_spared
):
    (tmp_path / "sitecustomize.py").write_text(SLOW_CLOSE.format(seconds=seconds))
    monkeypatch.syspath_prepend(tmp_path)
    engine = open_with(silence_s=3, closing_s=120 if is_spared else 3.5)
    engine.close()
    assert (b"closed in peace" in engine._child._output) is is_spared
    assert not is_running(engine.process_id)


class TestClock:
    def test_alarms_ring_in_the_order_of_their_times_whatever_order_they_were_set_in(self):
        clock, rung, done = Clock(), [], threading.Event()
        clock.set(1, 0.2, done.set)
        clock.set(2, 0.1, lambda: rung.append(2))
        clock.set(3, 0.05, lambda: rung.append(3))
        clock.set(4, 0.01, lambda: rung.append(4))
        clock.set(4, 0.15, lambda: rung.append("later"))
        clock.set(5, 0.01, lambda: rung.append(5))
        clock.drop(5)
        clock.set(6, float("inf"), lambda: rung.append(6))
        assert done.wait(60)
        assert rung == [3, 2, "later"]
        clock.stop()

    def test_nothing_rings_once_it_is_stopped(self):
        clock, rung = Clock(), threading.Event()
        clock.set(1, 0.05, rung.set)
        clock.stop()
        assert not rung.wait(0.2)
