"""What reaches a model of the tools that a LlamaIndex program offers, and how its calls come back."""

import copy
import threading

import pytest
from llama_index.core.callbacks import CallbackManager, LlamaDebugHandler
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool, ToolMetadata
from pydantic import BaseModel
from scripted_llm import EventModel, on_every_chat, on_every_completion, use
from spelled import spelled

from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.types import (
    AS_THE_MODEL_LIKES,
    Adapter,
    Completion,
    InvalidToolCall,
    Message,
    Reasoning,
    TextDelta,
    ToolCall,
    ToolCallFailed,
)
from llamaindex_gpt4all import GPT4All
from llamaindex_gpt4all._errors import NoToolCall


def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


def news(topic: str) -> str:
    """What happened."""
    return f"nothing about {topic}"


TOOLS = [FunctionTool.from_defaults(add), FunctionTool.from_defaults(news)]
TWINS = Message(
    "assistant",
    "Let me see.",
    (ToolCall("c1", "add", '{"a": 1, "b": 2}'), ToolCall("c2", "add", '{"a": 1, "b": 2}')),
    reasoning="Two sums.",
)
QUESTION = "What is 1 + 2, twice?"


async def on_every_face(llm, **arguments):
    """The answers of the four methods with tools; of streams the last response."""
    return [
        llm.chat_with_tools(TOOLS, QUESTION, **arguments),
        await llm.achat_with_tools(TOOLS, QUESTION, **arguments),
        list(llm.stream_chat_with_tools(TOOLS, QUESTION, **arguments))[-1],
        [response async for response in await llm.astream_chat_with_tools(TOOLS, QUESTION, **arguments)][-1],
    ]


async def test_every_face_gives_the_same_calls_thoughts_and_text(script):
    llm, model = script([TWINS])
    for response in await on_every_face(llm, allow_parallel_tool_calls=True):
        assert [block.block_type for block in response.message.blocks] == [
            "thinking",
            "text",
            "tool_call",
            "tool_call",
        ]
        calls = llm.get_tool_calls_from_response(response)
        assert [(call.tool_id, call.tool_name, call.tool_kwargs) for call in calls] == [
            ("c1", "add", {"a": 1, "b": 2}),
            ("c2", "add", {"a": 1, "b": 2}),
        ]
        assert response.raw["finish_reason"] in ("tool_calls", "stop")
        assert response.raw["usage"]["reasoning_tokens"] > 0
    for call in model.calls:
        assert call.messages == (Message("user", QUESTION),)
        assert [tool.name for tool in call.tool_use.tools] == ["add", "news"]
        assert call.tool_use.tools[0].parameters["required"] == ["a", "b"]
        assert "Adds two numbers." in call.tool_use.tools[0].description


async def test_the_calls_of_every_chunk_can_be_asked_for(script):
    llm, _model = script([TWINS])
    counts = []
    async for response in await llm.astream_chat_with_tools(TOOLS, QUESTION):
        calls = llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)
        assert all(isinstance(call.tool_kwargs, dict) for call in calls)
        counts.append(sum(len(call.tool_kwargs) for call in calls))
    assert counts == sorted(counts)
    assert set(counts) >= {0, 1, 2, 3, 4}


@pytest.mark.parametrize(
    ("arguments", "choice", "is_parallel"),
    [
        ({}, "auto", False),
        ({"allow_parallel_tool_calls": True}, "auto", True),
        ({"tool_required": True}, "required", False),
        ({"tool_choice": "any"}, "required", False),
        ({"tool_choice": True}, "required", False),
        ({"tool_choice": "news"}, "news", False),
        ({"tool_choice": {"type": "function", "function": {"name": "news"}}}, "news", False),
        ({"tool_required": True, "tool_choice": "add"}, "add", False),
        ({"tool_required": True, "tool_choice": "auto"}, "required", False),
        ({"tool_choice": "none"}, "none", False),
    ],
    ids=spelled,
)
async def test_what_must_be_called_reaches_the_model(script, arguments, choice, is_parallel):
    llm, model = script(["Fine."])
    await on_every_face(llm, **arguments)
    assert {(call.tool_use.choice, call.tool_use.is_parallel) for call in model.calls} == {
        (choice, is_parallel)
    }


async def test_without_tools_it_is_a_chat(script):
    llm, model = script(["Fine."])
    assert llm.chat_with_tools([], "Hello").message.content == "Fine."
    assert [r async for r in await llm.astream_chat_with_tools([], "Hello")][-1].message.content == "Fine."
    assert {call.tool_use for call in model.calls} == {None}


