"""A connection to Ray for the time of a sync; Ray started by us tells nobody that it was."""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from gpt4all_core.errors import LocalDocsError
from gpt4all_localdocs.scale.choice import AUTO, START
from gpt4all_localdocs.scale.library import load_ray

_OBJECT_STORE_BYTES: Final = 512 * 1024**2
"""Shared memory of a Ray that is started here: what is between the steps is far less."""

_PRIVATE: Final = {"RAY_USAGE_STATS_ENABLED": "0"}
"""Else a Ray that is started reports to its maker."""

_GUARDED: Final = ("RAY_AUTH_MODE", "token")
"""Its ports are open to the network: whoever has no token is turned away. Ray reads this when it is imported,
and sets it by itself, with a warning, where it was imported before."""


@contextmanager
def connected(workers: str) -> Iterator[Any]:
    """The package `ray`, connected as `workers` says: "ray", "ray:auto" or an address.

    A program that is connected already stays so, and its cluster is used. Raises MissingDependency and
    LocalDocsError.
    """
    if workers == START and "ray" not in sys.modules:
        os.environ.setdefault(*_GUARDED)
    ray = load_ray()
    if ray.is_initialized():
        yield ray
        return
    with ExitStack() as stack:
        stack.enter_context(_own_signals())
        arguments: dict[str, Any] = {
            "address": "auto" if workers == AUTO else workers,
            "log_to_driver": False,
        }
        if workers == START:
            stack.enter_context(_environment(_PRIVATE))
            # Paths of sockets may have a hundred characters; temporary folders of some systems take half.
            short = "/tmp" if Path("/tmp").is_dir() else None  # noqa: S108 - a folder of its own is made there
            folder = stack.enter_context(
                TemporaryDirectory(prefix="ray-", dir=short, ignore_cleanup_errors=True)
            )
            arguments |= {
                "address": "local",
                "include_dashboard": False,
                "object_store_memory": _OBJECT_STORE_BYTES,
                "_temp_dir": folder,
            }
        if not workers.startswith("ray://"):
            arguments["configure_logging"] = False
        try:
            ray.init(**arguments)
        except (OSError, RuntimeError, ValueError) as error:
            raise LocalDocsError(
                f"Ray cannot be reached with workers={workers!r} ({_first_line(error)}); 'ray status' tells"
                " whether it runs, and it has to have the versions of Ray and Python that this program has"
            ) from error
        stack.callback(ray.shutdown)
        yield ray


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """These variables, where they are not set, for as long as Ray looks at them."""
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray takes SIGTERM for itself when it is connected, and does not give it back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None:  # one that is not Python's cannot be set
            signal.signal(signal.SIGTERM, before)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
