import base64
import json
from collections import Counter

import httpx
import pytest
from served import QUESTION, Breaking, Endless, Full, Rated, Script, events

from gpt4all_app.server.chat_json import AnswerHead, ChunkWriter, completion_json
from gpt4all_core.types import (
    ChosenLogprob,
    Completion,
    Message,
    Reasoning,
    TextDelta,
    TokenLogprob,
    ToolCall,
    Usage,
)

PATH = "/v1/chat/completions"
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a place.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
    },
}
CALL = ToolCall("call_1", "weather", '{"place": "Kiel"}')


def ask(client, **body):
    return client.post(PATH, json={"messages": QUESTION, **body})


def test_an_answer_has_openais_form(talk):
    client = talk(Script(["Good morning."], name="tiny"))
    body = ask(client, model="tiny", user=None).json()
    assert body.pop("id").startswith("chatcmpl-")
    assert body.pop("created") > 1_700_000_000
    assert body == {
        "object": "chat.completion",
        "model": "tiny",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Good morning.", "refusal": None},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": {
            "prompt_tokens": 1,
            "completion_tokens": 2,
            "total_tokens": 3,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }


def test_a_stream_says_the_same_in_chunks(talk):
    client = talk(Script([Message("assistant", "Good morning.", (CALL,), reasoning="Polite.")]))
    response = ask(client, stream=True, stream_options={"include_usage": True}, tools=[WEATHER])
    assert response.headers["content-type"].startswith("text/event-stream")
    chunks = events(response)
    assert len({chunk["id"] for chunk in chunks}) == 1
    *parts, last = chunks
    assert (last["choices"], last["usage"]["prompt_tokens"]) == ([], 1)
    assert all(part["usage"] is None for part in parts)
    deltas = [part["choices"][0]["delta"] for part in parts]
    assert deltas[0]["role"] == "assistant"
    assert "".join(delta.get("content") or "" for delta in deltas) == "Good morning."
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "Polite."
    calls = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    assert calls[0]["id"] == "call_1"
    assert "".join(call["function"]["arguments"] for call in calls) == CALL.arguments
    assert parts[-1]["choices"][0]["finish_reason"] is not None


def test_several_choices_are_told_apart_also_in_a_stream(talk):
    script = Script(["One one.", "Two two."])
    client = talk(script)
    whole = ask(client, n=2, seed=5).json()
    assert [choice["message"]["content"] for choice in whole["choices"]] == ["One one.", "Two two."]
    assert [call.params.seed for call in script.calls] == [5, 6]
    texts = {0: "", 1: ""}
    for chunk in events(ask(talk(Script(["One one.", "Two two."])), n=2, stream=True)):
        choice = chunk["choices"][0]
        texts[choice["index"]] += choice["delta"].get("content") or ""
    assert texts == {0: "One one.", 1: "Two two."}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"max_tokens": 3}, {"max_tokens": 3}),
        ({"max_completion_tokens": 4}, {"max_tokens": 4}),
        ({"temperature": 0, "top_p": 0.5}, {"temperature": 0, "top_p": 0.5}),
        ({"stop": "."}, {"stop": (".",)}),
        ({"stop": ["a", "b"]}, {"stop": ("a", "b")}),
        ({"seed": -1}, {"seed": 2**63 - 1}),
        ({"logprobs": True, "top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        ({"logit_bias": {"7": -100}}, {"logit_bias": {7: -100}}),
        ({"frequency_penalty": 1, "presence_penalty": -1}, {"frequency_penalty": 1, "presence_penalty": -1}),
        (
            {"top_k": 3, "min_p": 0.1, "repeat_penalty": 1.1},
            {"top_k": 3, "min_p": 0.1, "repeat_penalty": 1.1},
        ),
    ],
)
def test_every_way_to_sample_reaches_the_model(talk, given, expected):
    script = Script()
    response = ask(talk(script), **given)
    assert "x-ignored-parameters" not in response.headers
    params = script.calls[0].params
    assert {name: getattr(params, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("effort", "reasoning"),
    [
        ("none", Reasoning(is_on=False)),
        ("low", Reasoning(is_on=True, budget=512)),
        ("high", Reasoning(is_on=True)),
    ],
)
def test_an_effort_is_a_budget_of_thoughts(talk, effort, reasoning):
    ask(talk(script := Script()), reasoning_effort=effort)
    assert script.calls[0].reasoning == reasoning


@pytest.mark.parametrize("stream", [False, True])
def test_keys_without_effect_are_named_in_a_header(talk, stream):
    messages = [{"role": "user", "content": "a", "mood": 1}, {"role": "user", "content": "b", "mood": 2}]
    unknown = {"user": "ann", "store": None, "wörld": 1, "a\nb": 1, "stream_options": {"fast": True}}
    response = ask(talk(), messages=messages, stream=stream, **unknown)
    assert response.status_code == 200
    assert response.headers["x-ignored-parameters"] == "user, w\\xf6rld, stream_options.fast, messages[].mood"


@pytest.mark.parametrize(
    ("unknown", "named"),
    [(["", " a ", "b", " "], "a, b"), (["\t", ""], None), (["a" * 997, "b", "c"], f"{'a' * 997}, b")],
)
def test_the_header_of_ignored_keys_has_no_blanks_at_its_ends(talk, unknown, named):
    response = ask(talk(), **dict.fromkeys(unknown, 1))
    assert response.headers.get("x-ignored-parameters") == named


@pytest.mark.parametrize(
    "given",
    [
        {"functions": []},
        {"web_search_options": {}},
        {"top_logprobs": 2},
        {"max_tokens": 1, "max_completion_tokens": 2},
        {"tool_choice": "required"},
        {"tool_choice": {"type": "function", "function": {"name": "fly"}}, "tools": [WEATHER]},
        {"response_format": {"type": "json_schema"}},
        {"modalities": ["audio"]},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": [{"role": "user", "content": [{"type": "video", "video": "x"}]}]},
    ],
    ids=str,
)
def test_what_cannot_be_done_is_refused(talk, given):
    response = ask(talk(), **given)
    assert response.status_code == 400
    assert response.json()["error"]["message"]


def test_tools_and_their_choice_reach_the_model(talk):
    script = Script([Message("assistant", None, (CALL,))])
    choice = {"type": "function", "function": {"name": "weather"}}
    body = ask(talk(script), tools=[WEATHER], tool_choice=choice, parallel_tool_calls=False).json()
    use = script.calls[0].tool_use
    assert (use.choice, use.is_parallel, use.tools[0].description) == (
        "weather",
        False,
        "The weather in a place.",
    )
    [answer] = body["choices"]
    assert answer["finish_reason"] == "tool_calls"
    assert answer["message"]["content"] is None
    assert answer["message"]["tool_calls"] == [
        {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": CALL.arguments}}
    ]


@pytest.mark.parametrize(
    ("response_format", "rule"),
    [
        ({"type": "text"}, {}),
        ({"type": "json_object"}, {"schema": {"type": "object"}}),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "integer"}}},
            {"schema": {"type": "integer"}},
        ),
    ],
)
def test_a_response_format_rules_the_answer(talk, response_format, rule):
    ask(talk(script := Script()), response_format=response_format)
    assert script.calls[0].rule == rule


