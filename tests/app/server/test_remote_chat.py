"""A model behind this project's server, and what other servers would be sent."""

import asyncio
from dataclasses import replace

import pytest
from raw_endpoint import RawEndpoint, answer, delta, events
from scripted_endpoint import ScriptedEndpoint
from served import Continuing, Endless, Rated, Script

from gpt4all_core.errors import ConfigError, EngineClosed, UnsupportedParameter
from gpt4all_core.protocols import ChatModel
from gpt4all_core.remote.chat import RemoteModel
from gpt4all_core.remote.message_json import messages_json
from gpt4all_core.remote.model_facts import ModelFacts
from gpt4all_core.remote.rules import remote_rule
from gpt4all_core.remote.sampling_json import sampling_json, thoughts_json
from gpt4all_core.remote.server_facts import ServerFacts
from gpt4all_core.types import (
    Adapter,
    Audio,
    GenerationParams,
    Image,
    Message,
    Reasoning,
    TextDelta,
    Tool,
    ToolCall,
    ToolUse,
)

QUESTION = [Message("user", "Hello")]
CALL = ToolCall("call_1", "weather", '{"place": "Kiel"}')
SAID = Message("assistant", "Let me look.", (CALL,), reasoning="Be polite.")
TOOL = Tool(
    "weather", "", {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
)
KINDS = ("gpt4all", "llama-server", "vllm", "unknown")


@pytest.fixture
def remote(running):
    """Models behind servers of scripted ones."""
    opened = []

    def start(script=None, **options):
        opened.append(RemoteModel(base_url=running(script or Script()).url, max_retries=0, **options))
        return opened[-1]

    yield start
    for model in opened:
        model.close()


def test_a_conversation_is_answered_as_by_the_model_itself(remote):
    script = Script([SAID])
    model = remote(script, context_size=512)
    assert isinstance(model, ChatModel)
    params = GenerationParams(
        temperature=0.5, top_k=3, seed=7, stop=("END",), logit_bias={3: 1.5}, max_tokens=9
    )
    messages = [
        Message("system", "Be kind."),
        SAID,
        Message("tool", "7 degrees", tool_call_id="call_1"),
        *QUESTION,
    ]
    found = model.chat(
        messages, params, tool_use=ToolUse((TOOL,)), reasoning=Reasoning(is_on=True, budget=77)
    ).result()
    [asked] = script.calls
    assert asked.params == params
    assert asked.messages == (messages[0], SAID, replace(messages[2], name="weather"), *QUESTION)
    assert asked.tool_use == ToolUse((TOOL,))
    assert asked.reasoning == Reasoning(is_on=True, budget=77)
    assert (found.text, found.reasoning, found.tool_calls) == ("Let me look.", "Be polite.", (CALL,))
    assert found.finish_reason == "tool_calls"
    assert found.usage.completion_tokens > 0


def test_both_faces_yield_the_same_events(remote):
    model = remote(Script([SAID, SAID]))

    async def read():
        return [event async for event in model.chat(QUESTION, tool_use=ToolUse((TOOL,))).events]

    assert asyncio.run(read()) == list(model.chat(QUESTION, tool_use=ToolUse((TOOL,))).events)


@pytest.mark.parametrize(
    ("rule", "answer", "asked"),
    [
        ({"schema": TOOL.parameters}, CALL.arguments, "schema"),
        ({"choices": ["red", "blue"]}, "red", "lark"),
        ({"regex": "[0-9]+"}, "42", "lark"),
        ({"lark": 'start: "x"'}, "x", "lark"),
        ({"quote_from": ["The sky is blue."]}, 'sky is"', "lark"),
    ],
)
def test_this_projects_server_holds_to_every_rule(remote, rule, answer, asked):
    script = Script([answer])
    model = remote(script)
    prefill = 'It is "' if "quote_from" in rule else ""
    found = model.chat(QUESTION, constraint=model.constrain(**rule), prefill=prefill).result()
    assert found.text == answer
    assert list(script.calls[0].rule) == [asked]
    assert script.calls[0].messages[-1] == (Message("assistant", prefill) if prefill else QUESTION[0])


def test_leaving_a_stream_stops_the_model_behind_it(remote):
    script = Endless()
    model = remote(script)
    for event in model.chat(QUESTION).events:
        assert event == TextDelta("word")
        break
    assert script.left.acquire(timeout=30)
    reply = model.chat(QUESTION)
    events = iter(reply.events)
    assert next(events) == TextDelta("word")
    model.close()
    assert script.left.acquire(timeout=30)
    with pytest.raises(EngineClosed, match="closed"):
        reply.result()
    del events


def test_log_probabilities_come_with_their_text(remote):
    params = GenerationParams(logprobs=True, top_logprobs=2, max_tokens=4)
    found = remote(Rated()).chat(QUESTION, params).result()
    assert [(each.text, each.logprob) for each in found.logprobs] == [
        ("one", -0.5),
        (" two", -0.5),
        (" three", -0.5),
    ]
    continued = remote(Continuing()).complete("One", params).result()
    assert (continued.text, continued.finish_reason) == (" and on", "length")
    assert [each.text for each in continued.logprobs] == [" and", " on"]


def test_several_answers_have_seeds_that_follow(remote):
    script = Script(["one", "two"])
    replies = remote(script).chat_choices(2, QUESTION, GenerationParams(seed=5))
    assert sorted(reply.result().text for reply in replies) == ["one", "two"]
    assert sorted(call.params.seed for call in script.calls) == [5, 6]


def test_a_context_that_nobody_tells_has_to_be_given(remote):
    with pytest.raises(ConfigError, match="give context_size"):
        _ = remote().context_size
    assert remote(context_size=512).context_size == 512


def facts(kind, **more):
    return ServerFacts(kind, ModelFacts("remote", context_tokens=512), **more)


@pytest.mark.parametrize(
    ("kind", "params", "has"),
    [
        ("gpt4all", {"typical_p": 0.5, "dry_multiplier": 1.0}, {"typical_p": 0.5, "dry_last_n": -1}),
        ("llama-server", {"dry_multiplier": 1.0}, {"dry_penalty_last_n": 512, "top_k": 40}),
        ("llama-server", {"logit_bias": {3: float("-inf")}}, {"logit_bias": {"3": False}, "mirostat": 0}),
        ("vllm", {"repeat_penalty": 1.2}, {"repetition_penalty": 1.2, "min_p": 0.05}),
        ("unknown", {"logit_bias": {3: float("-inf")}, "seed": 3}, {"logit_bias": {"3": -100.0}, "seed": 3}),
    ],
)
def test_options_go_by_the_names_that_a_server_has(kind, params, has):
    written = sampling_json(GenerationParams(**params), facts(kind))
    assert has.items() <= written.items()
    assert "dry_base" not in written or params.get("dry_multiplier")


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("vllm", {"mirostat": 2}),
        ("vllm", {"repeat_last_n": 8}),
        ("vllm", {"xtc_probability": 0.5}),
        ("unknown", {"top_k": 3}),
        ("unknown", {"min_p": 0.2}),
        *((kind, {"adapters": (Adapter("style.gguf"),)}) for kind in KINDS),
    ],
)
def test_an_option_that_a_server_does_not_have_is_refused_by_its_name(kind, params):
    with pytest.raises(UnsupportedParameter, match=next(iter(params))):
        sampling_json(GenerationParams(**params), facts(kind))


