"""Progress bars on standard error: only in a terminal, and gone when the work is done."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
)
from rich.progress import TimeRemainingColumn as TimeLeftColumn

from gpt4all_app.output import Output, printable

if TYPE_CHECKING:
    from gpt4all_core.catalog.download import DownloadProgress
    from gpt4all_localdocs.sync import SyncProgress

_PHASES = {
    "wait": "waiting for another sync of this index",
    "scan": "looking for files",
    "hash": "comparing",
    "load": "reading",
    "embed": "embedding",
    "index": "indexing",
}
_DOWNLOAD_WAITS = "another process fetches this model; waiting for it to end"
_WIDE = 60
"""Columns from which a bar has room for more than the bare numbers."""

_COUNTS, _SIZES, _TIME = len("10000/10000"), len("1000.0/1000.0 MB"), len("00:00:00")
_MARGIN = 4
"""Columns that a bar leaves free: the terminal's `^C` must not push it onto a second line."""


@contextmanager
def sync_bar(output: Output) -> "Iterator[Callable[[SyncProgress], None]]":
    """A bar that follows a sync; outside a terminal a line if it has to wait, else nothing."""
    if not output.has_terminal_for_notes:
        yield lambda progress: output.note(_PHASES["wait"]) if progress.phase == "wait" else None
        return
    text_width = max(output.notes.width * 2 // 5, 16)
    with _progress(output, MofNCompleteColumn(), others=text_width + _COUNTS) as bar:
        task = bar.add_task(shortened(_PHASES["scan"], text_width), total=None)

        def show(progress: "SyncProgress") -> None:
            words = _PHASES[progress.phase] + (f" {_name(progress.path)}" if progress.path else "")
            bar.update(
                task,
                description=shortened(words, text_width).ljust(text_width),
                completed=progress.done,
                total=progress.total or None,
            )

        yield show


@contextmanager
def download_bar(output: Output, name: str) -> "Iterator[Callable[[DownloadProgress], None]]":
    """A bar that follows a download in bytes; outside a terminal a line if it has to wait, else nothing."""
    if not output.has_terminal_for_notes:
        yield lambda progress: output.note(_DOWNLOAD_WAITS) if progress.phase == "wait" else None
        return
    text_width = max(output.notes.width // 3, 12)
    is_wide = output.notes.width >= _WIDE
    columns = (DownloadColumn(), TimeLeftColumn()) if is_wide else (DownloadColumn(),)
    with _progress(output, *columns, others=text_width + _SIZES + is_wide * _TIME) as bar:
        task = bar.add_task(shortened(name, text_width), total=None)

        def show(progress: "DownloadProgress") -> None:
            if progress.phase == "wait":
                output.note(_DOWNLOAD_WAITS)
            words = f"checking {name}" if progress.phase == "check" else name
            bar.update(
                task,
                description=shortened(words, text_width),
                completed=progress.done_bytes,
                total=progress.total_bytes,
            )

        yield show


@contextmanager
def counting_bar(
    output: Output, words: str, *, is_of_bytes: bool = False
) -> Iterator[Callable[[int, int], None]]:
    """A bar that follows steps of equal length, or bytes; outside a terminal nothing."""
    if not output.has_terminal_for_notes:
        yield lambda _done, _total: None
        return
    text_width = max(output.notes.width // 3, 12)
    column = DownloadColumn() if is_of_bytes else MofNCompleteColumn()
    with _progress(output, column, others=text_width + (_SIZES if is_of_bytes else _COUNTS)) as bar:
        task = bar.add_task(shortened(words, text_width), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def evaluation_bar(output: Output) -> Iterator[Callable[[str, int, int], None]]:
    """A bar that follows the questions of one task after the other; outside a terminal nothing."""
    if not output.has_terminal_for_notes:
        yield lambda _task, _done, _total: None
        return
    text_width = max(output.notes.width // 3, 14)
    with _progress(
        output, MofNCompleteColumn(), TimeLeftColumn(), others=text_width + _COUNTS + _TIME
    ) as bar:
        tasks: defaultdict[str, TaskID] = defaultdict(lambda: bar.add_task("", total=None))

        def show(task: str, done: int, total: int) -> None:
            bar.update(tasks[task], description=shortened(task, text_width), completed=done, total=total)

        yield show


@contextmanager
def waiting(output: Output, words: str) -> Iterator[Callable[[], None]]:
    """A turning sign until the yielded function is called; outside a terminal nothing."""
    if not output.has_terminal_for_notes:
        yield lambda: None
        return
    with output.notes.status(words, spinner="dots") as status:
        yield status.stop


def shortened(text: str, width: int) -> str:
    """At most `width` characters, the middle left out where there are more."""
    if len(text) <= width:
        return text
    end = (width - 1) // 2
    return f"{text[: width - 1 - end]}…{text[len(text) - end :]}"


def _progress(output: Output, *columns: ProgressColumn, others: int) -> Progress:
    """A bar in the columns that are left beside `others` and the spaces between."""
    bar_width = max(output.notes.width - others - len(columns) - 1 - _MARGIN, 4)
    text = TextColumn("{task.description}", markup=False)
    return Progress(text, BarColumn(bar_width), *columns, console=output.notes, transient=True)


def _name(path: Path) -> str:
    return printable(path.name)
