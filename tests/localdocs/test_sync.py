"""Sync brings an index to what the folders hold, and says what it did with every file."""

import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from workbench import PIPELINE, Workbench, read_text

from gpt4all_core.errors import ConfigError, EmbedderMismatch, IndexBusy, LocalDocsError
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.sync import SyncProgress
from gpt4all_localdocs.types import Document
from gpt4all_localdocs.writer_lock import WriterLock


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    bench = Workbench(tmp_path)
    bench.write("a.txt", "alpha one\n\nbeta two")
    bench.write("sub/b.txt", "gamma three")
    return bench


def age(path: Path, *, seconds: float = 60) -> None:
    """Make a file old enough that its time stamp can be trusted."""
    then = path.stat().st_mtime_ns - int(seconds * 1e9)
    os.utime(path, ns=(then, then))


def test_first_sync_adds_every_file_in_the_order_of_paths(bench: Workbench) -> None:
    report = bench.sync()
    assert [(file.path.name, file.outcome, file.chunks) for file in report.files] == [
        ("a.txt", "added", 2),
        ("b.txt", "added", 1),
    ]
    assert report.embedded == 3
    assert report.rebuilt == ""


def test_a_second_sync_changes_nothing_and_embeds_nothing(bench: Workbench) -> None:
    bench.sync()
    before, texts = bench.content(), bench.embedder.texts_embedded
    report = bench.sync()
    assert report.counts == {"unchanged": 2}
    assert not report.has_changes
    assert (bench.content(), bench.embedder.texts_embedded) == (before, texts)


@pytest.mark.parametrize("change", ["touch", "rename", "move to another folder"])
def test_what_leaves_the_bytes_alone_costs_no_embedding(bench: Workbench, change: str) -> None:
    bench.sync()
    path = bench.docs / "a.txt"
    match change:
        case "touch":
            os.utime(path)
        case "rename":
            path.rename(bench.docs / "moved.txt")
        case "move to another folder":
            path.rename(bench.docs / "sub" / "a.txt")
    report = bench.sync()
    assert report.embedded == 0
    assert report.counts == ({"unchanged": 2} if change == "touch" else {"unchanged": 1, "moved": 1})
    assert bench.content() == bench.fresh_content()


def test_a_renamed_file_is_found_by_its_new_name_only(bench: Workbench) -> None:
    bench.write("ledger.txt", "plain words")
    bench.sync()
    (bench.docs / "ledger.txt").rename(bench.docs / "journal.txt")
    bench.sync()
    assert bench.search("ledger", mode="keyword") == []
    assert [hit.path.name for hit in bench.search("journal", mode="keyword")] == ["journal.txt"]


def test_changed_content_replaces_the_passages(bench: Workbench) -> None:
    bench.sync()
    bench.write("a.txt", "alpha one\n\ndelta four")
    report = bench.sync()
    assert bench.outcomes(report) == {"a.txt": "updated", "sub/b.txt": "unchanged"}
    assert report.embedded == 1  # the first paragraph's vector was there
    assert bench.search("beta", mode="keyword") == []
    assert bench.content() == bench.fresh_content()


def test_a_change_of_same_size_and_time_right_after_a_sync_is_seen(bench: Workbench) -> None:
    path = bench.docs / "a.txt"
    bench.sync()
    found = path.stat()
    with path.open("r+", encoding="utf-8") as file:
        file.write("gamma")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert bench.outcomes(bench.sync())["a.txt"] == "updated"


def test_an_old_untouched_file_is_not_read_again(bench: Workbench) -> None:
    for path in (bench.docs / "a.txt", bench.docs / "sub" / "b.txt"):
        age(path)
    phases: list[SyncProgress] = []
    bench.sync()
    bench.sync(on_progress=phases.append)
    assert [progress.phase for progress in phases] == ["scan"]


def test_a_removed_file_takes_its_passages_and_vectors_along(bench: Workbench) -> None:
    bench.sync()
    (bench.docs / "a.txt").unlink()
    assert bench.outcomes(bench.sync()) == {"a.txt": "removed", "sub/b.txt": "unchanged"}
    assert bench.content() == bench.fresh_content()


def test_copies_keep_their_own_passages_and_share_vectors(bench: Workbench) -> None:
    bench.write("copy.txt", "alpha one\n\nbeta two")
    report = bench.sync()
    assert report.embedded == 3
    assert {hit.path.name for hit in bench.search("alpha one", k=2)} == {"a.txt", "copy.txt"}
    (bench.docs / "a.txt").unlink()
    bench.sync()
    for mode in ("hybrid", "vector", "keyword"):
        assert [hit.path.name for hit in bench.search("alpha one", k=1, mode=mode)] == ["copy.txt"]