def test_a_conversation_with_calls_and_pictures_is_handed_on(talk):
    picture = base64.b64encode(b"a picture").decode()
    messages = [
        {"role": "developer", "content": "Be kind."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {
                    "type": "image_url",
                    "image_url": {"url": f"data:image/png;base64,{picture}", "detail": "low"},
                },
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "Hm.",
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "a cat"}]},
    ]
    ask(talk(script := Script()), messages=messages)
    told, asked, called, answered = script.calls[0].messages
    assert (told.role, told.text) == ("system", "Be kind.")
    assert (asked.content[0], asked.media[0].data) == ("What is this?", b"a picture")
    assert (called.tool_calls[0].name, called.reasoning) == ("look", "Hm.")
    assert (answered.name, answered.tool_call_id, answered.content) == ("look", "call_1", "a cat")


@pytest.mark.parametrize(
    "url", ["https://example.org/a.png", "file:///etc/passwd", "/etc/passwd", "data:image/png"]
)
def test_no_picture_is_fetched(talk, url):
    content = [{"type": "image_url", "image_url": {"url": url}}]
    response = ask(talk(), messages=[{"role": "user", "content": content}])
    assert response.status_code == 400
    assert "/etc" not in response.text


def test_an_unknown_model_is_404_and_names_those_that_are_there(talk):
    response = ask(talk(Script(name="tiny")), model="gpt-5")
    assert response.status_code == 404
    error = response.json()["error"]
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert "tiny" in error["message"]