@pytest.mark.parametrize(
    ("kind", "reasoning", "is_begun", "written"),
    [
        ("gpt4all", Reasoning(), False, {}),
        ("gpt4all", Reasoning(is_on=False), False, {"reasoning_effort": "none"}),
        ("llama-server", Reasoning(True, 9), False, {"enable_thinking": True}),
        ("llama-server", Reasoning(), True, {"enable_thinking": False}),
        ("vllm", Reasoning(is_on=False), False, {"enable_thinking": False}),
        ("vllm", Reasoning(budget=9), False, None),
        ("unknown", Reasoning(is_on=False), False, None),
    ],
)
def test_thoughts_are_switched_as_a_server_knows_it(kind, reasoning, is_begun, written):
    if written is None:
        with pytest.raises(UnsupportedParameter):
            thoughts_json(reasoning, kind, is_begun=is_begun)
        return
    told = thoughts_json(reasoning, kind, is_begun=is_begun)
    assert written.items() <= (told | told.get("chat_template_kwargs", {})).items()
    assert told.get("thinking_budget_tokens") == reasoning.budget


RULES = {
    "schema": TOOL.parameters,
    "choices": ["red", "blue"],
    "regex": "[0-9]+",
    "lark": 'start: "x"',
    "quote_from": ["The sky"],
}
SPANS = 'root ::= w0x0 | w0x1\nclose ::= "\\""\nw0x0 ::= "The" (close | " " w0x1)\nw0x1 ::= "sky" (close)\n'


