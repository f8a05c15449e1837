import base64

import pytest
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from sample_files import FILES

from gpt4all_core.errors import ConfigError, UnreadableDocument, UnsupportedParameter
from gpt4all_core.types import Audio, Image, Message, ToolCall
from gpt4all_localdocs.loaders.attachment import attachment_text
from langchain_gpt4all._broken_calls import broken
from langchain_gpt4all._messages import to_messages

PNG = base64.b64encode(FILES["png"]).decode()
PDF = base64.b64encode(FILES["pdf"]).decode()
WAV = base64.b64encode(FILES["wav"]).decode()
PICTURE = Image(FILES["png"])
CALL = {"name": "add", "args": {"a": 1, "to": "好"}, "id": "c1", "type": "tool_call"}
CALLED = Message("assistant", None, (ToolCall("c1", "add", '{"a": 1, "to": "好"}'),))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (SystemMessage("Be brief."), Message("system", "Be brief.")),
        (HumanMessage("hello"), Message("user", "hello")),
        (HumanMessage("hello", name="Ann"), Message("user", "hello", name="Ann")),
        (AIMessage("hi"), Message("assistant", "hi")),
        (AIMessage(""), Message("assistant", "")),
        (ChatMessage(role="developer", content="x"), Message("system", "x")),
        (ChatMessage(role="assistant", content="x"), Message("assistant", "x")),
        (HumanMessage(["a ", {"type": "text", "text": "b"}]), Message("user", "a b")),
        (HumanMessage([]), Message("user", "")),
        (HumanMessage([{"type": "text-plain", "text": "notes"}]), Message("user", "\n\nnotes\n\n")),
        (AIMessage("", tool_calls=[CALL]), CALLED),
        (AIMessage([{"type": "tool_call", **CALL}], tool_calls=[CALL]), CALLED),
        (AIMessage([{"type": "tool_use", "id": "c1", "name": "add", "input": CALL["args"]}]), CALLED),
        (
            AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": None}]),
            Message("assistant", None, (ToolCall("call_0", "f", "{}"),)),
        ),
    ],
)
def test_messages_become_messages_of_the_core(message, expected):
    assert to_messages([message]) == [expected]


@pytest.mark.parametrize(
    "message",
    [
        AIMessage("so", additional_kwargs={"reasoning_content": "hm"}),
        AIMessage([{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "so"}]),
        AIMessage(
            [{"type": "thinking", "thinking": "hm", "signature": "xyz"}, {"type": "text", "text": "so"}]
        ),
    ],
)
def test_thoughts_are_kept_apart_from_what_was_said(message):
    assert to_messages([message]) == [Message("assistant", "so", reasoning="hm")]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "base64": PNG, "mime_type": "image/png"},
        {"type": "image", "url": f"data:image/png;base64,{PNG}"},
        {"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "image_url", "image_url": f"data:image/png;base64,{PNG}"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
    ],
)
def test_a_picture_is_taken_in_every_providers_spelling(block):
    message = HumanMessage([{"type": "text", "text": "What is it?"}, block])
    assert to_messages([message]) == [Message("user", ("What is it?", PICTURE))]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "audio", "base64": WAV, "mime_type": "audio/wav"},
        {"type": "audio", "url": f"data:audio/wav;base64,{WAV}"},
        {"type": "audio", "source_type": "base64", "data": WAV, "mime_type": "audio/wav"},
        {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}},
    ],
)
def test_a_sound_is_taken_in_every_providers_spelling(block):
    message = HumanMessage([{"type": "text", "text": "What is said?"}, block])
    assert to_messages([message]) == [Message("user", ("What is said?", Audio(FILES["wav"])))]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "file", "base64": PDF, "mime_type": "application/pdf"},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}},
        {"type": "file", "source_type": "base64", "data": PDF, "mime_type": "application/pdf"},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}},
    ],
)
def test_a_pdf_becomes_its_text(block):
    assert to_messages([HumanMessage(["Read: ", block])]) == [Message("user", "Read: \n\nDummy PDF file\n\n")]


def test_a_file_that_comes_again_is_not_read_again():
    attachment_text.cache_clear()
    message = HumanMessage([{"type": "file", "base64": PDF, "mime_type": "application/pdf"}])
    assert to_messages([message]) == to_messages([message])
    assert attachment_text.cache_info()[:2] == (1, 1)