def test_a_path_is_no_name(talk, starter_model):
    assert ask(talk(), model=str(starter_model)).status_code == 404


def test_who_does_not_name_a_model_gets_the_first(talk):
    assert ask(talk(Script(name="one"), Script(name="two"))).json()["model"] == "one"


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("stream", [False, True])
def test_whoever_hangs_up_stops_the_model(running, stream, count):
    model = Endless()
    server = running(model)
    body = {"messages": QUESTION, "stream": stream, "n": count}
    if stream:
        with httpx.stream("POST", server.url + PATH, json=body, timeout=60) as response:
            next(response.iter_lines())
    else:
        server.hang_up_on(PATH, body, once=model.asked)
    for _ in range(count):
        assert model.left.acquire(timeout=60)
    assert server.client.get("/health").status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_a_full_queue_says_when_to_ask_again(talk, stream):
    response = ask(talk(Full()), stream=stream)
    assert response.status_code == 429
    assert response.headers["retry-after"] == "1"


def test_an_error_in_a_stream_is_its_last_event(talk):
    response = ask(talk(Breaking(["Some words."])), stream=True)
    last = json.loads(response.text.strip().split("\n")[-1].removeprefix("data: "))
    assert last["error"]["code"] == "internal_error"
    assert "/home" not in response.text


def test_log_probabilities_are_told_with_their_bytes():
    other = TokenLogprob(2, "b", -2.0, b"b")
    chosen = ChosenLogprob(1, "a", -0.5, b"a", top=(other,))
    completion = Completion("a", "stop", Usage(1, 1, cached_tokens=1), logprobs=(chosen,))
    body = completion_json(AnswerHead("id", 1, "tiny"), [completion])
    assert body["choices"][0]["logprobs"]["content"] == [
        {
            "token": "a",
            "logprob": -0.5,
            "bytes": [97],
            "top_logprobs": [{"token": "b", "logprob": -2.0, "bytes": [98]}],
        }
    ]
    assert body["usage"]["prompt_tokens_details"] == {"cached_tokens": 1}


def test_log_probabilities_come_with_the_text_that_they_are_of(talk):
    chunks = events(ask(talk(Rated()), stream=True, logprobs=True))
    found = [
        (choice["delta"].get("content"), [token["token"] for token in choice["logprobs"]["content"]])
        for chunk in chunks
        for choice in chunk["choices"]
        if choice["logprobs"]
    ]
    assert found == [("one", ["one"]), (" two three", [" two", " three"])]
    assert all(chunk["choices"][0]["logprobs"] is None for chunk in events(ask(talk(Rated()), stream=True)))


def test_what_is_told_in_parts_is_what_is_told_whole(talk):
    """Also of tokens whose text was held back to the end."""
    told = Counter()
    writer = ChunkWriter(AnswerHead("id", 1, "tiny"))
    tokens = tuple(ChosenLogprob(number, str(number), -0.5, b"") for number in range(5))
    parts = [*writer.write(0, TextDelta("0"), tokens[:2]), *writer.write(1, TextDelta("a"), tokens[:1])]
    parts += writer.end(0, Completion("0", "stop", Usage(1, 5), logprobs=tokens))
    for part in parts:
        [choice] = part["choices"]
        told[choice["index"]] += len(choice["logprobs"]["content"])
    assert told == {0: 5, 1: 1}
