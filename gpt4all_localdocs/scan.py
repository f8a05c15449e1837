"""Walk the folders: which files are there, and which places could not be looked at."""

import json
import os
import stat as stat_modes
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gpt4all_core.errors import ConfigError
from gpt4all_localdocs.listing import FileEntry, Listing, Look, digest_of_stats, look_into
from gpt4all_localdocs.loaders.recognise import reason_against
from gpt4all_localdocs.manifest import RACY_WINDOW_NS, FileStat
from gpt4all_localdocs.patterns import PathRules

_NOT_UNICODE: Final = "its name is not valid Unicode; rename it"

RulesOf = Callable[[str], PathRules]
"""The rules of a folder, by its absolute path."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A place that a sync leaves alone, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Scan:
    """What a walk saw besides the files that it took and skipped one by one.

    settled: directories whose files are as they were. looked_at: the other directories, each with what stands
    in it now, without the files of the index. taken: of each of these, the `digest_of_stats` of its files.
    hidden_from_view: files and folders that could not be looked at; what is known of them is kept.
    folders: all that were asked for, absolute. devices: where those of them are that could be listed, and
    the directories inside that are on another disk than what they stand in.
    """

    hidden_from_view: tuple[Skipped, ...] = ()
    folders: tuple[Path, ...] = ()
    devices: dict[Path, int] = field(default_factory=dict)
    settled: tuple[str, ...] = ()
    looked_at: dict[str, Listing] = field(default_factory=dict)
    taken: dict[str, bytes] = field(default_factory=dict)


def scan_folders(
    folders: Sequence[Path],
    *,
    suffixes: Collection[str],
    max_file_bytes: int,
    exclude: Path,
    take: Callable[[FileStat], None],
    skip: Callable[[Skipped], None],
    rules_of: RulesOf = PathRules.of,
    settings: str = "",
    listings: Mapping[str, Listing] | None = None,
) -> Scan:
    """List every file below the folders; a folder may also be a single file, which no pattern leaves out.

    take: called with each file that something has to be decided about. skip: with each that is there but not
    for this index, to be forgotten if it was known; those of settled directories stand in their listings.

    Names that begin with a dot are passed over without a word unless the rules let them in, as is `exclude`
    (the index itself). Links are followed; a folder that is reached twice is walked once, by its real name
    if that lies inside. listings: what is known of directories: one whose digest is the same is settled.
    settings: what else the files of the index depend on, for that digest.
    """
    context = repr((settings, sorted(suffixes), max_file_bytes))
    walk = _Walk(
        frozenset(suffixes),
        max_file_bytes,
        os.fspath(_absolute(exclude)),
        take=take,
        skip=skip,
        context=context,
        listings=listings or {},
    )
    for folder in _outermost(folders):
        walk.add_folder(folder, rules_of=rules_of)
    walk.follow_links()
    return Scan(
        hidden_from_view=tuple(sorted(walk.hidden, key=lambda place: place.path)),
        folders=tuple(sorted({_absolute(folder) for folder in folders})),
        devices=walk.devices,
        settled=tuple(walk.settled),
        looked_at=walk.looked_at,
        taken=walk.taken,
    )


@dataclass(frozen=True, slots=True)
class _Directory:
    """One to be walked; device: of what it stands in, None for a folder that was asked for."""

    path: str
    rules: PathRules
    device: int | None = None


class _Walk:
    """Works with text, as making a `Path` takes longer than looking at a file."""

    def __init__(
        self,
        suffixes: frozenset[str],
        max_file_bytes: int,
        exclude: str,
        *,
        take: Callable[[FileStat], None],
        skip: Callable[[Skipped], None],
        context: str,
        listings: Mapping[str, Listing],
    ) -> None:
        self.hidden: list[Skipped] = []
        self.devices: dict[Path, int] = {}
        self.settled: list[str] = []
        self.looked_at: dict[str, Listing] = {}
        self.taken: dict[str, bytes] = {}
        self._take = take
        self._skip = skip
        self._listings = listings
        self._context = context
        self._suffixes = suffixes
        self._max_file_bytes = max_file_bytes
        self._exclude = exclude
        self._racy_ns = time.time_ns() - RACY_WINDOW_NS
        self._seen: set[tuple[int, int]] = set()
        self._links: list[_Directory] = []

    def add_folder(self, folder: Path, *, rules_of: RulesOf) -> None:
        try:
            found = folder.stat()
        except FileNotFoundError:
            self.hidden.append(Skipped(folder, "folder not found; what is known of its files is kept"))
            return
        except OSError as error:
            self.hidden.append(Skipped(folder, _reason(error)))
            return
        if stat_modes.S_ISDIR(found.st_mode):
            self._walk(_Directory(os.fspath(folder), rules_of(os.fspath(folder))))
            return
        self.devices[folder] = found.st_dev
        entry = (folder.name, found.st_size, found.st_mtime_ns, found.st_ino, found.st_mode)
        if reason := self._reason_against(folder, entry):
            self._skip(Skipped(printable(os.fspath(folder)), reason))
        else:
            self._take(_stat_of(folder, entry))

    def follow_links(self) -> None:
        """Last, so that a folder inside the tree is walked by its real name."""
        while self._links:
            links, self._links = sorted(self._links, key=lambda link: link.path), []
            for link in links:
                self._walk(link)

    def _walk(self, top: _Directory) -> None:
        waiting = [top]
        while waiting:
            here = waiting.pop()
            if not _is_unicode(here.path):
                self._skip(Skipped(printable(here.path), _NOT_UNICODE))
                continue
            try:
                found = os.stat(here.path)  # noqa: PTH116 - text, see the class
                identity = (found.st_dev, found.st_ino)
                if found.st_ino and identity in self._seen:
                    self._skip(Skipped(Path(here.path), "a link to a folder that is indexed already"))
                    continue
                look = look_into(here.path, hidden_files=here.rules.hidden_files)
                rules = here.rules.enter(here.path, look.names)
            except OSError as error:
                self.hidden.append(Skipped(Path(here.path), _reason(error)))
                continue
            except ConfigError as error:
                self.hidden.append(Skipped(Path(here.path), str(error)))
                continue
            self._seen.add(identity)
            if found.st_dev != here.device:
                self.devices[Path(here.path)] = found.st_dev
            left_out = self._judge(here.path, look, rules)
            prefix = os.path.join(here.path, "")  # noqa: PTH118 - text, see the class
            for names, into in ((look.folders, waiting), (look.links, self._links)):
                into += [
                    _Directory(prefix + name, rules, found.st_dev)
                    for name in names
                    if name not in left_out and prefix + name != self._exclude
                ]

    def _judge(self, directory: str, look: Look, rules: PathRules) -> Collection[str]:
        """Settle a directory, or take its files; the names that are left out."""
        digest = None if look.odd else look.digest(self._context + rules.identity)
        known = self._listings.get(directory)
        if known is not None and digest is not None and known.digest == digest:
            self.settled.append(directory)
            left_out = dict(json.loads(known.skipped))
        else:
            left_out = self._look_at(directory, look, rules)
            if any(entry[0] in left_out and entry[2] >= self._racy_ns for entry in look.files):
                digest = None  # what was found in it may have changed with no other time stamp
            self.looked_at[directory] = Listing(digest, skipped=json.dumps(list(left_out.items())))
            for entry, error in look.odd:
                self._pass_over(entry, error)
            prefix = os.path.join(directory, "")  # noqa: PTH118 - text, see the class
            for name, reason in left_out.items():
                self._skip(Skipped(printable(prefix + name), reason))
        return left_out

    def _look_at(self, directory: str, look: Look, rules: PathRules) -> dict[str, str]:
        """Take the files that are for this index; the other names, each with its reason."""
        prefix, left_out = os.path.join(directory, ""), {}  # noqa: PTH118 - text, see the class
        taken = []
        for name in (*look.folders, *look.links):
            is_own = prefix + name == self._exclude
            if rules.has_patterns and not is_own:
                left_out[name] = rules.why_left_out(prefix + name, is_folder=True)
        for entry in look.files:
            path = prefix + entry[0]
            reason = rules.why_left_out(path, is_folder=False) if rules.has_patterns else ""
            left_out[entry[0]] = reason = reason or self._reason_against(Path(path), entry)
            if not reason:
                self._take(_stat_of(Path(path), entry))
                taken.append(entry[:4])
        self.taken[directory] = digest_of_stats(taken)
        return {name: reason for name, reason in left_out.items() if reason}

    def _pass_over(self, entry: "os.DirEntry[str]", error: OSError) -> None:
        path = printable(entry.path)
        if isinstance(error, FileNotFoundError):
            reason = "a link that leads nowhere" if entry.is_symlink() else "gone while the folder was listed"
            self._skip(Skipped(path, reason))
        else:  # a link that leads back to itself ends here too (ELOOP)
            self.hidden.append(Skipped(path, _reason(error)))

    def _reason_against(self, path: Path, entry: FileEntry) -> str:
        """Why a file is not for this index; empty for one that is."""
        _, size, _, _, mode = entry
        if not stat_modes.S_ISREG(mode):
            return "not a regular file"
        if not _is_unicode(str(path)):
            return _NOT_UNICODE
        suffix = path.suffix.lower()
        if suffix not in self._suffixes and (reason := reason_against(path)):
            return reason
        if size > self._max_file_bytes:
            return f"{size} bytes are more than max_file_bytes, {self._max_file_bytes}"
        return ""


def _outermost(folders: Sequence[Path]) -> list[Path]:
    """The folders, absolute, without those that lie inside another one."""
    absolute = sorted({_absolute(folder) for folder in folders})
    return [one for one in absolute if not any(other in one.parents for other in absolute)]


def _absolute(path: Path) -> Path:
    """Absolute but with its links, so that people see the names they gave."""
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - resolve() would follow links


def _is_unicode(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _stat_of(path: Path, entry: FileEntry) -> FileStat:
    return FileStat(path, entry[1], entry[2], entry[3])


def printable(path: str) -> Path:
    """A path that can be shown and written down, also where a name is not valid Unicode."""
    return Path(os.fsencode(path).decode("utf-8", "replace"))


def _reason(error: OSError) -> str:
    return f"cannot be looked at: {error.strerror or error}"