def test_a_text_file_is_read_as_it_stands():
    data = base64.b64encode("Zoë".encode()).decode()
    message = HumanMessage([{"type": "file", "base64": data, "mime_type": "text/markdown"}])
    assert to_messages([message]) == [Message("user", "\n\nZoë\n\n")]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (ToolMessage("3", tool_call_id="c1"), "3"),
        (ToolMessage("3", tool_call_id="c1", artifact={"not": "sent"}), "3"),
        (ToolMessage([{"type": "text", "text": "3"}], tool_call_id="c1"), "3"),
        (
            ToolMessage([{"type": "file", "base64": PDF, "mime_type": "application/pdf"}], tool_call_id="c1"),
            "\n\nDummy PDF file\n\n",
        ),
        (
            ToolMessage([{"type": "text", "text": "no"}, "!"], tool_call_id="c1", status="error"),
            "Error: no!",
        ),
        (ToolMessage("no", tool_call_id="c1", status="error"), "Error: no"),
        (ToolMessage("Error: no", tool_call_id="c1", status="error"), "Error: no"),
        (
            ToolMessage([{"type": "image", "base64": PNG, "mime_type": "image/png"}], tool_call_id="c1"),
            (PICTURE,),
        ),
        (HumanMessage([{"type": "tool_result", "tool_use_id": "c1", "content": "3"}]), "3"),
        (
            HumanMessage([{"type": "tool_result", "tool_use_id": "c1", "content": "no", "is_error": True}]),
            "Error: no",
        ),
    ],
)
def test_a_result_says_which_call_it_answers_and_of_which_tool(answer, expected):
    assert to_messages([AIMessage("", tool_calls=[CALL]), answer]) == [
        CALLED,
        Message("tool", expected, tool_call_id="c1", name="add"),
    ]


def test_what_a_user_says_beside_a_result_comes_after_it():
    message = HumanMessage([{"type": "tool_result", "tool_use_id": "c1", "content": "3"}, "And now?"])
    assert [turn.role for turn in to_messages([message])] == ["tool", "user"]


@pytest.mark.parametrize("arguments", ['{"a": 1', '{"a": 1' + broken("it was cut")])
def test_a_call_that_was_none_is_repeated_as_text_and_its_answer_is_the_users(arguments):
    call = {"name": "add", "args": arguments, "id": "c1", "error": "cut", "type": "invalid_tool_call"}
    said = [AIMessage("Well. ", invalid_tool_calls=[call]), ToolMessage("malformed", tool_call_id="c1")]
    assert to_messages(said) == [
        Message("assistant", 'Well. add {"a": 1'),
        Message("user", "malformed", tool_call_id="c1"),
    ]


@pytest.mark.parametrize(
    ("message", "named"),
    [
        (HumanMessage([{"type": "image", "url": "https://example.org/a.png"}]), "'image'.*base64"),
        (HumanMessage([{"type": "image_url", "image_url": {"url": "x"}}]), "'image_url'"),
        (HumanMessage([{"type": "file", "file": {"file_id": "f-1"}}]), "'file'"),
        (HumanMessage([{"type": "audio", "url": "https://example.org/a.wav"}]), "'audio'.*base64"),
        (HumanMessage([{"type": "input_audio", "input_audio": {"id": "a-1"}}]), "'input_audio'"),
        (HumanMessage([{"type": "video", "base64": PNG, "mime_type": "video/mp4"}]), "'video'"),
        (HumanMessage([{"type": "nonsense"}]), "'nonsense'"),
        (FunctionMessage("3", name="f"), "'function'"),
        (RemoveMessage(id="m1"), "'remove'"),
        (ChatMessage(role="critic", content="x"), "'chat'"),
    ],
)
def test_what_no_model_can_be_told_is_refused_by_name(message, named):
    with pytest.raises(UnsupportedParameter, match=named):
        to_messages([message])


@pytest.mark.parametrize(
    ("block", "kind", "named"),
    [
        ({"type": "text"}, ConfigError, "text=None"),
        ({"type": "image", "base64": "%%%", "mime_type": "image/png"}, ConfigError, "base64"),
        ({"type": "file", "base64": "/w==", "mime_type": "text/plain"}, UnreadableDocument, "UTF-8"),
        (
            {"type": "file", "base64": PNG, "mime_type": "application/zip"},
            UnreadableDocument,
            "application/zip",
        ),
        (
            {"type": "file", "base64": "AAAA", "mime_type": "application/pdf"},
            UnreadableDocument,
            "attachment: is damaged",
        ),
    ],
)
def test_damaged_blocks_are_refused_with_the_reason(block, kind, named):
    with pytest.raises(kind, match=named):
        to_messages([HumanMessage([block])])
