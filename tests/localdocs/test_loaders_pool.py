"""Several children read at once; closing the pool ends them, also in the middle of a file."""

import threading

import pytest
from loader_files import write
from measured import wait_until

from gpt4all_core.errors import LocalDocsError, UnreadableDocument
from gpt4all_localdocs.loaders.pool import LoaderPool


@pytest.fixture
def stuck(tmp_path):
    """A file that takes minutes: thousands of tables, and each is asked for all tables in it."""
    return write(tmp_path, "slow.html", "<table><tr><td>" * 6000 + "x")


def test_loads_one_after_the_other_share_a_child(tmp_path):
    path = write(tmp_path, "a.txt", "text")
    with LoaderPool() as loaders:
        assert [loaders.load(path).text for _ in range(2)] == ["text", "text"]
        assert len(loaders._all) == 1


def test_a_slow_file_holds_up_no_other_and_closing_ends_it(tmp_path, stuck):
    loaders, failures = LoaderPool(), []

    def load_stuck():
        with pytest.raises((UnreadableDocument, LocalDocsError)) as raised:
            loaders.load(stuck)
        failures.append(raised.value)

    thread = threading.Thread(target=load_stuck)
    thread.start()
    wait_until(lambda: loaders._all and loaders._all[0]._child is not None)
    assert loaders.load(write(tmp_path, "a.txt", "text")).text == "text"
    assert not failures
    loaders.close()
    loaders.close()
    thread.join()
    assert len(failures) == 1
    with pytest.raises(LocalDocsError, match="this LoaderPool is closed"):
        loaders.load(stuck)
