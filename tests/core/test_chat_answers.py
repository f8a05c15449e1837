"""What a real model's answers are like under rules: valid, whatever the model would like to say."""

import asyncio
import json
import re
from dataclasses import replace

import pytest

from gpt4all_core import GenerationParams, LocalModel, Message
from gpt4all_core.errors import ConfigError, UnsupportedParameter, UnsupportedSchema
from gpt4all_core.types import (
    Image,
    Reasoning,
    TextDelta,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolUse,
)

WEATHER = Tool(
    "get_weather",
    "Tells the weather",
    {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 9}},
        "required": ["city", "days"],
    },
)
TIME = Tool("get_time")
ASKED = [Message("user", "What is the weather in Paris?")]
GREEDY = GenerationParams(temperature=0, max_tokens=64)
ANSWER = {
    "type": "object",
    "properties": {"answer": {"type": "string"}},
    "required": ["answer"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module", params=[False, True], ids=["here", "isolated"])
def model(request, starter_model):
    with LocalModel(starter_model, context_size=1024, threads=1, isolate=request.param) as model:
        yield model


def arguments_of(call):
    arguments = json.loads(call.arguments)
    assert isinstance(arguments, dict)
    return arguments


@pytest.mark.parametrize("seed", range(4))
def test_a_required_call_is_valid_whatever_the_seed(model, seed):
    wild = GenerationParams(temperature=2.0, top_k=0, top_p=1.0, min_p=0.0, max_tokens=64, seed=seed)
    answer = model.chat(ASKED, wild, tool_use=ToolUse((WEATHER, TIME), "required")).result()
    assert answer.tool_calls
    assert not answer.text
    assert not answer.invalid_tool_calls
    for call in answer.tool_calls:
        arguments = arguments_of(call)
        if call.name == "get_weather":
            assert set(arguments) == {"city", "days"}
            assert 1 <= arguments["days"] <= 9
        else:
            assert (call.name, arguments) == ("get_time", {})
    assert len({call.id for call in answer.tool_calls}) == len(answer.tool_calls)


def test_a_tool_named_is_the_one_that_is_called(model):
    answer = model.chat(ASKED, GREEDY, tool_use=ToolUse((WEATHER, TIME), "get_time")).result()
    assert {call.name for call in answer.tool_calls} == {"get_time"}
    assert answer.tool_calls[0].arguments == "{}"


@pytest.mark.parametrize("parameters", [{}, {"type": "object"}, {"type": "object", "properties": {}}])
def test_a_tool_without_parameters_is_called_with_none(model, parameters):
    tool_use = ToolUse((Tool("now", parameters=parameters),), "required", is_parallel=False)
    wild = GenerationParams(temperature=2.0, top_k=0, max_tokens=32, seed=1)
    (call,) = model.chat(ASKED, wild, tool_use=tool_use).result().tool_calls
    assert call.arguments == "{}"


def test_without_parallel_calls_there_is_one(model):
    answer = model.chat(ASKED, GREEDY, tool_use=ToolUse((TIME,), "required", is_parallel=False)).result()
    assert (len(answer.tool_calls), answer.finish_reason) == (1, "tool_calls")


def test_tools_that_may_not_be_called_are_not(model):
    answer = model.chat(ASKED, GREEDY, tool_use=ToolUse((WEATHER,), "none")).result()
    assert answer.text
    assert not answer.tool_calls


def collect_in_a_loop(events):
    async def collect():
        return [event async for event in events]

    return asyncio.run(collect())


@pytest.mark.parametrize("read", [list, collect_in_a_loop])
def test_arguments_stream_and_the_result_has_the_same_call(model, read):
    reply = model.chat(ASKED, GREEDY, tool_use=ToolUse((WEATHER,), "required", is_parallel=False))
    start, *deltas = read(reply.events)
    (call,) = reply.result().tool_calls
    assert start == ToolCallStart(0, call.id, "get_weather")
    assert all(isinstance(delta, ToolCallDelta) for delta in deltas)
    assert len(deltas) > 3
    assert "".join(delta.arguments for delta in deltas) == call.arguments


def read_text(reply):
    return "".join(reply)


def read_events(reply):
    return "".join(event.text for event in reply.events if isinstance(event, TextDelta))


@pytest.mark.parametrize("read", [read_text, read_events])
def test_every_face_has_the_text_of_the_result(model, read):
    reply = model.chat(ASKED, GREEDY)
    assert read(reply) == reply.result().text != ""


@pytest.mark.parametrize("max_tokens", [8, 12, 20, 40])
def test_a_budget_closes_a_value_instead_of_cutting_it(model, max_tokens):
    params = GenerationParams(temperature=1.5, max_tokens=max_tokens, seed=max_tokens)
    answer = model.chat(ASKED, params, constraint=model.constrain(schema=ANSWER)).result()
    assert set(json.loads(answer.text)) == {"answer"}
    assert answer.usage.completion_tokens <= max_tokens


def test_a_budget_below_the_shortest_answer_is_refused_before_it_begins(model):
    with pytest.raises(ConfigError, match="takes 6 tokens, more than the 3"):
        model.chat(ASKED, GenerationParams(max_tokens=3), constraint=model.constrain(schema=ANSWER)).result()


def test_calls_and_a_schema_together_give_one_or_the_other(model):
    seen = set()
    for seed in range(40):
        wild = GenerationParams(temperature=3.0, top_k=0, top_p=1.0, min_p=0.0, max_tokens=80, seed=seed)
        rule = model.constrain(schema=ANSWER)
        answer = model.chat(ASKED, wild, tool_use=ToolUse((WEATHER,)), constraint=rule).result()
        if answer.tool_calls:
            seen.add("call")
            assert not answer.text
            assert all(set(arguments_of(call)) == {"city", "days"} for call in answer.tool_calls)
        else:
            seen.add("answer")
            assert set(json.loads(answer.text)) == {"answer"}
        if len(seen) == 2:
            break
    assert seen == {"call", "answer"}


def test_rules_of_other_kinds_hold(model):
    def say(**rule):
        return model.chat(ASKED, GREEDY, constraint=model.constrain(**rule)).result().text

    assert say(choices=["sunny", "rainy day"]) in {"sunny", "rainy day"}
    assert re.fullmatch("[0-9]{3}-[a-c]+x", say(regex="[0-9]{3}-[a-c]+x"))
    assert say(lark='start: "yes" | "no"') in {"yes", "no"}


@pytest.mark.parametrize("rules", [{}, {"regex": "a", "choices": ["a"]}])
def test_exactly_one_rule_is_taken(model, rules):
    with pytest.raises(ConfigError, match="one of"):
        model.constrain(**rules)


def test_a_schema_that_cannot_be_enforced_is_refused_by_keyword(model):
    schema = {"type": "array", "contains": {"type": "string"}}
    with pytest.raises(UnsupportedSchema, match="contains"):
        model.constrain(schema=schema)
    tool = Tool("f", parameters={"type": "object", "properties": {"a": schema}})
    with pytest.raises(UnsupportedSchema, match="contains"):
        model.chat(ASKED, tool_use=ToolUse((tool,)))


@pytest.mark.parametrize(
    ("tool_use", "complaint"),
    [
        (ToolUse((WEATHER, WEATHER)), "two tools are called 'get_weather'"),
        (ToolUse((WEATHER,), "get_wether"), "names none of the tools"),
        (ToolUse((), "required"), "at least one"),
        (ToolUse((Tool(""),)), "no name"),
    ],
)
def test_tools_that_make_no_sense_are_refused(model, tool_use, complaint):
    with pytest.raises(ConfigError, match=complaint):
        model.chat(ASKED, tool_use=tool_use)


def test_a_conversation_with_calls_and_results_goes_on(model):
    talk = [
        *ASKED,
        Message("assistant", None, tool_calls=(ToolCall("c1", "get_weather", '{"city": "Paris"}'),)),
        Message("tool", "18 degrees", tool_call_id="c1"),
    ]
    answer = model.chat(talk, GREEDY, tool_use=ToolUse((WEATHER,))).result()
    assert answer.text or answer.tool_calls
    with_tools = model.count_message_tokens(talk, tool_use=ToolUse((WEATHER,)))
    assert answer.usage.prompt_tokens == with_tools > model.count_message_tokens(ASKED)


@pytest.mark.parametrize(
    ("choice", "withheld", "called"),
    [("auto", ("get_weather", "get_time"), set()), ("required", ("get_weather",), {"get_time"})],
)
def test_after_the_rounds_of_a_question_an_answer_comes_or_what_was_called_least(
    model, choice, withheld, called
):
    asked = ToolUse((WEATHER, TIME), choice, max_rounds=1)
    talk = [
        *ASKED,
        Message(
            "assistant", None, tool_calls=(ToolCall("c1", "get_weather", '{"city": "Paris", "days": 1}'),)
        ),
        Message("tool", "18 degrees", tool_call_id="c1"),
    ]
    reply = model.chat(talk, GREEDY, tool_use=asked)
    events = list(reply.events)
    answer = reply.result()
    assert answer.withheld_tools == withheld
    assert {call.name for call in answer.tool_calls} == called
    assert {event.name for event in events if isinstance(event, ToolCallStart)} == called
    # The prompt still has all tools, as the last one did, and is not decoded anew.
    assert answer.usage.prompt_tokens == model.count_message_tokens(
        talk, tool_use=replace(asked, max_rounds=None)
    )


def test_a_model_that_does_not_think_answers_at_once_however_it_is_asked(model):
    for reasoning in (Reasoning(is_on=False), Reasoning(budget=4)):
        answer = model.chat(ASKED, GREEDY, reasoning=reasoning).result()
        assert answer.text
        assert not answer.reasoning


def test_several_answers_decode_their_prompt_once(model):
    before = model.counters.prompt_tokens
    params = GenerationParams(temperature=1.2, max_tokens=6, seed=5)
    prompt = [Message("user", "Tell me something about " + ", ".join(f"number {n}" for n in range(30)))]
    replies = [reply.result() for reply in model.chat_choices(4, prompt, params)]
    assert len({reply.text for reply in replies}) > 1
    assert model.counters.prompt_tokens - before < 1.3 * replies[0].usage.prompt_tokens


def test_a_picture_for_a_model_that_sees_none_is_refused(model):
    with pytest.raises(UnsupportedParameter, match="picture"):
        model.chat([Message("user", ("What is this?", Image(b"\x89PNG")))])


def test_a_short_choice_is_made_where_a_long_one_has_no_room(model):
    rule = model.constrain(choices=["a very long choice, number one indeed", "b"])
    assert model.chat(ASKED, GenerationParams(max_tokens=2), constraint=rule).result().text == "b"


@pytest.mark.parametrize("tool_use", [ToolUse((WEATHER,), "none"), ToolUse(())])
def test_a_rule_holds_to_the_letter_beside_tools_that_cannot_be_called(model, tool_use):
    rule = model.constrain(regex="[0-9]{2} degrees")
    answer = model.chat(ASKED, GREEDY, constraint=rule, tool_use=tool_use).result()
    assert re.fullmatch("[0-9]{2} degrees", answer.text)


def test_a_tool_by_name_is_called_once(model):
    wild = GenerationParams(temperature=1.5, max_tokens=64, seed=3)
    answer = model.chat(ASKED, wild, tool_use=ToolUse((TIME, WEATHER), "get_time")).result()
    assert [call.name for call in answer.tool_calls] == ["get_time"]


def test_a_tool_that_cannot_be_ruled_is_named(model):
    tool = Tool(
        "tagger",
        parameters={"type": "object", "properties": {"tags": {"uniqueItems": True, "type": "array"}}},
    )
    with pytest.raises(UnsupportedSchema, match="the tool 'tagger': `uniqueItems`"):
        model.chat(ASKED, tool_use=ToolUse((TIME, tool)))


@pytest.mark.parametrize(
    ("reasoning", "complaint"),
    [
        (Reasoning(budget=-1), "budget=-1"),
        (Reasoning(budget=1.5), "budget=1.5"),
        (Reasoning("yes"), "is_on='yes'"),
    ],
)
def test_an_impossible_amount_of_thought_is_refused(model, reasoning, complaint):
    with pytest.raises(ConfigError, match=complaint):
        model.chat(ASKED, reasoning=reasoning)


@pytest.mark.parametrize(
    "given",
    [
        {"messages": [{"role": "user", "content": "hello"}]},
        {"tool_use": [WEATHER]},
        {"constraint": {"type": "object"}},
        {"reasoning": True},
    ],
)
def test_what_is_of_another_kind_is_refused_with_the_right_one(model, given):
    with pytest.raises(ConfigError, match="give"):
        model.chat(**{"messages": ASKED} | given)


@pytest.mark.parametrize(
    ("rule", "advice"),
    [
        ({"schema": Message}, "Message.model_json_schema"),
        ({"regex": 3}, "regex=3"),
        ({"lark": ["start"]}, "lark="),
        ({"quote_from": "a text"}, "list of texts"),
    ],
)
def test_what_is_no_rule_of_its_kind_is_refused(model, rule, advice):
    with pytest.raises(ConfigError, match=advice):
        model.constrain(**rule)
