"""A sync that is stopped at any step, or a folder that changes in any way, ends as a fresh index."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from workbench import FileIndex, Workbench

from gpt4all_localdocs import put
from gpt4all_localdocs.database import Database
from gpt4all_localdocs.texts import Text

STEPS = (
    "before a transaction",
    "in a transaction",
    "after a transaction",
    "index write",
    "embedding",
    "loading",
)


class Stopped(BaseException):
    """Like KeyboardInterrupt: nothing may catch it."""


class Countdown:
    """Raises at the n-th call; tells whether it came to that."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Stopped


@contextlib.contextmanager
def stopping(bench: Workbench, step: str, countdown: Countdown) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        real_writing = Database.writing

        @contextlib.contextmanager
        def writing(database: Database) -> Iterator[object]:
            if step == "before a transaction":
                countdown()
            with real_writing(database) as connection:
                yield connection
                if step == "in a transaction":
                    countdown()
            if step == "after a transaction":
                countdown()

        patch.setattr(Database, "writing", writing)
        targets = {
            "index write": (FileIndex, ("upsert", "delete", "close")),
            "embedding": (type(bench.embedder), ("embed_documents",)),
        }
        owner, names = targets.get(step, (None, ()))
        for name in names:
            patch.setattr(owner, name, counted(getattr(owner, name), countdown))
        if step == "loading":
            pipeline = bench.pipeline
            patch.setattr(bench, "pipeline", replace(pipeline, load=counted(pipeline.load, countdown)))
        yield


def counted(method, countdown):
    def call(*arguments):
        result = method(*arguments)
        countdown()
        return result

    return call


def first_state(bench: Workbench) -> None:
    bench.write("a.txt", "alpha one\n\nbeta two\n\ngamma three")
    bench.write("b.txt", "alpha one\n\ndelta four")
    bench.write("gone.txt", "gamma six")
    bench.write("old.txt", "moved seven")


def second_state(bench: Workbench) -> None:
    bench.write("a.txt", "alpha one\n\nbeta changed\n\ndelta new")
    (bench.docs / "gone.txt").unlink()
    (bench.docs / "old.txt").rename(bench.docs / "new.txt")
    bench.write("copy.txt", "alpha one\n\ndelta four")


@pytest.mark.parametrize("start", ["empty", "synced"])
@pytest.mark.parametrize("step", STEPS)
def test_a_sync_stopped_at_any_step_is_completed_by_the_next(tmp_path: Path, step: str, start: str) -> None:
    stops = 0
    for calls in range(1, 100):
        bench = Workbench(tmp_path / str(calls))
        bench.options = replace(bench.options, embed_batch=1)
        first_state(bench)
        if start == "synced":
            bench.sync()
        second_state(bench)
        countdown = Countdown(calls)
        with stopping(bench, step, countdown), contextlib.suppress(Stopped):
            bench.sync()
        if countdown.left > 0:
            break
        stops += 1
        assert_search_is_usable(bench)
        bench.sync()
        assert bench.content() == bench.fresh_content(), f"stopped at call {calls}"
        assert len(list(bench.index.glob("chroma-*"))) == 1
        shutil.rmtree(tmp_path / str(calls))
    assert stops >= 2, "the step was never reached"


