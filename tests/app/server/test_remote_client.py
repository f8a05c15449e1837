"""The connections to an address, from threads and event loops."""

import asyncio
import gc
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from served import Script

from gpt4all_core.errors import ConfigError, EngineClosed, GenerationTimeout
from gpt4all_core.remote.client import Endpoint
from gpt4all_core.remote.options import EndpointOptions, checked_address


@pytest.fixture
def endpoint(running):
    with Endpoint(EndpointOptions(running(Script()).url)) as endpoint:
        yield endpoint


def names(endpoint):
    return endpoint.ask("get", "models", read=lambda answer: [model["id"] for model in answer["data"]])


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("http://127.0.0.1:4891", "http://127.0.0.1:4891/v1"),
        (" https://models.example/team/v1/ ", "https://models.example/team/v1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
    ],
)
def test_an_address_is_kept_as_requests_need_it(given, kept):
    assert checked_address(given) == kept


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "models.example",
        "ftp://a/v1",
        "http://",
        "http://a:port/v1",
        "http://ann:secret@a/v1",
        "http://ann:secret@a:port/v1",
        "ann:secret@a:8000",
        "http://a/v1?k=secret",
        "http://a/v1#secret",
    ],
)
def test_what_is_no_address_is_refused_without_showing_a_key(wrong):
    with pytest.raises(ConfigError) as caught:
        EndpointOptions(wrong)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("key", ["hidden\n", "hidden ", "hidd\u00e9n"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(monkeypatch, key):
    monkeypatch.setenv("GPT4ALL_API_KEY", key)
    for given in ({}, {"api_key": key}):
        with pytest.raises(ConfigError, match=r"^(GPT4ALL_API_KEY|api_key) has characters") as caught:
            EndpointOptions("http://127.0.0.1:1/v1", **given)
        assert "hidd" not in str(caught.value)


def test_one_endpoint_serves_threads_and_event_loops(endpoint):
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: names(endpoint).result(), range(16)))
    answers.extend(asyncio.run(names(endpoint).aresult()) for _ in range(2))
    assert answers == [["scripted"]] * 18


def test_a_time_limit_holds_for_all_of_a_request(endpoint):
    with pytest.raises(GenerationTimeout):
        endpoint.ask("get", "models", read=lambda answer: answer, timeout_s=1e-6).result()


def test_a_closed_endpoint_says_so(endpoint):
    endpoint.close()
    with pytest.raises(EngineClosed, match="closed"):
        names(endpoint)


def test_an_endpoint_that_nobody_holds_ends_its_thread(running):
    before = set(threading.enumerate())
    endpoint = Endpoint(EndpointOptions(running(Script()).url))
    assert names(endpoint).result() == ["scripted"]
    [thread] = [
        each for each in threading.enumerate() if each.name == "gpt4all-remote" and each not in before
    ]
    gc.disable()  # its last request may be ending still, behind which nobody would look for garbage
    try:
        del endpoint
        thread.join(60)
    finally:
        gc.enable()
    assert not thread.is_alive()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # that it has threads is the point
def test_a_forked_child_has_connections_of_its_own(endpoint):
    assert names(endpoint).result() == ["scripted"]
    child = os.fork()
    if not child:
        os._exit(0 if names(endpoint).result(30) == ["scripted"] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert names(endpoint).result() == ["scripted"]
