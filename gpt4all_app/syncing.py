"""Bring an index up to date in front of somebody, and say what became of the files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gpt4all_app.failures import Stopped
from gpt4all_app.output import Output
from gpt4all_app.paths import shown_path
from gpt4all_app.progress import sync_bar
from gpt4all_core.errors import LocalDocsError
from gpt4all_localdocs.types import FileOutcome, Outcome, SyncReport

if TYPE_CHECKING:
    from gpt4all_localdocs.local_docs import LocalDocs

_CHANGES: tuple[Outcome, ...] = ("added", "updated", "moved", "removed")
_ORDER: tuple[Outcome, ...] = (*_CHANGES, "unchanged", "unreadable", "skipped")
_LISTED = 5
"""Files named one by one beside an answer; `gpt4all docs sync` names all."""


def sync_visibly(docs: "LocalDocs", output: Output, *, rebuild: bool = False) -> SyncReport:
    """Sync with a progress bar; raises Stopped on Ctrl-C."""
    try:
        with sync_bar(output) as on_progress:
            return docs.sync(rebuild=rebuild, on_progress=on_progress)
    except KeyboardInterrupt as error:
        raise Stopped("stopped; the index is intact, and the same command goes on from here") from error


def require_folders(
    docs: "LocalDocs", *, advice: str = "add one with: gpt4all docs add FOLDER"
) -> tuple[Path, ...]:
    """The folders of the index; LocalDocsError where there is no index or it has none."""
    if not docs.folders:
        raise LocalDocsError(f"there are no folders in an index at {docs.path}; {advice}")
    return docs.folders


def require_passages(report: SyncReport, folders: Sequence[Path]) -> None:
    """Raise LocalDocsError, with the reasons, where no file gave any text."""
    from gpt4all_localdocs.loaders.registry import supported_suffixes  # noqa: PLC0415 - a sync loaded it

    if any(file.chunks for file in report.files):
        return
    faults = [f"{shown_path(file.path, folders)}: {file.reason}" for file in left_out(report)]
    reasons = f" ({'; '.join(faults[:_LISTED])})" if faults else ""
    raise LocalDocsError(
        f"{', '.join(map(str, folders))}: no text to search{reasons};"
        f" files with these endings can be read: {' '.join(supported_suffixes())}"
    )


def left_out(report: SyncReport) -> list[FileOutcome]:
    """Files of a known format that are not searched, and places that could not be looked at."""
    from gpt4all_localdocs.loaders.registry import loader_for  # noqa: PLC0415 - a sync loaded it

    return [
        file
        for file in report.files
        if file.outcome == "unreadable"
        or (file.outcome == "skipped" and (loader_for(file.path) or not file.path.is_file()))
    ]


def note_report(report: SyncReport, output: Output, *, folders: Sequence[Path], index: Path) -> None:
    """What somebody who asks a question should know: what changed, and what cannot be answered from."""
    faults = left_out(report)
    more = f"gpt4all docs sync --index {index}"
    if not report.has_changes:
        if faults:
            output.note(f"{_files(len(faults))} cannot be searched; {more} says why")
        return
    output.note(f"index updated: {summary(report)}")
    skipped = [file for file in report.files if file.outcome == "skipped" and file not in faults]
    listed = [("cannot be searched", file) for file in faults] + [("skipped", file) for file in skipped]
    for meaning, file in listed[:_LISTED]:
        output.note(f"{meaning}: {shown_path(file.path, folders)}: {file.reason}")
    if len(listed) > _LISTED:
        output.note(f"and {len(listed) - _LISTED} more; {more} names them")


def summary(report: SyncReport) -> str:
    """How many files had which outcome, changes first, and how many passages were embedded."""
    parts = [f"{report.counts[outcome]} {outcome}" for outcome in _ORDER if outcome in report.counts]
    embedded = f"; {report.embedded} passages embedded" if report.embedded else ""
    return f"{', '.join(parts) or 'no files'}{embedded}"


def _files(count: int) -> str:
    return f"{count} file" if count == 1 else f"{count} files"
