"""A sync that is asked to stop says what it left, and the next one does the rest and no more."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from workbench import PIPELINE, Workbench, read_text

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.sync_progress import SyncProgress
from gpt4all_localdocs.types import Document


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    bench = Workbench(tmp_path)
    for name in "abcdef":
        bench.write(f"{name}.txt", f"alpha {name}\n\nbeta {name}\n\ngamma {name}")
    return bench


def stop_at(stop: threading.Event, phase: str, done: int) -> Callable[[SyncProgress], None]:
    def on_progress(progress: SyncProgress) -> None:
        if progress.phase == phase and progress.done >= done:
            stop.set()

    return on_progress


@pytest.mark.parametrize(
    ("phase", "done"), [("scan", 0), ("hash", 3), ("load", 2), ("embed", 4), ("index", 1)]
)
def test_a_stopped_sync_names_every_file_and_the_next_embeds_only_the_rest(
    bench: Workbench, phase: str, done: int
) -> None:
    stop = threading.Event()
    report = bench.sync(stop=stop, on_progress=stop_at(stop, phase, done))
    assert report.is_stopped is (phase != "index")
    assert len(report.files) == 6
    left = [file for file in report.files if file.outcome == "skipped"]
    assert bool(left) is (phase != "index")
    assert all("the next one goes on" in file.reason for file in left)
    for file in report.files:
        if file.outcome == "added":
            assert bench.search(f"alpha {file.path.stem}", k=1)[0].path == file.path
    assert not bench.sync().is_stopped
    assert bench.embedder.texts_embedded == 18
    assert bench.content() == bench.fresh_content()


def test_a_stop_while_files_are_hashed_forgets_nothing(bench: Workbench) -> None:
    bench.sync()
    (bench.docs / "a.txt").rename(bench.docs / "z.txt")
    stop = threading.Event()
    bench.sync(stop=stop, on_progress=stop_at(stop, "hash", 0))
    assert {hit.path.name for hit in bench.search("alpha", mode="keyword")} >= {"a.txt"}
    assert bench.sync().counts == {"moved": 1, "unchanged": 5}


def test_the_first_texts_are_kept_long_before_a_batch_is_full(bench: Workbench) -> None:
    bench.options = replace(bench.options, embed_batch=64)

    def interrupt(progress: SyncProgress) -> None:
        if progress.phase == "embed" and progress.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.sync(on_progress=interrupt)
    assert bench.sync().counts == {"unchanged": 2, "added": 4}


def test_files_are_read_at_once_and_embedded_while_one_takes_long(bench: Workbench) -> None:
    others_are_embedded = threading.Event()

    def load(path: Path) -> Document:
        if path.name == "a.txt":
            assert others_are_embedded.wait(60)
        return read_text(path)

    def on_progress(progress: SyncProgress) -> None:
        if progress.phase == "embed" and progress.done >= 8:
            others_are_embedded.set()

    bench.pipeline = replace(PIPELINE, load=load, parallel_loads=2)
    assert bench.sync(on_progress=on_progress).counts == {"added": 6}
    assert bench.content() == bench.fresh_content()


def test_what_is_read_ahead_is_bounded(bench: Workbench) -> None:
    for number in range(40):
        bench.write(f"more/{number:02}.txt", f"delta {number}")
    lock, loaded, worst = threading.Lock(), 0, 0

    def load(path: Path) -> Document:
        nonlocal loaded
        with lock:
            loaded += 1
        return read_text(path)

    def on_progress(progress: SyncProgress) -> None:
        nonlocal worst
        if progress.phase == "load":
            worst = max(worst, loaded - progress.done)

    bench.pipeline = replace(PIPELINE, load=load, parallel_loads=3)
    bench.sync(on_progress=on_progress)
    assert 1 <= worst <= 6


def test_what_a_loader_notes_is_reported_every_time_and_moves_along(bench: Workbench) -> None:
    note = "pages 3-5 need OCR"
    bench.pipeline = replace(PIPELINE, load=lambda path: replace(read_text(path), notes=(note,)))
    for _ in range(2):
        assert {file.notes for file in bench.sync().files} == {(note,)}
    (bench.docs / "a.txt").rename(bench.docs / "z.txt")
    assert {file.notes for file in bench.sync().files} == {(note,)}


def test_one_file_that_cannot_be_read_stops_no_other(bench: Workbench) -> None:
    def load(path: Path) -> Document:
        if path.name == "c.txt":
            raise UnreadableDocument(path, "it is scrambled")
        return read_text(path)

    bench.pipeline = replace(PIPELINE, load=load, parallel_loads=4)
    report = bench.sync()
    assert report.counts == {"added": 5, "unreadable": 1}


def test_a_file_that_is_moved_away_while_it_is_read_and_comes_back_is_read_again(bench: Workbench) -> None:
    moved_away, path = bench.docs / "aside", bench.docs / "c.txt"

    def load(asked: Path) -> Document:
        if asked == path:
            path.rename(moved_away)
        return read_text(asked)

    bench.pipeline = replace(PIPELINE, load=load)
    assert bench.outcomes(bench.sync())["c.txt"] == "skipped"
    moved_away.rename(path)
    bench.pipeline = PIPELINE
    assert bench.outcomes(bench.sync())["c.txt"] == "added"
