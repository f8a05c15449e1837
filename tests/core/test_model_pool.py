import threading
import time

import pytest

from gpt4all_core.errors import EngineClosed, ModelLoadError
from gpt4all_core.model_pool import FileIdentity, ModelPool


class Thing:
    """Something to lease; notes its end, and may stand on another lease."""

    def __init__(self, name, ended, *, stands_on=None):
        self.name = name
        self.is_open = True
        self.close_requests = 0
        self._ended = ended
        self._stands_on = stands_on

    def close(self):
        if self.is_open:
            self.is_open = False
            self._ended.append(self.name)
            if self._stands_on is not None:
                self._stands_on.close()

    def begin_close(self):
        self.close_requests += 1


@pytest.fixture
def ended():
    """Names of what was closed, in order."""
    return []


@pytest.fixture
def things():
    return ModelPool()


def test_a_thing_is_made_once_and_closed_by_its_last_user(things, ended):
    first = things.lease("a", lambda: Thing("a", ended))
    second = things.lease("a", lambda: pytest.fail("it is open already"))
    assert first.value is second.value
    first.close()
    first.close()
    assert (ended, things.open_count) == ([], 1)
    second.close()
    assert (ended, things.open_count) == (["a"], 0)
    assert things.lease("a", lambda: Thing("b", ended)).value.name == "b"


def test_threads_that_ask_at_once_get_one_thing(things, ended):
    made = []

    def make():
        time.sleep(0.05)
        made.append(1)
        return Thing("a", ended)

    leases = []
    threads = [threading.Thread(target=lambda: leases.append(things.lease("a", make))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(leases), len(made)) == (6, 1)


def test_different_things_are_made_side_by_side(things, ended):
    meeting = threading.Barrier(2, timeout=60)

    def make():
        meeting.wait()
        return Thing("x", ended)

    threads = [threading.Thread(target=things.lease, args=(key, make)) for key in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert things.open_count == 2


def test_what_could_not_be_made_is_tried_again(things, ended):
    with pytest.raises(ZeroDivisionError):
        things.lease("a", lambda: 1 / 0)
    assert things.open_count == 0
    assert things.lease("a", lambda: Thing("a", ended)).value.is_open


def test_what_failed_meanwhile_is_not_handed_out_again(things, ended):
    broken = things.lease("a", lambda: Thing("broken", ended))
    broken.value.is_open = False
    fresh = things.lease("a", lambda: Thing("fresh", ended))
    assert fresh.value.name == "fresh"
    broken.close()
    assert things.lease("a", lambda: pytest.fail("the fresh one is open")).value is fresh.value


def test_at_exit_engines_are_closed_before_the_weights_under_them(things, ended):
    def make_engine(name):
        weights = things.lease("weights", lambda: Thing("weights", ended))
        return Thing(name, ended, stands_on=weights)

    first = things.lease("first", lambda: make_engine("first"))
    second = things.lease("second", lambda: make_engine("second"))
    things.close_all()
    assert ended == ["second", "first", "weights"]
    first.close()
    second.close()
    assert ended == ["second", "first", "weights"]


def test_abandoning_waits_for_nothing_and_the_next_lease_ends_it(things, ended):
    lease = things.lease("a", lambda: Thing("a", ended))
    lease.abandon()
    assert (lease.value.close_requests, ended, things.open_count) == (1, [], 0)
    things.lease("b", lambda: Thing("b", ended))
    assert ended == ["a"]


def test_at_exit_what_was_abandoned_is_closed_too(things, ended):
    things.lease("a", lambda: Thing("a", ended)).abandon()
    things.close_all()
    assert ended == ["a"]


@pytest.mark.parametrize("abandoned_first", [False, True])
def test_an_engine_whose_closing_is_interrupted_is_closed_at_exit_before_its_weights(
    things, ended, abandoned_first
):
    class SlowToEnd(Thing):
        interrupts = 1

        def close(self):
            if self.interrupts:
                self.interrupts -= 1
                raise KeyboardInterrupt
            super().close()

    weights = things.lease("weights", lambda: Thing("weights", ended))
    engine = things.lease("engine", lambda: SlowToEnd("engine", ended, stands_on=weights))
    if abandoned_first:
        engine.abandon()
    with pytest.raises(KeyboardInterrupt):
        things.lease("other", lambda: Thing("other", ended)) if abandoned_first else engine.close()
    assert ended == []
    things.close_all()
    assert ended == ["engine", "weights"]


def test_a_forked_child_gets_nothing_and_closes_nothing(things, ended, monkeypatch):
    lease = things.lease("a", lambda: Thing("a", ended))
    monkeypatch.setattr("gpt4all_core.model_pool.os.getpid", lambda: -1)
    for use in (lambda: lease.value, lambda: things.lease("a", lambda: Thing("a", ended))):
        with pytest.raises(EngineClosed, match="after a fork"):
            use()
    lease.close()
    things.close_all()
    assert ended == []


def test_one_file_under_two_names_is_the_same_and_a_replaced_one_is_not(tmp_path):
    path, link = tmp_path / "a.gguf", tmp_path / "b.gguf"
    path.write_bytes(b"one")
    link.hardlink_to(path)
    before = FileIdentity.of(path)
    assert FileIdentity.of(link) == before
    path.unlink()
    path.write_bytes(b"other")
    assert FileIdentity.of(path) != before


def test_a_file_that_is_gone_is_a_model_that_cannot_be_loaded(tmp_path):
    with pytest.raises(ModelLoadError, match="No such file"):
        FileIdentity.of(tmp_path / "gone.gguf")
