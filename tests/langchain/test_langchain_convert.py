import pytest
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from gpt4all_core.errors import UnsupportedParameter
from gpt4all_core.types import Message
from langchain_gpt4all._convert import to_messages


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (SystemMessage("Be brief."), Message("system", "Be brief.")),
        (HumanMessage("hello"), Message("user", "hello")),
        (HumanMessage("hello", name="Ann"), Message("user", "hello")),
        (AIMessage("hi"), Message("assistant", "hi")),
        (ChatMessage(role="developer", content="x"), Message("system", "x")),
        (ChatMessage(role="assistant", content="x"), Message("assistant", "x")),
        (HumanMessage(["a ", {"type": "text", "text": "b"}]), Message("user", "a b")),
        (
            AIMessage([{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "so"}]),
            Message("assistant", "so"),
        ),
        (HumanMessage([]), Message("user", "")),
    ],
)
def test_text_messages_become_messages_of_the_core(message, expected):
    assert to_messages([message]) == [expected]


@pytest.mark.parametrize(
    ("message", "named"),
    [
        (HumanMessage([{"type": "image", "url": "https://example.org/a.png"}]), "'image'"),
        (HumanMessage([{"type": "image_url", "image_url": {"url": "x"}}]), "'image_url'"),
        (ToolMessage("3", tool_call_id="a"), "'tool'"),
        (FunctionMessage("3", name="f"), "'function'"),
        (ChatMessage(role="critic", content="x"), "'chat'"),
        (AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "a"}]), "tool calls"),
    ],
)
def test_what_the_model_cannot_be_told_is_refused_by_name(message, named):
    with pytest.raises(UnsupportedParameter, match=named):
        to_messages([message])
