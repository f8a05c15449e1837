"""What reaches a model of what a LangChain program asks for, and what comes back on every face."""

import threading
from typing import Annotated

import pydantic
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from pydantic import v1 as pydantic_v1
from scripted_models import CleverModel, EventModel, ScriptedLocalModel, use
from typing_extensions import TypedDict

from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.types import (
    AS_THE_MODEL_LIKES,
    Adapter,
    Message,
    Reasoning,
    TextDelta,
    ToolCall,
)
from langchain_gpt4all import ChatGPT4All

CITIES = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FORMAT = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITIES}}


def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


def news(topic: str) -> str:
    """What happened."""
    return topic


@pytest.fixture
def clever(monkeypatch):
    model = CleverModel()
    use(monkeypatch, model)
    return model


async def on_every_face(runnable, question):
    """Four answers; those of streams are summed."""
    chunks = list(runnable.stream(question))
    achunks = [chunk async for chunk in runnable.astream(question)]
    return [
        runnable.invoke(question),
        await runnable.ainvoke(question),
        sum(chunks[1:], chunks[0]),
        sum(achunks[1:], achunks[0]),
    ]


async def test_every_face_gives_the_same_calls(clever):
    bound = ChatGPT4All().bind_tools([weather, news], tool_choice="any", parallel_tool_calls=False)
    for answer in await on_every_face(bound, "What is the weather in 'Vienna'?"):
        [call] = answer.tool_calls
        assert (call["name"], call["args"]) == ("weather", {"city": "Vienna"})
        assert call["id"]
        assert answer.content == ""
        assert answer.usage_metadata["total_tokens"]
        assert [block["type"] for block in answer.content_blocks] == ["tool_call"]
    for call in clever.calls:
        assert [tool.name for tool in call.tool_use.tools] == ["weather", "news"]
        assert (call.tool_use.choice, call.tool_use.is_parallel) == ("required", False)


async def test_every_face_gives_the_same_thoughts(monkeypatch):
    use(monkeypatch, ScriptedLocalModel([Message("assistant", "It is four.", reasoning="Two and two. So")]))
    model = ChatGPT4All(reasoning=True)
    for answer in await on_every_face(model, "2 + 2?"):
        assert (answer.content, answer.additional_kwargs["reasoning_content"]) == (
            "It is four.",
            "Two and two. So",
        )
        assert [block["type"] for block in answer.content_blocks] == ["reasoning", "text"]
        assert (
            0
            < answer.usage_metadata["output_token_details"]["reasoning"]
            < answer.usage_metadata["output_tokens"]
        )


async def test_content_blocks_are_stored_where_that_is_asked_for(monkeypatch):
    answer = Message("assistant", "Let me see.", (ToolCall("c", "news", '{"topic": "x"}'),), reasoning="Hm.")
    use(monkeypatch, ScriptedLocalModel([answer]))
    bound = ChatGPT4All(output_version="v1").bind_tools([news])
    for message in await on_every_face(bound, "news?"):
        assert [block["type"] for block in message.content] == ["reasoning", "text", "tool_call"]
        assert message.content[2]["args"] == {"topic": "x"}


async def test_event_streams_keep_thoughts_text_and_calls_apart(monkeypatch):
    answer = Message("assistant", "Let me see.", (ToolCall("c", "news", '{"topic": "x"}'),), reasoning="Hm.")
    use(monkeypatch, ScriptedLocalModel([answer]))
    stream = ChatGPT4All().bind_tools([news]).stream_events("news?", version="v3")
    kinds = [event["content"]["type"] for event in stream if event["event"] == "content-block-finish"]
    assert kinds == ["reasoning", "text", "tool_call"]
    assert stream.output.usage_metadata["output_tokens"]


@pytest.mark.parametrize(
    ("own", "of_call", "expected"),
    [
        ({}, {}, AS_THE_MODEL_LIKES),
        ({"reasoning": True}, {}, Reasoning(is_on=True)),
        ({"reasoning": True}, {"reasoning": False}, Reasoning(is_on=False)),
        ({"reasoning_budget": 64}, {}, Reasoning(budget=64)),
        (
            {"reasoning_budget": 64},
            {"reasoning": True, "reasoning_budget": 8},
            Reasoning(is_on=True, budget=8),
        ),
    ],
)
def test_how_much_to_think_is_said_by_the_object_or_the_call(clever, own, of_call, expected):
    ChatGPT4All(**own).invoke("hello", **of_call)
    assert clever.calls[0].reasoning == expected


