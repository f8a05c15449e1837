"""What the pool closes by itself: what nobody has asked for long enough, and what is in the way."""

import subprocess
import sys
import threading
import time

import pytest
from measured import wait_until

from gpt4all_core.errors import ConfigError, EngineClosed
from gpt4all_core.idle_reaper import IdleReaper
from gpt4all_core.model_pool import SETTLED_S, LeaseTerms, ModelPool


class Engine:
    """Something that answers requests; its requests end when the test says so."""

    def __init__(self, name="engine", *, idle_s=0.0):
        self.name = name
        self.is_open = True
        self.waiting = 0
        self._gate = threading.Lock()
        self._last_used = time.monotonic() - idle_s

    @property
    def idle_s(self):
        return 0.0 if self.waiting else time.monotonic() - self._last_used

    def ask(self):
        with self._gate:
            if not self.is_open:
                raise EngineClosed("it is closed")
            self.waiting += 1

    def answer(self):
        with self._gate:
            self.waiting -= 1
            self._last_used = time.monotonic()

    def let_pass(self, seconds):
        self._last_used -= seconds

    def retire(self):
        with self._gate:
            if not self.waiting:
                self.is_open = False
            return not self.is_open

    def close(self):
        self.is_open = False

    begin_close = close


SOON = LeaseTerms(idle_ttl_s=2 * SETTLED_S)
LATER = LeaseTerms(idle_ttl_s=600)
ROOM_FOR_TEN = LeaseTerms(memory_budget=10)


@pytest.fixture
def engines():
    pool = ModelPool()
    yield pool
    pool.close_all()


def test_what_is_idle_for_its_time_is_closed_under_its_user(engines):
    lease = engines.lease("a", Engine, terms=SOON)
    began = time.monotonic()
    wait_until(lambda: not lease.value.is_open)
    assert time.monotonic() - began >= SOON.idle_ttl_s - 0.01
    wait_until(lambda: not engines.open_count)
    assert engines.lease("a", Engine).value.is_open
    lease.close()
    assert engines.open_count == 1, "the user of the closed one has no share in the new one"


def test_what_is_asked_for_in_between_stays(engines):
    lease = engines.lease("a", Engine, terms=LATER)
    for _ in range(3):
        lease.value.ask()
        lease.value.answer()
        lease.value.let_pass(LATER.idle_ttl_s / 2)
        engines._close_idle()
        assert lease.value.is_open
    lease.value.let_pass(LATER.idle_ttl_s / 2)
    engines._close_idle()
    assert not lease.value.is_open


def test_nothing_is_closed_while_somebody_waits_for_an_answer(engines):
    lease = engines.lease("a", Engine, terms=SOON)
    lease.value.ask()
    time.sleep(3 * SOON.idle_ttl_s)
    assert lease.value.is_open
    lease.value.answer()
    wait_until(lambda: not lease.value.is_open)


def test_a_call_under_way_counts_though_it_asked_for_nothing_yet(engines):
    lease = engines.lease("a", Engine, terms=LATER)
    with lease.in_use() as engine:
        engine.let_pass(LATER.idle_ttl_s)
        engines._close_idle()
        assert engine.is_open
    engines._close_idle()
    assert engine.is_open, "its end counts, not its beginning"
    lease._entry.last_call -= LATER.idle_ttl_s
    engines._close_idle()
    assert not engine.is_open


@pytest.mark.parametrize("others", [LATER, LeaseTerms()])
def test_the_user_who_wants_it_longest_decides(engines, others):
    first = engines.lease("a", Engine, terms=SOON)
    second = engines.lease("a", Engine, terms=others)
    time.sleep(2 * SOON.idle_ttl_s)
    assert first.value.is_open
    second.close()
    wait_until(lambda: not first.value.is_open)


def test_without_a_time_there_is_no_thread_and_it_ends_with_the_last_lease(engines):
    plain = engines.lease("a", Engine)
    assert not engines._reaper.is_running
    timed = engines.lease("b", Engine, terms=LATER)
    assert engines._reaper.is_running
    timed.close()
    wait_until(lambda: not engines._reaper.is_running)
    assert plain.value.is_open


def test_a_shorter_time_is_not_slept_through(engines):
    engines.lease("a", Engine, terms=LATER)
    short = engines.lease("b", Engine, terms=SOON)
    wait_until(lambda: not short.value.is_open)


def test_what_died_is_dropped_once_its_time_is_over(engines):
    lease = engines.lease("a", Engine, terms=SOON)
    lease.value.is_open = False
    wait_until(lambda: engines.open_count == 0)


def open_with(pool, name, size, *, idle_s=SETTLED_S, shared=None, terms=ROOM_FOR_TEN):
    memory = {name: size} | ({"weights": shared} if shared else {})
    return pool.lease(name, lambda: Engine(name, idle_s=idle_s), terms=terms, memory=lambda: memory)


