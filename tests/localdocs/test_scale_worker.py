"""What a worker makes of a task is what this process would make of the file, or says why it cannot."""

import pickle
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from workbench import PIPELINE, Workbench

from gpt4all_core.embedder import LocalEmbedder
from gpt4all_core.errors import ConfigError, EmbedderMismatch, LocalDocsError, MissingDependency
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs.chunk import ChunkOptions
from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.manifest import FileStat
from gpt4all_localdocs.pipeline import open_pipeline, vector_key
from gpt4all_localdocs.read_files import LocalReader, ReadFile
from gpt4all_localdocs.scale.choice import chosen_workers
from gpt4all_localdocs.scale.open_reader import open_reader
from gpt4all_localdocs.scale.ray_reader import RayReader
from gpt4all_localdocs.scale.tasks import (
    CutFile,
    Failure,
    FileTask,
    WorkerJob,
    pack,
    unpack_results,
    unpack_tasks,
)
from gpt4all_localdocs.scale.worker import Worker, guarded
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.sync_ledger import FoundFile


@pytest.fixture
def job():
    embedder, chunk_options, options = HashEmbedder(), ChunkOptions(64), IndexOptions()
    with open_pipeline(embedder, chunk_options, options=options) as pipeline:
        return WorkerJob(
            embedder,
            pipeline.recipe,
            embedder.identity,
            embedder.dimensions,
            pipeline.settings,
            embed_batch=2,
        )


@pytest.fixture
def handbook(tmp_path):
    path = tmp_path / "handbook.md"
    path.write_text("\n\n".join(f"# Part {n}\n\n{'word ' * 50}{n}" for n in range(6)))
    return path


def task_of(path: Path, **changes: object) -> FileTask:
    stat = path.stat()
    return replace(FileTask(7, path, stat.st_size, stat.st_mtime_ns), **changes)


def test_a_task_comes_back_with_the_vectors_that_its_embedder_gives(job, handbook):
    worker = Worker(job)
    (cut,) = worker.embed([worker.read(*unpack_tasks(pack([task_of(handbook)])))])
    worker.close()
    keys, rows = unpack_results(pack([cut]))[0].read.vectors
    assert len(cut.read.texts) == 6
    assert keys == tuple(vector_key(job.identity, text) for text in cut.read.texts)
    assert np.array_equal(rows, HashEmbedder().embed_documents(cut.read.texts))


def test_texts_that_have_vectors_are_not_embedded_again(job, handbook):
    worker = Worker(job)
    whole = worker.read(task_of(handbook))
    known = list(whole.lacking)[:4]
    cut = worker.read(task_of(handbook, has_vectors=frozenset(known)))
    worker.embed([cut])
    worker.close()
    assert job.embedder.texts_embedded == 2


def test_files_that_a_worker_does_not_see_as_the_sync_did_are_unseen_and_never_unreadable(job, handbook):
    worker = Worker(job)
    gone = worker.read(replace(task_of(handbook), path=handbook.with_name("elsewhere.md")))
    other = worker.read(task_of(handbook, size=1))
    worker.close()
    assert "does not see it (No such file" in gone.read.unseen
    assert "sees another state of it" in other.read.unseen
    assert not gone.read.unreadable + other.read.unreadable


def test_a_damaged_file_comes_back_with_its_reason(job, tmp_path):
    damaged = tmp_path / "damaged.pdf"
    damaged.write_bytes(b"%PDF-1.7 nothing more")
    worker = Worker(job)
    assert worker.read(task_of(damaged)).read.unreadable
    worker.close()


def test_another_embedder_on_the_worker_is_refused_by_both_names(job):
    with pytest.raises(EmbedderMismatch, match=r"opened the embedder 'other-64' .* the sync has 'hash-64'"):
        Worker(replace(job, embedder=HashEmbedder(name="other")))


def test_readers_of_another_version_are_refused(job):
    with pytest.raises(LocalDocsError, match="install the same versions everywhere"):
        Worker(replace(job, settings="of another version"))


def test_an_error_of_an_embedder_ends_the_sync_by_its_own_words():
    (ours,) = guarded(lambda: Worker(None))  # whose job is no job
    assert isinstance(ours, Failure)
    assert "NoneType" in str(ours.error)
    assert isinstance(unpack_results(pack([ours]))[0].error, LocalDocsError)


@pytest.mark.parametrize("workers", ["ray", "ray:auto", "ray://head:10001", "local", None])
def test_names_of_workers_are_taken(workers):
    assert IndexOptions(workers=workers).workers == workers


@pytest.mark.parametrize("workers", ["", "Ray", "ray://", "ray://head", "http://head:10001", 2])
def test_what_names_no_workers_is_refused(workers):
    with pytest.raises(ConfigError, match="'ray://head:10001'"):
        IndexOptions(workers=workers)


def test_the_setting_names_the_workers_where_nobody_else_does(monkeypatch):
    monkeypatch.setenv("GPT4ALL_WORKERS", "ray:auto")
    assert chosen_workers(None) == "ray:auto"
    assert chosen_workers("local") == "local"
    monkeypatch.setenv("GPT4ALL_WORKERS", "dask")
    with pytest.raises(ConfigError, match="workers is 'dask'"):
        chosen_workers(None)


def test_without_ray_the_extra_is_named(job, handbook, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependency, match=r"gpt4all-adapters\[scale\]"):
        next(RayReader(job, workers="ray", keys_of=lambda _path: ()).read([]))


