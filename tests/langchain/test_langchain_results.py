import pytest
from hypothesis import given
from langchain_core.messages import AIMessageChunk
from scripted_answers import USAGE, answers
from scripted_models import NOTHING_SAID, EventModel, use

from gpt4all_core.types import (
    ChosenLogprob,
    Completion,
    InvalidToolCall,
    ReasoningDelta,
    TextDelta,
    Timing,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    ToolCallFailed,
    ToolCallStart,
)
from langchain_gpt4all import ChatGPT4All
from langchain_gpt4all._results import ChunkWriter, to_chat_result, to_llm_result


def summed(events, completion=NOTHING_SAID, **arguments):
    with pytest.MonkeyPatch.context() as patch:
        use(patch, EventModel(events, completion=completion))
        chunks = list(ChatGPT4All(**arguments).stream("hello"))
    return sum(chunks[1:], chunks[0])


@given(answers())
def test_chunks_add_up_to_what_the_model_said(answer):
    events, text, thoughts, calls = answer
    message = summed(events)
    assert message.content == text
    assert message.additional_kwargs.get("reasoning_content", "") == thoughts
    assert message.tool_calls == calls
    assert message.invalid_tool_calls == []


@given(answers())
def test_content_blocks_keep_their_stretches_apart_and_in_order(answer):
    events, text, thoughts, calls = answer
    message = summed(events, output_version="v1")
    blocks = message.content_blocks
    assert "".join(block["text"] for block in blocks if block["type"] == "text") == text
    assert "".join(block["reasoning"] for block in blocks if block["type"] == "reasoning") == thoughts
    assert [{**block, "index": None} for block in blocks if block["type"] == "tool_call"] == [
        {**call, "index": None} for call in calls
    ]
    names = {TextDelta: "text", ReasoningDelta: "reasoning", ToolCallStart: "tool_call"}
    kinds = [type(event) for event in events]
    begins = [kind for at, kind in enumerate(kinds) if at == 0 or kinds[at - 1] is not kind]
    assert [block["type"] for block in blocks] == [names[kind] for kind in begins if kind in names]


def test_chunks_of_the_two_versions_differ_in_their_content_alone():
    event = ReasoningDelta("hm")
    plain = next(ChunkWriter(as_blocks=False).write(event)).message
    blocks = next(ChunkWriter(as_blocks=True).write(event)).message
    assert plain == AIMessageChunk(content="", additional_kwargs={"reasoning_content": "hm"})
    assert blocks == AIMessageChunk(content=[{"type": "reasoning", "reasoning": "hm", "index": 0}])
    assert plain.content_blocks == [{"type": "reasoning", "reasoning": "hm"}]


@pytest.mark.parametrize(
    "written",
    [
        "",
        '{"a": 1',
        '{"a": [{"b": "x',
        '{"a": 1}',
        '{"a": "x\\',
        '{"a": 1, "b": [',
        "not JSON",
        '{"a": "]',
        "[1, 2",
    ],
)
@pytest.mark.parametrize("has_started", [True, False])
@pytest.mark.parametrize("version", ["v0", "v1"])
def test_a_call_that_fails_while_it_streams_is_among_the_invalid_ones(written, has_started, version):
    failed = InvalidToolCall(written, "the answer ended inside of a call")
    events = [TextDelta("Well. "), ToolCallFailed(failed)]
    if has_started:
        start = [ToolCallStart(0, "id0", "f")] + [ToolCallDelta(0, written)] * bool(written)
        events = [TextDelta("Well. "), *start, ToolCallFailed(failed, 0)]
    message = summed(events, output_version=version)
    assert message.text == "Well. "
    assert message.tool_calls == []
    [call] = message.invalid_tool_calls
    assert call["name"] == ("f" if has_started else None)
    assert call["args"].startswith(written)
    assert call["args"].endswith("ended inside of a call")
    assert call["id"]


def test_a_whole_answer_has_everything_in_its_place():
    completion = Completion(
        "Well.",
        "tool_calls",
        USAGE,
        reasoning="hm",
        tool_calls=(ToolCall("id0", "f", '{"a": "好"}'),),
        invalid_tool_calls=(InvalidToolCall("<call>x", "no such tool"),),
        logprobs=(ChosenLogprob(5, "W", -0.5, b"W", (TokenLogprob(6, "\ufffd", -1.5, b"\xe5"),)),),
    )
    message = to_chat_result(completion, model_name="m").generations[0].message
    assert message.content == "Well."
    assert message.tool_calls == [{"type": "tool_call", "id": "id0", "name": "f", "args": {"a": "好"}}]
    [invalid] = message.invalid_tool_calls
    assert (invalid["name"], invalid["args"], invalid["error"]) == (None, "<call>x", "no such tool")
    assert invalid["id"]
    assert [block["type"] for block in message.content_blocks] == ["reasoning", "text", "tool_call"]
    assert message.usage_metadata == {
        "input_tokens": 20,
        "output_tokens": 9,
        "total_tokens": 29,
        "input_token_details": {"cache_read": 12},
        "output_token_details": {"reasoning": 4},
    }
    assert message.response_metadata == {
        "model_name": "m",
        "model_provider": "gpt4all",
        "finish_reason": "tool_calls",
        "logprobs": {
            "content": [
                {
                    "token": "W",
                    "bytes": [87],
                    "logprob": -0.5,
                    "top_logprobs": [{"token": "\ufffd", "bytes": [229], "logprob": -1.5}],
                }
            ]
        },
    }


def test_how_long_it_took_is_told_once_in_ollamas_words():
    told = {
        "total_duration": 2_750_000_000,
        "prompt_eval_count": 20,
        "prompt_eval_duration": 250_000_000,
        "eval_count": 9,
        "eval_duration": 2_000_000_000,
    }
    completion = Completion("ab", "stop", USAGE, timing=Timing(0.5, 0.25, 2.0))
    whole = to_chat_result(completion, model_name="m").generations[0].message
    for message in (whole, summed([TextDelta("a"), TextDelta("b")], completion)):
        assert message.response_metadata.items() >= told.items()
    [[text]] = to_llm_result([completion], model_name="m").generations
    assert text.generation_info.items() >= told.items()


def test_usage_and_metadata_come_once_in_a_stream():
    completion = Completion("", "length", USAGE, logprobs=(ChosenLogprob(5, "W", -0.5, b"W"),))
    message = summed([TextDelta("a"), TextDelta("b")], completion)
    assert message.usage_metadata["output_token_details"] == {"reasoning": 4}
    assert message.response_metadata["finish_reason"] == "length"
    assert message.response_metadata["model_name"] == "scripted"
    assert len(message.response_metadata["logprobs"]["content"]) == 1


def test_tools_that_could_not_be_called_any_more_are_told_once():
    completion = Completion("a", "stop", USAGE, withheld_tools=("weather", "add"))
    whole = to_chat_result(completion, model_name="m").generations[0].message
    for message in (whole, summed([TextDelta("a"), TextDelta("b")], completion)):
        assert message.response_metadata["withheld_tools"] == ["weather", "add"]
