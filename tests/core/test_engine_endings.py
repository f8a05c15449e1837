"""What happens to requests that are given up, break, or meet the engine's end."""

import asyncio
import threading
import time

import numpy as np
import pytest
from engine_workbench import (
    GREEDY,
    PROMPTS,
    RANDOM,
    VOCABULARY,
    WordsMatcher,
    ask,
    check_accounts,
    running,
)
from interrupts import interrupting
from measured import wait_until

from gpt4all_core.engine.engine import Engine
from gpt4all_core.errors import EngineClosed, GenerationCancelled, GenerationError, OutputError
from gpt4all_core.testing import ScriptedBackend, follow
from gpt4all_core.types import GenerationParams, Usage

# Giving up


@pytest.fixture
def held():
    """An engine whose decodes wait for `gate`: (engine, backend, gate)."""
    gate = threading.Event()
    backend = ScriptedBackend(
        follow({"a": "x" * 100, "b": "y" * 100, "p" * 100: "z"}), sequences=1, batch_tokens=8, gate=gate
    )
    with running(backend) as engine:
        yield engine, backend, gate
        gate.set()


def test_a_waiting_request_can_be_cancelled(held):
    engine, backend, gate = held
    first, second = ask(engine, "a"), ask(engine, "b")
    second.cancel()
    gate.set()
    with pytest.raises(GenerationCancelled):
        second.result(60)
    assert first.result(60).text == "x" * 100
    check_accounts(engine, backend)


def test_a_prompt_can_be_cancelled_half_way(held):
    engine, backend, gate = held
    handle = ask(engine, "p" * 100)
    assert backend.decode_started.wait(60)
    handle.cancel()
    gate.set()
    with pytest.raises(GenerationCancelled):
        handle.result(60)
    check_accounts(engine, backend)
    assert engine.counters.decoded_tokens <= 16


@pytest.mark.parametrize("leave", ["break", "close", "drop", "cancel"])
def test_a_stream_that_is_left_frees_its_place(held, leave):
    engine, backend, gate = held
    gate.set()
    handle = ask(engine, "a")
    iterator = iter(handle)
    assert next(iterator) == "x"
    if leave == "break":
        for _ in handle:
            break
    elif leave == "close":
        iterator.close()
    elif leave == "cancel":
        handle.cancel()
    else:
        del handle, iterator
    assert ask(engine, "b").result(60).text == "y" * 100
    check_accounts(engine, backend)


def test_what_was_given_up_tells_what_it_cost_until_then(held):
    engine, _backend, gate = held
    left, kept = ask(engine, "p" * 100), ask(engine, "b")
    left.cancel()
    gate.set()
    with pytest.raises(GenerationCancelled):
        left.result(60)
    assert left.usage_so_far == Usage(100, 0)
    assert kept.result(60).usage == kept.usage_so_far


