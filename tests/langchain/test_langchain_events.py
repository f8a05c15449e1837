"""The events of `stream_events(version="v3")`: the same answer as in chunks, told as it is written."""

import pytest
from hypothesis import given
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import _compat_bridge as bridge
from langchain_core.messages import HumanMessage
from langchain_tests.utils.stream_lifecycle import assert_valid_event_stream
from scripted_answers import USAGE, answers
from scripted_models import EventModel, EventStream, ScriptedLocalModel, use

from gpt4all_core.errors import GenerationTimeout
from gpt4all_core.types import (
    Completion,
    InvalidToolCall,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallFailed,
    ToolCallStart,
)
from langchain_gpt4all import ChatGPT4All
from langchain_gpt4all._broken_calls import as_written
from langchain_gpt4all._errors import RequestTimeout

pytestmark = pytest.mark.filterwarnings("ignore:.* is in beta")  # LangChain says so of the events

QUESTION = [HumanMessage("hello")]
TEXT = [TextDelta("Hel"), TextDelta("lo.")]
THOUGHT = [ReasoningDelta("Hm"), ReasoningDelta(", so")]
CUT = InvalidToolCall('<call>{"city": "Vie', "the answer ended inside of a call")


def call(number, *arguments):
    deltas = [ToolCallDelta(number, part) for part in arguments]
    return [ToolCallStart(number, f"id{number}", f"f{number}"), *deltas]


ANSWERS = {
    "nothing": [],
    "text": TEXT,
    "thoughts and text": THOUGHT + TEXT,
    "parallel calls": call(0, '{"a": ', "1}") + call(1, "{}"),
    "text, a call, text": TEXT + call(0, '{"a": [1, "', '好"]}') + TEXT,
    "JSON": [TextDelta('{"city": '), TextDelta('"Vienna"}')],
    "a call that broke off": TEXT + call(0, '{"a": 1') + [ToolCallFailed(CUT, 0)],
    "what was no call": [*TEXT, ToolCallFailed(CUT)],
    "a broken call and a good one": [ToolCallFailed(CUT), *call(0, "{}")],
}


def streamed(events, completion=None, **arguments):
    """LangChain's stream of a model that answers with these events."""
    completion = completion or Completion("", "stop", USAGE)
    with pytest.MonkeyPatch.context() as patch:
        use(patch, EventModel(events, completion=completion))
        stream = ChatGPT4All(**arguments).stream_events("hello", version="v3")
        assert stream.output is not None
        return stream


def bridged(events, completion=None):
    """What LangChain makes of the chunks of the same answer."""
    with pytest.MonkeyPatch.context() as patch:
        use(patch, EventModel(events, completion=completion or Completion("", "stop", USAGE)))
        return list(bridge.chunks_to_events(ChatGPT4All(output_version="v1")._stream(QUESTION)))


def blocks(events):
    """What was finished, in order, without what chunks cannot say or say elsewhere."""
    finished = [event["content"] for event in events if event["event"] == "content-block-finish"]
    told = [{name: value for name, value in block.items() if name != "index"} for block in finished]
    for block in told:
        if block["type"] == "invalid_tool_call":
            block |= {"args": as_written(block["args"]), "error": "", "id": bool(block["id"])}
    return told


def deltas(events):
    """What was added to each block, joined; but of what was no call, which chunks alone tell in pieces."""
    invalid = {
        event["index"]
        for event in events
        if event["event"] == "content-block-finish" and event["content"]["type"] == "invalid_tool_call"
    }
    added = {}
    for event in events:
        if event["event"] == "content-block-delta" and event["index"] not in invalid:
            text = "".join(value for name, value in event["delta"].items() if name != "type")
            added[event["index"]] = added.get(event["index"], "") + text
    return added


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_events_say_what_chunks_say(answer):
    completion = Completion("", "length", USAGE)
    told, expected = list(streamed(answer, completion)), bridged(answer, completion)
    assert_valid_event_stream(told)
    assert blocks(told) == blocks(expected)
    assert deltas(told) == deltas(expected)
    for name in ("usage", "metadata"):
        assert told[-1][name] == expected[-1][name]


