"""A model behind a real llama-server, which is a process of its own."""

import json
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from gpt4all_core.errors import (
    ContextOverflow,
    EndpointError,
    ModelNotFound,
    OutputError,
    UnsupportedParameter,
    UnsupportedSchema,
)
from gpt4all_core.remote.chat import RemoteModel
from gpt4all_core.types import GenerationParams, Message, Reasoning, Tool, ToolUse
from langchain_gpt4all import ChatGPT4All
from llamaindex_gpt4all import GPT4All

PROGRAM = Path(__file__).with_name("llama_server.py")
GREEDY = GenerationParams(temperature=0, max_tokens=24)
SHORT = GenerationParams(temperature=0, max_tokens=3)
QUESTION = [Message("user", "What colour is the sky? The sky is blue.")]
SCHEMA = {"type": "object", "properties": {"sunny": {"type": "boolean"}}, "required": ["sunny"]}
TOOL = Tool("sun", "Whether the sun shines", SCHEMA)


class LlamaServer:
    def __init__(self, model, folder):
        told = folder / "address"
        command = [sys.executable, str(PROGRAM), str(model), str(told)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while not (told.is_file() and told.read_text()):
            assert self.process.poll() is None, "llama-server ended"
            time.sleep(0.05)
        self.url = told.read_text()

    def busy_slots(self):
        return sum(slot["is_processing"] for slot in httpx.get(f"{self.url}/slots").json())

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()


@pytest.fixture(scope="session")
def llama(starter_model, tmp_path_factory):
    server = LlamaServer(starter_model, tmp_path_factory.mktemp("llama"))
    yield server
    server.close()


@pytest.fixture
def model(llama):
    with RemoteModel(base_url=llama.url) as model:
        yield model


def test_it_is_asked_what_it_is(model):
    assert model.server.kind == "llama-server"
    assert model.name == "starter"
    assert model.context_size == 512
    assert model.token_ids("Hello there") == model.token_ids("Hello there")
    assert model.count_tokens("Hello") >= 1
    assert model.count_message_tokens(QUESTION) > len(model.token_ids(QUESTION[0].text))


def test_an_answer_has_its_cost_and_its_log_probabilities(model):
    params = GenerationParams(temperature=0, max_tokens=5, logprobs=True, top_logprobs=2, seed=3)
    found = model.chat(QUESTION, params).result()
    assert found.finish_reason == "length"
    assert found.usage.completion_tokens == 5
    assert found.usage.prompt_tokens == model.count_message_tokens(QUESTION)
    assert "".join(each.text for each in found.logprobs) == found.text
    assert all(len(each.top) == 2 for each in found.logprobs)


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        ({"schema": SCHEMA}, lambda text: isinstance(json.loads(text)["sunny"], bool)),
        ({"choices": ["blue", "deep green"]}, ["blue", "deep green"].__contains__),
        ({"regex": "[0-9]{2}"}, lambda text: len(text) == 2 and text.isdigit()),
        (
            {"quote_from": ['The "sky",\nit is said, is blue.']},
            lambda text: text[:-1] in 'The "sky",\nit is said, is blue.',
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_it_holds_to_rules(model, rule, fits):
    prefill = 'It says "' if "quote_from" in rule else ""
    found = model.chat(QUESTION, GREEDY, constraint=model.constrain(**rule), prefill=prefill).result()
    assert fits(found.text)


def test_a_call_that_must_come_and_does_not_is_an_error(model):
    # The template in the starter model's file knows no tools, and llama-server then leaves them out.
    with pytest.raises(OutputError, match="was to call a tool and did not"):
        model.chat(QUESTION, SHORT, tool_use=ToolUse((TOOL,), "required")).result()


def test_leaving_a_stream_frees_its_slot(llama, model):
    for _ in model.chat(QUESTION, GenerationParams(max_tokens=400)):
        break
    while llama.busy_slots():
        time.sleep(0.05)


def open_another(model):
    with RemoteModel("other", base_url=model.address) as another:
        another.open()


@pytest.mark.parametrize(
    ("ask", "kind"),
    [
        (lambda model: model.chat([Message("user", "word " * 600)], GREEDY).result(), ContextOverflow),
        (lambda model: model.constrain(lark="start: /(/"), UnsupportedSchema),
        (open_another, ModelNotFound),
        (
            lambda model: model.chat(
                QUESTION, GREEDY, constraint=model.constrain(schema=SCHEMA), tool_use=ToolUse((TOOL,))
            ),
            UnsupportedParameter,
        ),
    ],
    ids=["too long", "no grammar", "another model", "rule and tools"],
)
def test_what_it_cannot_do_is_an_error_with_a_name(model, ask, kind):
    with pytest.raises(kind):
        ask(model)


def test_thoughts_and_samplers_are_options_that_it_knows(model):
    params = GenerationParams(
        max_tokens=2, dry_multiplier=0.5, xtc_probability=0.2, logit_bias={7: float("-inf")}
    )
    reasoning = Reasoning(is_on=False, budget=4)
    assert model.chat(QUESTION, params, reasoning=reasoning).result().usage.completion_tokens <= 2


def test_both_frameworks_hear_the_same_from_it(llama):
    options = {"base_url": llama.url, "temperature": 0, "max_tokens": 4}
    with ChatGPT4All(**options) as chat, GPT4All(**options) as llm:
        said = chat.invoke("Say hello.")
        assert said.content
        assert (
            said.usage_metadata["output_tokens"]
            == llm.complete("Say hello.").additional_kwargs["completion_tokens"]
        )


def test_a_server_that_is_killed_in_the_middle_is_an_error(starter_model, tmp_path):
    server = LlamaServer(starter_model, tmp_path)
    with RemoteModel(base_url=server.url, max_retries=0) as model:
        reply = model.chat(
            QUESTION, GenerationParams(max_tokens=450, logit_bias={0: float("-inf"), 2: float("-inf")})
        )
        events = iter(reply.events)
        next(events)
        server.close()
        with pytest.raises(EndpointError, match="hung up"):
            list(events)