def test_logprobs_are_asked_for_by_the_object_or_the_call(clever):
    ChatGPT4All(logprobs=True).invoke("hello", top_logprobs=3)
    params = clever.calls[0].params
    assert (params.logprobs, params.top_logprobs) == (True, 3)


def test_adapters_are_named_by_the_object_or_the_call_and_their_folders_by_nobody(clever, tmp_path):
    style = tmp_path / "style.gguf"
    style.write_bytes(b"LoRA")
    model = ChatGPT4All(adapters={str(style): 0.5})
    model.invoke("hello")
    model.invoke("hello", adapters={})
    assert [call.params.adapters for call in clever.calls] == [(Adapter(style, 0.5),), ()]
    told = f"{model!r} {model._serialized} {model._identifying_params}"
    assert str(tmp_path) not in told
    assert "'style.gguf', 'size': 4" in told
    assert ChatGPT4All(adapters={str(style): 0.6})._get_llm_string() != model._get_llm_string()


def test_traces_name_no_folder_of_a_projector_and_caches_know_which_it_is(clever, tmp_path):
    models = [ChatGPT4All(projector=tmp_path / name) for name in ("a.gguf", "b.gguf")]
    told = "".join(f"{model!r} {model._serialized} {model._identifying_params}" for model in models)
    assert str(tmp_path) not in told
    assert len({model._get_llm_string() for model in models}) == 2


def test_a_whole_agents_turn_reaches_the_model(clever):
    bound = ChatGPT4All().bind_tools([weather])
    question = HumanMessage("What is the weather in 'Graz'?")
    asked = bound.invoke([question])
    answer = ToolMessage("sunny", tool_call_id=asked.tool_calls[0]["id"])
    assert bound.invoke([question, asked, answer]).content
    _user, call, result = clever.calls[1].messages
    assert call.tool_calls == (ToolCall(asked.tool_calls[0]["id"], "weather", '{"city": "Graz"}'),)
    assert result == Message("tool", "sunny", tool_call_id=call.tool_calls[0].id, name="weather")


@pytest.mark.parametrize("tools", [[], [weather]])
def test_an_answers_format_stands_beside_the_tools(clever, tools):
    bound = ChatGPT4All().bind_tools(tools, response_format=FORMAT, strict=True)
    assert bound.invoke("Where is 'Linz'?").content == '{"city": "Linz"}'
    [call] = clever.calls
    assert call.rule["schema"] == CITIES
    assert (call.tool_use is None) == (not tools)


class City(pydantic.BaseModel):
    """A city."""

    city: str


class OldCity(pydantic_v1.BaseModel):
    """A city."""

    city: str


class TypedCity(TypedDict):
    """A city."""

    city: Annotated[str, ..., "its name"]


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (City, City(city="Wels")),
        (OldCity, OldCity(city="Wels")),
        (TypedCity, {"city": "Wels"}),
        ({"title": "City", **CITIES}, {"city": "Wels"}),
    ],
    ids=["pydantic", "pydantic 1", "typed dict", "schema"],
)
async def test_every_schema_gives_its_objects_by_every_method(clever, method, schema, expected):
    structured = ChatGPT4All().with_structured_output(schema, method=method)
    question = "Where is 'Wels'?"
    assert structured.invoke(question) == await structured.ainvoke(question) == expected
    assert list(structured.stream(question))[-1] == expected
    assert [piece async for piece in structured.astream(question)][-1] == expected
    if method == "function_calling":
        assert clever.calls[0].tool_use.choice == clever.calls[0].tool_use.tools[0].name
    else:
        assert clever.calls[0].rule["schema"]["properties"]["city"]["type"] == "string"


def test_partial_objects_are_streamed(monkeypatch):
    use(monkeypatch, ScriptedLocalModel(['{"city": "Bad Ischl", "other": 3}']))
    pieces = list(ChatGPT4All().with_structured_output({"title": "City", **CITIES}).stream("hello"))
    assert len(pieces) > 2
    assert pieces[-1] == {"city": "Bad Ischl", "other": 3}


def test_json_of_any_form_needs_no_schema(monkeypatch):
    model = ScriptedLocalModel(['{"a": 1}'])
    use(monkeypatch, model)
    assert ChatGPT4All().with_structured_output(method="json_mode").invoke("hello") == {"a": 1}
    assert model.calls[0].rule["schema"] == {"type": "object"}


