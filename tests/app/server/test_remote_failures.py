"""What goes wrong between a model's address and whoever asks it: typed errors, and what is asked again."""

import pytest
from raw_endpoint import RawEndpoint, answer, delta, events

from gpt4all_core.errors import (
    ContextOverflow,
    EndpointError,
    GenerationCancelled,
    GenerationTimeout,
    ModelNotFound,
    OutputError,
    UnsupportedSchema,
)
from gpt4all_core.remote.chat import RemoteModel
from gpt4all_core.remote.refusals import refusal_error
from gpt4all_core.types import GenerationParams, Message, Tool, ToolUse

CHAT = "/v1/chat/completions"
QUESTION = [Message("user", "Hello")]
PARAMS = GenerationParams(max_tokens=8)
WELL = events(delta(content="Well"), delta("stop"))
BUSY = {"error": {"message": "too many", "code": "rate_limit_exceeded"}}
TOOL = Tool(
    "weather", "", {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
)


@pytest.fixture
def asking():
    """Models of addresses that answer conversations with these bytes."""
    opened = []

    def start(*chats, holds=(), **options):
        endpoint = RawEndpoint({CHAT: list(chats)}, holds=holds)
        model = RemoteModel(base_url=endpoint.url, **{"timeout_s": 20, "max_retries": 0, **options})
        opened.extend((model, endpoint))
        return model, endpoint

    yield start
    for each in opened:
        each.close()


@pytest.mark.parametrize(
    ("sent", "kind", "says"),
    [
        (answer(401, {"error": {"message": "no key"}}), EndpointError, "answered 401: no key; give the key"),
        (answer(403, {"detail": "not you"}), EndpointError, "answered 403: not you; ask whoever runs it"),
        (
            answer(404, {"error": {"message": "gone", "code": "model_not_found"}}),
            ModelNotFound,
            "no such model: gone",
        ),
        (
            answer(404, {"object": "error", "message": "The model `remote` does not exist."}),
            ModelNotFound,
            "no such model",
        ),
        (answer(404, b"<html>nginx</html>"), EndpointError, "base_url mostly ends with /v1"),
        (answer(307, b"", "Location: http://127.0.0.1:1/v1"), EndpointError, "redirections are not followed"),
        (answer(429, BUSY, "Retry-After: 1"), EndpointError, "answered 429: too many; it has too much to do"),
        (answer(500, b"oops"), EndpointError, "answered 500: oops; look at the server's log"),
        (b"", EndpointError, "cannot be reached, or hung up"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", EndpointError, "cannot be reached, or hung up"),
        (events(b"{half", ending=b""), EndpointError, "not of OpenAI's form"),
        (events({"choices": [{"delta": {"content": 7}}]}), EndpointError, "not of OpenAI's form"),
        (events({"choices": ["text"]}), EndpointError, "not of OpenAI's form"),
        (events(delta(content="We"), ending=b""), EndpointError, "hung up in the middle of an answer"),
        (events(delta(content="We"), {"error": {"message": "lost"}}), EndpointError, "with an error: lost"),
        (events(delta("content_filter")), OutputError, "content_filter"),
    ],
)
def test_a_failure_is_an_error_that_says_what_to_do(asking, sent, kind, says):
    model, endpoint = asking(sent)
    with pytest.raises(kind) as caught:
        model.chat(QUESTION, PARAMS).result()
    assert says in str(caught.value)
    assert endpoint.url in str(caught.value)
    if isinstance(caught.value, EndpointError):
        assert caught.value.address == endpoint.url
        assert (caught.value.status is None) == (not sent.startswith(b"HTTP/1.1") or b"200 OK" in sent)


@pytest.mark.parametrize(
    "words",
    [
        {"message": "request (70 tokens) exceeds the available context size (64 tokens), try increasing it"},
        {"message": "x", "type": "exceed_context_size_error", "n_prompt_tokens": 70, "n_ctx": 64},
        {"message": "This model's maximum context length is 64 tokens. However, you requested 70 tokens in"},
        {"message": "the prompt has 70 tokens but the context holds 64 (one is kept for the answer)"},
    ],
)
def test_a_prompt_that_is_too_long_there_is_one_here(words):
    error = refusal_error(400, {"error": words}, address="http://models.example/v1")
    assert isinstance(error, ContextOverflow)
    assert (error.prompt_tokens, error.context_size) == (70, 64)


def test_a_rule_that_a_server_cannot_read_is_unsupported():
    told = {"error": {"message": "Failed to initialize samplers: failed to parse grammar"}}
    assert isinstance(refusal_error(400, told, address="http://models.example/v1"), UnsupportedSchema)


@pytest.mark.parametrize("failure", [answer(429, BUSY, "Retry-After: 0.01"), answer(503, BUSY), b""])
def test_what_was_not_answered_is_asked_again(asking, failure):
    model, endpoint = asking(failure, WELL, max_retries=1)
    assert model.chat(QUESTION, PARAMS).result().text == "Well"
    assert len([path for path, _, _ in endpoint.asked if path == CHAT]) == 2


def test_an_answer_that_was_begun_is_not_asked_for_again(asking):
    model, endpoint = asking(events(delta(content="We"), ending=b""), WELL, max_retries=3)
    texts = []
    with pytest.raises(EndpointError):
        texts.extend(model.chat(QUESTION, PARAMS))
    assert len([path for path, _, _ in endpoint.asked if path == CHAT]) == 1


def test_a_silence_that_is_too_long_is_an_error(asking):
    model, _ = asking(events(delta(content="We"), ending=b""), holds=(CHAT,), timeout_s=0.2)
    with pytest.raises(EndpointError, match="allow more with timeout_s"):
        model.chat(QUESTION, PARAMS).result()


def test_a_time_limit_ends_an_answer_and_its_connection(asking):
    model, endpoint = asking(events(delta(content="We"), ending=b""), holds=(CHAT,))
    with pytest.raises(GenerationTimeout):
        model.chat(QUESTION, PARAMS, timeout_s=0.2).result()
    assert endpoint.left.wait(30)


def test_cancelling_closes_the_connection(asking):
    model, endpoint = asking(events(delta(content="We"), ending=b""), holds=(CHAT,))
    reply = model.chat(QUESTION, PARAMS)
    assert next(iter(reply.events)).text == "We"
    reply.cancel()
    assert endpoint.left.wait(30)
    with pytest.raises(GenerationCancelled):
        reply.result()


def test_nothing_is_sent_but_what_the_answer_needs(asking, monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "leaked")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Leaked: leaked")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    model, endpoint = asking(WELL)
    assert model.chat(QUESTION, PARAMS).result().text == "Well"
    for _, headers, _ in endpoint.asked:
        assert "leaked" not in str(headers)
        assert not [name for name in headers if name.startswith("x-") or name == "authorization"]
        assert headers["user-agent"].startswith("gpt4all-adapters/")


@pytest.mark.parametrize(("given", "sent"), [("mine", "mine"), (None, "of the environment"), ("", None)])
def test_the_key_is_the_one_that_was_given(asking, monkeypatch, given, sent):
    monkeypatch.setenv("GPT4ALL_API_KEY", "of the environment")
    model, endpoint = asking(WELL, api_key=given)
    model.chat(QUESTION, PARAMS).result()
    assert endpoint.asked[-1][1].get("authorization") == (None if sent is None else f"bearer {sent}")
    assert "mine" not in repr(model._options)


def call(arguments, name="weather", index=0):
    function = {"name": name, "arguments": arguments}
    return delta(tool_calls=[{"index": index, "id": f"c{index}", "function": function}])


@pytest.mark.parametrize(
    ("chunks", "valid", "fault"),
    [
        ([call('{"place": "Kiel"}')], 1, None),
        ([call('{"place": 7}')], 0, "7 is not of type 'string'"),
        ([call("{}")], 0, "'place' is a required property"),
        ([call('{"place": "Kiel", "so": 1}')], 0, "'so' was unexpected"),
        ([call('{"place": ')], 0, "it is no JSON"),
        ([call("{}", name="rain")], 0, "there is no tool 'rain'"),
        ([call('{"place": "Kiel"}'), call('{"place": "Ulm"}', index=1)], 1, "one call was allowed"),
    ],
)
def test_calls_are_compared_with_their_parameters(asking, chunks, valid, fault):
    model, _ = asking(events(*chunks, delta("tool_calls")))
    found = model.chat(QUESTION, PARAMS, tool_use=ToolUse((TOOL,), is_parallel=False)).result()
    assert len(found.tool_calls) == valid
    assert [fault in each.error for each in found.invalid_tool_calls] == ([True] if fault else [])
    assert found.finish_reason == ("tool_calls" if valid else "stop")


def test_a_call_that_must_come_and_does_not_is_an_error(asking):
    model, _ = asking(WELL)
    with pytest.raises(OutputError, match="was to call weather and did not"):
        model.chat(QUESTION, PARAMS, tool_use=ToolUse((TOOL,), "weather")).result()


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"schema": TOOL.parameters}, '{"place": 7}'),
        ({"schema": TOOL.parameters}, '{"place": "Kiel"'),
        ({"choices": ["red", "blue"]}, "reds"),
        ({"regex": "[0-9]{3}"}, "12"),
        ({"lark": 'start: "x" "y"'}, "xz"),
        ({"quote_from": ["The sky is blue."]}, 'sky was"'),
    ],
)
def test_an_answer_that_a_server_did_not_hold_to_its_rule_is_an_error(asking, rule, said):
    model, endpoint = asking(events(delta(content=said), delta("stop")))
    endpoint.answer_models({"id": "big", "owned_by": "llamacpp", "meta": {"n_ctx": 512}})
    with pytest.raises(OutputError, match="did not hold its answer to the rule"):
        model.chat(QUESTION, PARAMS, constraint=model.constrain(**rule)).result()


def test_a_rule_that_nobody_could_hold_to_is_not_sent(asking):
    model, endpoint = asking(WELL)
    endpoint.answer_models({"id": "big", "owned_by": "llamacpp", "meta": {"n_ctx": 512}})
    with pytest.raises(UnsupportedSchema):
        model.constrain(regex="(")
    assert [path for path, _, _ in endpoint.asked] == ["/v1/models"]
