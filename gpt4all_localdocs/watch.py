"""Keep an index in step with its folders: what the system tells of changes are hints, a scan finds out."""

import logging
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gpt4all_core.errors import ConfigError, IndexBusy, LocalDocsError
from gpt4all_localdocs.check_arguments import check_stop
from gpt4all_localdocs.sync_progress import StopSignal
from gpt4all_localdocs.types import SyncReport

if TYPE_CHECKING:
    from watchfiles._rust_notify import RustNotify

_SETTLE_MS: Final = 1_600
"""Changes that follow each other are one for so long: a folder that is copied is not synced file by file."""

_STEP_MS: Final = 50
_POLL_MS: Final = 1_000
_LOOK_MS: Final = 500
"""How often a watcher of many changes looks whether it is to stop."""

_logger = logging.getLogger(__name__)


class WatchedFolders(ABC):
    """What `LocalDocs` can do besides: follow its folders."""

    path: Path

    @property
    @abstractmethod
    def folders(self) -> tuple[Path, ...]:
        """The folders of the index."""

    @abstractmethod
    def sync(self, *, stop: StopSignal | None = None) -> SyncReport:
        """Bring the index to what the folders hold now."""

    def watch(
        self, *, stop: StopSignal | None = None, every_s: float = 300.0, polling: bool = False
    ) -> Iterator[SyncReport]:
        """Sync now, after changes, and every so often, until `stop` is set; yields each report.

        Waits in the thread that iterates. every_s, polling: see `watch_folders`.

            for report in docs.watch(stop=event):
                print(report.counts)
        """
        return watch_folders(
            lambda: self.sync(stop=stop),
            lambda: self.folders,
            index=self.path,
            stop=stop,
            every_s=every_s,
            polling=polling,
        )


def watch_folders(
    sync: Callable[[], SyncReport],
    folders: Callable[[], Sequence[Path]],
    *,
    index: Path,
    stop: StopSignal | None = None,
    every_s: float = 300.0,
    polling: bool = False,
) -> Iterator[SyncReport]:
    """Sync at once, after changes below the folders, when a missing one is back, and every so often.

    index: the directory of the index, whose own changes are none. stop: ends it within a second.
    every_s: seconds after which a sync is due though nothing was heard: the systems' notices get lost when
    there are many, and say nothing of network disks. polling: look at every file once a second instead of
    waiting for notices, where there are none.
    A sync that another process holds up is left out, with a log line; the next one finds what it missed.
    Raises ConfigError, LocalDocsError where the system has no watches left, and whatever `sync` raises.
    """
    if not isinstance(every_s, int | float) or not every_s > 0:
        raise ConfigError(f"every_s is {every_s!r}; it must be a number above 0")
    check_stop(stop)
    signal = threading.Event() if stop is None else stop
    while not signal.is_set():
        known = folders()
        present = _are_there(known)
        absent = [folder for folder in known if folder not in present]
        # Watched before they are scanned, so that no change falls between the two.
        with _open_watcher(present, polling=polling) as watcher:
            while not signal.is_set():
                report = _try(sync)
                if report is not None:
                    yield report
                _await_change(watcher, index, signal, absent=absent, timeout_s=every_s)
                if _are_there(folders()) != present:
                    break  # one was added, or its disk came or went: look there too


def _try(sync: Callable[[], SyncReport]) -> SyncReport | None:
    try:
        return sync()
    except IndexBusy as error:
        _logger.info("not synced this time: %s", error)
        return None


def _open_watcher(folders: Sequence[Path], *, polling: bool) -> "RustNotify":
    from watchfiles._rust_notify import RustNotify  # noqa: PLC0415 - for who watches; watchfiles.watch() would begin after the first scan

    try:
        return RustNotify(
            [str(folder) for folder in folders],
            False,  # no debug messages; it takes no keywords
            polling,
            _POLL_MS,
            True,  # folders inside folders
            True,  # folders without permission are passed over
        )
    except (OSError, RuntimeError) as error:  # the latter is what its own errors are
        raise LocalDocsError(
            f"the system cannot watch the folders ({error}); raise its limits, fs.inotify on Linux, or give"
            " polling=True"
        ) from error


def _are_there(folders: Sequence[Path]) -> list[Path]:
    """Those that can be looked at now."""
    return [folder for folder in folders if os.path.exists(folder)]  # noqa: PTH110 - Path.exists raises where the way there is barred


def _await_change(
    watcher: "RustNotify", index: Path, stop: StopSignal, *, absent: Sequence[Path], timeout_s: float
) -> None:
    """Return when something changed outside the index, when time is up, or when it is to stop.

    Also when one of the absent folders is there: the system tells nothing of what it does not watch.
    """
    deadline = time.monotonic() + timeout_s
    own = str(index)
    while not stop.is_set() and (left_s := deadline - time.monotonic()) > 0:
        wait_ms = max(1, min(_LOOK_MS, int(left_s * 1000)))
        changes = watcher.watch(_SETTLE_MS, _STEP_MS, wait_ms, None)
        if changes == "signal":
            raise KeyboardInterrupt
        if isinstance(changes, set) and any(not _is_below(path, own) for _, path in changes):
            return
        if _are_there(absent):
            return


def _is_below(path: str, directory: str) -> bool:
    return Path(path).is_relative_to(directory)