@pytest.mark.parametrize(
    ("tools", "arguments", "message"),
    [
        ([], {"tool_required": True}, "no tools"),
        (TOOLS, {"tool_choice": "ad"}, "tool_choice='ad' names none of the tools; known are add, news"),
        ([*TOOLS, FunctionTool.from_defaults(news, name="add")], {}, "two different tools are named 'add'"),
        ([{"type": "web_search"}], {}, "'web_search' is no function"),
        ([add], {}, r"the tool <function add .*FunctionTool"),
        (["add"], {}, "the tool 'add' is none"),
        (TOOLS, {"tool_choices": "add"}, "did you mean tool_choice"),
        (TOOLS, {"tool_required": True, "tool_choice": "none"}, "contradict each other"),
    ],
    ids=spelled,
)
def test_what_makes_no_sense_is_refused_by_name(script, tools, arguments, message):
    llm, model = script(["Fine."])
    with pytest.raises(ConfigError, match=message):
        llm.chat_with_tools(tools, "Hello", **arguments)
    assert model.calls == []


def test_what_the_caller_gave_stays_as_it_is(script):
    llm, _model = script([TWINS])
    history, arguments = [ChatMessage(role="user", content="Hello")], {"max_tokens": 50}
    before = copy.deepcopy(history)
    llm.chat_with_tools(TOOLS, ChatMessage(role="user", content=QUESTION), chat_history=history, **arguments)
    assert (history, arguments) == (before, {"max_tokens": 50})


def test_an_answer_in_words_is_no_call(script):
    llm, _model = script(["Three."])
    response = llm.chat_with_tools(TOOLS, QUESTION)
    assert llm.get_tool_calls_from_response(response, error_on_no_tool_call=False) == []
    with pytest.raises(NoToolCall, match=r"answered 'Three\.'") as caught:
        llm.get_tool_calls_from_response(response)
    assert isinstance(caught.value, ValueError)
    with pytest.raises(UnsupportedParameter, match="error_on_no_tool_cal"):
        llm.get_tool_calls_from_response(response, error_on_no_tool_cal=False)


async def test_predicting_and_calling_calls_the_tool(script):
    once = Message("assistant", None, TWINS.tool_calls[:1])
    llm, _model = script([once])
    assert llm.predict_and_call(TOOLS, QUESTION).response == "3"
    assert (await llm.apredict_and_call(TOOLS, QUESTION)).response == "3"


def test_a_tool_keeps_the_name_that_its_caller_finds_it_by(script):
    class Box(BaseModel):
        size: int

    tool = FunctionTool(lambda size: size, metadata=ToolMetadata("A box.", "Box[int]", fn_schema=Box))
    llm, _model = script([Message("assistant", None, (ToolCall("c1", "Box[int]", '{"size": 3}'),))])
    assert llm.predict_and_call([tool], "A box?").response == "3"


async def test_a_whole_agents_turn_reaches_the_model(script):
    llm, model = script([TWINS, "It is 3, twice."])
    history = [ChatMessage(role="user", content=QUESTION)]
    history.append(llm.chat_with_tools(TOOLS, chat_history=history).message)
    history += [
        ChatMessage(role="tool", content="3", additional_kwargs={"tool_call_id": identity})
        for identity in ("c1", "c2")
    ]
    assert (await llm.achat_with_tools(TOOLS, chat_history=history)).message.content == "It is 3, twice."
    _user, asked, first, second = model.calls[1].messages
    assert asked == TWINS
    assert (first.tool_call_id, second.tool_call_id) == ("c1", "c2")


async def test_what_was_no_call_is_told_and_does_not_raise(monkeypatch, starter_model):
    invalid = InvalidToolCall('{"name": "ad', "it has no end")
    completion = Completion("So: ", "length", invalid_tool_calls=(invalid,))
    use(
        monkeypatch,
        EventModel([TextDelta("So: "), ToolCallFailed(invalid)], path=starter_model, completion=completion),
    )
    llm = GPT4All()
    for response in await on_every_chat(llm, [ChatMessage(content=QUESTION)], tools=TOOLS):
        assert llm.get_tool_calls_from_response(response, error_on_no_tool_call=False) == []
        assert response.message.content == "So: "
        assert response.message.additional_kwargs["invalid_tool_calls"][0]["error"] == "it has no end"


@pytest.mark.parametrize(
    ("own", "of_call", "expected"),
    [
        ({}, {}, AS_THE_MODEL_LIKES),
        ({"reasoning": True}, {}, Reasoning(is_on=True)),
        ({"reasoning": True}, {"reasoning": False}, Reasoning(is_on=False)),
        ({"reasoning_budget": 64}, {"reasoning_budget": 8}, Reasoning(budget=8)),
    ],
    ids=spelled,
)
async def test_how_much_to_think_is_said_by_the_object_or_the_call(script, own, of_call, expected):
    llm, model = script(["Four."], **own)
    await on_every_chat(llm, [ChatMessage(content="2 + 2?")], **of_call)
    await on_every_completion(llm, "2 + 2?", **of_call)
    assert {call.reasoning for call in model.calls} == {expected}


