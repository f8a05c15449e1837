"""Chroma's files are guarded, and never the only copy."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from workbench import FileIndex, Workbench

from gpt4all_core.errors import LocalDocsError
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.vector_index.chroma import ChromaIndex
from gpt4all_localdocs.vector_index.generations import find_change, generation_directory
from gpt4all_localdocs.vector_index.probe import probe
from gpt4all_localdocs.vector_index.protocol import VectorIndex
from gpt4all_localdocs.vector_index.search_index import SearchIndex

HERE = Path(__file__).parent


def random_vectors(count: int, *, dimensions: int = 16, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_chroma_takes_more_than_one_of_its_batches(tmp_path: Path) -> None:
    index = ChromaIndex.open(tmp_path)
    index._batch = 7
    rows = random_vectors(20)
    index.upsert([f"id{number}" for number in range(20)], rows)
    index.delete([f"id{number}" for number in range(8)])
    assert len(index.ids()) == 12
    index.close()


def test_chroma_errors_are_the_projects_own(tmp_path: Path) -> None:
    index = ChromaIndex.open(tmp_path)
    index.upsert(["a"], random_vectors(1))
    with pytest.raises(LocalDocsError, match=r"Chroma index .* failed"):
        index.upsert(["b"], random_vectors(1, dimensions=5))
    index.close()


_WATCHED = """
import sys
touched = []
def note(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        touched.append((event, arguments[1:]))
sys.addaudithook(note)
import numpy as np
from pathlib import Path
from gpt4all_localdocs.vector_index.chroma import ChromaIndex
index = ChromaIndex.open(Path(sys.argv[1]))
index.upsert(["a", "b"], np.eye(2, dtype=np.float32))
assert index.query(np.array([1, 0], np.float32), 1)[0][0] == "a"
index.delete(["a"])
index.close()
print(touched)
"""


def test_chroma_speaks_to_nobody(tmp_path: Path) -> None:
    environment = os.environ | {"ANONYMIZED_TELEMETRY": "True"}  # what its users may have set for others
    command = [sys.executable, "-c", _WATCHED, str(tmp_path)]
    child = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    assert child.stdout.strip() == "[]"


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    bench = Workbench(tmp_path)
    bench.open_index = ChromaIndex.open
    for number in range(12):
        bench.write(f"{number}.txt", f"alpha {number}\n\nword{number} beta")
    bench.sync()
    return bench


def live_directory(bench: Workbench) -> Path:
    with Store.open(bench.index) as store:
        generation = store.vectors.generation
        assert generation is not None
        return generation_directory(bench.index, generation)


def test_chroma_and_exact_search_give_the_same_hits(bench: Workbench) -> None:
    by_chroma = bench.search("word7 beta", mode="vector")
    bench.options = replace(bench.options, exact_search_below=1000)
    by_store = bench.search("word7 beta", mode="vector")
    assert by_chroma[0].chunk_id == by_store[0].chunk_id
    assert [hit.score for hit in by_chroma] == pytest.approx([hit.score for hit in by_store], abs=1e-5)


def test_small_indexes_are_searched_without_opening_chroma(bench: Workbench) -> None:
    def refuse(directory: Path) -> VectorIndex:
        raise AssertionError(directory)

    bench.options = replace(bench.options, exact_search_below=1000)
    bench.open_index = refuse
    assert bench.search("word7 beta")[0].path.name == "7.txt"


def test_readers_leave_the_published_files_as_they_are(bench: Workbench) -> None:
    with Store.open(bench.index) as store:
        before = store.vectors.generation
    bench.search("alpha")
    with Store.open(bench.index) as store:
        assert before is not None
        assert find_change(bench.index, before) == ""
        assert bench.sync().rebuilt == ""
        assert store.vectors.generation == before


def inflate_links(directory: Path) -> None:
    (links,) = directory.glob("*/link_lists.bin")
    os.truncate(links, 2_000_000_000_000)


def cut_vectors_short(directory: Path) -> None:
    (vectors,) = directory.glob("*/data_level0.bin")
    os.truncate(vectors, 1000)


def scramble_database(directory: Path) -> None:
    (directory / "chroma.sqlite3").write_bytes(b"scrambled" * 1000)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (shutil.rmtree, "is missing"),
        (inflate_links, "damaged link_lists.bin"),
        (cut_vectors_short, "Chroma|themselves"),
        (scramble_database, "Chroma"),
    ],
)
def test_damaged_files_are_passed_over_by_searches_and_rebuilt_by_a_sync(
    bench: Workbench, damage: Callable[[Path], None], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    whole = bench.content()
    damage(live_directory(bench))
    with (
        Store.open(bench.index) as store,
        SearchIndex(store, bench.options, open_index=bench.open_index) as index,
    ):
        (nearest, _), *_ = index.query(bench.embedder.embed_query("word7 beta"), 1)
        assert "searching without the vector index" in caplog.text
        assert str(bench.index) not in caplog.text
        assert index.fallback_reason
        assert nearest in store.vectors.keys()  # noqa: SIM118 - a list, not a dict
    report = bench.sync()
    assert "rebuilding the vector index" in caplog.text
    assert str(bench.index) not in caplog.text
    assert re.search(reason, report.rebuilt)
    assert report.embedded == 0
    assert bench.content() == whole
    assert bench.search("word7 beta")[0].path.name == "7.txt"


def test_damage_that_is_not_seen_before_the_write_is_rebuilt_too(bench: Workbench) -> None:
    ChromaIndex.open(live_directory(bench)).delete(list(bench.content()["published"])[:3])  # type: ignore[call-overload]
    bench.write("new.txt", "delta")
    report = bench.sync()
    assert "has 22 vectors where the store has 25" in report.rebuilt
    assert bench.content() == bench.fresh_content()


class Islands(FileIndex):
    """Finds what it holds only where a query asks for more neighbours than `narrow`."""

    narrow = 1
    opened = 0

    @classmethod
    def open(cls, directory: Path) -> "Islands":
        cls.opened += 1
        return cls(directory)

    def query(self, vector: np.ndarray, k: int) -> list[tuple[str, float]]:
        return super().query(vector, k) if k > self.narrow else [("another", 0.995)]


def test_vectors_that_only_a_wide_query_finds_are_not_lost(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    bench.open_index = Islands
    bench.write("a.txt", "alpha\n\nsilver moon\n\ngamma")
    assert bench.sync().rebuilt == ""
    assert live_directory(bench).exists()


def test_vectors_that_no_graph_holds_together_are_compared_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Islands, "narrow", 10_000)
    monkeypatch.setattr(Islands, "opened", 0)
    bench = Workbench(tmp_path)
    bench.open_index = Islands.open
    bench.write("a.txt", "alpha\n\nsilver moon\n\ngamma")
    assert "3 of 3 sampled vectors do not find themselves; searches compare" in bench.sync().rebuilt
    assert "Chroma cannot index these vectors" in caplog.text
    assert not list(bench.index.glob("chroma-*"))
    assert bench.search("silver moon", mode="vector")[0].text == "silver moon"
    assert (bench.sync().rebuilt, Islands.opened) == ("", 1)  # not tried again
    bench.write("b.txt", "delta")
    assert "4 of 4" in bench.sync().rebuilt
    assert "4 of 4" in bench.sync(rebuild=True).rebuilt
    assert bench.search("delta", mode="vector")[0].text == "delta"


def test_copied_files_are_probed_once_and_taken(bench: Workbench) -> None:
    published = live_directory(bench)
    (header,) = published.glob("*/header.bin")
    os.utime(header)
    assert bench.sync().rebuilt == ""
    verified = live_directory(bench)
    assert verified != published
    bench.sync()
    assert live_directory(bench) == verified


def test_a_journal_that_a_reader_just_removed_is_not_missed(bench: Workbench) -> None:
    gone = live_directory(bench) / "chroma.sqlite3-journal"
    gone.symlink_to("nowhere")  # listed, and not there when it is opened
    bench.write("new.txt", "omega")
    assert bench.sync().rebuilt == ""
    assert not (live_directory(bench) / gone.name).is_symlink()


def test_a_probe_outlives_a_database_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "chroma.sqlite3").write_bytes(b"no database" * 500)
    assert "status" in probe(tmp_path, dimensions=4)


def test_a_generation_that_is_removed_while_it_is_looked_at_is_missing(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(bench.index) as store:
        generation = store.vectors.generation
    assert generation is not None
    glob = Path.glob

    def glob_and_remove(self: Path, pattern: str) -> list[Path]:
        found = list(glob(self, pattern))
        shutil.rmtree(self)
        return found

    monkeypatch.setattr(Path, "glob", glob_and_remove)
    monkeypatch.setattr(Path, "is_file", lambda _path: True)
    assert find_change(bench.index, generation).endswith("is missing")


def test_searches_follow_a_sync_in_another_process(bench: Workbench) -> None:
    with (
        Store.open(bench.index) as store,
        SearchIndex(store, bench.options, open_index=bench.open_index) as index,
    ):
        query = bench.embedder.embed_query("omega")
        index.query(query, 1)
        bench.write("late.txt", "omega")
        bench.sync()  # sweeps the generation that `index` has open
        assert index.query(query, 1)[0][1] == pytest.approx(1.0, abs=1e-4)
        assert index.fallback_reason == ""


def test_what_is_embedded_but_not_published_is_found_and_what_is_deleted_is_not(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    bench.write("a.txt", "alpha")
    bench.write("b.txt", "beta")
    bench.sync()
    (bench.docs / "a.txt").unlink()
    bench.write("c.txt", "gamma")

    class Refusing(FileIndex):
        def upsert(self, ids, vectors):
            raise KeyboardInterrupt

    bench.open_index = Refusing
    with pytest.raises(KeyboardInterrupt):
        bench.sync()
    assert [hit.path.name for hit in bench.search("gamma", mode="vector")] == ["c.txt", "b.txt"]
    bench.open_index = FileIndex
    assert bench.sync().rebuilt == ""
    assert bench.content() == bench.fresh_content()


CHILD = """
import sys
from pathlib import Path
from workbench import Workbench
from gpt4all_localdocs.vector_index.chroma import ChromaIndex
bench = Workbench(Path(sys.argv[1]))
bench.open_index = ChromaIndex.open
bench.sync(on_progress=lambda progress: print(progress.phase, progress.done, flush=True))
"""


def start_sync(root: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, sys.path)])}
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(root)], env=environment, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(
    ("phase", "delay_s"), [("load 5", 0), ("embed 4", 0), ("embed 20", 0.3), ("index", 0)]
)
def test_a_killed_process_leaves_a_usable_index(bench: Workbench, phase: str, delay_s: float) -> None:
    for number in range(12, 40):
        bench.write(f"{number}.txt", f"alpha {number}\n\ngamma{number}")
    (bench.docs / "3.txt").unlink()
    with start_sync(bench.docs.parent) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith(phase):
                time.sleep(delay_s)
                break
        child.send_signal(signal.SIGKILL)
    assert bench.search("word7 beta")[0].path.name == "7.txt"
    report = bench.sync()
    assert report.rebuilt == ""
    assert bench.content() == bench.fresh_content()


def test_two_processes_that_sync_at_once_take_turns(bench: Workbench) -> None:
    bench.write("new.txt", "delta one")
    with start_sync(bench.docs.parent) as first, start_sync(bench.docs.parent) as second:
        first.communicate()
        second.communicate()
    assert (first.returncode, second.returncode) == (0, 0)
    assert bench.sync().counts == {"unchanged": 13}
    assert bench.content() == bench.fresh_content()


def test_a_panic_of_chroma_is_an_error_and_an_interrupt_stays_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})
    for raised, expected in ((panic("gone"), LocalDocsError), (KeyboardInterrupt(), KeyboardInterrupt)):

        def fail(*_arguments: object, raised: BaseException = raised, **_options: object) -> None:
            raise raised

        monkeypatch.setattr("chromadb.PersistentClient", fail)
        with pytest.raises(expected):
            ChromaIndex.open(tmp_path)