def test_the_raw_answer_comes_along_with_what_is_wrong_with_it(monkeypatch):
    use(monkeypatch, ScriptedLocalModel(['{"city": "Wels"}', '{"town": 3}']))
    structured = ChatGPT4All().with_structured_output(City, include_raw=True)
    good, bad = structured.invoke("hello"), structured.invoke("hello")
    assert isinstance(good["raw"], AIMessage)
    assert (good["parsed"], good["parsing_error"]) == (City(city="Wels"), None)
    assert (bad["parsed"], bad["raw"].content) == (None, '{"town": 3}')
    assert "city" in str(bad["parsing_error"])


def test_strict_output_requires_every_property(clever):
    class Place(pydantic.BaseModel):
        """A place."""

        city: str
        country: str = "Austria"

    ChatGPT4All().with_structured_output(Place, strict=True).invoke("'x'")
    ChatGPT4All().with_structured_output(Place).invoke("'x'")
    strict, free = (call.rule["schema"] for call in clever.calls)
    assert strict["required"] == ["city", "country"]
    assert strict["additionalProperties"] is False
    assert free["required"] == ["city"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"schema": City, "method": "magic"}, "method='magic'"),
        ({"method": "json_schema"}, "json_mode does without"),
        ({"method": "function_calling"}, "needs a schema"),
        ({"schema": City, "strictt": True}, "did you mean strict"),
    ],
)
def test_impossible_structured_output_is_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        ChatGPT4All().with_structured_output(**arguments)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"tool_choice": "any"}, ConfigError, "no tools"),
        ({"tools": [{"type": "web_search"}]}, UnsupportedParameter, "web_search"),
        ({"response_format": "json"}, UnsupportedParameter, "response_format='json'"),
        ({"response_formt": FORMAT}, UnsupportedParameter, "did you mean response_format"),
        ({"tool_choices": "any"}, UnsupportedParameter, "did you mean tool_choice"),
        ({"reasoning": "much"}, ConfigError, "reasoning='much'"),
        ({"reasoning_budget": -1}, ConfigError, "reasoning_budget=-1"),
        ({"top_logprobs": -1}, ConfigError, "top_logprobs=-1"),
        ({"max_retries": 3}, UnsupportedParameter, "constructor"),
    ],
)
def test_what_a_call_cannot_ask_for_is_refused_by_name(clever, arguments, kind, message):
    with pytest.raises(kind, match=message):
        ChatGPT4All().invoke("hello", **arguments)
    assert clever.calls == []


def test_binding_refuses_what_no_call_could_mean():
    with pytest.raises(ConfigError, match="known are weather"):
        ChatGPT4All().bind_tools([weather], tool_choice="wether")
    with pytest.raises(UnsupportedParameter, match="response_format"):
        ChatGPT4All().bind_tools([weather], response_format="json")


def test_tools_count_among_the_tokens_of_a_prompt(clever):
    model = ChatGPT4All()
    messages = [HumanMessage("hello")]
    alone = model.get_num_tokens_from_messages(messages)
    assert alone == model.get_num_tokens_from_messages(messages, tools=[])
    assert model.get_num_tokens_from_messages(messages, tools=[weather]) > alone + 5


async def test_an_event_loop_runs_on_while_a_grammar_is_compiled(monkeypatch):
    threads = set()

    class Watched(CleverModel):
        def constrain(self, **rule):
            threads.add(threading.get_ident())
            return super().constrain(**rule)

    use(monkeypatch, Watched())
    await ChatGPT4All().with_structured_output(City).ainvoke("'x'")
    assert threads
    assert threading.get_ident() not in threads


def test_a_stream_that_is_left_is_cancelled(monkeypatch):
    model = EventModel([TextDelta("a"), TextDelta("b")])
    use(monkeypatch, model)
    stream = ChatGPT4All()._stream([HumanMessage("hello")])
    next(stream)
    assert not model.replies[0].is_cancelled
    stream.close()
    assert model.replies[0].is_cancelled


def test_a_cache_tells_tools_and_formats_apart(clever):
    model = ChatGPT4All(model="not-on-this-disk", cache=InMemoryCache())
    question = "What is the weather in 'Vienna'?"
    assert model.invoke(question).content == model.invoke(question).content
    assert len(clever.calls) == 1
    model.bind_tools([weather]).invoke(question)
    model.invoke(question, response_format=FORMAT)
    model.model_copy(update={"reasoning": True}).invoke(question)
    assert len(clever.calls) == 4


def test_traces_are_told_no_key():
    model = ChatGPT4All(api_key="secret")
    assert model.api_key.get_secret_value() == "secret"
    assert "secret" not in repr(model) + str(model._serialized) + str(model._identifying_params)
    assert "api_key" not in repr(model)
