from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.base.llms.types import LogProb, TextBlock, ThinkingBlock, ToolCallBlock
from llama_index.core.callbacks.token_counting import get_tokens_from_response

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
    Usage,
)
from llamaindex_gpt4all._messages import to_messages
from llamaindex_gpt4all._results import ResponseWriter, to_chat_response, to_completion_response
from llamaindex_gpt4all._tools import to_selections

EVENTS = [
    ReasoningDelta("Two "),
    ReasoningDelta("calls."),
    TextDelta("Let "),
    TextDelta("me see."),
    ToolCallStart(0, "c0", "add"),
    ToolCallDelta(0, '{"a": '),
    ToolCallDelta(0, "1}"),
    ToolCallStart(1, "c1", "add"),
    ToolCallDelta(1, '{"a": 1}'),
]
ANSWER = Completion(
    "Let me see.",
    "tool_calls",
    Usage(10, 9, cached_tokens=4, reasoning_tokens=2),
    reasoning="Two calls.",
    tool_calls=(ToolCall("c0", "add", '{"a": 1}'), ToolCall("c1", "add", '{"a": 1}')),
)


def written(events):
    writer = ResponseWriter()
    return [writer.chunk(event) for event in events]


def test_a_whole_answer_has_its_blocks_in_the_order_in_which_models_speak():
    response = to_chat_response(ANSWER, model_name="m")
    assert response.message.blocks == [
        ThinkingBlock(content="Two calls.", num_tokens=2),
        TextBlock(text="Let me see."),
        ToolCallBlock(tool_call_id="c0", tool_name="add", tool_kwargs={"a": 1}),
        ToolCallBlock(tool_call_id="c1", tool_name="add", tool_kwargs={"a": 1}),
    ]
    assert response.message.additional_kwargs["tool_calls"][1] == {
        "id": "c1",
        "type": "function",
        "function": {"name": "add", "arguments": '{"a": 1}'},
    }


def test_usage_is_where_llamaindex_looks_for_it():
    response = to_chat_response(ANSWER, model_name="m")
    assert response.additional_kwargs == {"prompt_tokens": 10, "completion_tokens": 9, "total_tokens": 19}
    assert response.raw == {
        "model": "m",
        "finish_reason": "tool_calls",
        "usage": {**response.additional_kwargs, "cached_tokens": 4, "reasoning_tokens": 2},
    }
    assert get_tokens_from_response(response) == (10, 9)
    assert get_tokens_from_response(to_completion_response(response)) == (10, 9)


def test_how_long_it_took_is_told_in_ollamas_words():
    timed = replace(ANSWER, timing=Timing(0.5, 0.25, 2.0))
    told = {
        "total_duration": 2_750_000_000,
        "prompt_eval_count": 10,
        "prompt_eval_duration": 250_000_000,
        "eval_count": 9,
        "eval_duration": 2_000_000_000,
    }
    response = to_chat_response(timed, model_name="m")
    assert response.raw.items() >= told.items()
    assert to_completion_response(response).raw == response.raw


def test_tools_that_could_not_be_called_any_more_are_told_with_the_message():
    completion = replace(ANSWER, tool_calls=(), withheld_tools=("weather", "add"))
    told = to_chat_response(completion, model_name="m").message.additional_kwargs
    assert told == {"withheld_tools": ["weather", "add"]}


def test_what_is_said_next_has_the_whole_answer_as_it_was():
    [message] = to_messages([to_chat_response(ANSWER, model_name="m").message])
    assert (message.text, message.reasoning, message.tool_calls) == (
        ANSWER.text,
        ANSWER.reasoning,
        ANSWER.tool_calls,
    )


def test_the_responses_of_a_stream_grow_by_their_deltas():
    responses = written(EVENTS)
    texts = [response.message.content or "" for response in responses]
    assert texts == ["", "", "Let ", *["Let me see."] * 6]
    assert "".join(response.delta for response in responses) == texts[-1]
    thoughts = [response.additional_kwargs.get("thinking_delta") for response in responses]
    assert thoughts == ["Two ", "calls.", *[None] * 7]
    calls = [to_selections(response.message) for response in responses]
    assert [[call.tool_kwargs for call in found] for found in calls] == [
        *[[]] * 4,
        [{}],
        [{}],
        [{"a": 1}],
        [{"a": 1}, {}],
        [{"a": 1}, {"a": 1}],
    ]
    assert [call.tool_id for call in calls[-1]] == ["c0", "c1"]


def test_the_last_response_of_a_stream_says_the_same_as_a_whole_answer():
    whole, last = to_chat_response(ANSWER, model_name="m"), written(EVENTS)[-1]
    assert last.message.content == whole.message.content
    assert last.message.additional_kwargs == whole.message.additional_kwargs
    assert to_selections(last.message) == to_selections(whole.message)


def test_earlier_responses_stay_as_they_were():
    responses = written(EVENTS)
    assert len(responses[4].message.additional_kwargs["tool_calls"]) == 1
    assert responses[4].message.blocks[-1].tool_kwargs == ""


@pytest.mark.parametrize("started", [None, 0])
def test_what_turned_out_to_be_no_call_is_taken_back_and_told(started):
    begun = [ToolCallStart(0, "c0", "add"), ToolCallDelta(0, '{"a')] if started == 0 else []
    invalid = InvalidToolCall('{"a', "it has no end")
    last = written([*begun, ToolCallFailed(invalid, started)])[-1]
    whole = to_chat_response(Completion("", "length", invalid_tool_calls=(invalid,)), model_name="m")
    for response in (last, whole):
        assert to_selections(response.message) == []
        assert response.message.additional_kwargs == {
            "invalid_tool_calls": [{"text": '{"a', "error": "it has no end"}]
        }


def test_an_empty_answer_is_an_empty_text():
    assert to_chat_response(Completion("", "stop"), model_name="m").message.content == ""


def test_logprobs_begin_with_the_token_that_was_chosen():
    yes, no = TokenLogprob(1, "yes", -0.1, b"yes"), TokenLogprob(2, "no", -2.5, b"no")
    chosen = ChosenLogprob(2, "no", -2.5, b"no", top=(yes, no))
    response = to_chat_response(Completion("no", "stop", logprobs=(chosen,)), model_name="m")
    expected = [
        [
            LogProb(token="no", logprob=-2.5, bytes=list(b"no")),
            LogProb(token="yes", logprob=-0.1, bytes=list(b"yes")),
        ]
    ]
    assert response.logprobs == to_completion_response(response).logprobs == expected
    assert to_chat_response(Completion("no", "stop"), model_name="m").logprobs is None


@given(st.text(alphabet='{}[]",:\\ aü1.-eE\n', max_size=30))
def test_arguments_in_the_middle_of_a_stream_never_raise(text):
    last = written([ToolCallStart(0, "c0", "add"), ToolCallDelta(0, text)])[-1]
    [call] = to_selections(last.message)
    assert isinstance(call.tool_kwargs, dict)