def test_a_missing_folder_keeps_its_files(bench: Workbench) -> None:
    bench.sync()
    bench.docs.rename(bench.docs.with_name("unplugged"))
    report = bench.sync()
    assert report.counts == {"skipped": 3}
    assert "folder not found" in report.files[0].reason
    assert len(bench.search("alpha")) == 3
    bench.docs.with_name("unplugged").rename(bench.docs)
    assert bench.sync().embedded == 0
    assert bench.content() == bench.fresh_content()


def test_an_empty_folder_on_another_device_is_an_unmounted_disk(bench: Workbench) -> None:
    bench.sync()
    with Store.open(bench.index) as store:
        store.set_folders({bench.docs: 12345})
    shutil.rmtree(bench.docs)
    bench.docs.mkdir()
    report = bench.sync()
    assert report.counts == {"skipped": 3}
    assert "not mounted" in report.files[0].reason


def test_an_emptied_folder_on_the_same_device_forgets_its_files(bench: Workbench) -> None:
    bench.sync()
    shutil.rmtree(bench.docs)
    bench.docs.mkdir()
    assert bench.sync().counts == {"removed": 2}


def test_a_folder_that_is_no_longer_asked_for_is_forgotten(bench: Workbench, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "c.txt").write_text("delta", encoding="utf-8")
    bench.folders = [bench.docs, other]
    bench.sync()
    bench.folders = [other]
    assert bench.sync().counts == {"removed": 2, "unchanged": 1}
    with Store.open(bench.index) as store:
        assert list(store.folders()) == [other]


def test_an_unreadable_file_is_reported_every_time_but_tried_once(bench: Workbench) -> None:
    path = bench.write("bad.txt", "UNREADABLE")
    age(path)
    first, second = bench.sync(), bench.sync()
    for report in (first, second):
        assert [(file.path.name, file.reason) for file in report.unreadable] == [
            ("bad.txt", "it is scrambled")
        ]
    with Store.open(bench.index) as store:
        assert store.summary().unreadable == 1


def test_a_file_that_becomes_unreadable_loses_its_old_passages(bench: Workbench) -> None:
    bench.sync()
    bench.write("a.txt", "UNREADABLE now")
    assert bench.outcomes(bench.sync())["a.txt"] == "unreadable"
    assert bench.search("alpha", mode="keyword") == []
    assert bench.content() == bench.fresh_content()


