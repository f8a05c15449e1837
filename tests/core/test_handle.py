import asyncio
import contextlib
import gc
import threading
import weakref

import pytest

from gpt4all_core.engine.handle import Generation, Mailbox
from gpt4all_core.errors import EngineClosed, GenerationCancelled, GenerationError
from gpt4all_core.types import Completion, Piece

DONE = Completion("ab", "stop")


class Owner:
    """The engine's side of one request."""

    def __init__(self):
        self.cancels = 0
        self.mailbox = Mailbox(self.note_cancel)

    def note_cancel(self):
        self.cancels += 1

    def finish(self, *pieces, outcome=DONE):
        for piece in pieces:
            self.mailbox.push(Piece(piece))
        self.mailbox.finish(outcome)


@pytest.fixture
def owner():
    return Owner()


@pytest.fixture
def handle(owner):
    return Generation(owner.mailbox)


async def collect(handle):
    return [piece async for piece in handle]


def collect_in_a_loop(handle):
    return asyncio.run(collect(handle))


@pytest.mark.parametrize("read", [list, collect_in_a_loop])
def test_all_pieces_come_in_order_whether_or_not_they_were_there_before(read, owner, handle):
    owner.mailbox.push(Piece("a"))
    later = threading.Timer(0.02, owner.finish, ["b", "c"])
    later.start()
    assert read(handle) == ["a", "b", "c"]
    later.join()
    assert handle.is_finished


@pytest.mark.parametrize("collect_all", [list, collect_in_a_loop])
def test_a_piece_that_another_reader_took_is_no_end(collect_all, owner, handle):
    owner.mailbox.push(Piece("a"))

    def read():
        if (piece := handle.take()) is not None and piece.text == "a":
            owner.finish("b")
            return None
        return piece

    assert collect_all(handle.arrivals(read)) == [Piece("b")]


@pytest.mark.parametrize("read", [list, collect_in_a_loop])
def test_a_failure_comes_after_the_text_that_was_there(read, owner, handle):
    owner.finish("a", outcome=GenerationError("broken"))
    iterator = iter(handle)
    assert next(iterator) == "a"
    with pytest.raises(GenerationError, match="broken"):
        read(handle)


def test_the_result_is_there_for_both_faces(owner, handle):
    owner.finish("ab")
    assert handle.result() == DONE == asyncio.run(handle.aresult())


def test_the_first_outcome_stays(owner, handle):
    owner.finish()
    owner.mailbox.finish(GenerationError("too late"))
    assert handle.result() == DONE


def test_a_result_that_takes_too_long_is_cancelled(owner, handle):
    with pytest.raises(GenerationCancelled, match=r"within 0\.01 s"):
        handle.result(timeout_s=0.01)
    assert owner.mailbox.is_cancelled


def test_cancelling_twice_or_after_the_end_asks_the_engine_once(owner, handle):
    handle.cancel()
    handle.cancel()
    assert owner.cancels == 1
    finished = Owner()
    finished.finish()
    Generation(finished.mailbox).cancel()
    assert finished.cancels == 0


def test_leaving_an_iteration_early_cancels(owner, handle):
    owner.mailbox.push(Piece("a"))
    for _ in handle:
        break
    assert owner.mailbox.is_cancelled


def test_dropping_the_handle_cancels(owner):
    handle = Generation(owner.mailbox)
    del handle
    assert owner.cancels == 1


def test_a_handle_in_a_cycle_may_be_dropped_while_its_thread_holds_the_lock(owner):
    handle = Generation(owner.mailbox)
    handle.cycle = handle
    del handle
    with owner.mailbox._lock:
        thread = threading.Thread(target=gc.collect, daemon=True)
        thread.start()
        thread.join(60)
        assert not thread.is_alive()
    assert owner.mailbox.is_cancelled


def test_the_handle_keeps_what_it_stands_on_alive(owner):
    class Model:
        pass

    model = Model()
    handle = Generation(owner.mailbox, keep_alive=model)
    referrers = gc.get_referrers(model)
    assert any(handle is one or vars(handle) is one for one in referrers)


async def test_cancelling_the_task_cancels_the_request(owner, handle):
    for wait in (handle.aresult(), anext(aiter(handle))):
        owner.mailbox.interest.is_cancelled = False
        task = asyncio.ensure_future(wait)
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert owner.mailbox.is_cancelled


def test_a_consumer_whose_loop_is_closed_does_not_hold_up_the_engine(owner, handle):
    loop = asyncio.new_event_loop()
    waiting = handle.aresult()
    task = loop.create_task(waiting)
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    owner.mailbox.push(Piece("a"))
    assert owner.mailbox.is_cancelled
    task._log_destroy_pending = False
    waiting.close()


def test_many_threads_waiting_for_one_result_all_get_it(owner, handle):
    results = []
    threads = [threading.Thread(target=lambda: results.append(handle.result(60))) for _ in range(8)]
    for thread in threads:
        thread.start()
    owner.finish("ab")
    for thread in threads:
        thread.join()
    assert results == [DONE] * 8


def test_a_handle_cannot_be_read_in_another_process(owner, handle, monkeypatch):
    monkeypatch.setattr("gpt4all_core.engine.handle.os.getpid", lambda: -1)
    for read in (handle.result, lambda: list(handle), lambda: collect_in_a_loop(handle)):
        with pytest.raises(EngineClosed, match="before a fork"):
            read()


def test_an_error_that_was_caught_does_not_keep_its_handle():
    def ask():
        mailbox = Mailbox(lambda: None)
        handle = Generation(mailbox)
        mailbox.finish(GenerationError("it failed"))
        with contextlib.suppress(GenerationError):
            list(handle)
        return weakref.ref(handle)

    seen = ask()
    gc.collect()
    assert seen() is None
