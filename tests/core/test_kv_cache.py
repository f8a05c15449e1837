"""Conversations that leave the cache of the model and come back."""

import stat

import numpy as np
import pytest
from engine_workbench import ask, check_accounts, running
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt4all_core.engine import kv_cache
from gpt4all_core.engine.backend import Batch
from gpt4all_core.engine.disk_cache import DiskCache
from gpt4all_core.engine.kv_cache import KVCache
from gpt4all_core.engine.saved_cells import HostCache, SavedCells
from gpt4all_core.errors import ConfigError
from gpt4all_core.testing import ScriptedBackend
from gpt4all_core.types import GenerationParams

BRIEF = GenerationParams(temperature=0, max_tokens=4)
TALKS = [f"Conversation {letter} goes " + "on and on and on, " * 4 for letter in "abcdefgh"]


def saved(text, *, bytes_each=4):
    tokens = list(text.encode())
    return SavedCells.of(tokens, np.arange(bytes_each * len(tokens), dtype=np.uint8))


def decode(cache, slot, tokens):
    """Give a busy slot cells of these tokens behind those that it has."""
    start = len(cache.slots.tokens_of(slot))
    for place, token in enumerate(tokens, start):
        one = np.array([token], dtype=np.int32)
        cache._backend.decode(Batch(one, one * 0 + place, one * 0 + slot, one < 0))
    cache.slots.extend(slot, tokens)


def found(store, text, *, whole=False):
    return store.find(list(text.encode()), whole=whole).length


# Host memory


def test_what_goes_on_from_an_older_one_takes_its_place():
    cache = HostCache(1000)
    for text in ("one", "one two", "other"):
        cache.put(saved(text))
    assert [bytes(cache.get(key).tokens).decode() for key in list(cache)] == ["one two", "other"]
    cache.check_integrity()


def test_the_least_recently_used_goes_when_the_bytes_do_not_suffice():
    cache = HostCache(4 * 12)
    for text in ("aaaa", "bbbb", "cccc"):
        cache.put(saved(text))
    (key,) = cache.find(list(b"aaaa"), whole=False).keys
    assert cache.get(key) is not None
    cache.put(saved("dddd"))
    assert [found(cache, letter * 4) for letter in "abcd"] == [4, 0, 4, 4]
    cache.put(saved("e" * 13))
    assert found(cache, "e" * 13) == 0
    cache.check_integrity()


def test_damage_is_noticed_and_forgotten():
    cache = HostCache(1000)
    cache.put(saved("hello"))
    (key,) = cache.find(list(b"hello"), whole=False).keys
    cache.get(key).state[3] ^= 1
    assert cache.get(key) is None
    assert found(cache, "hello") == 0
    cache.check_integrity()


# A folder


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cells"


def disk(folder, **options):
    return DiskCache(folder, model="tiny", **options)


def test_what_was_kept_is_there_after_a_restart_for_the_same_model_only(folder):
    disk(folder).put(saved("hello world"))
    again = disk(folder)
    (key,) = again.find(list(b"hello you"), whole=False).keys
    kept = again.get(key)
    assert bytes(kept.tokens) == b"hello world"
    assert np.array_equal(kept.state, saved("hello world").state)
    assert len(DiskCache(folder, model="another")) == 0


def test_models_that_share_a_folder_do_not_overwrite_each_other(folder):
    for model in ("one", "two"):
        DiskCache(folder, model=model).put(saved("the same tokens"))
    assert [len(DiskCache(folder, model=model)) for model in ("one", "two")] == [1, 1]


def test_a_file_that_holds_another_conversation_now_is_not_taken_for_the_old_one(folder):
    cache = disk(folder)
    cache.put(saved("hello world"))
    (path,) = folder.iterdir()
    path.unlink()
    disk(folder).put(saved("other words"))
    (other,) = folder.iterdir()
    other.rename(path)
    (key,) = cache.find(list(b"hello world"), whole=False).keys
    assert cache.get(key) is None


