"""Patterns leave files and directories out as git does, and the report names the pattern."""

import os
import subprocess
from pathlib import Path

import pytest
from workbench import Workbench

from gpt4all_core.errors import ConfigError
from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.manifest import FileStat
from gpt4all_localdocs.scan import Scan, Skipped, scan_folders

NAMES = (
    "a.txt",
    "a.md",
    "build/b.txt",
    "build/keep.txt",
    "src/build/c.txt",
    "src/d.txt",
    "src/deep/e.txt",
    "logs/2024/f.txt",
    "logs/g.txt",
    "with space .txt",
    "#note.txt",
    "!loud.txt",
    ".hidden/h.txt",
)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def scan(folder: Path, **options: object) -> tuple[Scan, list[Path], list[Skipped]]:
    """What is seen, the files that are taken and what is skipped."""
    files: list[FileStat] = []
    skipped: list[Skipped] = []
    found = scan_folders(
        [folder],
        suffixes={".txt", ".md"},
        max_file_bytes=100,
        exclude=folder / "index",
        take=files.append,
        skip=skipped.append,
        rules_of=IndexOptions(**options).rules_of,  # type: ignore[arg-type]
    )
    return found, [stat.path for stat in files], skipped


def names(folder: Path, **options: object) -> set[str]:
    _, files, _ = scan(folder, **options)
    return {path.relative_to(folder).as_posix() for path in files}


@pytest.mark.parametrize(
    "lines",
    [
        ["*.md"],
        ["build/"],
        ["/build"],
        ["*.txt", "!keep.txt"],
        ["build/*", "!build/keep.txt"],
        ["build", "!build/keep.txt"],
        ["logs/**/f.txt", "src/*/"],
        ["**/deep"],
        ["# comment", r"\#note.txt", r"\!loud.txt", "with space .txt"],
        ["[a-c].*"],
    ],
)
def test_patterns_mean_what_they_mean_to_git(docs: Path, lines: list[str]) -> None:
    (docs / ".gitignore").write_text("\n".join(lines), encoding="utf-8")
    git = ["git", "-c", "core.excludesFile=", "-C", str(docs)]
    subprocess.run([*git, "init", "-q"], check=True)
    listed = subprocess.run(
        [*git, "ls-files", "-zo", "--exclude-standard"], check=True, capture_output=True, text=True
    )
    wanted = {name for name in listed.stdout.split("\0") if name and not name.startswith(".")}
    assert names(docs, exclude=tuple(lines)) == wanted
    assert names(docs, ignore_files=(".gitignore",)) == wanted


def test_a_nearer_file_goes_before_one_above_and_exclude_before_both(docs: Path) -> None:
    (docs / ".gpt4allignore").write_text("*.txt", encoding="utf-8")
    (docs / "src" / ".gpt4allignore").write_bytes(b"\xef\xbb\xbf!d.txt\n!/deep/e.txt\n")
    assert names(docs) == {"a.md", "src/d.txt", "src/deep/e.txt"}
    assert names(docs, exclude=("deep",)) == {"a.md", "src/d.txt"}
    assert names(docs, ignore_files=()) == {name for name in NAMES if not name.startswith(".")}


def test_of_two_files_in_one_directory_the_later_named_goes_first(docs: Path) -> None:
    (docs / ".gitignore").write_text("*.txt", encoding="utf-8")
    (docs / ".gpt4allignore").write_text("!a.txt", encoding="utf-8")
    assert names(docs, ignore_files=(".gitignore", ".gpt4allignore")) == {"a.md", "a.txt"}


def test_a_gitignore_leaves_nothing_out_unless_it_is_named(docs: Path) -> None:
    (docs / ".gitignore").write_text("*", encoding="utf-8")
    assert "a.txt" in names(docs)


def test_include_lets_in_what_it_matches_and_nothing_else(docs: Path) -> None:
    assert names(docs, include=("*.md", "/logs/")) == {"a.md", "logs/g.txt", "logs/2024/f.txt"}
    assert names(docs, include=("*.md", "/logs/"), exclude=("2024",)) == {"a.md", "logs/g.txt"}


def test_hidden_names_are_looked_at_when_asked_for(docs: Path) -> None:
    assert names(docs, hidden_files=True) == set(NAMES)


def test_what_is_left_out_is_named_with_its_pattern_and_a_directory_once(docs: Path) -> None:
    (docs / ".gpt4allignore").write_text("*.md", encoding="utf-8")
    _, _, skipped = scan(docs, exclude=("build/",), include=("*.txt",))
    assert {place.path.relative_to(docs).as_posix(): place.reason for place in skipped} == {
        "a.md": f"left out by '*.md' of {docs / '.gpt4allignore'}",
        "build": "left out by 'build/' of exclude",
        "src/build": "left out by 'build/' of exclude",
    }
    _, _, skipped = scan(docs, include=("*.txt",), ignore_files=())
    assert {place.path.name: place.reason for place in skipped} == {
        "a.md": "left out: no pattern of include fits"
    }


@pytest.mark.parametrize("content", [b"[z-a]\n", None])
def test_a_directory_whose_ignore_file_cannot_be_read_is_not_looked_into(
    docs: Path, content: bytes | None
) -> None:
    ignore = docs / "src" / ".gpt4allignore"
    if content is None:
        ignore.mkdir()
    else:
        ignore.write_bytes(content)
    found, files, _ = scan(docs)
    assert [place.path for place in found.hidden_from_view] == [docs / "src"]
    assert not [path for path in files if "src" in path.parts]


@pytest.mark.parametrize(
    "wrong",
    [
        {"exclude": "*.md"},
        {"include": ("",)},
        {"exclude": ("[z-a]",)},
        {"include": ("!",)},
        {"ignore_files": "x"},
    ],
)
def test_patterns_that_are_none_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        IndexOptions(**wrong)  # type: ignore[arg-type]


def test_files_that_a_pattern_begins_to_leave_out_are_forgotten_and_come_back(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    for name in ("a.txt", "drafts/b.txt"):
        path = bench.write(name, "alpha")
        os.utime(path, (1, 1))
    bench.sync()
    bench.write(".gpt4allignore", "drafts/")
    assert bench.outcomes(bench.sync()) == {
        "a.txt": "unchanged",
        "drafts": "skipped",
        "drafts/b.txt": "removed",
    }
    assert bench.content() == bench.fresh_content()
    (bench.docs / ".gpt4allignore").unlink()
    assert bench.outcomes(bench.sync()) == {"a.txt": "unchanged", "drafts/b.txt": "added"}
