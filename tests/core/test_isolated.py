import asyncio
import os
import signal
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from measured import wait_until

from gpt4all_core.errors import (
    ConfigError,
    ContextOverflow,
    EngineClosed,
    EngineCrashed,
    GenerationCancelled,
    GenerationTimeout,
    ModelLoadError,
    UnsupportedSchema,
)
from gpt4all_core.isolated.engine import start_isolated
from gpt4all_core.open_engine import start_engine
from gpt4all_core.open_model import EngineOptions
from gpt4all_core.types import GenerationParams

OPTIONS = EngineOptions(context_size=256, threads=1, isolate=True, reproducible=True)
GREEDY = GenerationParams(temperature=0, max_tokens=12)
ENDLESS = GenerationParams(temperature=0, max_tokens=200)
PROMPT = "The capital of France is"


@pytest.fixture(scope="module")
def isolated(starter_model):
    engine = start_isolated(starter_model, OPTIONS)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def in_process(starter_model):
    engine = start_engine(starter_model, OPTIONS)
    yield engine
    engine.close()


@pytest.fixture
def mortal(starter_model):
    """One that a test may kill."""
    engine = start_isolated(starter_model, OPTIONS)
    yield engine
    engine.close()


def ask(engine, prompt=PROMPT, params=GREEDY, constraint=None):
    tokens = engine.tokenize(prompt, parse_special=False)
    return engine.submit(tokens, params, constraint=constraint, timeout_s=None, keep_alive=None)