async def test_thoughts_are_told_as_they_come(script):
    llm, _model = script([TWINS])
    responses = [r async for r in await llm.astream_chat_with_tools(TOOLS, QUESTION)]
    assert "".join(r.additional_kwargs.get("thinking_delta", "") for r in responses) == "Two sums."
    completed = list(llm.stream_complete(QUESTION, tools=TOOLS))
    assert "".join(r.additional_kwargs.get("thinking_delta", "") for r in completed) == "Two sums."
    assert completed[-1].text == "Let me see."
    assert completed[-1].additional_kwargs["tool_calls"][0]["id"] == "c1"


def test_logprobs_and_adapters_are_asked_for_by_the_object_or_the_call(script):
    llm, model = script(["Fine."], logprobs=True)
    llm.complete("Hello", top_logprobs=3, adapters={"style.gguf": 0.5})
    params = model.calls[0].params
    assert (params.logprobs, params.top_logprobs) == (True, 3)
    [adapter] = params.adapters
    assert isinstance(adapter, Adapter)
    assert (adapter.path.name, adapter.strength) == ("style.gguf", 0.5)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"tool_choice": "any"}, ConfigError, "no tools"),
        ({"tools": [{"type": "web_search"}]}, UnsupportedParameter, "web_search"),
        ({"response_format": "json"}, UnsupportedParameter, "response_format='json'"),
        ({"response_formt": {}}, UnsupportedParameter, "did you mean response_format"),
        ({"reasoning": "much"}, ConfigError, "reasoning='much'"),
        ({"reasoning_budget": -1}, ConfigError, "reasoning_budget=-1"),
        ({"top_logprobs": -1}, ConfigError, "top_logprobs=-1"),
    ],
    ids=spelled,
)
async def test_what_a_call_cannot_ask_for_is_refused_by_name(script, arguments, kind, message):
    llm, model = script(["Fine."])
    with pytest.raises(kind, match=message):
        llm.chat([ChatMessage(content="Hello")], **arguments)
    with pytest.raises(kind, match=message):
        await llm.astream_complete("Hello", **arguments)
    assert model.calls == []


async def test_what_is_no_message_and_no_text_is_refused_by_name(script):
    llm, model = script(["Fine."])
    with pytest.raises(ConfigError, match=r"'Hello'}? is no message; give ChatMessage"):
        await llm.achat([{"role": "user", "content": "Hello"}])
    with pytest.raises(ConfigError, match="prompt=3 is no text"):
        llm.complete(3)
    assert model.calls == []


def test_an_empty_conversation_is_refused(script):
    with pytest.raises(ConfigError, match="empty"):
        script(["Fine."])[0].chat([])


@pytest.mark.parametrize(
    ("own", "arguments"),
    [
        ({}, {"formatted": True, "tools": TOOLS}),
        ({"reasoning": True}, {"formatted": True}),
        ({"completion_to_prompt": str.upper}, {"tools": TOOLS}),
    ],
    ids=spelled,
)
def test_a_prompt_without_the_template_cannot_ask_for_what_the_template_writes(script, own, arguments):
    llm, _model = script(["Fine."], **own)
    with pytest.raises(UnsupportedParameter, match="chat template"):
        llm.complete("Hello", **arguments)


def test_with_a_prompt_maker_of_ones_own_it_is_no_function_calling_model(script):
    llm, _model = script(["Fine."], messages_to_prompt=lambda messages: messages[0].content)
    assert llm.metadata.is_chat_model
    assert not llm.metadata.is_function_calling_model


async def test_an_event_loop_runs_on_while_grammars_are_compiled(script, monkeypatch):
    llm, model = script(["Fine."])
    threads = set()
    chat = model.chat
    monkeypatch.setattr(model, "chat", lambda *a, **b: threads.add(threading.get_ident()) or chat(*a, **b))
    await llm.achat_with_tools(TOOLS, QUESTION)
    assert threads
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("handlers", [[], [LlamaDebugHandler(print_trace_on_end=False)]], ids=["", "debug"])
async def test_closing_a_stream_cancels_it_at_once(monkeypatch, starter_model, handlers):
    # The handler keeps the exception, and with it the frames, of LlamaIndex's own generator.
    model = EventModel([TextDelta("a"), TextDelta("b")], path=starter_model)
    use(monkeypatch, model)
    llm = GPT4All(callback_manager=CallbackManager(handlers))
    messages = [ChatMessage(content="Hello")]
    for asked in (llm.astream_chat(messages), llm.astream_complete("Hello")):
        astream = await asked
        await anext(astream)
        assert not model.replies[-1].is_cancelled
        await astream.aclose()
        assert model.replies[-1].is_cancelled
    for make, asked in ((llm.stream_chat, messages), (llm.stream_complete, "Hello")):
        stream = make(asked)
        next(stream)
        assert not model.replies[-1].is_cancelled
        stream.close()
        assert model.replies[-1].is_cancelled
