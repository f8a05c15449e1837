"""Calls of llama.cpp that take seconds, and Ctrl-C.

A signal's handler runs in the main thread as soon as that runs Python again. Inside such a call this is
llama.cpp's log callback, whose KeyboardInterrupt ctypes would print and forget; and as it is raised
before the callback's first line, no `try` in there helps. So the call runs in a thread of its own, where
no handler runs, and the caller waits for it in Python.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial
from typing import TypeVar

T = TypeVar("T")

_GLANCE_S = 0.1  # on Windows Ctrl-C ends no wait: it is noticed between two of them


def interruptible(call: Callable[[threading.Event], T], *, discard: Callable[[T], object]) -> T:
    """What `call` returns or raises; it gets an event that is set when nobody wants its result any more.

    When the wait is interrupted, that event is set, `call` is waited for, its result goes to `discard`,
    and the interruption goes on. A second one does not wait, the rest is done all the same.
    """
    unwanted = threading.Event()
    future: Future[T] = Future()
    thread = threading.Thread(target=_run, args=(call, unwanted, future), name="gpt4all-native-call")
    try:
        thread.start()
        while not wait([future], _GLANCE_S).done:
            pass
    except BaseException:
        unwanted.set()
        future.add_done_callback(partial(_discard, discard))
        if thread.is_alive():
            thread.join()
        raise
    return future.result()


def _run(call: Callable[[threading.Event], T], unwanted: threading.Event, future: Future[T]) -> None:
    try:
        result = call(unwanted)
    except BaseException as error:  # noqa: BLE001 - the caller raises it
        future.set_exception(error)
    else:
        future.set_result(result)


def _discard(discard: Callable[[T], object], future: Future[T]) -> None:
    if future.exception() is None:
        discard(future.result())
