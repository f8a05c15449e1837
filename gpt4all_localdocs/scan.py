"""Walk the folders: which files are there, and which places could not be looked at."""

import os
import stat as stat_modes
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gpt4all_localdocs.manifest import FileStat


@dataclass(frozen=True, slots=True)
class Skipped:
    """A place that a sync leaves alone, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Scan:
    """What a walk saw.

    skipped: files that are there but not for this index; they are forgotten if they were known.
    hidden_from_view: files and folders that could not be looked at; what is known of them is kept.
    folders: all that were asked for, absolute. devices: those that could be listed, and where each is.
    """

    files: tuple[FileStat, ...]
    skipped: tuple[Skipped, ...] = ()
    hidden_from_view: tuple[Skipped, ...] = ()
    folders: tuple[Path, ...] = ()
    devices: dict[Path, int] = field(default_factory=dict)


def scan_folders(
    folders: Sequence[Path],
    *,
    suffixes: Collection[str],
    max_file_bytes: int,
    exclude: Path,
    known_devices: dict[Path, int],
) -> Scan:
    """List every file below the folders; a folder may also be a single file.

    Names that begin with a dot are passed over without a word, as is `exclude` (the index itself).
    Links are followed; a folder that is reached twice is walked once, by its real name if that lies
    inside. An empty folder that changed its device since `known_devices` is an unmounted disk, not a
    folder whose files were all deleted. Order: by path.
    """
    walk = _Walk(frozenset(suffixes), max_file_bytes, _absolute(exclude))
    for folder in _outermost(folders):
        walk.add_folder(folder, known_device=known_devices.get(folder))
    walk.follow_links()
    return Scan(
        files=tuple(sorted(walk.files, key=lambda found: found.path)),
        skipped=tuple(sorted(walk.skipped, key=lambda place: place.path)),
        hidden_from_view=tuple(sorted(walk.hidden, key=lambda place: place.path)),
        folders=tuple(sorted({_absolute(folder) for folder in folders})),
        devices=walk.devices,
    )


class _Walk:
    def __init__(self, suffixes: frozenset[str], max_file_bytes: int, exclude: Path) -> None:
        self.files: list[FileStat] = []
        self.skipped: list[Skipped] = []
        self.hidden: list[Skipped] = []
        self.devices: dict[Path, int] = {}
        self._suffixes = suffixes
        self._max_file_bytes = max_file_bytes
        self._exclude = exclude
        self._seen: set[tuple[int, int]] = set()
        self._links: list[Path] = []

    def add_folder(self, folder: Path, *, known_device: int | None) -> None:
        try:
            found = folder.stat()
            is_folder = stat_modes.S_ISDIR(found.st_mode)
            is_empty = is_folder and not any(folder.iterdir())
        except FileNotFoundError:
            self.hidden.append(Skipped(folder, "folder not found; what is known of its files is kept"))
            return
        except OSError as error:
            self.hidden.append(Skipped(folder, _reason(error)))
            return
        if is_empty and known_device not in (None, found.st_dev):
            self.hidden.append(
                Skipped(folder, "empty and on another device than before: its disk is not mounted")
            )
            return
        self.devices[folder] = found.st_dev
        if is_folder:
            self._walk(folder, found)
        else:
            self._add_file(folder, found)

    def follow_links(self) -> None:
        """Last, so that a folder inside the tree is walked by its real name."""
        while self._links:
            link = self._links.pop(0)
            try:
                self._walk(link, link.stat())
            except OSError as error:
                self.hidden.append(Skipped(link, _reason(error)))

    def _walk(self, top: Path, top_stat: os.stat_result) -> None:
        waiting = [(top, top_stat)]
        while waiting:
            folder, found = waiting.pop()
            identity = (found.st_dev, found.st_ino)
            if found.st_ino and identity in self._seen:
                self.skipped.append(Skipped(folder, "a link to a folder that is indexed already"))
                continue
            self._seen.add(identity)
            try:
                with os.scandir(folder) as entries:
                    names = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                self.hidden.append(Skipped(folder, _reason(error)))
                continue
            for entry in names:
                waiting += self._visit(Path(entry.path), is_link=entry.is_symlink())

    def _visit(self, path: Path, *, is_link: bool) -> list[tuple[Path, os.stat_result]]:
        """Take a file, or return a folder to walk."""
        if path.name.startswith(".") or path == self._exclude:
            return []
        try:
            found = path.stat()
        except FileNotFoundError:
            reason = "a link that leads nowhere" if is_link else "gone while the folder was listed"
            self.skipped.append(Skipped(path, reason))
            return []
        except OSError as error:
            # A link that leads back to itself ends here too (ELOOP).
            self.hidden.append(Skipped(path, _reason(error)))
            return []
        if not stat_modes.S_ISDIR(found.st_mode):
            self._add_file(path, found)
        elif is_link:
            self._links.append(path)
        else:
            return [(path, found)]
        return []

    def _add_file(self, path: Path, found: os.stat_result) -> None:
        reason = self._reason_to_skip(path, found)
        if reason:
            printable = os.fsencode(path).decode("utf-8", "replace")
            self.skipped.append(Skipped(Path(printable), reason))
        else:
            self.files.append(FileStat.of(path, found))

    def _reason_to_skip(self, path: Path, found: os.stat_result) -> str:
        if not stat_modes.S_ISREG(found.st_mode):
            return "not a regular file"
        try:
            str(path).encode("utf-8")
        except UnicodeEncodeError:
            return "its name is not valid Unicode; rename it"
        suffix = path.suffix.lower()
        if suffix not in self._suffixes:
            return f"no loader for {suffix}" if suffix else "no loader for a name without a suffix"
        if found.st_size > self._max_file_bytes:
            return f"{found.st_size} bytes are more than max_file_bytes, {self._max_file_bytes}"
        return ""


def _outermost(folders: Sequence[Path]) -> list[Path]:
    """The folders, absolute, without those that lie inside another one."""
    absolute = sorted({_absolute(folder) for folder in folders})
    return [one for one in absolute if not any(other in one.parents for other in absolute)]


def _absolute(path: Path) -> Path:
    """Absolute but with its links, so that people see the names they gave."""
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - resolve() would follow links


def _reason(error: OSError) -> str:
    return f"cannot be looked at: {error.strerror or error}"