def is_running(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def decodes_no_more(engine):
    before = engine.counters.decoded_tokens
    time.sleep(0.15)
    return engine.counters.decoded_tokens == before


def test_it_is_the_model_that_it_is_in_this_process(isolated, in_process):
    assert isolated.facts == in_process.facts
    for text in ("plain", "é 日本語", "<|im_end|>", "\ud800 alone", "\x00"):
        for parse_special in (False, True):
            expected = in_process.tokenize(text, parse_special=parse_special)
            assert isolated.tokenize(text, parse_special=parse_special) == expected
    there, here = ask(isolated).result(), ask(in_process).result()
    assert (there.text, there.finish_reason) == (here.text, here.finish_reason)
    assert there.usage.completion_tokens == here.usage.completion_tokens == 12


def test_pieces_come_one_by_one_and_add_up_to_the_text(isolated):
    handle = ask(isolated)
    pieces = list(handle)
    assert len(pieces) > 3
    assert "".join(pieces) == handle.result().text


def test_threads_and_event_loops_ask_at_once_and_each_gets_its_own_answer(isolated):
    answers = [f"answer number {number} of many" for number in range(6)]
    grammars = {answer: isolated.compile_grammar(f'start: "{answer}"') for answer in answers}

    def begin(answer):
        return ask(isolated, f"Say {answer}:", constraint=grammars[answer])

    async def stream(answer):
        return "".join([piece async for piece in begin(answer)])

    async def await_result(answer):
        return (await begin(answer).aresult()).text

    async def gather(face):
        return await asyncio.gather(*map(face, answers))

    with ThreadPoolExecutor(8) as threads:
        loops = [threads.submit(asyncio.run, gather(face)) for face in (stream, await_result)]
        results = [threads.submit(lambda answer=answer: begin(answer).result()) for answer in answers]
        assert [future.result(60).text for future in results] == answers
        assert [future.result(60) for future in loops] == [answers, answers]


def test_cancelling_reaches_the_child(isolated):
    handle = ask(isolated, params=ENDLESS)
    next(iter(handle))
    handle.cancel()
    assert handle.usage_so_far.prompt_tokens > 0
    with pytest.raises(GenerationCancelled):
        handle.result(60)
    assert decodes_no_more(isolated)


def test_leaving_an_iteration_early_and_dropping_a_handle_cancel(isolated):
    for _piece in ask(isolated, params=ENDLESS):
        break
    wait_until(lambda: decodes_no_more(isolated))
    dropped = ask(isolated, params=ENDLESS)
    del dropped
    wait_until(lambda: decodes_no_more(isolated))


def test_a_result_that_takes_too_long_cancels(isolated):
    with pytest.raises(GenerationCancelled):
        ask(isolated, params=ENDLESS).result(timeout_s=0.001)
    wait_until(lambda: decodes_no_more(isolated))


def test_what_lives_with_a_handle_is_let_go_with_it(isolated):
    class Something:
        pass

    thing = Something()
    gone = threading.Event()
    weakref.finalize(thing, gone.set)
    handle = isolated.submit([1, 2, 3], GREEDY, constraint=None, timeout_s=None, keep_alive=thing)
    del thing
    handle.result()
    assert not gone.is_set()
    del handle
    assert gone.wait(60)


@pytest.mark.parametrize(
    ("tokens", "params", "error"),
    [
        ([], GREEDY, ConfigError),
        ([10**6], GREEDY, ConfigError),
        ([1], GenerationParams(temperature=-1), ConfigError),
        ([1], GenerationParams(stop="x"), ConfigError),
        ([1] * 256, GREEDY, ContextOverflow),
    ],
)
def test_what_is_refused_in_this_process_is_refused_there_in_the_same_words(
    isolated, in_process, tokens, params, error
):
    refusals = []
    for engine in (isolated, in_process):
        with pytest.raises(error) as caught:
            engine.submit(tokens, params, constraint=None, timeout_s=None, keep_alive=None)
        assert type(caught.value) is error
        refusals.append((str(caught.value), vars(caught.value)))
    assert refusals[0] == refusals[1]


class TestConstraints:
    def test_a_grammar_is_kept_to(self, isolated):
        constraint = isolated.compile_grammar('start: "blue" | "green"')
        for _ in range(2):
            assert ask(isolated, constraint=constraint).result().text in ("blue", "green")

    def test_a_grammar_that_cannot_be_is_refused(self, isolated):
        with pytest.raises(UnsupportedSchema, match="cannot be enforced"):
            isolated.compile_grammar("start: nothing_of_that_name")

    def test_one_that_outlived_its_child_is_compiled_anew(self, isolated, mortal):
        constraint = mortal.compile_grammar('start: "blue"')
        mortal.close()
        assert ask(isolated, constraint=constraint).result().text == "blue"

    def test_one_of_a_model_in_this_process_is_compiled_anew(self, isolated, in_process):
        constraint = in_process.compile_grammar('start: "blue"')
        assert ask(isolated, constraint=constraint).result().text == "blue"

    def test_a_matcher_of_ones_own_is_refused_and_told_why(self, isolated):
        class Own:
            def matcher(self):
                return np.ones(1)

        with pytest.raises(ConfigError, match=r"a Own makes its own token matcher.*isolate=False"):
            ask(isolated, constraint=Own())

    def test_an_isolated_one_does_not_work_in_this_process(self, isolated, in_process):
        with pytest.raises(ConfigError, match="isolated model's process"):
            ask(in_process, constraint=isolated.compile_grammar('start: "blue"'))


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV, signal.SIGKILL], ids=lambda n: n.name)
def test_a_death_ends_all_that_is_in_flight_and_nothing_else(mortal, number):
    handles = [ask(mortal, f"Number {index}", ENDLESS) for index in range(3)]
    next(iter_kept := iter(handles[0]))
    os.kill(mortal.process_id, number)
    for handle in handles:
        with pytest.raises(EngineCrashed, match=rf"was ended by {number.name}.*next request starts another"):
            handle.result(60)
    with pytest.raises(EngineCrashed):
        list(iter_kept)
    assert not mortal.is_open
    uses = (
        lambda: mortal.tokenize("x", parse_special=False),
        lambda: mortal.submit([1], GREEDY, constraint=None, timeout_s=None, keep_alive=None),
        lambda: mortal.compile_grammar('start: "x"'),
        lambda: mortal.counters,
    )
    for use in uses:
        with pytest.raises(EngineCrashed):
            use()
    mortal.close()