@pytest.mark.parametrize(
    ("server", "name", "wire"),
    [
        (facts("vllm"), "choices", {"structured_outputs": {"choice": ["red", "blue"]}}),
        (facts("vllm"), "regex", {"structured_outputs": {"regex": "[0-9]+"}}),
        (facts("vllm"), "quote_from", {"structured_outputs": {"grammar": SPANS}}),
        (facts("vllm", has_guided_keys=True), "regex", {"guided_regex": "[0-9]+"}),
        (facts("vllm"), "lark", None),
        (facts("llama-server"), "choices", {"grammar": 'root ::= "red" | "blue"\n'}),
        (facts("llama-server"), "quote_from", {"grammar": SPANS}),
        (facts("llama-server"), "lark", {"grammar": '%llguidance {}\nstart: "x"\n'}),
        (facts("unknown"), "choices", None),
        (facts("unknown"), "quote_from", None),
        (facts("unknown"), "regex", None),
    ],
)
def test_rules_are_told_as_a_server_reads_them_or_refused(server, name, wire):
    if wire is None:
        with pytest.raises(UnsupportedParameter, match=name):
            remote_rule({name: RULES[name]}, server)
        return
    assert {key: value if isinstance(value, dict) else value.strip() for key, value in wire.items()} == {
        key: value if isinstance(value, dict) else value.strip()
        for key, value in remote_rule({name: RULES[name]}, server).wire.items()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_server_is_told_of_a_schema(kind):
    told = remote_rule({"schema": TOOL.parameters}, facts(kind)).wire["response_format"]
    assert told["json_schema"]["schema"] == TOOL.parameters
    assert told["json_schema"]["strict"] is True


def test_pictures_and_sounds_are_sent_as_what_they_are():
    parts = ("Look:", Image(b"\x89PNG..."), Audio(b"RIFF...."))
    [told] = messages_json([Message("user", parts)], has_thoughts=True)
    assert told["content"][0] == {"type": "text", "text": "Look:"}
    assert told["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")
    assert told["content"][2]["input_audio"]["format"] == "wav"
    with pytest.raises(ConfigError, match="no known kind"):
        messages_json([Message("user", (Image(b"<svg>"),))], has_thoughts=True)


VLLM = {"data": [{"id": "big", "owned_by": "vllm", "max_model_len": 2048}]}


@pytest.mark.parametrize(("version", "key"), [("0.12.1", "structured_outputs"), ("0.9.2", "guided_choice")])
def test_a_vllm_is_asked_in_the_words_of_its_version(version, key):
    told = {
        "/v1/models": [answer(200, VLLM)],
        "/version": [answer(200, {"version": version})],
        "/v1/chat/completions": [events(delta(content="red"), delta(reasoning="so"), delta("stop"))],
    }
    endpoint = RawEndpoint(told)
    with RemoteModel(base_url=endpoint.url) as model:
        assert model.context_size == 2048
        rule = model.constrain(choices=["red", "blue"])
        found = model.chat(QUESTION, constraint=rule, prefill="It is ").result()
        with pytest.raises(UnsupportedParameter, match="leave out the tools or the rule"):
            model.chat(QUESTION, constraint=rule, tool_use=ToolUse((TOOL,)))
    endpoint.close()
    body = endpoint.asked[-1][2]
    assert (found.text, found.reasoning) == ("red", "so")
    assert key in body
    assert body["continue_final_message"] is True
    assert body["chat_template_kwargs"] == {"enable_thinking": False}


def test_tokens_are_counted_where_a_server_counts_them():
    endpoint = ScriptedEndpoint(
        {
            "/v1/models": (200, VLLM),
            "/version": (200, {"version": "0.12.1"}),
            "/tokenize": lambda body: (200, {"count": 3, "tokens": [1, 2, len(body["prompt"])]}),
        }
    )
    with RemoteModel(base_url=endpoint.url) as model:
        assert model.token_ids("words") == [1, 2, 5]
        assert model.count_tokens("a text that is long enough to be worth a request of its own") == 3
        assert model.count_message_tokens(QUESTION) >= 3
    endpoint.close()
