"""What a sync sees of the folders, and the pure decisions that follow from it."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.manifest import RACY_WINDOW_NS, FileRecord, FileStat, is_racy
from gpt4all_localdocs.outcomes import Outcomes
from gpt4all_localdocs.plan import plan_reading, plan_sync
from gpt4all_localdocs.scan import Scan, Skipped, scan_folders
from gpt4all_localdocs.sync_ledger import IS_FOUND, IS_GONE, Step, SyncLedger

LONG_AGO, NOW = 1_000_000_000_000, 2_000_000_000_000
ROOT = Path("/docs")


@dataclass
class Walked:
    """A scan with the files that it took and skipped, by path."""

    scan: Scan
    files: list[FileStat]
    skipped: list[Skipped]


def scan(folder: Path, *more: Path, **choices: object) -> Walked:
    files: list[FileStat] = []
    skipped: list[Skipped] = []
    defaults: dict[str, object] = {
        "suffixes": {".txt"},
        "max_file_bytes": 100,
        "exclude": folder / "index",
        "take": files.append,
        "skip": skipped.append,
    }
    found = scan_folders([folder, *more], **(defaults | choices))  # type: ignore[arg-type]
    return Walked(found, sorted(files, key=lambda one: one.path), sorted(skipped, key=lambda one: one.path))


def names(found: Walked) -> list[str]:
    return [stat.path.name for stat in found.files]


def test_files_come_with_their_stats(tmp_path: Path) -> None:
    for name in ("b.txt", "a.TXT", "sub/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("12345", encoding="utf-8")
    found = scan(tmp_path)
    assert names(found) == ["a.TXT", "b.txt", "c.txt"]
    real = (tmp_path / "b.txt").stat()
    assert found.files[1] == FileStat(tmp_path / "b.txt", 5, real.st_mtime_ns, real.st_ino)
    assert found.scan.folders == (tmp_path,)
    assert found.scan.devices == {tmp_path: real.st_dev}


def test_every_file_that_is_left_out_is_named_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "large.txt").write_bytes(b"x" * 101)
    (tmp_path / "photo.jpg").touch()
    (tmp_path / "README").touch()
    (tmp_path / "dangling.txt").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe.txt")
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt"))).touch()
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/odd\xe9"))).mkdir()
    reasons = {skipped.path.name: skipped.reason for skipped in scan(tmp_path).skipped}
    assert reasons == {
        "odd\ufffd": "its name is not valid Unicode; rename it",
        "large.txt": "101 bytes are more than max_file_bytes, 100",
        "photo.jpg": "pictures have no text",
        "README": "it is empty",
        "dangling.txt": "a link that leads nowhere",
        "pipe.txt": "not a regular file",
        "caf\ufffd.txt": "its name is not valid Unicode; rename it",
    }


def test_hidden_names_and_the_index_itself_are_passed_over(tmp_path: Path) -> None:
    for name in (".hidden.txt", ".git/a.txt", "index/b.txt", "seen.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = scan(tmp_path)
    assert names(found) == ["seen.txt"]
    assert found.skipped == []


def test_links_are_followed_once_and_loops_are_named(tmp_path: Path) -> None:
    outside, docs = tmp_path / "outside", tmp_path / "docs"
    for folder in (outside, docs / "real"):
        folder.mkdir(parents=True)
        (folder / f"{folder.name}.txt").touch()
    (docs / "a-link").symlink_to(docs / "real")
    (docs / "b-loop").symlink_to(docs)
    (docs / "c-outside").symlink_to(outside)
    (docs / "self").symlink_to(docs / "self")
    found = scan(docs)
    assert [stat.path.relative_to(docs).as_posix() for stat in found.files] == [
        "c-outside/outside.txt",
        "real/real.txt",
    ]
    assert [place.path.name for place in found.skipped] == ["a-link", "b-loop"]
    assert [place.path.name for place in found.scan.hidden_from_view] == ["self"]


def test_a_folder_inside_another_is_walked_once(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").touch()
    found = scan(tmp_path, tmp_path / "sub", tmp_path / "sub" / ".." / "sub")
    assert names(found) == ["a.txt"]
    assert found.skipped == []


def test_a_folder_may_be_a_single_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    (tmp_path / "b.txt").touch()
    assert names(scan(tmp_path / "a.txt")) == ["a.txt"]


def test_a_directory_that_looks_the_same_is_settled_until_anything_in_it_or_the_settings_change(
    tmp_path: Path,
) -> None:
    for name in ("sub/a.txt", "sub/photo.jpg", "sub/left/b.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1, 1))
    rules = IndexOptions(exclude=("left/",)).rules_of
    first = scan(tmp_path, rules_of=rules)
    assert [place.path.name for place in first.skipped] == ["left", "photo.jpg"]
    known = {"rules_of": rules, "listings": first.scan.looked_at}
    again = scan(tmp_path, **known)
    assert set(again.scan.settled) == {str(tmp_path), str(tmp_path / "sub")} == set(first.scan.looked_at)
    assert (again.files, again.skipped) == ([], [])
    others: list[dict[str, object]] = [
        {"settings": "other"},
        {"suffixes": {".txt", ".jpg"}},
        {"max_file_bytes": 99},
        {"rules_of": IndexOptions(exclude=("le*/",)).rules_of},
    ]
    assert [scan(tmp_path, **(known | other)).scan.settled for other in others] == [()] * 4
    (tmp_path / "sub" / "a.txt").write_bytes(b"1")
    assert scan(tmp_path, **known).scan.settled == (str(tmp_path),)


def stat_of(name: str, *, mtime_ns: int = LONG_AGO, size: int = 1) -> FileStat:
    return FileStat(ROOT / name, size, mtime_ns, 1)


def record_of(stat: FileStat, sha256: str, *, settings: str = "s", state: str = "indexed") -> FileRecord:
    return FileRecord(stat, NOW, sha256, settings, state)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("age_ns", "expected"), [(0, True), (RACY_WINDOW_NS, True), (RACY_WINDOW_NS + 1, False)]
)
def test_a_file_changed_within_two_seconds_of_its_scan_is_racy(age_ns: int, expected: bool) -> None:
    assert is_racy(record_of(stat_of("a", mtime_ns=NOW - age_ns), "x")) is expected


def ledger_of(known: dict[Path, FileRecord], found: Iterable[FileStat]) -> SyncLedger:
    ledger = SyncLedger()
    ledger.add_known(known.values())
    for stat in found:
        ledger.add_found(stat)
    return ledger


def plan(ledger: SyncLedger, hashes: dict[Path, str]) -> None:
    """Both steps of it, under the settings "s"."""
    plan_reading(ledger, settings="s")
    ledger.set_hashes([(one.stat.path, hashes[one.stat.path]) for one in ledger.found("hash")])
    plan_sync(ledger, settings="s")


def kept(ledger: SyncLedger) -> set[Path]:
    return set(ledger.known_paths(f"kept IS NOT NULL AND NOT {IS_FOUND}"))


def test_files_below_a_place_out_of_sight_are_kept_and_others_are_gone() -> None:
    known = {ROOT / name: record_of(stat_of(name), "x") for name in ("a.txt", "sub/b.txt", "subway/c.txt")}
    ledger = ledger_of(known, ())
    ledger.hide(ROOT / "sub", "why")
    assert kept(ledger) == {ROOT / "sub/b.txt"}
    assert list(ledger.known_paths(IS_GONE)) == [ROOT / "a.txt", ROOT / "subway/c.txt"]
    ledger.hide(Path("/"), "all of it")
    assert not ledger.has_gone()
    ledger.report_kept()
    assert [(one.path, one.reason) for one in Outcomes(ledger)] == [
        (Path("/"), "all of it"),
        (ROOT / "a.txt", "all of it"),
        (ROOT / "sub", "why"),
        (ROOT / "sub/b.txt", "why"),
        (ROOT / "subway/c.txt", "all of it"),
    ]


def test_of_several_equal_files_those_of_the_same_name_are_moves() -> None:
    known = {ROOT / name: record_of(stat_of(name), "x") for name in ("one/a.txt", "one/b.txt")}
    new = (stat_of("two/b.txt"), stat_of("two/z.txt"))
    ledger = ledger_of(known, new)
    plan(ledger, {stat.path: "x" for stat in new})
    assert [(one.moved_from, one.stat) for one in ledger.found("moved")] == [
        (ROOT / "one/b.txt", new[0]),
        (ROOT / "one/a.txt", new[1]),
    ]
    assert not ledger.has_gone()


FILE_NAMES = ("a.txt", "b.txt", "c.txt", "d.txt")
KNOWN = st.dictionaries(
    st.sampled_from(FILE_NAMES),
    st.tuples(
        st.sampled_from("xyz"),  # content
        st.sampled_from([LONG_AGO, NOW]),  # modification time
        st.sampled_from(["s", "old"]),  # settings
        st.sampled_from(["indexed", "unreadable"]),
    ),
)
FOUND = st.dictionaries(
    st.sampled_from(FILE_NAMES),
    st.tuples(st.sampled_from("xyz"), st.sampled_from([LONG_AGO, LONG_AGO + 1, NOW])),
)


@given(KNOWN, FOUND, st.booleans())
def test_a_plan_puts_every_file_in_one_place_and_leaves_the_folders_content(
    known_files: dict[str, tuple[str, int, str, str]],
    found_files: dict[str, tuple[str, int]],
    is_root_gone: bool,
) -> None:
    known = {
        ROOT / name: record_of(stat_of(name, mtime_ns=mtime), content, settings=settings, state=state)
        for name, (content, mtime, settings, state) in known_files.items()
    }
    if is_root_gone:
        found_files = {}
    # A file system is honest: equal stats that are not racy mean equal content.
    content_of = {
        ROOT / name: known_files[name][0]
        if name in known_files and known_files[name][1] == mtime == LONG_AGO
        else content
        for name, (content, mtime) in found_files.items()
    }
    ledger = ledger_of(known, (stat_of(name, mtime_ns=mtime) for name, (_, mtime) in found_files.items()))
    if is_root_gone:
        ledger.hide(ROOT, "gone")
    plan(ledger, content_of)

    steps: tuple[Step, ...] = ("same", "confirmed", "moved", "added", "updated")
    files = list(ledger.found(*steps))
    assert len(files) == ledger.count(*steps)
    named = [
        *(one.stat.path for one in files),
        *(one.moved_from for one in files if one.moved_from),
        *kept(ledger),
        *ledger.known_paths(IS_GONE),
    ]
    assert len(named) == len(set(named))
    assert set(named) == set(known) | set(content_of)
    if is_root_gone:
        assert kept(ledger) == set(known)
    else:
        assert after(ledger, known) == content_of


def after(ledger: SyncLedger, known: dict[Path, FileRecord]) -> dict[Path, str]:
    """The contents that the index holds once a plan is carried out."""
    content = {path: record.sha256 for path, record in known.items()}
    for one in ledger.found("moved"):
        assert one.moved_from is not None
        content[one.stat.path] = content.pop(one.moved_from)
    for path in ledger.known_paths(IS_GONE):
        del content[path]
    for one in ledger.found("added", "updated"):
        content[one.stat.path] = one.sha256
    return content
