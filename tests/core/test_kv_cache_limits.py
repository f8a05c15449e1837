"""Conversations that cannot be saved, do not fit, or are many: the cache goes on, and holds nobody up."""

import threading
import time

import pytest
from engine_workbench import ask, check_accounts, running
from test_slots import Workbench

from gpt4all_core.engine.disk_cache import DiskCache
from gpt4all_core.engine.kv_cache import KVCache
from gpt4all_core.engine.saved_cells import HostCache
from gpt4all_core.errors import EngineClosed, GenerationError
from gpt4all_core.testing import ScriptedBackend, babble
from gpt4all_core.types import GenerationParams

BRIEF = GenerationParams(temperature=0, max_tokens=4)
SYSTEM = "The instructions with which every conversation begins. "


class Windowed(ScriptedBackend):
    """What was restored may only go on from its end, as after a sliding window."""

    restore_count = 0

    def restore(self, sequence_id, state):
        self.restore_count += 1
        return super().restore(sequence_id, state)

    def keeps(self, sequence_id, length):
        return length == self.length(sequence_id)


class CacheWorkbench(Workbench):
    """A cache over a scripted backend, with the decoding that an engine would do in between."""

    def __init__(self, backend, stores):
        self.backend = backend
        self.cache = KVCache(backend, stores)
        self.slots = self.cache.slots

    def admit(self, text):
        placement = self.cache.acquire(list(text.encode()))
        self.slots.reclaim(len(text) - placement.reused)
        self.decode(placement.slot, text.encode()[placement.reused :])
        return placement.slot, placement.reused

    def drop_idle(self):
        for slot in self.slots.idle:
            self.slots.drop(slot)


def texts(store):
    return [bytes(store.peek(key).tokens).decode() for key in store]


def test_a_window_is_not_tried_on_every_conversation_that_begins_alike():
    backend = Windowed(cells=2000, sequences=4, batch_tokens=200)
    bench = CacheWorkbench(backend, [HostCache(1 << 20)])
    for number in range(20):
        bench.talk(SYSTEM + f"{number:02d}" * 20)
        bench.drop_idle()
    backend.restore_count = 0
    bench.talk(SYSTEM + "And now?")
    assert backend.restore_count <= 1
    bench.check()


def test_what_cannot_fit_is_not_made_room_for():
    bench = CacheWorkbench(ScriptedBackend(cells=300, batch_tokens=300), [HostCache(1 << 20)])
    bench.talk(SYSTEM + "A" * 150)
    bench.drop_idle()
    bench.admit("busy" * 30)
    bench.talk(SYSTEM[:35])
    assert bench.talk(SYSTEM + "And now?") == 35


def test_saving_what_makes_room_may_drive_out_what_was_about_to_be_restored():
    saved = len(SYSTEM) + 50
    bench = CacheWorkbench(
        Windowed(cells=1000, sequences=2, batch_tokens=300), [HostCache(4 * (2 * saved + 60))]
    )
    for letter in "ABCDEFGH":
        bench.talk(SYSTEM + letter * 50)
        bench.cache.tidy()
        bench.check()


def test_as_many_tokens_in_the_same_slot_are_saved_too():
    host = HostCache(1 << 20)
    bench = CacheWorkbench(ScriptedBackend(sequences=1), [host])
    for letter in "ab":
        bench.talk(letter * 60)
        bench.cache.tidy()
    assert texts(host) == ["a" * 60, "b" * 60]


def test_copying_to_the_folder_is_no_use(tmp_path):
    host = HostCache(1 << 20)
    bench = CacheWorkbench(ScriptedBackend(), [host, DiskCache(tmp_path, model="tiny")])
    for letter in "abc":
        bench.talk(letter * 60)
        bench.drop_idle()
    while bench.cache.tidy():
        pass
    assert texts(host) == ["a" * 60, "b" * 60, "c" * 60]
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("error", [MemoryError(), OSError(12, "no memory"), GenerationError("saved 1 of 2")])
def test_what_cannot_be_saved_is_decoded_again(error, caplog):
    class Unsaved(ScriptedBackend):
        def save(self, sequence_id):
            raise error

    with running(Unsaved(sequences=1), stores=[HostCache(1 << 20)]) as engine:
        for letter in "aba":
            assert ask(engine, letter * 60, BRIEF).result(60).usage.cached_tokens == 0
        assert engine.is_open
    assert "decoded again" in caplog.text


def test_a_request_whose_admission_fails_gets_the_error():
    class Unshared(ScriptedBackend):
        def share(self, source, target, length):
            raise GenerationError("the cells cannot be copied")

    gate = threading.Event()
    backend = Unshared(gate=gate)
    with running(backend) as engine:
        first = ask(engine, SYSTEM, BRIEF)
        assert backend.decode_started.wait(60)
        second = ask(engine, SYSTEM, BRIEF)
        gate.set()
        for handle in (first, second):
            with pytest.raises(GenerationError, match="cannot be copied"):
                handle.result(60)
        with pytest.raises(EngineClosed, match="open the model again"):
            ask(engine, SYSTEM)


def test_nobody_waits_for_a_prompt_whose_beginning_a_window_has_left():
    began = threading.Event()

    class Passed(ScriptedBackend):
        def keeps(self, sequence_id, length):
            return False

    def slow(tokens):
        began.set()
        time.sleep(0.005)  # 300 tokens take a second and a half, whatever else the machine does
        return ord("x")

    with running(Passed(slow, cells=1000), context_size=400) as engine:
        long = ask(engine, SYSTEM, GenerationParams(temperature=0, max_tokens=300))
        assert began.wait(60)
        ask(engine, SYSTEM + "Briefly.", BRIEF).result(60)
        assert not long.is_finished
        long.cancel()


def test_what_a_request_decoded_before_it_gave_way_was_not_cached():
    # The second prompt is driven out in the middle, by the first one's answer.
    gate = threading.Event()
    backend = ScriptedBackend(
        lambda tokens: ord("x") if tokens[0] == ord("f") else babble(tokens),
        cells=300,
        sequences=2,
        batch_tokens=4,
        refuses_at={60},
        gate=gate,
    )
    with running(backend, context_size=200, stores=[HostCache(1 << 20)]) as engine:
        first = ask(engine, "f" * 4, GenerationParams(temperature=0, max_tokens=150))
        second = ask(engine, "s" * 180, BRIEF)
        gate.set()
        first.result(60)
        assert second.result(60).usage.cached_tokens == 0
        assert engine.counters.preemptions == 1
        assert engine.counters.restored_tokens > 0
        check_accounts(engine, backend)
