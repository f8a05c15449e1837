"""What a sync tells, as JSON. Pure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, get_args

from pydantic import BaseModel, Field

from gpt4all_app.server.localdocs_places import DocumentNames
from gpt4all_localdocs.sync_progress import SyncPhase, SyncProgress
from gpt4all_localdocs.types import Outcome, SyncReport

Json = dict[str, Any]

_OUTCOMES: Final = get_args(Outcome)


class FileReport(BaseModel):
    """What became of a file. notes: what of it is not in the index, and why."""

    filename: str
    outcome: Outcome
    reason: str | None
    passages: int
    notes: list[str]


class SyncReportFacts(BaseModel):
    """Counts and files of one collection. files: those that are not as they were, or not wholly indexed.

    stopped: whether somebody ended the sync before it was done; the next one goes on. behind: whether the
    server that keeps the vectors lacks some, which searches find all the same.
    """

    object: Literal["sync.report"]
    collection: str
    added: int
    updated: int
    unchanged: int
    moved: int
    removed: int
    unreadable: int
    skipped: int
    embedded: int
    seconds: float
    stopped: bool
    behind: bool
    files: list[FileReport]


class SyncProgressFacts(BaseModel):
    """How far a sync is: the data of events named "progress"."""

    phase: SyncPhase
    files_done: int | None
    files_total: int | None
    passages_done: int | None
    passages_total: int | None
    file: str | None


class SyncRequest(BaseModel):
    stream: bool = Field(default=False, description="Tell how far it is, as server-sent events.")


class SyncStopped(BaseModel):
    """stopped: whether a sync was under way."""

    id: str
    object: Literal["sync.stopped"]
    stopped: bool


class ProgressWriter:
    """Writes down progress. Phases take turns; what one tells stays until it tells anew."""

    def __init__(self, names: DocumentNames) -> None:
        self._names = names
        self._files: tuple[int | None, int | None] = (None, None)
        self._passages: tuple[int | None, int | None] = (None, None)

    def write(self, progress: SyncProgress) -> Json:
        counts = (progress.done, progress.total)
        match progress.phase:
            case "hash" | "load":
                self._files = counts
            case "embed" | "index":
                self._passages = counts
            case "wait" | "scan":
                self._files = self._passages = (None, None)
        return {
            "phase": progress.phase,
            "files_done": self._files[0],
            "files_total": self._files[1],
            "passages_done": self._passages[0],
            "passages_total": self._passages[1],
            "file": self._named(progress.path),
        }

    def _named(self, path: Path | None) -> str | None:
        """The file at hand; syncs go through those of others, too."""
        return None if path is None or not self._names.tells(path) else self._names.name(path)


def report_json(
    report: SyncReport, *, collection: str, folders: Sequence[Path], names: DocumentNames, seconds: float
) -> Json:
    """The report of one collection; reads it from disk, some files at a time."""
    counts = dict.fromkeys(_OUTCOMES, 0)
    files = []
    for file in report.files:
        if not any(file.path.is_relative_to(folder) for folder in folders):
            continue
        counts[file.outcome] += 1
        if file.outcome != "unchanged" or file.notes:
            files.append(
                {
                    "filename": names.name(file.path),
                    "outcome": file.outcome,
                    "reason": names.without_paths(file.reason) or None,
                    "passages": file.chunks,
                    "notes": list(file.notes),
                }
            )
    return {
        "object": "sync.report",
        "collection": collection,
        **counts,
        "embedded": report.embedded,
        "seconds": round(seconds, 3),
        "stopped": report.is_stopped,
        "behind": bool(report.behind),
        "files": files,
    }
