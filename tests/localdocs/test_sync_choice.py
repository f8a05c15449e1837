"""Patterns are remembered, and a slip in one does not empty an index."""

from dataclasses import replace
from pathlib import Path

import pytest
from workbench import Workbench

from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs.file_choice import FileChoice
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.types import SyncReport

PDFS_ONLY = {"include": ("*.pdf",)}
KEPT = "they are kept until a removal is confirmed"


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    bench = Workbench(tmp_path)
    for number in range(12):
        bench.write(f"{number}.txt", f"alpha {number}")
    bench.write("note.md", "beta one")
    bench.write(".hidden.txt", "gamma two")
    return bench


def sync(bench: Workbench, *, confirm_removal: bool = False, **choice: object) -> SyncReport:
    bench.options = replace(
        bench.options,
        **({"include": None, "exclude": None, "hidden_files": None, "pdf_layout": None} | choice),
    )
    return bench.sync(confirm_removal=confirm_removal)


def choice(bench: Workbench) -> FileChoice:
    with Store.open(bench.index) as store:
        return store.summary().choice


def test_a_sync_goes_by_what_was_chosen_before_until_something_else_is(bench: Workbench) -> None:
    assert sync(bench, exclude=("*.md",), hidden_files=True).counts == {"added": 13, "skipped": 1}
    assert sync(bench).counts == {"unchanged": 13, "skipped": 1}
    assert str(choice(bench)) == "without *.md; with hidden files"
    assert sync(bench, exclude=()).counts == {"unchanged": 13, "added": 1}
    assert sync(bench, hidden_files=False).counts == {"unchanged": 13, "removed": 1}
    assert choice(bench) == FileChoice()


def test_patterns_that_would_empty_the_index_keep_it_until_that_is_confirmed(bench: Workbench) -> None:
    sync(bench)
    for _ in range(2):
        report = sync(bench, **PDFS_ONLY)
        assert report.counts == {"skipped": 13}
        assert all(f"leave out 13 of the 13 files of the index; {KEPT}" in one.reason for one in report.files)
        assert len(bench.search("alpha", k=20)) == 13
    assert sync(bench).counts == {"unchanged": 13}  # by the patterns of before
    assert sync(bench, confirm_removal=True, **PDFS_ONLY).counts["removed"] == 13
    assert choice(bench) == FileChoice(**PDFS_ONLY)
    assert sync(bench).counts == {"skipped": 13}


def test_how_pdfs_are_read_is_remembered_beside_the_patterns(bench: Workbench) -> None:
    sync(bench, exclude=("*.md",), pdf_layout=True)
    sync(bench, exclude=())
    assert choice(bench) == FileChoice(pdf_layout=True)
    assert str(choice(bench)) == "with the layout of PDFs"
    sync(bench, pdf_layout=False)
    assert choice(bench) == FileChoice()


def test_how_pdfs_are_read_holds_though_patterns_are_kept_in_doubt(bench: Workbench) -> None:
    sync(bench)
    sync(bench, pdf_layout=True, **PDFS_ONLY)
    assert choice(bench) == FileChoice(pdf_layout=True)


def test_a_few_files_are_left_out_at_once(bench: Workbench) -> None:
    sync(bench)
    assert bench.outcomes(sync(bench, exclude=("*.md",)))["note.md"] == "removed"
    assert choice(bench).exclude == ("*.md",)


def test_files_deleted_at_the_same_time_are_forgotten(bench: Workbench) -> None:
    sync(bench)
    (bench.docs / "0.txt").unlink()
    report = sync(bench, **PDFS_ONLY)
    assert report.counts == {"skipped": 12, "removed": 1}


def test_a_rebuild_goes_by_its_patterns_ever_after(bench: Workbench) -> None:
    sync(bench)
    bench.embedder = HashEmbedder(dimensions=32, name="other")
    bench.options = replace(bench.options, exclude=("*.md",))
    bench.sync(rebuild=True)
    assert choice(bench).exclude == ("*.md",)
    assert sync(bench).counts == {"unchanged": 12, "skipped": 1}
    bench.options = replace(bench.options, exclude=("*.md",))
    assert bench.content() == bench.fresh_content()
