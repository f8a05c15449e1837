"""The child that lays out a map: `python -m gpt4all_localdocs.map.layout_child FOLDER`.

Reads the vectors from that folder and leaves the layout there. Ends when its input does, so that it never
outlives its parent.
"""

import os
import signal
import sys
import threading
from pathlib import Path

import numpy as np

from gpt4all_localdocs.map.layout import lay_out, to_arrays
from gpt4all_localdocs.map.layout_process import EARLIER, LAYOUT, VECTORS


def main(folder: Path) -> None:
    """Lay out the vectors in `folder`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    vectors = np.load(folder / VECTORS)
    earlier = np.load(folder / EARLIER) if (folder / EARLIER).exists() else None
    np.savez(folder / LAYOUT, **to_arrays(lay_out(vectors, earlier=earlier)))


def _end_with_parent() -> None:
    while os.read(0, 1024):  # not `sys.stdin`, whose lock the end of the interpreter wants
        pass
    os._exit(1)  # the main thread may be deep inside a library


if __name__ == "__main__":
    main(Path(sys.argv[1]))
