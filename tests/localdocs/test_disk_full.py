"""No room on the disk, at any write: an error that says so, an index that answers, a sync that goes on."""

import contextlib
import errno
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from workbench import Workbench

from gpt4all_core.errors import ConfigError, LocalDocsError
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs.texts import Text

resource = pytest.importorskip("resource", reason="the system has no limits of this kind")


@contextlib.contextmanager
def room_for_files_of(size):
    """The system refuses to let any file grow beyond it, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def synced(root):
    bench = Workbench(root)
    bench.options = replace(bench.options, embed_batch=64)
    bench.put(Text("alpha put", "put"))
    bench.write("a.txt", "alpha one")
    bench.sync()
    return bench


@pytest.mark.parametrize("is_rebuilt", [False, True])
def test_a_sync_that_finds_no_room_says_so_and_is_completed_later(tmp_path, is_rebuilt):
    failures = []
    for size in (0, 40_000, 150_000, 250_000, 350_000, 1_000_000):
        bench = synced(tmp_path / str(size))
        bench.write("b.txt", "\n\n".join(f"beta {n} " + "word " * 40 for n in range(300)))
        if is_rebuilt:
            bench.embedder = HashEmbedder(dimensions=32, name="other")
        try:
            with room_for_files_of(size):
                bench.sync(rebuild=is_rebuilt)
        except (LocalDocsError, ConfigError) as error:
            failures.append((str(bench.index), str(error)))
        else:
            break
        bench.embedder = HashEmbedder()
        assert "alpha one" in [hit.text for hit in bench.search("alpha one")]
        if is_rebuilt:
            bench.embedder = HashEmbedder(dimensions=32, name="other")
        bench.sync(rebuild=is_rebuilt)
        assert bench.content() == bench.fresh_content()
    assert len(failures) >= 3
    assert all(index in message for index, message in failures)


@pytest.mark.parametrize(("name", "is_copied"), [("copytree", True), ("mkdir", False)])
def test_a_vector_index_that_finds_no_room_says_so_and_is_completed_later(
    tmp_path, monkeypatch, name, is_copied
):
    bench = synced(tmp_path)
    bench.write("b.txt", "beta two")
    if not is_copied:
        shutil.rmtree(next(bench.index.glob("chroma-*")))

    real = getattr(shutil if is_copied else Path, name)

    def fail(path, *arguments, **options):
        if path.name.startswith("chroma-"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(shutil if is_copied else Path, name, fail)
        with pytest.raises(LocalDocsError, match=r"index/chroma-\d+ cannot be written .*free some space"):
            bench.sync()
    assert bench.search("beta two", k=1)[0].path.name == "b.txt"
    bench.sync()
    assert bench.content() == bench.fresh_content()


def test_a_disk_without_room_for_the_lock_is_told_from_a_folder_without_permission(tmp_path, monkeypatch):
    bench = synced(tmp_path)

    def refuse(_lock):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gpt4all_localdocs.writer_lock.WriterLock._name_holder", refuse)
    with pytest.raises(ConfigError, match=r"No space left on device\); free some space on its disk"):
        bench.sync()