def test_the_last_words_of_the_child_are_quoted(tmp_path, monkeypatch, starter_model):
    (tmp_path / "sitecustomize.py").write_text(
        "import os, threading\n"
        "def die():\n"
        "    os.write(2, b'first\\nGGML_ASSERT(x) failed\\n')\n"
        "    os.abort()\n"
        "threading.Timer(0.3, die).start()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(EngineCrashed, match=r"SIGABRT; its last words: first \| GGML_ASSERT\(x\) failed"):
        start_isolated(starter_model, OPTIONS)


def test_time_runs_out_in_the_child_too(isolated):
    with pytest.raises(GenerationTimeout) as caught:
        isolated.submit([1, 2], ENDLESS, constraint=None, timeout_s=0.05, keep_alive=None).result(60)
    assert caught.value.timeout_s == 0.05
    wait_until(lambda: decodes_no_more(isolated))


class TestRetiring:
    def test_it_is_busy_while_somebody_waits_and_idle_afterwards(self, mortal):
        handle = ask(mortal, params=ENDLESS)
        assert mortal.idle_s == 0
        assert not mortal.retire()
        handle.cancel()
        wait_until(lambda: mortal.idle_s > 0.05)
        assert mortal.retire()
        assert not mortal.is_open
        wait_until(lambda: not is_running(mortal.process_id))

    def test_what_comes_too_late_is_refused_as_after_closing(self, mortal):
        wait_until(mortal.retire)
        with pytest.raises(EngineClosed) as caught:
            ask(mortal)
        assert type(caught.value) is EngineClosed


class TestClosing:
    def test_it_is_gone_even_with_a_request_in_flight(self, mortal):
        handle = ask(mortal, params=ENDLESS)
        next(iter(handle))
        handle = ask(mortal, params=ENDLESS)
        mortal.close()
        assert not is_running(mortal.process_id)
        with pytest.raises(EngineClosed) as caught:
            handle.result(60)
        assert type(caught.value) is EngineClosed
        mortal.close()

    def test_it_is_refused_afterwards(self, mortal):
        mortal.close()
        assert not mortal.is_open
        with pytest.raises(EngineClosed, match="was closed"):
            mortal.submit([1], GREEDY, constraint=None, timeout_s=None, keep_alive=None)

    def test_beginning_to_close_does_not_wait_but_ends_it(self, mortal):
        mortal.begin_close()
        assert not mortal.is_open
        wait_until(lambda: not is_running(mortal.process_id))


class TestFailingToOpen:
    def test_a_file_that_is_no_model_is_refused_in_the_same_words(self, tmp_path):
        path = tmp_path / "bad.gguf"
        path.write_bytes(b"<html>")
        refusals = []
        for start in (start_isolated, start_engine):
            with pytest.raises(ModelLoadError) as caught:
                start(path, OPTIONS)
            refusals.append((str(caught.value), caught.value.path))
        assert refusals[0] == refusals[1]

    def test_a_context_beyond_the_machine_is_refused_too(self, starter_model):
        with pytest.raises(ConfigError, match=r"^context_size=1000000000 takes .* GiB for the KV cache"):
            start_isolated(starter_model, EngineOptions(context_size=10**9))
        together = EngineOptions(context_size=10**8, parallel=8, reproducible=True)
        with pytest.raises(ConfigError, match=r"^context_size=100000000 for each of parallel=8 requests"):
            start_engine(starter_model, together)

    @pytest.mark.parametrize("executable", ["", None])
    def test_without_an_interpreter_it_says_so(self, starter_model, monkeypatch, executable):
        monkeypatch.setattr("sys.executable", executable)
        with pytest.raises(ConfigError, match="isolate=False"):
            start_isolated(starter_model, OPTIONS)


@pytest.mark.skipif(not hasattr(os, "getsid"), reason="Windows has no sessions")
def test_the_terminals_ctrl_c_does_not_reach_the_child(isolated):
    assert os.getsid(isolated.process_id) == isolated.process_id != os.getsid(0)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux shows a process's sockets")
def test_the_child_has_no_socket_that_leads_anywhere(isolated):
    ask(isolated).result()
    root = Path(f"/proc/{isolated.process_id}")
    links = [str(entry.readlink()) for entry in (root / "fd").iterdir()]
    own = {link.removeprefix("socket:[")[:-1] for link in links if link.startswith("socket:")}
    local = {line.split()[6] for line in (root / "net/unix").read_text().splitlines()[1:]}
    assert own <= local
