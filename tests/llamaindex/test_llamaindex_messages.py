import base64
import copy
import json

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    ChatMessage,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from pydantic import BaseModel

from gpt4all_core.errors import ConfigError, UnreadableDocument, UnsupportedParameter
from gpt4all_core.types import Audio, Image, Message, ToolCall
from llamaindex_gpt4all._messages import to_messages

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SOUND = b"RIFF\x24\0\0\0WAVEfmt "
PIXEL_URL = "data:image/png;base64," + base64.b64encode(PIXEL).decode()


def block(**call):
    return ToolCallBlock(**{"tool_call_id": "c1", "tool_name": "add", "tool_kwargs": {"a": 1}, **call})


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("system", "system"),
        ("developer", "system"),
        ("user", "user"),
        ("assistant", "assistant"),
        ("chatbot", "assistant"),
        ("model", "assistant"),
        ("tool", "tool"),
        ("function", "tool"),
    ],
)
def test_roles_become_those_of_the_core(role, expected):
    assert to_messages([ChatMessage(role=role, content="x")]) == [Message(expected, "x")]


def test_a_whole_agents_turn_comes_through_in_its_places():
    answer = [ThinkingBlock(content="Hm."), TextBlock(text="Let me see."), block(), block(tool_call_id="c2")]
    result = {"tool_call_id": "c1"}
    assert to_messages(
        [
            ChatMessage(role="assistant", blocks=answer),
            ChatMessage(role="tool", content="3", additional_kwargs=result),
            ChatMessage(role="function", content="4", additional_kwargs={"name": "add"}),
        ]
    ) == [
        Message(
            "assistant",
            "Let me see.",
            (ToolCall("c1", "add", '{"a": 1}'), ToolCall("c2", "add", '{"a": 1}')),
            reasoning="Hm.",
        ),
        Message("tool", "3", tool_call_id="c1"),
        Message("tool", "4", name="add"),
    ]


class OpenAICall(BaseModel):
    id: str
    function: dict[str, str]


@pytest.mark.parametrize(
    "message",
    [
        ChatMessage(role="assistant", blocks=[block()]),
        ChatMessage(role="assistant", blocks=[block(tool_kwargs='{"a": 1}')]),
        ChatMessage(role="assistant", blocks=[block(tool_kwargs='{"a": 1, "b')]),
        ChatMessage(
            role="assistant",
            additional_kwargs={
                "tool_calls": [{"id": "c1", "function": {"name": "add", "arguments": '{"a": 1}'}}]
            },
        ),
        ChatMessage(
            role="assistant",
            additional_kwargs={
                "tool_calls": [OpenAICall(id="c1", function={"name": "add", "arguments": '{"a": 1}'})]
            },
        ),
    ],
    ids=["block", "json", "unfinished", "openai", "openai object"],
)
def test_calls_are_found_wherever_they_are_written(message):
    assert to_messages([message]) == [Message("assistant", None, (ToolCall("c1", "add", '{"a": 1}'),))]


def test_calls_without_ids_are_told_apart():
    [message] = to_messages(
        [ChatMessage(role="assistant", blocks=[block(tool_call_id=None), block(tool_call_id=None)])]
    )
    assert len({call.id for call in message.tool_calls}) == 2


def test_a_call_that_was_none_is_repeated_as_text():
    told = {"invalid_tool_calls": [{"text": "add(1", "error": "no end"}]}
    message = ChatMessage(role="assistant", content="So: ", additional_kwargs=told)
    assert to_messages([message]) == [Message("assistant", "So: add(1")]


def test_texts_are_joined_as_llamaindex_does():
    message = ChatMessage(role="user", blocks=[TextBlock(text=str(number)) for number in range(9)])
    assert to_messages([message]) == [Message("user", message.content)]
    assert message.content == "\n".join("012345678")


def test_what_a_cache_point_marks_is_said_without_it():
    point = CachePoint(cache_control=CacheControl(type="ephemeral"))
    message = ChatMessage(role="user", blocks=[TextBlock(text="a"), point, TextBlock(text="b")])
    assert to_messages([message]) == [Message("user", "a\nb")]


@pytest.mark.parametrize("source", ["bytes", "path", "url"])
def test_pictures_stand_among_the_texts(tmp_path, source):
    (tmp_path / "a.png").write_bytes(PIXEL)
    given = {"bytes": {"image": PIXEL}, "path": {"path": tmp_path / "a.png"}, "url": {"url": PIXEL_URL}}
    blocks = [TextBlock(text="What is"), TextBlock(text="this?"), ImageBlock(**given[source])]
    [message] = to_messages([ChatMessage(role="user", blocks=blocks)])
    assert message.content == ("What is\nthis?", Image(PIXEL))


@pytest.mark.parametrize("source", ["bytes", "path", "url"])
def test_sounds_stand_among_the_texts(tmp_path, source):
    (tmp_path / "a.wav").write_bytes(SOUND)
    url = "data:audio/wav;base64," + base64.b64encode(SOUND).decode()
    given = {"bytes": {"audio": SOUND}, "path": {"path": tmp_path / "a.wav"}, "url": {"url": url}}
    blocks = [TextBlock(text="What is said?"), AudioBlock(**given[source])]
    [message] = to_messages([ChatMessage(role="user", blocks=blocks)])
    assert message.content == ("What is said?", Audio(SOUND))


@pytest.mark.parametrize("name", ["notes.txt", "notes.md", "page.html"])
def test_the_text_of_a_document_takes_its_place(tmp_path, name):
    text = "Elm is a river." if not name.endswith("html") else "<html><body>Elm is a river.</body></html>"
    (tmp_path / name).write_text(text)
    blocks = [TextBlock(text="Read:"), DocumentBlock(path=tmp_path / name)]
    [message] = to_messages([ChatMessage(role="user", blocks=blocks)])
    assert message.content.splitlines()[0] == "Read:"
    assert "Elm is a river." in message.content
    assert "<" not in message.content


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        (AudioBlock(url="https://example.org/a.wav"), UnsupportedParameter, "nothing is fetched"),
        (AudioBlock(), ConfigError, "'audio' cannot be read"),
        (ImageBlock(url="https://example.org/a.png"), UnsupportedParameter, "nothing is fetched"),
        (ImageBlock(), ConfigError, "'image' cannot be read"),
        (DocumentBlock(path="/no/such/file.pdf"), ConfigError, "cannot be read"),
        (DocumentBlock(data=b"\xff\xfe\xfd", title="a.bin"), UnreadableDocument, "not UTF-8"),
    ],
    ids=["audio url", "no audio", "url", "empty", "missing", "binary"],
)
def test_what_the_model_cannot_be_told_is_refused_by_name(given, kind, message):
    with pytest.raises(kind, match=message):
        to_messages([ChatMessage(role="user", blocks=[given])])


def test_the_messages_that_were_given_stay_as_they_are():
    messages = [
        ChatMessage(role="user", blocks=[TextBlock(text="a"), ImageBlock(image=PIXEL)]),
        ChatMessage(role="assistant", blocks=[block()]),
    ]
    before = copy.deepcopy(messages)
    to_messages(messages)
    assert messages == before


def test_arguments_keep_their_letters():
    [message] = to_messages([ChatMessage(role="assistant", blocks=[block(tool_kwargs={"a": "Köln"})])])
    assert "Köln" in message.tool_calls[0].arguments
    assert json.loads(message.tool_calls[0].arguments) == {"a": "Köln"}