def test_a_file_that_cannot_be_opened_for_now_keeps_its_passages(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.sync()
    real_open = Path.open

    def refuse(path: Path, *arguments: object, **options: object) -> object:
        if path.name == "a.txt":
            raise PermissionError(13, "Permission denied")
        return real_open(path, *arguments, **options)  # type: ignore[call-overload]

    os.utime(bench.docs / "a.txt")
    monkeypatch.setattr(Path, "open", refuse)
    report = bench.sync()
    assert [(file.path.name, file.reason) for file in report.unreadable] == [
        ("a.txt", "cannot be opened: Permission denied")
    ]
    assert [hit.path.name for hit in bench.search("alpha", mode="keyword")] == ["a.txt"]


def test_new_settings_cut_files_again_and_reuse_vectors(bench: Workbench) -> None:
    bench.sync()
    bench.pipeline = replace(bench.pipeline, settings="paragraphs-2")
    report = bench.sync()
    assert report.counts == {"updated": 2}
    assert report.embedded == 0
    assert bench.content() == bench.fresh_content()


def test_another_embedder_is_refused_with_both_names(bench: Workbench) -> None:
    bench.sync()
    bench.embedder = HashEmbedder(dimensions=32, name="other")
    for attempt in (bench.sync, lambda: bench.search("alpha")):
        with pytest.raises(EmbedderMismatch, match=r"'hash-64'.*'other-32'.*sync\(rebuild=True\)"):
            attempt()


def test_rebuild_takes_another_embedder_and_keeps_files_out_of_sight(
    bench: Workbench, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "c.txt").write_text("delta four", encoding="utf-8")
    bench.folders = [bench.docs, other]
    bench.sync()
    other.rename(tmp_path / "unplugged")
    bench.embedder = HashEmbedder(dimensions=32, name="other")
    report = bench.sync(rebuild=True)
    assert report.rebuilt
    assert report.embedded == 4
    assert [hit.path.name for hit in bench.search("delta four", k=1, mode="vector")] == ["c.txt"]
    (tmp_path / "unplugged").rename(other)
    assert bench.sync().embedded == 0
    assert bench.content() == bench.fresh_content()


@pytest.mark.parametrize("rows", [0, 1])
def test_an_embedder_that_returns_too_few_rows_ends_the_sync(bench: Workbench, rows: int) -> None:
    class Short(HashEmbedder):
        def embed_documents(self, texts):
            return super().embed_documents(texts[:rows])

    bench.embedder = Short()
    with pytest.raises(LocalDocsError, match="returned an array of shape"):
        bench.sync()


def test_the_index_may_lie_inside_the_folder(bench: Workbench) -> None:
    bench.index = bench.docs / "index"
    bench.sync()
    (bench.index / "note.txt").write_text("not a document", encoding="utf-8")
    assert bench.sync().counts == {"unchanged": 2}


def test_progress_names_phases_files_and_totals(bench: Workbench) -> None:
    seen: list[SyncProgress] = []
    bench.sync(on_progress=seen.append)
    assert list(dict.fromkeys(progress.phase for progress in seen)) == [
        "scan",
        "hash",
        "load",
        "embed",
        "index",
    ]
    assert [(p.done, p.total, p.path and p.path.name) for p in seen if p.phase == "load"] == [
        (0, 2, "a.txt"),
        (1, 2, "b.txt"),
    ]
    assert [(p.done, p.total) for p in seen if p.phase == "embed"] == [(0, 2), (2, 3)]


def test_a_file_that_changes_while_it_is_read_and_changes_back_is_read_again(bench: Workbench) -> None:
    path = bench.write("a.txt", "alpha before")

    def load_meanwhile_changed(changed: Path) -> Document:
        changed.write_text("gamma in between, with another length", encoding="utf-8")
        return read_text(changed)

    bench.pipeline = replace(PIPELINE, load=load_meanwhile_changed)
    bench.sync()
    path.write_text("alpha before", encoding="utf-8")
    bench.pipeline = PIPELINE
    assert bench.outcomes(bench.sync())["a.txt"] == "updated"
    assert bench.content() == bench.fresh_content()


def test_a_lock_whose_holder_cannot_be_named_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "writer.json").mkdir()
    failed = WriterLock(tmp_path, timeout_s=0)
    with pytest.raises(ConfigError, match="cannot be written to"):
        failed.__enter__()
    (tmp_path / "writer.json").rmdir()
    with WriterLock(tmp_path, timeout_s=0):
        pass


def test_a_second_writer_waits_and_then_says_who_writes(bench: Workbench) -> None:
    bench.sync()
    bench.options = replace(bench.options, lock_timeout_s=0.05)
    with WriterLock(bench.index, timeout_s=1), pytest.raises(IndexBusy, match=f"process {os.getpid()} on "):
        bench.sync()
    bench.options = replace(bench.options, lock_timeout_s=60)
    lock = WriterLock(bench.index, timeout_s=1)
    lock.__enter__()
    threading.Timer(0.2, lock.__exit__, (None, None, None)).start()
    assert bench.sync().counts == {"unchanged": 2}


@pytest.mark.parametrize(
    "wrong",
    [
        {"vector_index": "faiss"},
        {"embed_batch": 0},
        {"max_file_bytes": 0},
        {"load_timeout_s": 0},
        {"exact_search_below": -1},
        {"lock_timeout_s": -1},
    ],
)
def test_impossible_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        IndexOptions(**wrong)  # type: ignore[arg-type]


def test_the_exact_kind_keeps_no_files_beside_the_store(bench: Workbench) -> None:
    bench.sync()
    assert list(bench.index.glob("chroma-*"))
    bench.options = replace(bench.options, vector_index="exact")
    bench.sync()
    assert not list(bench.index.glob("chroma-*"))
    assert [hit.path.name for hit in bench.search("gamma three", k=1, mode="vector")] == ["b.txt"]


def test_a_sync_that_has_to_wait_says_so_first(bench: Workbench) -> None:
    phases = []
    bench.options = replace(bench.options, lock_timeout_s=0.05)
    with WriterLock(bench.index, timeout_s=1), pytest.raises(IndexBusy):
        bench.sync(on_progress=lambda progress: phases.append(progress.phase))
    assert phases == ["wait"]
    bench.sync(on_progress=lambda progress: phases.append(progress.phase))
    assert phases[:2] == ["wait", "scan"]
