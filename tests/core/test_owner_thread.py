import gc
import threading

import pytest

from gpt4all_core.engine.owner_thread import OwnerThread
from gpt4all_core.errors import EngineClosed


def steps(work, *more):
    """Work in as many parts as functions are given; its result is the last one's."""
    for part in (work, *more)[:-1]:
        part()
        yield
    return (work, *more)[-1]()


def test_an_owner_thread_works_in_order_and_frees_what_it_owns_last():
    order = []
    owner = OwnerThread(lambda: order.append("freed"), name="test-owner")
    futures = [owner.submit(steps(lambda number=number: order.append(number))) for number in range(3)]
    for future in futures:
        future.result(5)
    owner.close()
    owner.close()
    assert order == [0, 1, 2, "freed"]
    with pytest.raises(EngineClosed):
        owner.submit(steps(int))


def test_works_take_turns_after_each_part():
    order, gate = [], threading.Event()
    owner = OwnerThread(lambda: None, name="test-owner")
    first = owner.submit(steps(lambda: gate.wait(5)))
    parts = [lambda number=number: order.append(f"long {number}") for number in range(3)]
    long = owner.submit(steps(*parts))
    short = owner.submit(steps(lambda: order.append("short")))
    gate.set()
    for future in (first, long, short):
        future.result(5)
    owner.close()
    assert order == ["long 0", "short", "long 1", "long 2"]


def test_the_rest_of_a_long_work_fails_at_the_end_and_an_error_belongs_to_its_caller():
    gate, started = threading.Event(), threading.Event()
    owner = OwnerThread(lambda: None, name="test-owner")
    broken = owner.submit(steps(lambda: 1 / 0))
    running = owner.submit(steps(lambda: started.set() or gate.wait(5), lambda: pytest.fail("after the end")))
    waiting = owner.submit(steps(lambda: "never"))
    with pytest.raises(ZeroDivisionError):
        broken.result(5)
    assert started.wait(5)
    owner.close(wait=False)
    gate.set()
    for future in (running, waiting):
        with pytest.raises(EngineClosed):
            future.result(5)


def test_a_work_whose_last_part_is_under_way_at_the_end_is_finished():
    gate, started = threading.Event(), threading.Event()
    owner = OwnerThread(lambda: None, name="test-owner")
    running = owner.submit(steps(lambda: started.set() or gate.wait(5)))
    assert started.wait(5)
    owner.close(wait=False)
    gate.set()
    assert running.result(5) is True


def test_a_future_that_was_cancelled_is_passed_over():
    gate = threading.Event()
    owner = OwnerThread(lambda: None, name="test-owner")
    first = owner.submit(steps(lambda: gate.wait(5)))
    second = owner.submit(steps(lambda: pytest.fail("it was cancelled")))
    assert second.cancel()
    gate.set()
    assert first.result(5)
    assert owner.submit(steps(lambda: "next")).result(5) == "next"
    owner.close()


def test_a_finalizer_may_end_an_owner_thread_while_its_lock_is_held():
    owner = OwnerThread(lambda: None, name="test-owner")

    class Holder:
        def __del__(self):
            owner.close(wait=False)

    holder = Holder()
    holder.cycle = holder
    del holder
    with owner._gate:
        gc.collect()
    owner._thread.join(5)
    assert not owner._thread.is_alive()
