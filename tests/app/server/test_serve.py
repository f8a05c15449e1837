import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from commandline import finish, start
from served import QUESTION, Script, events

from gpt4all_app.server.find_models import find_models
from gpt4all_core.errors import ModelNotFound


def listening(process):
    """The address that a server tells once it listens."""
    for line in process.stderr:
        if found := re.search(r"listening on (\S+)", line):
            return found[1]
    raise AssertionError("the server ended")


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_the_program_serves_the_starter_model_until_it_is_stopped(home, stop, code):
    process = start(home, "serve", "--port", "0", "--model", "smollm2-135m-instruct")
    try:
        url = listening(process)
        body = {"messages": [{"role": "user", "content": "A secret?"}], "max_tokens": 4}
        answer = httpx.post(f"{url}/chat/completions?key=hidden", json=body, timeout=120).json()
        assert 0 < answer["usage"]["completion_tokens"] <= 4
        assert answer["model"] == "smollm2-135m-instruct"
    finally:
        os.kill(process.pid, stop)
        found = finish(process)
    assert found.code == code
    assert "POST /v1/chat/completions 200" in found.err
    assert "secret" not in found.err
    assert "hidden" not in found.err


def test_a_second_ctrl_c_ends_without_a_word_of_what_it_broke_off(home):
    process = start(home, "serve", "--port", "0", "--model", "smollm2-135m-instruct")
    url = listening(process)
    body = {"messages": [{"role": "user", "content": "Tell a long story."}], "stream": True}
    with httpx.stream("POST", f"{url}/chat/completions", json=body, timeout=120) as answer:
        lines = answer.iter_lines()  # once it is gone, so is the connection
        next(lines)
        os.kill(process.pid, signal.SIGINT)
        time.sleep(0.3)  # two at once are one
        os.kill(process.pid, signal.SIGINT)
        found = finish(process)
    assert found.code == 130
    assert "Traceback" not in found.err
    assert found.err.endswith("gpt4all: stopped\n")


def test_a_host_for_others_needs_a_key(gpt4all):
    found = gpt4all("serve", "--host", "0.0.0.0")
    assert found.code == 2
    assert "GPT4ALL_API_KEY" in found.err


def test_a_port_that_is_taken_is_a_wrong_option(gpt4all, running):
    found = gpt4all("serve", "--port", running().port, "--model", "smollm2-135m-instruct")
    assert found.code == 2
    assert "another program listens there; choose another --port" in found.err


def test_named_models_are_served_with_the_default_embedder():
    served = find_models(["smollm2-135m-instruct"])
    assert [(model.name, model.role) for model in served.listed] == [
        ("smollm2-135m-instruct", "chat"),
        ("all-minilm-l6-v2", "embedder"),
    ]
    assert served.made() == {}


def test_without_names_all_on_this_disk_are_served_once():
    names = [model.name for model in find_models([]).listed]
    assert {"smollm2-135m-instruct", "all-minilm-l6-v2"} <= set(names)
    assert len(set(names)) == len(names)


def test_a_model_that_is_not_there_is_told_at_the_start():
    with pytest.raises(ModelNotFound):
        find_models(["no-such-model"])


def test_the_help_does_not_wait_for_the_server():
    program = "import sys, gpt4all_app.program; sys.exit(bool({'fastapi', 'uvicorn'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def is_listening(server):
    try:
        httpx.get(f"{server.url}/health")
    except httpx.TransportError:
        return False
    return True


class Slow(Script):
    """Goes on with its answer when it is let."""

    def __init__(self):
        super().__init__(["Good morning."])
        self.is_asked, self.may_go_on = threading.Event(), threading.Event()

    def chat(self, *messages, **options):
        self.is_asked.set()
        self.may_go_on.wait(60)
        return super().chat(*messages, **options)


def test_an_answer_that_has_begun_is_ended_before_the_server(running):
    model = Slow()
    server = running(model, last_moments_s=60)
    with ThreadPoolExecutor() as threads:
        body = {"messages": QUESTION, "stream": True}
        asked = threads.submit(server.client.post, "/v1/chat/completions", json=body)
        assert model.is_asked.wait(60)
        server.end()
        while is_listening(server):
            pass
        time.sleep(0.3)  # uvicorn waits for 0.1 s at any rate
        model.may_go_on.set()
        assert events(asked.result())