def test_only_the_owner_may_read_what_was_said(folder):
    disk(folder).put(saved("a secret"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()] == [0o600]


def test_a_folder_keeps_to_its_limit(folder):
    cache = disk(folder, limit_bytes=400)
    for letter in "abcdefgh":
        cache.put(saved(letter * 10))
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 400
    assert found(disk(folder), "h" * 10) == 10
    assert sum(cache.get(key) is not None for key in list(cache)) < 8


def test_a_file_that_another_process_removed_is_taken_for_absent(folder):
    cache = disk(folder)
    cache.put(saved("hello"))
    (key,) = cache.find(list(b"hello"), whole=False).keys
    for path in folder.iterdir():
        path.unlink()
    assert cache.get(key) is None


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cache_dir=.*choose another"):
        disk(tmp_path / "file" / "cells")


def test_a_full_disk_is_said_once_and_stops_nothing(folder, monkeypatch, caplog):
    cache = disk(folder)
    monkeypatch.setattr("os.fdopen", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    for text in ("one", "two"):
        cache.put(saved(text))
        assert cache.covers(list(text.encode()), whole=False)
    assert caplog.text.count("No space left") == 1
    assert not list(folder.iterdir())


@pytest.mark.parametrize("seed", range(3))
def test_a_changed_file_is_never_taken_for_what_it_was(folder, seed):
    disk(folder).put(saved("hello world"))
    (path,) = folder.iterdir()
    whole, random = path.read_bytes(), np.random.default_rng(seed)
    for _ in range(200):
        changed = bytearray(whole)
        if random.random() < 0.3:
            del changed[int(random.integers(len(changed))) :]
        else:
            for place in random.integers(len(changed), size=int(random.integers(1, 4))):
                changed[place] ^= int(random.integers(1, 256))
        path.write_bytes(changed)
        cache = disk(folder)
        for kept in filter(None, map(cache.get, list(cache))):
            assert bytes(kept.tokens) == b"hello world"
            assert np.array_equal(kept.state, saved("hello world").state)
        path.write_bytes(whole)


# All tiers together


def talk(engine, text):
    return ask(engine, text, BRIEF).result(60).usage.cached_tokens


@pytest.mark.parametrize("can_truncate", [True, False])
def test_conversations_that_take_turns_are_never_decoded_again(monkeypatch, can_truncate):
    monkeypatch.setattr(kv_cache, "IDLE_CELLS", 0)
    backend = ScriptedBackend(sequences=2, can_truncate=can_truncate)
    with running(backend, context_size=256, stores=[HostCache(1 << 20)]) as engine:
        first = [ask(engine, text, BRIEF).result(60) for text in TALKS]
        for text, before in zip(TALKS, first, strict=True):
            more = text + before.text + " And then?"
            # The last token of the answer was never decoded.
            assert talk(engine, more) == len(text) + len(before.text) - 1
        assert engine.counters.restored_tokens > 7 * len(TALKS[0])
        check_accounts(engine, backend)


def test_without_a_store_they_are(monkeypatch):
    monkeypatch.setattr(kv_cache, "IDLE_CELLS", 0)
    with running(ScriptedBackend(sequences=2), context_size=256) as engine:
        for text in TALKS:
            talk(engine, text)
        # The first stayed: each of the others took its beginning from there.
        assert talk(engine, TALKS[1]) <= len("Conversation ")


def test_without_a_store_nothing_idle_is_dropped_while_there_is_room(monkeypatch):
    monkeypatch.setattr(kv_cache, "IDLE_CELLS", 0)
    with running(ScriptedBackend(), context_size=256) as engine:
        for text in TALKS[:3]:
            talk(engine, text)
        assert talk(engine, TALKS[1] + "!") >= len(TALKS[1])


def test_a_conversation_too_large_for_host_memory_still_goes_to_the_folder(folder):
    host = HostCache(100)
    with running(ScriptedBackend(), context_size=256, stores=[host, disk(folder)]) as engine:
        talk(engine, TALKS[0])
    assert len(host) == 0
    assert found(disk(folder), TALKS[0]) >= len(TALKS[0])


def test_writing_is_left_when_a_request_comes_and_taken_up_again(folder):
    cache = KVCache(ScriptedBackend(), [HostCache(1 << 20), disk(folder)])
    tokens = list(TALKS[0].encode())
    slot = cache.acquire(tokens).slot
    decode(cache, slot, tokens)
    cache.slots.release(slot)
    assert cache.tidy()  # to host memory
    answers = iter([False, False, True, True, True])
    assert not cache.tidy(lambda: next(answers))
    assert not list(folder.iterdir())
    assert cache.tidy()
    assert len(list(folder.iterdir())) == 1
    assert not cache.tidy()


def test_on_a_full_disk_the_oldest_conversations_go(folder, monkeypatch):
    cache = disk(folder)
    cache.put(saved("one"))
    write, failures = cache._write, iter([OSError(28, "No space left on device")])

    def write_when_there_is_room(path, parts, stop):
        for error in failures:
            raise error
        return write(path, parts, stop)

    monkeypatch.setattr(cache, "_write", write_when_there_is_room)
    assert cache.put(saved("two"))
    assert (found(cache, "one"), found(cache, "two")) == (0, 3)


def test_idle_cells_beyond_a_few_are_freed_while_others_run(monkeypatch):
    monkeypatch.setattr(kv_cache, "IDLE_CELLS", 100)
    backend = ScriptedBackend(sequences=8)
    with running(backend, context_size=256, stores=[HostCache(1 << 20)]) as engine:
        for text in TALKS:
            talk(engine, text)
        check_accounts(engine, backend)
        assert backend.used_cells <= 100 + len(TALKS[0]) + 4


@pytest.mark.parametrize("host_bytes", [0, 300, 1 << 20])
def test_a_conversation_goes_on_after_a_restart(folder, host_bytes):
    def stores():
        return [HostCache(host_bytes), disk(folder)] if host_bytes else [disk(folder)]

    with running(ScriptedBackend(), context_size=256, stores=stores()) as engine:
        answers = [ask(engine, text, BRIEF).result(60).text for text in TALKS]
    with running(ScriptedBackend(), context_size=256, stores=stores()) as engine:
        for text, answer in zip(TALKS, answers, strict=True):
            assert talk(engine, text + answer + "!") == len(text) + len(answer) - 1
        assert engine.counters.prompt_tokens <= 2 * len(TALKS)


@pytest.mark.parametrize("host_bytes", [0, 500])
def test_idle_moments_end_although_not_everything_can_be_kept(folder, host_bytes):
    stores = [HostCache(host_bytes), disk(folder, limit_bytes=700)]
    with running(ScriptedBackend(sequences=4), context_size=256, stores=stores) as engine:
        for text in TALKS:
            talk(engine, text)
    # Closing saves what is not saved yet: it came to an end.


def test_what_is_short_is_not_saved():
    host = HostCache(1 << 20)
    with running(ScriptedBackend(), stores=[host]) as engine:
        talk(engine, "hello")
    assert len(host) == 0


TURNS = st.lists(st.tuples(st.integers(0, 4), st.text("ab", min_size=1, max_size=60)), max_size=25)


@settings(max_examples=40)
@given(
    turns=TURNS,
    shape=st.fixed_dictionaries(
        {
            "cells": st.integers(150, 260),
            "sequences": st.integers(1, 4),
            "can_truncate": st.booleans(),
        }
    ),
    host_bytes=st.integers(0, 2000),
    idle_cells=st.integers(0, 100),
)
def test_whatever_leaves_and_comes_back_the_cells_hold_the_right_tokens(turns, shape, host_bytes, idle_cells):
    backend = ScriptedBackend(**shape)
    host = HostCache(host_bytes)
    cache = KVCache(backend, [host])
    talks = dict.fromkeys(range(5), "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kv_cache, "IDLE_CELLS", idle_cells)
        for number, more in turns:
            talks[number] = (talks[number] + more)[-140:]
            tokens = list(talks[number].encode())
            placement = cache.acquire(tokens)
            assert backend.tokens_of(placement.slot) == tokens[: placement.reused]
            assert placement.reused < len(tokens)
            assert cache.slots.reclaim(len(tokens) - placement.reused)
            decode(cache, placement.slot, tokens[placement.reused :])
            cache.slots.release(placement.slot)
            cache.tidy()
            cache.slots.check_integrity()
            host.check_integrity()
            assert cache.slots.free_cells == backend.cell_count - backend.used_cells


def test_only_what_is_used_of_a_restored_conversation_counts(monkeypatch):
    monkeypatch.setattr(kv_cache, "IDLE_CELLS", 0)
    backend = ScriptedBackend(sequences=2)
    with running(backend, context_size=256, stores=[HostCache(1 << 20)]) as engine:
        for text in (TALKS[0], TALKS[1], TALKS[2]):
            talk(engine, text)
        cut = TALKS[0][:60]
        assert talk(engine, cut) == 59
        assert engine.counters.restored_tokens == 59
