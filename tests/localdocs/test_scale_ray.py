"""Ray on two nodes makes the index that this process makes, whatever happens to its workers meanwhile."""

import os
import signal
import sqlite3
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from loader_files import paragraph, write, write_docx, write_pdf
from ray_process import RayProcess
from test_hostile_documents import HOSTILE

from gpt4all_core.errors import EmbedderMismatch
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs import IndexOptions, LocalDocs

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

THROUGH_AN_ADDRESS = pytest.mark.skipif(
    "RAY_ADDRESSES" not in os.environ, reason="Ray starts another server for it; make soak-ray does"
)
EXACT = {"vector_index": "exact", "embed_batch": 8}


@pytest.fixture(scope="module")
def cluster():
    nodes = RayProcess()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in nodes.environment.items():
            patch.setenv(name, value)
        yield nodes
    nodes.close()


@pytest.fixture
def ray(cluster):
    import ray  # noqa: PLC0415 - it reads the environment when it is imported

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # which nodes cannot import
    yield ray
    assert not ray.is_initialized()


@pytest.fixture
def on_ray(ray):
    return IndexOptions(workers="ray:auto", **EXACT)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "folder"
    for name in ("notes", "hostile"):
        (folder / name).mkdir(parents=True)
    for number in range(12):
        text = "\n\n".join(
            f"# Part {part}\n\nleave {number} {part} " + "word " * 30 for part in range(number)
        )
        write(folder, f"notes/{number}.md", f"The {number}th file.\n\n{text}")
    write(folder, "copy.md", "The 3th file of another name")
    write(folder, "rows.csv", "name,days\n" + "\n".join(f"person {n},{n}" for n in range(40)))
    write(folder, "page.html", "<title>Leave</title><h1>Days</h1><p>Twenty days of paid leave.</p>")
    write_docx(folder, paragraph("Twenty-five days for those who stay."))
    write_pdf(folder, ["Leave is asked for in writing.", "The second page."])
    for name, (content, _, _) in HOSTILE.items():
        write(folder, f"hostile/{name}", content)
    write(folder, "damaged.pdf", b"%PDF-1.7 nothing more")
    for path in folder.rglob("*.*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))  # long ago, so that times tell of changes
    return folder


def rows_of(index: Path) -> dict[str, set[tuple[object, ...]]]:
    """Everything in the store but row numbers and the times of syncs."""
    with sqlite3.connect(index / "localdocs.sqlite") as connection:
        columns = {
            table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            for table in ("files", "chunks")
        }
        files = ", ".join(set(columns["files"]) - {"id", "scanned_ns"})
        chunks = ", ".join(f"chunks.{name}" for name in columns["chunks"] if name not in ("id", "file_id"))
        queries = {
            "files": f"SELECT {files} FROM files",
            "chunks": f"SELECT files.path, {chunks} FROM chunks JOIN files ON files.id = file_id",
            "vectors": "SELECT * FROM vectors",
        }
        return {name: set(connection.execute(query).fetchall()) for name, query in queries.items()}


def synced(folder: Path, index: Path, options: IndexOptions, embedder=None, **how):
    with LocalDocs(index, folders=[folder], embedder=embedder or HashEmbedder(), options=options) as docs:
        return docs.sync(**how)


@pytest.fixture
def at_home(folder, tmp_path):
    """Syncs the folder into another index in this process; the report, and what the index has then."""

    def sync():
        index = tmp_path / "at-home"
        return synced(folder, index, IndexOptions(**EXACT)), rows_of(index)

    return sync


def test_the_index_and_the_report_are_those_of_a_sync_at_home_also_after_changes(
    folder, tmp_path, on_ray, at_home
):
    index = tmp_path / "index"
    for change in range(2):
        if change:
            write(folder, "notes/3.md", "The 3th file.\n\n# Part 0\n\nchanged")
            write(folder, "notes/new.md", "A new file.")
            (folder / "notes" / "5.md").rename(folder / "moved.md")
            (folder / "notes" / "7.md").unlink()
            (folder / "damaged.pdf").write_bytes(b"%PDF-1.7 still nothing")
        report = synced(folder, index, on_ray)
        expected, rows = at_home()
        assert report == expected
        assert rows_of(index) == rows


def test_a_sync_without_changes_starts_no_ray(folder, tmp_path, on_ray, ray, monkeypatch):
    index = tmp_path / "index"
    synced(folder, index, IndexOptions(**EXACT))
    monkeypatch.setattr(ray, "init", lambda **_: pytest.fail("Ray was started"))
    (folder / "notes" / "5.md").rename(folder / "moved.md")
    assert set(synced(folder, index, on_ray).counts) == {"unchanged", "moved", "unreadable"}


class Killing(HashEmbedder):
    """Kills its process when the first text is counted, and another one when the first is embedded."""

    def __init__(self, marks: Path) -> None:
        super().__init__()
        self._marks, self._home = marks, os.getpid()

    def count_tokens(self, text):
        self._kill("counted")
        return super().count_tokens(text)

    def embed_documents(self, texts):
        self._kill("embedded")
        return super().embed_documents(texts)

    def _kill(self, mark):
        if os.getpid() != self._home and not (self._marks / mark).exists():
            (self._marks / mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)


def test_workers_that_are_killed_within_a_task_lose_nothing(folder, tmp_path, on_ray, at_home):
    marks = tmp_path / "marks"
    marks.mkdir()
    report = synced(folder, tmp_path / "index", on_ray, Killing(marks))
    assert {path.name for path in marks.iterdir()} == {"counted", "embedded"}
    assert (report, rows_of(tmp_path / "index")) == at_home()


def test_a_stopped_sync_names_every_file_and_the_next_goes_on_from_there(folder, tmp_path, on_ray, at_home):
    stop, index = threading.Event(), tmp_path / "index"

    def on_progress(progress):
        if progress.phase == "load":
            stop.set()

    stopped = synced(folder, index, on_ray, stop=stop, on_progress=on_progress)
    assert stopped.is_stopped
    assert any("stopped" in file.reason for file in stopped.files)
    synced(folder, index, IndexOptions(**EXACT))
    report, rows = at_home()
    assert {file.path for file in stopped.files} == {file.path for file in report.files}
    assert rows_of(index) == rows


class Elsewhere(HashEmbedder):
    """Another embedder in every process."""

    def __reduce__(self):
        return HashEmbedder, (), {"identity": "hash-elsewhere"}


def test_an_embedder_that_differs_on_the_workers_ends_the_sync(folder, tmp_path, on_ray):
    with pytest.raises(EmbedderMismatch, match=r"'hash-elsewhere' .* the sync has 'hash-64'"):
        synced(folder, tmp_path / "index", on_ray, Elsewhere())


@pytest.mark.usefixtures("ray")
@pytest.mark.parametrize("way", ["ray:auto", pytest.param("ray://", marks=THROUGH_AN_ADDRESS)])
def test_the_bundled_embedder_is_opened_by_every_worker(folder, tmp_path, cluster, way):
    for name in ("hostile", "damaged.pdf"):
        (folder / name).rename(tmp_path / name)
    options = IndexOptions(workers=cluster.client_address if way == "ray://" else way, **EXACT)
    synced(folder, tmp_path / "index", options, "all-minilm-l6-v2")
    synced(folder, tmp_path / "at-home", IndexOptions(**EXACT), "all-minilm-l6-v2")
    rows, expected = rows_of(tmp_path / "index"), rows_of(tmp_path / "at-home")
    assert rows["files"] == expected["files"]
    assert rows["chunks"] == expected["chunks"]
    vectors, wanted = (dict(found["vectors"]) for found in (rows, expected))
    assert vectors.keys() == wanted.keys()
    for key, vector in vectors.items():  # what is embedded together moves a vector a little, here and there
        assert np.frombuffer(vector, "<f4") @ np.frombuffer(wanted[key], "<f4") > 0.999
