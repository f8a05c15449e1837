"""Bring an index up to date in front of somebody, and say what became of the files."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gpt4all_app.failures import Stopped
from gpt4all_app.output import Output, counted
from gpt4all_app.paths import shown_path
from gpt4all_app.progress import sync_bar
from gpt4all_core.errors import LocalDocsError
from gpt4all_localdocs.database import DATABASE_NAME
from gpt4all_localdocs.patterns import LEFT_OUT
from gpt4all_localdocs.types import FileOutcome, Outcome, SyncReport

if TYPE_CHECKING:
    from gpt4all_localdocs.local_docs_group import LocalDocsGroup

_CHANGES: tuple[Outcome, ...] = ("added", "updated", "moved", "removed")
_ORDER: tuple[Outcome, ...] = (*_CHANGES, "unchanged", "unreadable", "skipped")
_READABLE = (
    "PDF, Word, PowerPoint, Excel and OpenDocument files, web pages, plain and marked-up text, e-books,"
    " mails, notebooks, data, source code and archives of these"
)
_LISTED = 5
"""Files named one by one beside an answer; `gpt4all docs sync` names all."""


def sync_visibly(
    docs: "LocalDocsGroup", output: Output, *, rebuild: bool = False, confirm_removal: bool = False
) -> SyncReport:
    """Sync with a progress bar; raises Stopped on Ctrl-C."""
    try:
        with sync_bar(output) as on_progress:
            return docs.sync(rebuild=rebuild, confirm_removal=confirm_removal, on_progress=on_progress)
    except KeyboardInterrupt as error:
        raise Stopped("stopped; the index is intact, and the same command goes on from here") from error


def watch_visibly(docs: "LocalDocsGroup", *, every_s: float, polling: bool) -> Iterator[SyncReport]:
    """A report after each sync; raises Stopped on Ctrl-C."""
    try:
        yield from docs.watch(every_s=every_s, polling=polling)
    except KeyboardInterrupt as error:
        raise Stopped("stopped; the index is intact, and nothing watches the folders any more") from error


def require_contents(
    docs: "LocalDocsGroup", *, advice: str = "add one with: gpt4all docs add FOLDER"
) -> tuple[Path, ...]:
    """The folders of the index, none where it has texts alone; LocalDocsError where it has neither."""
    folders = docs.folders
    if folders or ((docs.path / DATABASE_NAME).exists() and docs.count()):
        return folders
    raise LocalDocsError(f"there are no folders in an index at {docs.path}; {advice}")


def require_passages(report: SyncReport, folders: Sequence[Path], *, choice: str = "") -> None:
    """Raise LocalDocsError, with the reasons, where no file and no program gave any text.

    choice: how files were chosen, in words.
    """
    if report.texts or any(file.chunks for file in report.files):
        return
    faults = [f"{shown_path(file.path, folders)}: {file.reason}" for file in report.files if file.reason]
    reasons = f" ({'; '.join(faults[:_LISTED])})" if faults else ""
    advice = (
        f"files are chosen as {choice}; --every-file takes that back"
        if choice
        else f"{_READABLE} can be read"
    )
    raise LocalDocsError(f"{', '.join(map(str, folders))}: no text to search{reasons}; {advice}")


def left_out(report: SyncReport) -> list[FileOutcome]:
    """Files of a known format that are not searched, and places that could not be looked at."""
    from gpt4all_localdocs.loaders.registry import loader_for  # noqa: PLC0415 - a sync loaded it

    return [
        file
        for file in report.files
        if file.outcome == "unreadable"
        or (
            file.outcome == "skipped"
            and not file.reason.startswith(LEFT_OUT)
            and (loader_for(file.path) or not file.path.is_file())
        )
    ]


def note_report(report: SyncReport, output: Output, *, folders: Sequence[Path], index: Path) -> None:
    """What somebody who asks a question should know: what changed, and what cannot be answered from."""
    faults = left_out(report)
    more = f"gpt4all docs sync --index {index}"
    if not report.has_changes:
        if faults:
            output.note(f"{counted(len(faults), 'file')} cannot be searched; {more} says why")
        return
    output.note(f"index updated: {summary(report)}")
    skipped = [
        file
        for file in report.files
        if file.outcome == "skipped" and file not in faults and not file.reason.startswith(LEFT_OUT)
    ]
    listed = [("cannot be searched", file) for file in faults] + [("skipped", file) for file in skipped]
    for meaning, file in listed[:_LISTED]:
        output.note(f"{meaning}: {shown_path(file.path, folders)}: {file.reason}")
    if len(listed) > _LISTED:
        output.note(f"and {len(listed) - _LISTED} more; {more} names them")


def summary(report: SyncReport) -> str:
    """How many files had which outcome, changes first, and how many passages were embedded."""
    parts = [f"{report.counts[outcome]} {outcome}" for outcome in _ORDER if outcome in report.counts]
    embedded = f"; {counted(report.embedded, 'passage')} embedded" if report.embedded else ""
    return f"{', '.join(parts) or 'no files'}{embedded}"
