"""A folder of cells that fills up, that others use too, and in which a process died."""

import os
from pathlib import Path

import numpy as np
import pytest

from gpt4all_core.engine.disk_cache import DiskCache
from gpt4all_core.engine.saved_cells import SavedCells


def saved(text):
    tokens = list(text.encode())
    return SavedCells.of(tokens, np.arange(4 * len(tokens), dtype=np.uint8))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cells"


def disk(folder, **options):
    return DiskCache(folder, model="tiny", **options)


def sizes(folder):
    return [path.stat().st_size for path in folder.iterdir()]


def test_what_made_room_is_not_remembered(folder):
    cache = disk(folder, limit_bytes=1000)
    for number in range(50):
        cache.put(saved(f"{number:04d}" * 5))
    assert len(cache) == len(sizes(folder)) < 10
    assert not cache.covers(list(b"0000" * 5), whole=False)


def test_what_is_larger_than_the_limit_is_not_kept_and_drives_nothing_out(folder):
    cache = disk(folder, limit_bytes=700)
    cache.put(saved("small"))
    cache.put(saved("l" * 200))
    assert len(sizes(folder)) == len(cache) == 1
    cache.put(saved("another"))
    assert len(cache) == 2


def test_keeping_the_same_twice_keeps_it_once(folder):
    cache = disk(folder)
    for _ in range(2):
        cache.put(saved("hello"))
    (key,) = cache
    assert cache.get(key) is not None
    assert len(sizes(folder)) == 1


def test_cells_that_another_process_wrote_of_the_same_tokens_are_read(folder):
    ours, theirs = disk(folder), disk(folder)
    ours.put(saved("hello"))
    others = SavedCells.of(list(b"hello"), np.full(20, 7, dtype=np.uint8))
    theirs.put(others)
    (key,) = ours
    read = ours.get(key)
    assert read.is_intact
    assert read.state.tolist() == others.state.tolist()
    assert len(sizes(folder)) == 1


def test_a_file_is_opened_once_to_be_read(folder, monkeypatch):
    cache = disk(folder)
    cache.put(saved("hello"))
    opened = []
    open_path = Path.open

    def count(path, *arguments, **options):
        opened.append(path)
        return open_path(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", count)
    (key,) = cache
    assert cache.peek(key).state.tolist() == saved("hello").state.tolist()
    assert len(opened) == 1


def test_a_file_that_goes_while_the_folder_is_listed_ends_nothing(folder, monkeypatch):
    cache = disk(folder)
    for text in ("one", "two"):
        cache.put(saved(text))
    stat = Path.stat

    def vanish(path, **options):
        if path.suffix == ".cells":
            path.unlink(missing_ok=True)
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", vanish)
    assert len(disk(folder)) == 0
    monkeypatch.undo()
    cache.put(saved("four"))
    monkeypatch.setattr(Path, "stat", vanish)
    cache.put(saved("five"))
    monkeypatch.undo()
    assert cache.covers(list(b"five"), whole=False)
    assert len(disk(folder)) == 1


def test_a_key_that_is_gone_is_answered_with_none(folder):
    assert disk(folder).get(7) is None


def test_an_unfinished_file_goes_once_nobody_can_be_writing_it(folder):
    folder.mkdir()
    old, new = folder / "old.part", folder / "new.part"
    for path in (old, new):
        path.write_bytes(b"x" * 1000)
    os.utime(old, (1, 1))
    disk(folder)
    assert list(folder.iterdir()) == [new]


def test_only_use_makes_a_file_one_of_the_last_to_go(folder):
    cache = disk(folder)
    cache.put(saved("hello"))
    (key,), (path,) = cache, folder.iterdir()
    os.utime(path, (1, 1))
    assert cache.peek(key) is not None
    assert path.stat().st_mtime == 1
    assert cache.get(key) is not None
    assert path.stat().st_mtime > 1