async def test_a_cancelled_task_frees_its_place(held):
    engine, backend, gate = held
    task = asyncio.create_task(ask(engine, "a").aresult())
    await asyncio.to_thread(backend.decode_started.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()
    assert (await ask(engine, "b").aresult()).text == "y" * 100


def test_an_event_loop_that_was_closed_in_the_middle_does_not_hang_the_engine(held):
    engine, _backend, gate = held
    loop = asyncio.new_event_loop()
    waiting = ask(engine, "a").aresult()
    task = loop.create_task(waiting)
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    gate.set()
    assert ask(engine, "b").result(60).text == "y" * 100
    task._log_destroy_pending = False
    waiting.close()


def test_cancelling_at_random_moments_loses_no_cell():
    backend = ScriptedBackend(cells=200, sequences=4)
    random = np.random.default_rng(5)
    with running(backend) as engine:
        for _ in range(60):
            handles = [
                ask(
                    engine,
                    "prompt " * int(random.integers(1, 8)),
                    GenerationParams(temperature=0, max_tokens=9),
                )
                for _ in range(3)
            ]
            time.sleep(float(random.random()) / 500)
            handles[0].cancel()
            next(iter(handles[1]), None)
        check_accounts(engine, backend)


# When things break


def test_a_decode_that_fails_ends_the_requests_of_its_batch_and_no_others():
    gate = threading.Event()
    backend = ScriptedBackend(fails_at={2}, gate=gate, sequences=2)
    with running(backend) as engine:
        handles = [ask(engine, prompt) for prompt in PROMPTS]
        gate.set()
        for handle in handles[:2]:
            with pytest.raises(GenerationError, match="scripted failure of decode call 2"):
                handle.result(60)
        for handle in handles[2:]:
            handle.result(60)
        check_accounts(engine, backend)


def test_what_a_decode_that_failed_left_behind_is_in_nobodys_way():
    class FailsHalfWay(ScriptedBackend):
        calls = 0

        def decode(self, batch):
            logits = super().decode(batch)
            self.calls += 1
            if self.calls == 1:
                raise GenerationError("the second part of the batch failed")
            return logits

    backend = FailsHalfWay(follow({"a prompt": "fine"}), sequences=1)
    with running(backend) as engine:
        with pytest.raises(GenerationError, match="second part"):
            ask(engine, "a prompt").result(60)
        check_accounts(engine, backend)
        assert ask(engine, "a prompt").result(60).text == "fine"


def test_a_backend_that_fails_again_and_again_closes_the_engine():
    gate = threading.Event()
    with running(ScriptedBackend(fails_at=range(2, 99), gate=gate, sequences=1)) as engine:
        handles = [ask(engine, prompt) for prompt in PROMPTS]
        gate.set()
        for handle in handles:
            with pytest.raises(GenerationError, match="scripted failure of decode call"):
                handle.result(60)
        with pytest.raises(EngineClosed, match=r"scripted failure of decode call 4.*open the model again"):
            ask(engine, "more")
        assert not engine.is_open


@pytest.mark.parametrize("fails_at", [0, 2])
def test_a_constraint_that_breaks_fails_only_its_own_request(fails_at):
    gate = threading.Event()
    with running(ScriptedBackend(follow({"q": "fine"}), gate=gate)) as engine:
        other = ask(engine, "q")
        broken = ask(engine, "q", matcher=WordsMatcher("text", fails_at=fails_at))
        gate.set()
        with pytest.raises(ZeroDivisionError):
            broken.result(60)
        assert other.result(60).text == ask(engine, "q").result(60).text == "fine"


@pytest.mark.parametrize("mask", [np.zeros(VOCABULARY.SIZE, dtype=bool), np.ones(3, dtype=bool)])
@pytest.mark.parametrize("params", [GREEDY, RANDOM])
def test_a_useless_mask_fails_only_its_own_request(mask, params):
    class Useless(WordsMatcher):
        def permits(self, token):
            return False

        def allowed(self):
            return mask

    with running(ScriptedBackend(follow({"q": "fine"}))) as engine:
        with pytest.raises((OutputError, ValueError, IndexError)):
            ask(engine, "q", params, matcher=Useless("x")).result(60)
        assert ask(engine, "q").result(60).text == "fine"


def test_closing_fails_what_is_running_and_waiting(held):
    engine, backend, gate = held
    handles = [ask(engine, "a"), ask(engine, "b")]
    assert backend.decode_started.wait(60)
    closing = threading.Thread(target=engine.close)
    closing.start()
    wait_until(lambda: not engine.is_open)
    gate.set()
    closing.join(60)
    for handle in handles:
        with pytest.raises(EngineClosed, match="the model was closed"):
            handle.result(60)
    engine.close()
    with pytest.raises(EngineClosed, match="open it again"):
        ask(engine, "a")


def test_closing_again_after_an_interrupt_waits_for_the_step_under_way(held):
    engine, backend, gate = held
    handle = ask(engine, "a")
    assert backend.decode_started.wait(60)
    with interrupting(), pytest.raises(KeyboardInterrupt):
        engine.close()
    closing = threading.Thread(target=engine.close)
    closing.start()
    closing.join(0.1)
    assert closing.is_alive()
    gate.set()
    closing.join(60)
    with pytest.raises(EngineClosed):
        handle.result(60)


def test_whatever_is_submitted_while_closing_gets_an_answer():
    for _ in range(20):
        engine = Engine(ScriptedBackend(), VOCABULARY, context_size=128).start()
        outcomes = []

        def submit(engine=engine, outcomes=outcomes):
            try:
                while True:
                    outcomes.append(ask(engine, "hello"))
            except EngineClosed:
                pass

        threads = [threading.Thread(target=submit) for _ in range(2)]
        for thread in threads:
            thread.start()
        time.sleep(0.001)
        engine.close()
        for thread in threads:
            thread.join(60)
        for handle in outcomes:
            try:
                handle.result(60)
            except EngineClosed:
                continue


def test_what_the_backend_stands_on_goes_after_it():
    order = []

    class Backend(ScriptedBackend):
        def close(self):
            super().close()
            order.append("backend")

    engine = Engine(Backend(), VOCABULARY, context_size=8, on_closed=lambda: order.append("weights")).start()
    engine.close()
    engine.close()
    assert order == ["backend", "weights"]
