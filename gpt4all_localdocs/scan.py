"""Walk the folders: which files are there, and which places could not be looked at."""

import os
import stat as stat_modes
from collections.abc import Callable, Collection, Container, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gpt4all_core.errors import ConfigError
from gpt4all_localdocs.manifest import FileStat, StatKey
from gpt4all_localdocs.patterns import PathRules

RulesOf = Callable[[str], PathRules]
"""The rules of a folder, by its absolute path."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A place that a sync leaves alone, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Scan:
    """What a walk saw.

    files: those that something has to be decided about. settled: those that are as they were.
    skipped: files that are there but not for this index; they are forgotten if they were known.
    hidden_from_view: files and folders that could not be looked at; what is known of them is kept.
    folders: all that were asked for, absolute. devices: those that could be listed, and where each is.
    """

    files: tuple[FileStat, ...]
    skipped: tuple[Skipped, ...] = ()
    hidden_from_view: tuple[Skipped, ...] = ()
    folders: tuple[Path, ...] = ()
    devices: dict[Path, int] = field(default_factory=dict)
    settled: tuple[StatKey, ...] = ()


def scan_folders(
    folders: Sequence[Path],
    *,
    suffixes: Collection[str],
    max_file_bytes: int,
    exclude: Path,
    known_devices: dict[Path, int],
    rules_of: RulesOf = PathRules.of,
    settled: Container[StatKey] = (),
) -> Scan:
    """List every file below the folders; a folder may also be a single file, which no pattern leaves out.

    Names that begin with a dot are passed over without a word unless the rules let them in, as is `exclude`
    (the index itself). Links are followed; a folder that is reached twice is walked once, by its real name
    if that lies inside. An empty folder that changed its device since `known_devices` is an unmounted disk,
    not a folder whose files were all deleted. settled: files that nothing has to be decided about while
    their stats are these. Order: by path.
    """
    walk = _Walk(frozenset(suffixes), max_file_bytes, os.fspath(_absolute(exclude)), settled)
    for folder in _outermost(folders):
        walk.add_folder(folder, known_device=known_devices.get(folder), rules_of=rules_of)
    walk.follow_links()
    return Scan(
        files=tuple(sorted(walk.files, key=lambda found: found.path)),
        skipped=tuple(sorted(walk.skipped, key=lambda place: place.path)),
        hidden_from_view=tuple(sorted(walk.hidden, key=lambda place: place.path)),
        folders=tuple(sorted({_absolute(folder) for folder in folders})),
        devices=walk.devices,
        settled=tuple(walk.settled),
    )


@dataclass(frozen=True, slots=True)
class _Directory:
    path: str
    found: os.stat_result
    rules: PathRules


class _Walk:
    """Works with text, as making a `Path` takes longer than looking at a file."""

    def __init__(
        self, suffixes: frozenset[str], max_file_bytes: int, exclude: str, settled: Container[StatKey]
    ) -> None:
        self.files: list[FileStat] = []
        self.skipped: list[Skipped] = []
        self.hidden: list[Skipped] = []
        self.devices: dict[Path, int] = {}
        self.settled: list[StatKey] = []
        self._known = settled
        self._suffixes = suffixes
        self._max_file_bytes = max_file_bytes
        self._exclude = exclude
        self._seen: set[tuple[int, int]] = set()
        self._links: list[tuple[str, PathRules]] = []

    def add_folder(self, folder: Path, *, known_device: int | None, rules_of: RulesOf) -> None:
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
            self._walk(_Directory(os.fspath(folder), found, rules_of(os.fspath(folder))))
        else:
            self._add_file(os.fspath(folder), found)

    def follow_links(self) -> None:
        """Last, so that a folder inside the tree is walked by its real name."""
        while self._links:
            links, self._links = sorted(self._links, key=lambda link: link[0]), []
            for link, rules in links:
                try:
                    self._walk(_Directory(link, os.stat(link), rules))  # noqa: PTH116 - text, see the class
                except OSError as error:
                    self.hidden.append(Skipped(Path(link), _reason(error)))

    def _walk(self, top: _Directory) -> None:
        waiting = [top]
        while waiting:
            here = waiting.pop()
            identity = (here.found.st_dev, here.found.st_ino)
            if here.found.st_ino and identity in self._seen:
                self.skipped.append(Skipped(Path(here.path), "a link to a folder that is indexed already"))
                continue
            self._seen.add(identity)
            try:
                with os.scandir(here.path) as listing:
                    entries = {entry.name: entry for entry in listing}
                rules = here.rules.enter(here.path, entries)
            except OSError as error:
                self.hidden.append(Skipped(Path(here.path), _reason(error)))
                continue
            except ConfigError as error:
                self.hidden.append(Skipped(Path(here.path), str(error)))
                continue
            for name, entry in entries.items():
                if name[0] != "." or rules.hidden_files:
                    self._visit(entry, rules, waiting)

    def _visit(self, entry: "os.DirEntry[str]", rules: PathRules, waiting: list[_Directory]) -> None:
        """Take a file, or note a folder as one to walk."""
        path = entry.path
        if path == self._exclude:
            return
        try:
            found = entry.stat()
        except FileNotFoundError:
            reason = "a link that leads nowhere" if entry.is_symlink() else "gone while the folder was listed"
            self.skipped.append(Skipped(Path(path), reason))
            return
        except OSError as error:
            # A link that leads back to itself ends here too (ELOOP).
            self.hidden.append(Skipped(Path(path), _reason(error)))
            return
        key = (path, found.st_size, found.st_mtime_ns, found.st_ino)
        if key in self._known and not rules.has_patterns and found.st_size <= self._max_file_bytes:
            self.settled.append(key)  # as most files of most scans are: nothing else is asked about them
            return
        is_folder = stat_modes.S_ISDIR(found.st_mode)
        if rules.has_patterns and (reason := rules.why_left_out(path, is_folder=is_folder)):
            self.skipped.append(Skipped(_printable(path), reason))
        elif not is_folder:
            self._add_file(path, found)
        elif entry.is_symlink():
            self._links.append((path, rules))
        else:
            waiting.append(_Directory(path, found, rules))

    def _add_file(self, path: str, found: os.stat_result) -> None:
        key = (path, found.st_size, found.st_mtime_ns, found.st_ino)
        if key in self._known and found.st_size <= self._max_file_bytes:
            self.settled.append(key)
        elif reason := self._reason_to_skip(path, found):
            self.skipped.append(Skipped(_printable(path), reason))
        else:
            self.files.append(FileStat.of(Path(path), found))

    def _reason_to_skip(self, path: str, found: os.stat_result) -> str:
        if not stat_modes.S_ISREG(found.st_mode):
            return "not a regular file"
        try:
            path.encode("utf-8")
        except UnicodeEncodeError:
            return "its name is not valid Unicode; rename it"
        suffix = Path(path).suffix.lower()
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


def _printable(path: str) -> Path:
    return Path(os.fsencode(path).decode("utf-8", "replace"))


def _reason(error: OSError) -> str:
    return f"cannot be looked at: {error.strerror or error}"
