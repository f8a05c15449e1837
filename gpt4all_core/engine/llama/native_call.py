"""Calls of llama.cpp that take seconds, and Ctrl-C.

A signal's handler runs in the main thread as soon as that runs Python again. Inside such a call this is
llama.cpp's log callback, whose KeyboardInterrupt ctypes would print and forget; and as it is raised
before the callback's first line, no `try` in there helps. So Ctrl-C is only noted during the call, and
handled after it. The call stays in the caller's thread: what another one allocates, glibc keeps in an
arena that never shrinks (24 MB of a small model's buffers).
"""

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

T = TypeVar("T")


def interruptible(call: Callable[[threading.Event], T], *, discard: Callable[[T], object]) -> T:
    """What `call` returns or raises; it gets an event that is set when nobody wants its result any more.

    After a Ctrl-C in the main thread the event is set, the call comes to its end, its result goes to
    `discard`, and KeyboardInterrupt is raised. A handler of the program's own is called after the call
    instead, which is not told. In other threads no handler runs, and nothing is done.
    """
    unwanted = threading.Event()
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        return call(unwanted)
    noted: list[FrameType | None] = []

    def note(_signal: int, frame: FrameType | None) -> None:
        noted.append(frame)
        if handler is signal.default_int_handler:
            unwanted.set()

    signal.signal(signal.SIGINT, note)
    made: list[T] = []
    failure: Exception | None = None
    try:
        made.append(call(unwanted))
    except Exception as error:  # noqa: BLE001 - raised below, unless Ctrl-C is why it failed
        failure = error
    finally:
        signal.signal(signal.SIGINT, handler)
    try:
        if noted:
            handler(signal.SIGINT, noted[0])
    except BaseException:
        for result in made:
            discard(result)
        raise
    if failure is not None:
        raise failure
    return made[0]
