import gc
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import numpy as np
import pytest
from interrupts import interrupting
from measured import wait_until

from gpt4all_core.engine.pack_workers import PackWorkers
from gpt4all_core.errors import ConfigError, EngineClosed, GenerationError


class ScriptedContext:
    """Gives each sequence the row (its first token, its length); waits for its gate before each pack."""

    batch_limit = 64
    sequence_limit = 16
    width = 2

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Event()
        self.packs, self.threads, self.owners = [], [], set()
        self.fails_with = None
        self.is_closed = False

    def run(self, sequences, *, threads):
        self.owners.add(threading.current_thread())
        self.packs.append([list(sequence) for sequence in sequences])
        self.threads.append(threads)
        self.started.set()
        assert self.gate.wait(60)
        if self.fails_with is not None:
            raise self.fails_with
        return np.array([[sequence[0], len(sequence)] for sequence in sequences], dtype=np.float32)

    def close(self):
        self.is_closed = True


class Bench:
    def __init__(self, count=1, **options):
        self.contexts = [ScriptedContext() for _ in range(count)]
        self.freed = threading.Event()
        options = {"pack_tokens": 32, "threads": 4, "tokens_per_thread": 1} | options
        self.workers = PackWorkers(self.contexts, free=self.freed.set, name="test-packs", **options)

    @property
    def context(self):
        return self.contexts[0]

    def submit(self, *sequences):
        return self.workers.submit(list(sequences), lambda rows: rows.tolist())

    def hold(self):
        """Keep all contexts busy with a pack each; the futures of these packs."""
        for context in self.contexts:
            context.gate.clear()
        held = [self.submit([9] * 32) for _ in self.contexts]
        for context in self.contexts:
            assert context.started.wait(60)
        return held

    def release(self):
        for context in self.contexts:
            context.gate.set()


@pytest.fixture
def make_bench():
    benches = []

    def make(*arguments, **options):
        benches.append(Bench(*arguments, **options))
        return benches[-1]

    yield make
    for bench in benches:
        bench.release()
        bench.workers.close()


def test_rows_come_back_in_the_order_of_the_sequences(make_bench):
    bench = make_bench(2)
    sequences = [[number] * (1 + number * 7 % 20) for number in range(100)]
    expected = [[number, len(sequence)] for number, sequence in enumerate(sequences)]
    assert bench.submit(*sequences).result(60) == expected
    assert bench.submit().result(60) == []


def test_callers_who_wait_at_the_same_time_share_a_pack(make_bench):
    bench = make_bench()
    bench.hold()
    futures = [bench.submit([number, number]) for number in range(8)]
    bench.release()
    assert [future.result(60) for future in futures] == [[[number, 2]] for number in range(8)]
    assert bench.context.packs[1:] == [[[number, number] for number in range(8)]]


def test_a_lone_caller_waits_for_nobody(make_bench):
    bench = make_bench()
    seconds = []
    for _ in range(50):
        started = time.perf_counter()
        bench.submit([1, 2]).result(60)
        seconds.append(time.perf_counter() - started)
    assert len(bench.context.packs) == 50
    assert min(seconds) < 0.02  # a window for others to come would be a part of each


def test_a_short_request_passes_a_long_one(make_bench):
    bench = make_bench()
    (held,) = bench.hold()
    long = bench.submit(*[[5] * 20] * 40)
    short = bench.submit([1])
    bench.release()
    assert short.result(60) == [[1, 1]]
    assert any([1] in pack for pack in bench.context.packs[1:3])
    held.result(60)
    assert len(long.result(60)) == 40


def test_every_context_has_a_thread_of_its_own_and_a_list_is_spread_over_them(make_bench):
    bench = make_bench(3)
    bench.hold()
    future = bench.submit(*[[1] * 30] * 6)
    bench.release()
    future.result(60)
    owners = [context.owners for context in bench.contexts]
    assert all(len(one) == 1 for one in owners)
    assert len(set.union(*owners)) == 3


def test_one_busy_context_has_all_processor_threads_and_busy_ones_share_them(make_bench):
    bench = make_bench(2, threads=4)
    bench.submit([1] * 32).result(60)
    assert bench.contexts[0].threads + bench.contexts[1].threads == [4]
    bench.hold()
    assert min(context.threads[-1] for context in bench.contexts) == 2


def test_a_small_pack_gets_no_more_threads_than_it_keeps_busy(make_bench):
    bench = make_bench(threads=8, tokens_per_thread=10)
    for length in (1, 10, 25, 32):
        bench.submit([1] * length).result(60)
    assert bench.context.threads == [1, 1, 2, 3]


