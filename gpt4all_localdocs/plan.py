"""What a sync has to do: pure decisions from the manifest, the scan and the files' hashes."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gpt4all_localdocs.manifest import RACY_WINDOW_NS, FileRecord, FileStat
from gpt4all_localdocs.scan import Scan


@dataclass(frozen=True, slots=True)
class Reading:
    """Step one: which files have to be hashed, and what needs no reading at all.

    same: untouched files that are as they should be.
    outdated: untouched files whose chunks were made under other settings.
    to_hash: new files, files that were touched, and racy ones.
    kept: known files that could not be looked at, each with the reason.
    gone: known files that are not there any more.
    """

    same: tuple[FileStat, ...]
    outdated: tuple[FileStat, ...]
    to_hash: tuple[FileStat, ...]
    kept: tuple[tuple[Path, str], ...]
    gone: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Step two: every known or found file in exactly one place.

    unchanged: nothing to do. confirmed: same content under a new stat.
    moved: old path and new stat. added, updated: to be loaded, each with its hash.
    kept: known, not to be looked at now; with the reason. removed: to be forgotten.
    """

    unchanged: tuple[FileStat, ...] = ()
    confirmed: tuple[FileStat, ...] = ()
    moved: tuple[tuple[Path, FileStat], ...] = ()
    added: tuple[tuple[FileStat, str], ...] = ()
    updated: tuple[tuple[FileStat, str], ...] = ()
    kept: tuple[tuple[Path, str], ...] = ()
    removed: tuple[Path, ...] = ()


def plan_reading(known: Mapping[Path, FileRecord], scan: Scan, *, settings: str) -> Reading:
    """Sort the files by what their stats alone can tell; `known` may leave out those of `scan.settled`."""
    same, outdated, to_hash = [], [], []
    for stat in scan.files:
        record = known.get(stat.path)
        if record is None or record.stat != stat or is_racy(record):
            to_hash.append(stat)
        elif record.settings != settings:
            outdated.append(stat)
        else:
            same.append(stat)
    hidden = {place.path: place.reason for place in scan.hidden_from_view}
    found = {stat.path for stat in scan.files}
    kept, gone = [], []
    for path in known:
        if path in found:
            continue
        reason = reason_above(path, hidden)
        if reason is None:
            gone.append(path)
        else:
            kept.append((path, reason))
    return Reading(tuple(same), tuple(outdated), tuple(to_hash), tuple(kept), tuple(gone))


def plan_sync(
    known: Mapping[Path, FileRecord], reading: Reading, hashes: Mapping[Path, str], *, settings: str
) -> Plan:
    """Decide on every file; `hashes` holds those of `reading.to_hash` that could be read.

    A file that could not be read just now is not in the plan: the caller reports it and what is
    known of it stays.
    """
    hashed = [(stat, hashes[stat.path]) for stat in reading.to_hash if stat.path in hashes]
    new = [(stat, digest) for stat, digest in hashed if stat.path not in known]
    moved = dict(_moves(known, reading.gone, new, settings=settings))
    confirmed, updated = [], [(stat, known[stat.path].sha256) for stat in reading.outdated]
    for stat, digest in hashed:
        record = known.get(stat.path)
        if record is None:
            continue
        if record.sha256 == digest and record.settings == settings and record.state == "indexed":
            confirmed.append(stat)
        else:
            # An unreadable file whose stat changed is tried again, whatever its content.
            updated.append((stat, digest))
    return Plan(
        unchanged=reading.same,
        confirmed=tuple(confirmed),
        moved=tuple((old, stat) for stat, old in moved.items()),
        added=tuple((stat, digest) for stat, digest in new if stat not in moved),
        updated=tuple(sorted(updated, key=lambda pair: pair[0].path)),
        kept=reading.kept,
        removed=tuple(sorted(set(reading.gone) - set(moved.values()))),
    )


def is_racy(record: FileRecord) -> bool:
    """Whether equal stats do not prove equal content."""
    return record.stat.mtime_ns >= record.scanned_ns - RACY_WINDOW_NS


def _moves(
    known: Mapping[Path, FileRecord],
    gone: Collection[Path],
    new: Collection[tuple[FileStat, str]],
    *,
    settings: str,
) -> Iterator[tuple[FileStat, Path]]:
    """Pair new files with gone ones of the same content; those of the same name first."""
    by_hash: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(gone):
        if known[path].state == "indexed" and known[path].settings == settings:
            by_hash[known[path].sha256].append(path)
    waiting = list(new)
    for same_name in (True, False):
        left = []
        for stat, digest in waiting:
            candidates = [old for old in by_hash[digest] if not same_name or old.name == stat.path.name]
            if candidates:
                by_hash[digest].remove(candidates[0])
                yield stat, candidates[0]
            else:
                left.append((stat, digest))
        waiting = left


def reason_above(path: Path, hidden: Mapping[Path, str]) -> str | None:
    """The reason given for a path or for what it stands in."""
    return next((hidden[place] for place in (path, *path.parents) if place in hidden), None)
