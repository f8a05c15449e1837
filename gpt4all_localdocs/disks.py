"""Disks that are not mounted just now: their files are out of sight, not deleted."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from gpt4all_localdocs.scan import Scan, Skipped
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.sync_ledger import IS_FOUND, SyncLedger

_NOT_MOUNTED: Final = "none of its files is there, nor the disk that they were on: it is not mounted"
_NOT_KNOWN: Final = "none of its files is there, and which disk they were on is not known"
_KEPT: Final = "they are kept until a removal is confirmed"


def known_devices(store: Store, scan: Scan) -> dict[Path, int]:
    """Where the last sync found the folders that were scanned now, and disks inside them; 0 is not known."""
    folders = store.folders()
    roots = [one for one in scan.folders if not any(above in scan.folders for above in one.parents)]
    nested = {one: folders[one] for one in scan.folders if one not in roots and folders.get(one)}
    mounts = store.listings.mounts().items()
    inside = {place: device for place, device in mounts if any(root in place.parents for root in roots)}
    return {root: folders.get(root, 0) for root in roots} | nested | inside


def without_missing(ledger: SyncLedger, scan: Scan, devices: Mapping[Path, int]) -> Scan:
    """The scan with places hidden from view that are likely to be disks which are not mounted.

    ledger: has what was found, and the files of the index but for settled directories; files that were found
    in such places are held there. devices: see `known_devices`.
    A place that is gone, or on another device, and of whose files none is found, was not emptied by somebody
    but is out of sight. Where one of its files is found the system only numbers its devices anew, as it may
    whenever it starts. Other files there are left for when the disk is back.
    """
    reasons = {
        place: _NOT_MOUNTED if devices[place] else _NOT_KNOWN for place in _lost(ledger, scan, devices)
    }
    if not reasons:
        return scan
    hidden = {place: f"{reason}; {_KEPT}" for place, reason in reasons.items()}
    for place in innermost_first(hidden):
        ledger.hold(place, hidden[place])
    return replace(
        scan,
        hidden_from_view=(*scan.hidden_from_view, *(Skipped(*place) for place in hidden.items())),
        looked_at={one: look for one, look in scan.looked_at.items() if not reason_above(Path(one), hidden)},
    )


def remember_devices(store: Store, scan: Scan) -> None:
    """Note the folders and where they and the disks inside them are; of what is hidden, where it was.

    Before any file is written or forgotten, so that a sync which is killed leaves no file of a disk that
    nobody knows of.
    """
    known, mounts, hidden = store.folders(), store.listings.mounts(), _hidden(scan)
    folders = {
        folder: known.get(folder, 0) if reason_above(folder, hidden) else scan.devices.get(folder, 0)
        for folder in scan.folders
    }
    if folders != known:
        store.set_folders(folders)
    inside = {place: device for place, device in scan.devices.items() if place not in folders}
    inside |= {place: device for place, device in mounts.items() if reason_above(place, hidden)}
    if inside != mounts:
        store.listings.set_mounts(inside)


def innermost_first(places: Iterable[Path]) -> list[Path]:
    """Places that may lie inside each other, so that the first one above a path is the nearest."""
    return sorted(places, key=lambda place: len(place.parts), reverse=True)


def reason_above(path: Path, hidden: Mapping[Path, str]) -> str | None:
    """The reason given for a path or for what it stands in."""
    return next((hidden[place] for place in (path, *path.parents) if place in hidden), None)


def _lost(ledger: SyncLedger, scan: Scan, devices: Mapping[Path, int]) -> list[Path]:
    hidden = _hidden(scan)
    changed = [
        place
        for place, device in devices.items()
        if scan.devices.get(place) != device and reason_above(place, hidden) is None
    ]
    if not changed:
        return []
    found_at = {_nearest(path, devices) for path in ledger.known_paths(IS_FOUND)}
    found_at |= {_nearest(Path(directory), devices) for directory in scan.settled}
    lost_at = {_nearest(path, devices) for path in ledger.known_paths()} - found_at
    return [place for place in changed if place in lost_at]


def _hidden(scan: Scan) -> dict[Path, str]:
    return {place.path: place.reason for place in scan.hidden_from_view}


def _nearest(path: Path, places: Collection[Path]) -> Path | None:
    return next((place for place in (path, *path.parents) if place in places), None)