def test_an_error_belongs_to_those_in_the_pack_and_the_next_one_runs(make_bench):
    bench = make_bench()
    bench.context.fails_with = GenerationError("no memory")
    long = bench.submit(*[[1] * 30] * 5)
    with pytest.raises(GenerationError, match="no memory"):
        long.result(60)
    bench.context.fails_with = None
    assert bench.submit([3]).result(60) == [[3, 1]]
    assert bench.context.packs[-1] == [[3]]  # what was left of the failed one is dropped


def test_an_error_in_what_a_caller_makes_of_the_rows_is_the_callers(make_bench):
    bench = make_bench()
    with pytest.raises(ZeroDivisionError):
        bench.workers.submit([[1]], lambda _: 1 / 0).result(60)
    assert bench.submit([2]).result(60) == [[2, 1]]


@pytest.mark.parametrize("sequence", [[], [1] * 65])
def test_a_sequence_that_fits_no_pack_is_refused_to_its_caller_alone(make_bench, sequence):
    with pytest.raises(ConfigError, match="1 to 64 tokens"):
        make_bench().submit([1], sequence)


def test_cancelling_drops_what_no_pack_has_taken(make_bench):
    bench = make_bench()
    bench.hold()
    dropped, kept = bench.submit(*[[7] * 30] * 20), bench.submit([1])
    assert dropped.cancel()
    bench.release()
    assert kept.result(60) == [[1, 1]]
    assert not any([7] * 30 in pack for pack in bench.context.packs)
    with pytest.raises(CancelledError):
        dropped.result()


def test_closing_ends_after_the_packs_under_way_and_fails_the_rest(make_bench):
    bench = make_bench(2)
    held = bench.hold()
    waiting = bench.submit(*[[1] * 30] * 4)
    bench.workers.close(wait=False)
    with pytest.raises(EngineClosed):
        bench.submit([1])
    bench.release()
    bench.workers.close()
    bench.workers.close()
    assert [future.result(60) for future in held] == [[[9, 32]]] * 2
    with pytest.raises(EngineClosed):
        waiting.result(60)
    assert bench.freed.is_set()
    assert all(context.is_closed for context in bench.contexts)


def test_closing_again_after_an_interrupt_waits_for_the_packs_under_way(make_bench):
    bench = make_bench()
    bench.hold()
    with interrupting(), pytest.raises(KeyboardInterrupt):
        bench.workers.close()
    closing = threading.Thread(target=bench.workers.close)
    closing.start()
    closing.join(0.1)
    assert closing.is_alive()
    bench.release()
    closing.join(60)
    assert bench.freed.is_set()


def test_it_is_idle_when_nobody_waits_and_retires_only_then(make_bench):
    bench = make_bench()
    bench.submit([1]).result(60)
    (held,) = bench.hold()
    assert bench.workers.idle_s == 0
    assert not bench.workers.retire()
    bench.release()
    held.result(60)
    wait_until(lambda: bench.workers.idle_s)
    assert bench.workers.retire()
    assert not bench.workers.is_open
    assert bench.freed.wait(60)
    with pytest.raises(EngineClosed):
        bench.submit([1])


def test_a_cancelled_request_does_not_keep_it_from_being_idle(make_bench):
    bench = make_bench()
    (held,) = bench.hold()
    bench.submit([1]).cancel()
    bench.release()
    held.result(60)
    wait_until(bench.workers.retire)


def test_a_finalizer_may_end_it_in_a_thread_that_holds_its_lock(make_bench):
    bench = make_bench(2)
    workers = bench.workers

    class Holder:
        def __del__(self):
            workers.close(wait=False)

    holder = Holder()
    holder.cycle = holder
    del holder
    with workers._lock:
        gc.collect()
    assert bench.freed.wait(60)


def test_many_callers_of_every_kind_all_get_what_is_theirs(make_bench):
    bench = make_bench(3)

    def ask(seed):
        random = np.random.default_rng(seed)
        for _ in range(30):
            sequences = [[seed] * int(length) for length in random.integers(1, 40, random.integers(1, 9))]
            future = bench.submit(*sequences)
            if random.random() < 0.2 and future.cancel():
                continue
            assert future.result(60) == [[seed, len(sequence)] for sequence in sequences]

    with ThreadPoolExecutor(8) as threads:
        for one in [threads.submit(ask, seed) for seed in range(8)]:
            one.result(60)
    wait_until(lambda: bench.workers._unanswered == 0)  # those who wait hear of an answer first
    assert not bench.workers._requests