@pytest.mark.parametrize("step", [step for step in STEPS if step != "loading"])
def test_a_put_and_a_delete_stopped_at_any_step_are_done_or_not_begun(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(put, "_LEAST_TO_PUBLISH", 0)
    monkeypatch.setattr(put, "_SHARE_TO_PUBLISH", 1 << 30)
    before = [Text("alpha one", "a"), Text("delta four", "b")]
    after = [Text("alpha changed\n\nbeta more", "a"), Text("delta four", "b", {"year": 1}), Text("beta", "c")]
    changes = {
        "put": (lambda bench: bench.put(*after), after),
        "delete": (lambda bench: bench.delete("a", "missing"), before[1:]),
    }
    stops = 0
    for name, (change, result) in changes.items():
        for calls in range(1, 100):
            bench = Workbench(tmp_path / f"{name}{calls}")
            bench.options = replace(bench.options, embed_batch=1)
            bench.write("file.txt", "alpha one")  # shares a vector with a text
            bench.put(*before)
            bench.sync()
            countdown = Countdown(calls)
            with stopping(bench, step, countdown), contextlib.suppress(Stopped):
                change(bench)
            if countdown.left > 0:
                break
            stops += 1
            assert bench.texts() in (before, result), f"stopped at call {calls}"
            assert_search_is_usable(bench)
            assert {hit.text_id for hit in bench.search("alpha", k=50)} == {
                "",
                *(text.id for text in bench.texts()),
            }
            change(bench)
            assert bench.texts() == result
            bench.sync()
            assert bench.content() == bench.fresh_content(), f"stopped at call {calls}"
            shutil.rmtree(bench.index.parent)
    assert stops >= 2, "the step was never reached"


def assert_search_is_usable(bench: Workbench) -> None:
    """What a half-done sync holds can be found, and what it holds no more cannot."""
    hits = bench.search("alpha one", k=50)
    assert len({(hit.path, hit.text_id, hit.span) for hit in hits}) == len(hits)
    if bench.search("changed", mode="keyword"):
        assert not [hit for hit in hits if hit.text == "beta two"]


WORDS = st.sampled_from(["alpha", "beta", "gamma", "delta", "UNREADABLE"])
TEXTS = st.lists(st.lists(WORDS, min_size=1, max_size=2).map(" ".join), max_size=3).map("\n\n".join)
NAMES = st.sampled_from(["a.txt", "b.md", "sub/c.txt", "sub/deep/d.txt", "e.bin", ".hidden.txt"])


@settings(max_examples=15, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck))
class FolderMachine(RuleBasedStateMachine):
    """Any sequence of changes and stopped syncs, then a sync: equal to a fresh index."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.bench = Workbench(self.root)
        self.is_synced = False

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    def files(self) -> list[Path]:
        return sorted(path for path in self.bench.docs.rglob("*") if path.is_file())

    @rule(name=NAMES, text=TEXTS)
    def write(self, name: str, text: str) -> None:
        self.bench.write(name, text)
        self.is_synced = False

    @precondition(lambda self: self.files())
    @rule(pick=st.integers(0, 99), name=NAMES)
    def rename(self, pick: int, name: str) -> None:
        source = self.files()[pick % len(self.files())]
        target = self.bench.docs / name
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
        self.is_synced = False

    @precondition(lambda self: self.files())
    @rule(pick=st.integers(0, 99), is_removed=st.booleans())
    def remove_or_touch(self, pick: int, is_removed: bool) -> None:
        path = self.files()[pick % len(self.files())]
        if is_removed:
            path.unlink()
        else:
            os.utime(path)
        self.is_synced = False

    @precondition(lambda self: self.files())
    @rule(first=st.integers(0, 99), second=st.integers(0, 99))
    def swap(self, first: int, second: int) -> None:
        one, other = (self.files()[pick % len(self.files())] for pick in (first, second))
        aside = self.bench.docs / "aside"
        for source, target in ((one, aside), (other if other != one else aside, one)):
            source.replace(target)
        if aside.exists():
            aside.replace(other)
        self.is_synced = False

    @rule(id_=st.sampled_from("xyz"), text=TEXTS.filter(str.strip), is_stopped=st.booleans())
    def put(self, id_: str, text: str, is_stopped: bool) -> None:
        with stopping(self.bench, STEPS[is_stopped], Countdown(2)), contextlib.suppress(Stopped):
            self.bench.put(Text(text, id_))
        self.is_synced = False

    @rule(id_=st.sampled_from("xyz"))
    def delete(self, id_: str) -> None:
        self.bench.delete(id_)
        self.is_synced = False

    @rule(step=st.sampled_from(STEPS), calls=st.integers(1, 6))
    def stop(self, step: str, calls: int) -> None:
        with stopping(self.bench, step, Countdown(calls)), contextlib.suppress(Stopped):
            self.bench.sync()

    @rule()
    def sync(self) -> None:
        self.bench.sync()
        self.is_synced = True

    @invariant()
    def synced_index_is_as_fresh(self) -> None:
        if self.is_synced:
            assert self.bench.content() == self.bench.fresh_content()


TestFolderMachine = FolderMachine.TestCase