def test_room_is_made_by_closing_the_least_recently_used(engines):
    old = open_with(engines, "old", 4, idle_s=20)
    older = open_with(engines, "older", 4, idle_s=30)
    new = open_with(engines, "new", 5)
    assert (old.value.is_open, older.value.is_open, new.value.is_open) == (True, False, True)
    assert engines.memory_bytes == 9


def test_as_many_are_closed_as_it_takes(engines):
    leases = [open_with(engines, name, 3, idle_s=idle) for name, idle in (("a", 9), ("b", 8), ("c", 7))]
    open_with(engines, "large", 7)
    assert [lease.value.is_open for lease in leases] == [False, False, True]


def test_one_copy_of_the_weights_counts_once(engines):
    first = open_with(engines, "first", 2, shared=5)
    second = open_with(engines, "second", 3, shared=5)
    assert engines.memory_bytes == 10
    assert first.value.is_open
    assert second.value.is_open


def test_what_is_larger_than_the_budget_is_refused_and_closes_nothing(engines):
    present = open_with(engines, "present", 4)
    with pytest.raises(ConfigError, match="11 bytes by itself, more than memory_budget=10"):
        open_with(engines, "large", 11)
    assert present.value.is_open
    assert engines.memory_bytes == 4


def test_a_newcomer_waits_for_the_busy_to_finish(engines):
    busy = open_with(engines, "busy", 8)
    busy.value.ask()
    leases = []
    thread = threading.Thread(target=lambda: leases.append(open_with(engines, "new", 8)))
    thread.start()
    time.sleep(0.2)
    assert busy.value.is_open
    assert not leases
    busy.value.answer()
    thread.join(60)
    assert leases[0].value.is_open
    assert not busy.value.is_open


def test_two_that_come_together_have_their_turns(engines):
    leases = []
    threads = [
        threading.Thread(target=lambda name=name: leases.append(open_with(engines, name, 6)))
        for name in "abcd"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(leases) == 4
    assert sum(lease.value.is_open for lease in leases) == 1
    assert engines.memory_bytes == 6


def test_what_was_just_opened_is_not_closed_before_it_is_asked(engines):
    began = time.monotonic()
    first = open_with(engines, "first", 8, idle_s=0)
    open_with(engines, "second", 8)
    assert time.monotonic() - began >= SETTLED_S
    assert not first.value.is_open


def test_without_a_budget_nothing_is_closed(engines):
    first = open_with(engines, "first", 8, terms=LeaseTerms())
    open_with(engines, "second", 8, terms=LeaseTerms())
    assert first.value.is_open
    assert engines.memory_bytes == 16


def test_a_request_is_answered_or_refused_whatever_the_pool_does(engines):
    """Askers against a pool that closes within microseconds: nobody is let down after being let in."""
    stop = time.monotonic() + 1
    lost = []

    def ask():
        lease = engines.lease("a", Engine, terms=LeaseTerms(idle_ttl_s=1e-6))
        while time.monotonic() < stop:
            try:
                lease.value.ask()
            except EngineClosed:
                lease.close()
                lease = engines.lease("a", Engine, terms=LeaseTerms(idle_ttl_s=1e-6))
                continue
            if not lease.value.is_open:
                lost.append(lease.value)
            lease.value.answer()
            time.sleep(SETTLED_S)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not lost


def test_close_all_ends_the_thread_and_the_pool_goes_on(engines):
    first = engines.lease("a", Engine, terms=LATER)
    engines.close_all()
    assert not first.value.is_open
    assert not engines._reaper.is_running
    engines.lease("a", Engine, terms=LATER)
    assert engines._reaper.is_running


def test_a_look_that_fails_is_not_the_last(monkeypatch, caplog):
    monkeypatch.setattr("gpt4all_core.idle_reaper.AFTER_FAILURE_S", 0.01)
    looks = []

    def sweep():
        looks.append(None)
        if len(looks) == 1:
            raise OSError("the pipe is broken")

    reaper = IdleReaper(sweep)
    reaper.watch()
    wait_until(lambda: not reaper.is_running)
    assert len(looks) == 2
    assert "the pipe is broken" in caplog.text


def test_news_that_come_while_the_reaper_ends_are_not_lost():
    looked = threading.Event()
    rounds = []

    def sweep():
        rounds.append(1)
        looked.set()

    reaper = IdleReaper(sweep)
    for _ in range(300):
        looked.clear()
        reaper.watch()
        assert looked.wait(60)
    wait_until(lambda: not reaper.is_running)
    assert len(rounds) >= 300


def test_a_program_with_an_idle_model_ends_at_once():
    program = """
import time
from gpt4all_core.model_pool import LeaseTerms, pool

class Engine:
    is_open, idle_s = True, 0.0
    def retire(self): return False
    def close(self): print("closed")
    begin_close = close

pool.lease("a", Engine, terms=LeaseTerms(idle_ttl_s=3600))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "closed\n"