@given(answers())
def test_events_of_any_answer_add_up_to_it(answer):
    events, text, thoughts, calls = answer
    stream = streamed(events)
    assert_valid_event_stream(list(stream))
    assert blocks(list(stream)) == blocks(bridged(events))
    assert (stream.output.text, stream.output.tool_calls) == (text, calls)
    assert str(stream.reasoning) == thoughts


def test_a_block_is_finished_before_the_next_begins():
    kinds = [
        (event["event"], event.get("index")) for event in streamed(THOUGHT + call(0, "{}") + call(1, "{}"))
    ]
    assert kinds == [
        ("message-start", None),
        ("content-block-start", 0),
        ("content-block-delta", 0),
        ("content-block-delta", 0),
        ("content-block-finish", 0),
        ("content-block-start", 1),
        ("content-block-delta", 1),
        ("content-block-finish", 1),
        ("content-block-start", 2),
        ("content-block-delta", 2),
        ("content-block-finish", 2),
        ("message-finish", None),
    ]


def test_a_call_that_was_none_comes_with_the_reason():
    for answer, name in ((ANSWERS["a call that broke off"], "f0"), (ANSWERS["what was no call"], None)):
        [invalid] = streamed(answer).output.invalid_tool_calls
        assert (invalid["name"], invalid["error"]) == (name, CUT.error)


def test_the_message_has_the_runs_id_and_the_models_name():
    seen = []

    class Listener(BaseCallbackHandler):
        def on_chat_model_start(self, *_told, run_id, **_more):
            seen.append(run_id)

    stream = streamed(TEXT, callbacks=[Listener()])
    assert stream.output.id == f"lc_run--{seen[0]}"
    assert next(iter(stream))["metadata"] == {"provider": "gpt4all", "model": "scripted"}


async def test_an_event_loop_is_told_the_same(monkeypatch):
    events = ANSWERS["text, a call, text"]
    use(monkeypatch, EventModel(events, completion=Completion("", "stop", USAGE)))
    stream = await ChatGPT4All().astream_events("hello", version="v3")
    told = [event async for event in stream]
    assert told[1:] == list(streamed(events))[1:]


class FailingStream(EventStream):
    def __iter__(self):
        yield from self.events
        raise GenerationTimeout(3)

    async def __aiter__(self):
        for event in self.events:
            yield event
        raise GenerationTimeout(3)


class FailingModel(EventModel):
    def chat(self, *arguments, **options):
        reply = super().chat(*arguments, **options)
        reply.events = FailingStream(self.events)
        return reply


async def test_an_error_in_the_middle_ends_the_events_with_it(monkeypatch):
    model = FailingModel(TEXT)
    use(monkeypatch, model)
    told = []
    stream = ChatGPT4All().stream_events("hello", version="v3")
    with pytest.raises(RequestTimeout):
        told.extend(event["event"] for event in stream)
    with pytest.raises(RequestTimeout):
        stream.output  # noqa: B018 - waits for the end
    astream = await ChatGPT4All().astream_events("hello", version="v3")
    with pytest.raises(RequestTimeout):
        await astream
    assert all(reply.is_cancelled for reply in model.replies)


@pytest.mark.parametrize("is_async", [False, True])
async def test_events_that_are_left_are_cancelled(monkeypatch, is_async):
    model = EventModel(TEXT)
    use(monkeypatch, model)
    if is_async:
        events = ChatGPT4All()._astream_chat_model_events(QUESTION, run_manager=FakeRun())
        await anext(events)
        assert not model.replies[0].is_cancelled
        await events.aclose()
    else:
        events = ChatGPT4All()._stream_chat_model_events(QUESTION, run_manager=FakeRun())
        next(events)
        assert not model.replies[0].is_cancelled
        events.close()
    assert model.replies[0].is_cancelled


class FakeRun:
    run_id = 7


async def test_json_is_streamed_as_events_too(monkeypatch):
    use(monkeypatch, ScriptedLocalModel(['{"city": "Vienna"}']))
    bound = ChatGPT4All().bind(response_format={"title": "City", "type": "object", "properties": {}})
    stream = await bound.astream_events("hello", version="v3")
    assert [piece async for piece in stream.text] == ['{"city":', ' "Vienna"}']
    assert (await stream).usage_metadata["output_tokens"] == 2
