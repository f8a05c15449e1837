"""The child that reads files: `python -m gpt4all_localdocs.loaders.worker MEMORY_BYTES [pdf-layout]`.

Takes paths as frames on standard input and answers each with a frame on standard output, in
order, after one empty frame that says it is ready. Further empty frames say that a part of a file is done,
each of which may take as long as a file. Ends when its input does, also in the middle of a file, so
that it never outlives its parent.
"""

import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import IO

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.frames import (
    decode_path,
    encode_document,
    encode_reason,
    read_frame,
    write_frame,
)
from gpt4all_localdocs.loaders.pdf_layout import PDF_LAYOUT, reading_layout
from gpt4all_localdocs.loaders.registry import load_document
from gpt4all_localdocs.loaders.still_reading import listening


def main(memory_limit_bytes: int, *, pdf_layout: bool = False) -> None:
    """Serve until the input ends. pdf_layout: see `reading_layout`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    _limit_memory(memory_limit_bytes)
    replies = _claim_output()
    requests: queue.SimpleQueue[Path] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(requests,), daemon=True).start()
    write_frame(replies, b"")
    with listening(lambda: write_frame(replies, b"")), reading_layout(is_wanted=pdf_layout):
        while True:
            path = requests.get()
            try:
                write_frame(replies, _answer(path))
            except OSError:
                return  # the parent is gone


def _receive(requests: "queue.SimpleQueue[Path]") -> None:
    while (request := read_frame(sys.stdin.buffer)) is not None:
        requests.put(decode_path(request))
    os._exit(0)  # the main thread may be deep inside a parser


def _answer(path: Path) -> bytes:
    try:
        return encode_document(load_document(path))
    except UnreadableDocument as error:
        return encode_reason(error.reason)
    except MemoryError:
        return encode_reason("needs more memory to read than the parser may have")
    except Exception as error:  # noqa: BLE001 - whatever a hostile file provokes is a reason, with its name
        return encode_reason(f"the parser failed on it ({type(error).__name__}: {error})")


def _claim_output() -> IO[bytes]:
    """Keep the pipe to the parent for frames; whatever a parser prints goes nowhere."""
    replies = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return replies


def _limit_memory(limit_bytes: int) -> None:
    """Bound the address space where the system can; a file that needs more fails alone."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - does not exist on Windows

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = limit_bytes if hard == resource.RLIM_INFINITY else min(limit_bytes, hard)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    except (OSError, ValueError):
        return  # macOS knows the limit but refuses to set it; the time limit still holds


if __name__ == "__main__":
    main(int(sys.argv[1]), pdf_layout=PDF_LAYOUT in sys.argv[2:])
