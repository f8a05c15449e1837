import asyncio
import contextvars
import gc
import os
import subprocess
import sys
import threading
import weakref

import pytest

from gpt4all_core.off_loop import MOST_IN_A_LANE, off_loop

PATIENCE_S = 10


def begun(work, **options):
    """A task that waits for the work, and an event that says when the work has begun."""
    has_begun = threading.Event()

    def begin():
        has_begun.set()
        return work()

    return asyncio.create_task(off_loop(begin, **options)), has_begun


async def until(condition, *, tries=10_000):
    for _ in range(tries):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came about")


async def cancel(task):
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_work_is_done_in_a_daemon_thread_that_sees_the_callers_context():
    name = contextvars.ContextVar("name")
    name.set("caller")
    thread, seen = await off_loop(lambda: (threading.current_thread(), name.get()), lane=1)
    assert thread is not threading.main_thread()
    assert thread.daemon
    assert seen == "caller"
    with pytest.raises(ZeroDivisionError):
        await off_loop(lambda: 1 // 0, lane=1)


async def test_what_comes_out_after_a_cancellation_is_undone():
    made, undone = threading.Event(), []
    task, has_begun = begun(lambda: made.wait(PATIENCE_S) and "request", lane=1, undo=undone.append)
    await until(has_begun.is_set)
    await cancel(task)
    assert undone == []
    made.set()
    await off_loop(lambda: None, lane=1)
    await until(lambda: undone)
    assert undone == ["request"]


async def test_a_result_that_the_cancellation_meets_on_its_way_is_undone():
    undone = []
    task, has_begun = begun(lambda: "request", lane=1, undo=undone.append)
    await asyncio.sleep(0)
    has_begun.wait(PATIENCE_S)
    while not undone and not task.done():
        task.cancel()
        await asyncio.sleep(0.001)
    assert undone == ["request"]


async def test_work_that_was_cancelled_before_it_began_is_not_done():
    free, done = threading.Event(), []
    full = [begun(lambda: free.wait(PATIENCE_S), lane="full") for _ in range(MOST_IN_A_LANE)]
    for _task, has_begun in full:
        await until(has_begun.is_set)
    waiting, has_begun = begun(lambda: done.append(1), lane="full")
    await asyncio.sleep(0)
    assert await off_loop(lambda: 7, lane="another") == 7
    await cancel(waiting)
    free.set()
    await asyncio.gather(*(task for task, _ in full))
    await off_loop(lambda: None, lane="full")
    assert not has_begun.is_set()
    assert done == []


def test_what_a_closed_event_loop_asked_for_is_undone():
    made, undone = threading.Event(), threading.Event()

    async def leave():
        task, has_begun = begun(lambda: made.wait(PATIENCE_S), lane=1, undo=lambda _made: undone.set())
        await until(has_begun.is_set)
        return task

    loop = asyncio.new_event_loop()
    task = loop.run_until_complete(leave())
    task._log_destroy_pending = False  # it is left on purpose
    loop.close()
    made.set()
    assert undone.wait(PATIENCE_S)


def test_event_loops_in_several_threads_share_a_lane():
    found = []

    async def ask(number):
        numbers = [off_loop(lambda each=each: each, lane=1) for each in range(number, number + 20)]
        found.append(await asyncio.gather(*numbers) == list(range(number, number + 20)))

    threads = [threading.Thread(target=lambda n=n: asyncio.run(ask(n))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4


async def test_neither_the_lane_nor_the_result_outlives_the_work(monkeypatch):
    monkeypatch.setattr("gpt4all_core.off_loop.LINGER_S", 60)  # the thread's end would let go of them

    class Model:
        pass

    model, made = Model(), [Model()]
    watched = [weakref.ref(model), weakref.ref(made[0])]
    await off_loop(made.pop, lane=model)
    del model
    await until(lambda: gc.collect() is not None and not any(ref() for ref in watched), tries=100)


HOP = "import asyncio, os, threading, time\nfrom gpt4all_core.off_loop import off_loop\n"
FORK = f"""{HOP}
asyncio.run(off_loop(lambda: 1, lane=1))
time.sleep(0.1)  # for the thread to rest: in the child it is not there to take work up
child = os.fork()
if not child:
    os._exit(asyncio.run(off_loop(lambda: 7, lane=1)))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
LEAVE = f"""{HOP}
async def leave():
    begun = threading.Event()
    task = asyncio.create_task(off_loop(lambda: begun.set() or threading.Event().wait(60), lane=1))
    while not begun.is_set():
        await asyncio.sleep(0.001)
    print("left")
asyncio.run(leave())
"""


@pytest.mark.parametrize(
    ("program", "printed"),
    [
        pytest.param(FORK, "7\n", marks=pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")),
        (LEAVE, "left\n"),
    ],
    ids=["a-forked-child-has-threads-of-its-own", "the-interpreter-does-not-wait-for-work"],
)
def test_in_a_process_of_its_own(program, printed):
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, printed, "")