def test_the_key_of_a_vector_server_stays_at_home(tmp_path):
    options = IndexOptions(
        workers="ray", vector_index="chroma+http://127.0.0.1:1", vector_index_key="the-secret-key"
    )
    embedder = HashEmbedder()
    with (
        Store.open(tmp_path / "index") as store,
        open_pipeline(embedder, ChunkOptions(64), options=options) as pipeline,
    ):
        reader = open_reader(store, embedder, pipeline=pipeline, options=options)
        assert b"the-secret-key" not in pickle.dumps(reader._job)


def test_a_local_embedder_is_opened_by_its_reference_in_another_process():
    with LocalEmbedder("all-minilm-l6-v2", document_prefix="passage: ") as embedder:
        copy = pickle.loads(pickle.dumps(embedder))
        assert copy.identity == embedder.identity
        assert not copy.is_open


class Unseeing(LocalReader):
    """Sees every file but one."""

    hidden = "b.txt"

    def read(self, files):
        for read in super().read(files):
            if read[0].stat.path.name == self.hidden:
                yield None
                yield read[0], ReadFile(unseen="the worker does not see it")
            else:
                yield read


def test_an_unseen_file_is_reported_keeps_its_passages_and_is_read_the_next_time(tmp_path, monkeypatch):
    bench = Workbench(tmp_path)
    bench.write("a.txt", "alpha")
    bench.write("b.txt", "beta")
    bench.sync()
    bench.write("a.txt", "alpha gamma")
    bench.write("b.txt", "beta gamma")
    with monkeypatch.context() as patch:
        patch.setattr("gpt4all_localdocs.sync.open_reader", lambda *_store, **_: Unseeing(PIPELINE))
        report = bench.sync()
    unseen = next(file for file in report.files if file.path.name == "b.txt")
    assert (unseen.outcome, unseen.reason, unseen.chunks) == ("skipped", "the worker does not see it", 1)
    assert [hit.text for hit in bench.search("beta", mode="keyword")] == ["beta"]
    assert bench.sync().counts == {"updated": 1, "unchanged": 1}
    assert bench.content() == bench.fresh_content()


class Forgetful(RayReader):
    """Loses files: in the first round all with an `a`, in the second what `lost` names."""

    lost = ()

    def _results(self, ray, job, tasks, *, files_per_task):
        self.rounds.append((files_per_task, [task.path.name for task in tasks]))
        for task in tasks:
            yield None
            is_first = len(self.rounds) == 1
            if task.path.name not in (("a1", "a2", "a3") if is_first else self.lost):
                yield CutFile(task.number, ReadFile(title=task.path.name))


@pytest.fixture
def forgetful(job, monkeypatch):
    ray = SimpleNamespace(cluster_resources=lambda: {"CPU": 2.0}, cloudpickle=pickle)
    monkeypatch.setattr("gpt4all_localdocs.scale.ray_reader.connected", lambda _workers: nullcontext(ray))
    reader = Forgetful(job, workers="ray", keys_of=lambda _path: ())
    reader.rounds = []
    return reader


def read_by(reader, names):
    found = [FoundFile(FileStat(Path(name), 1, 1, 1)) for name in names]
    return {file.stat.path.name: read for file, read in filter(None, reader.read(found))}


def test_files_that_were_lost_are_read_once_more_each_alone_and_then_reported(forgetful):
    names = [f"{letter}{number}" for letter in "ab" for number in range(12)]
    forgetful.lost = ("a2",)
    read = read_by(forgetful, names)
    assert forgetful.rounds == [(3, names), (1, ["a1", "a2", "a3"])]
    assert read.keys() == set(names)
    assert [name for name in names if read[name].unseen] == ["a2"]
    assert "no worker brought it back" in read["a2"].unseen


def test_a_cluster_that_brings_nothing_back_ends_the_sync(forgetful):
    forgetful.lost = ("a1", "a2")
    with pytest.raises(LocalDocsError, match="no worker brought any of 2 files back"):
        read_by(forgetful, ["a1", "a2"])


def test_an_embedder_that_cannot_be_sent_is_refused(forgetful):
    forgetful._job = replace(forgetful._job, embedder=lambda: None)
    with pytest.raises(ConfigError, match="the embedder function or the splitter cannot be sent"):
        read_by(forgetful, ["b"])


def test_a_connection_that_is_lost_ends_the_sync_and_starts_no_other_ray(job, monkeypatch):
    is_connected, waits = iter([True]), iter([([], ["reference"])])
    call = SimpleNamespace(remote=lambda *_, **__: "reference")
    coordinator = SimpleNamespace(start=call, next=call)
    ray = SimpleNamespace(
        cluster_resources=lambda: {"CPU": 2.0},
        cloudpickle=pickle,
        exceptions=SimpleNamespace(RayError=RuntimeError),
        is_initialized=lambda: next(is_connected, False),
        remote=lambda **_: lambda _actor: SimpleNamespace(remote=lambda *_, **__: coordinator),
        wait=lambda *_, **__: next(waits, None) or pytest.fail("Ray was started"),
        kill=lambda _actor: pytest.fail("Ray was started"),
    )
    monkeypatch.setattr("gpt4all_localdocs.scale.ray_reader.connected", lambda _workers: nullcontext(ray))
    reader = RayReader(job, workers="ray://head:10001", keys_of=lambda _path: ())
    with pytest.raises(LocalDocsError, match=r"Ray ended the sync \(ConnectionError: the connection is lost"):
        read_by(reader, ["a"])
