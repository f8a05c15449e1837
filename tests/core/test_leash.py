import contextvars
import gc
import threading
import weakref

import pytest

from gpt4all_core.errors import GenerationCancelled
from gpt4all_core.leash import ending_together, held, holding, not_left_running, pause


class Request:
    is_cancelled = False

    def cancel(self):
        self.is_cancelled = True


def test_an_error_stops_what_was_asked_and_what_still_comes():
    requests = [Request(), Request()]
    contexts = []

    def ask_and_fail():
        with ending_together():
            held(requests[0])
            contexts.append(contextvars.copy_context())
            raise ValueError("such")

    with pytest.raises(ValueError, match="such"):
        ask_and_fail()
    contexts[0].run(held, requests[1])
    assert [request.is_cancelled for request in requests] == [True, True]


def test_what_ends_well_is_left_alone():
    with ending_together():
        request = held(Request())
    assert not request.is_cancelled


def test_a_request_ends_with_its_block_and_needs_no_leash():
    with not_left_running(Request()) as request:
        assert not request.is_cancelled
    assert request.is_cancelled


def test_a_leash_keeps_no_request_alive():
    with holding():
        dropped = weakref.ref(held(Request()))
        gc.collect()
        assert dropped() is None


def test_a_pause_ends_with_the_call_that_it_is_for():
    pause(0.001)
    with holding() as leash:
        threading.Timer(0.01, leash.cut).start()
        with pytest.raises(GenerationCancelled, match="ended"):
            pause(60)
