"""Objects of Pydantic classes, by every method and in every mode of LlamaIndex."""

import copy
from typing import Literal

import pytest
from llama_index.core.llms import ChatMessage
from llama_index.core.program import FunctionCallingProgram
from llama_index.core.prompts import ChatPromptTemplate, PromptTemplate
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel, RootModel, ValidationError

from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.types import Message, ToolCall
from llamaindex_gpt4all._errors import NoToolCall

DEFAULT, FUNCTION, LLM = (
    PydanticProgramMode.DEFAULT,
    PydanticProgramMode.FUNCTION,
    PydanticProgramMode.LLM,
)
MODES = pytest.mark.parametrize("mode", [DEFAULT, FUNCTION, LLM])


class Song(BaseModel):
    title: str
    seconds: int


class Album(BaseModel):
    """A record."""

    name: str
    kind: Literal["live", "studio"]
    songs: list[Song]


ALBUM = Album(
    name="One of two", kind="live", songs=[Song(title="First", seconds=60), Song(title="B", seconds=9)]
)
WRITTEN = ALBUM.model_dump_json(indent=1)


def prompt():
    """Afresh: in its mode LLM, LlamaIndex changes the prompt that it is given."""
    return PromptTemplate("An album about {topic}.")


def album_script(script, mode, **arguments):
    """An LLM that writes the album in the way that the mode asks for."""
    answer = WRITTEN
    if mode == FUNCTION:
        answer = Message("assistant", None, (ToolCall("c1", "Album", WRITTEN),))
    return script([answer], pydantic_program_mode=mode, **arguments)


@MODES
async def test_every_method_gives_the_object(script, mode):
    llm, _model = album_script(script, mode)
    assert llm.structured_predict(Album, prompt(), topic="rain") == ALBUM
    assert await llm.astructured_predict(Album, prompt(), topic="rain") == ALBUM


@MODES
@pytest.mark.parametrize("is_async", [False, True])
async def test_streams_show_the_object_growing_and_end_in_its_class(script, mode, is_async):
    llm, _model = album_script(script, mode)
    if is_async:
        made = [found async for found in await llm.astream_structured_predict(Album, prompt(), topic="rain")]
    else:
        made = list(llm.stream_structured_predict(Album, prompt(), topic="rain"))
    assert made[-1] == ALBUM
    assert isinstance(made[-1], Album)
    assert len({found.model_dump_json() for found in made}) >= 3


@pytest.mark.parametrize("mode", [DEFAULT, FUNCTION])
def test_texts_and_lists_grow_piece_by_piece(script, mode):
    llm, _model = album_script(script, mode)
    made = list(llm.stream_structured_predict(Album, prompt(), topic="rain"))
    names = list(dict.fromkeys(found.name for found in made if found.name))
    assert names == ["One", "One of", "One of two"]
    assert {len(found.songs or ()) for found in made} == {0, 1, 2}
    assert made[0].kind is None


@pytest.mark.parametrize("mode", [DEFAULT, FUNCTION])
async def test_the_model_is_held_to_the_schema(script, mode):
    llm, model = album_script(script, mode)
    llm.structured_predict(Album, prompt(), topic="rain")
    list(llm.stream_structured_predict(Album, prompt(), topic="rain"))
    await llm.astructured_predict(Album, prompt(), topic="rain")
    _made = [found async for found in await llm.astream_structured_predict(Album, prompt(), topic="rain")]
    for call in model.calls:
        assert call.messages[-1].text == "An album about rain."
        if mode == DEFAULT:
            assert call.rule == {"schema": Album.model_json_schema()}
            assert call.tool_use is None
        else:
            assert (call.tool_use.choice, call.tool_use.is_parallel) == ("Album", False)
            assert call.tool_use.tools[0].parameters["required"] == ["name", "kind", "songs"]


@MODES
async def test_the_system_prompt_reaches_the_model_in_threads_and_event_loops(script, mode):
    llm, model = album_script(script, mode, system_prompt="Be brief.")
    llm.structured_predict(Album, prompt(), topic="rain")
    await llm.astructured_predict(Album, prompt(), topic="rain")
    list(llm.stream_structured_predict(Album, prompt(), topic="rain"))
    _made = [found async for found in await llm.astream_structured_predict(Album, prompt(), topic="rain")]
    assert [call.messages[0] for call in model.calls] == [Message("system", "Be brief.")] * 4
    assert {len(call.messages) for call in model.calls} == {2}


@MODES
@pytest.mark.filterwarnings("ignore:The `json` method is deprecated")  # LlamaIndex's StructuredLLM calls it
async def test_a_structured_llm_answers_with_objects_only(script, mode):
    llm, _model = album_script(script, mode)
    structured = llm.as_structured_llm(Album)
    messages = [ChatMessage(content="An album about {rain}.")]
    assert structured.chat(messages).raw == (await structured.achat(messages)).raw == ALBUM
    assert structured.complete("An album.").raw == ALBUM
    assert list(structured.stream_chat(messages))[-1].raw == ALBUM
    assert [r async for r in await structured.astream_chat(messages)][-1].raw == ALBUM


@pytest.mark.parametrize("mode", [DEFAULT, FUNCTION])
def test_a_call_may_say_how_the_object_is_written(script, mode):
    llm, model = album_script(script, mode)
    given = {"temperature": 0, "max_tokens": 900, "tool_required": True}
    before = copy.deepcopy(given)
    llm.structured_predict(Album, prompt(), llm_kwargs=given, topic="rain")
    assert (model.calls[0].params.temperature, model.calls[0].params.max_tokens) == (0, 900)
    assert given == before
    with pytest.raises(UnsupportedParameter, match="did you mean temperature"):
        llm.structured_predict(Album, prompt(), llm_kwargs={"temprature": 0}, topic="rain")


def test_what_the_class_refuses_is_a_value_error(script):
    llm, _model = script(['{"name": "x", "kind": "jazz", "songs": []}'])
    with pytest.raises(ValidationError, match="kind"):
        llm.structured_predict(Album, prompt(), topic="rain")
    with pytest.raises(ValidationError, match="kind"):
        list(llm.stream_structured_predict(Album, prompt(), topic="rain"))


def test_words_in_place_of_a_call_are_told(script):
    llm, _model = script(["No."], pydantic_program_mode=FUNCTION)
    with pytest.raises(NoToolCall, match=r"answered 'No\.'"):
        llm.structured_predict(Album, prompt(), topic="rain")


def test_an_object_may_be_a_list(script):
    class Names(RootModel[list[str]]):
        pass

    llm, _model = script(['["a", "b c"]'])
    made = list(llm.stream_structured_predict(Names, prompt(), topic="rain"))
    assert made[-1] == llm.structured_predict(Names, prompt(), topic="rain") == Names(["a", "b c"])
    assert len(made) > 1


def test_a_conversation_of_many_blocks_can_be_asked_about(script):
    llm, model = album_script(script, DEFAULT)
    message = ChatMessage(role="user", blocks=[{"block_type": "text", "text": str(n)} for n in range(9)])
    assert llm.structured_predict(Album, ChatPromptTemplate(message_templates=[message])) == ALBUM
    assert model.calls[0].messages[0].text == message.content


@pytest.mark.parametrize(
    ("response_format", "rule"),
    [
        (Song, {"schema": Song.model_json_schema()}),
        ({"type": "json_object"}, {"schema": {"type": "object"}}),
        (
            {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "array"}}},
            {"schema": {"type": "array"}},
        ),
        ({"type": "json_object", "schema": {"type": "array"}}, {"schema": {"type": "array"}}),
        ({"type": "array"}, {"schema": {"type": "array"}}),
        ({"type": "text"}, {}),
    ],
    ids=["class", "object", "schema", "object with a schema", "bare schema", "text"],
)
def test_a_single_chat_may_ask_for_json(script, response_format, rule):
    llm, model = script(["{}"])
    llm.chat([ChatMessage(content="A song.")], response_format=response_format)
    llm.complete("A song.", response_format=response_format)
    assert [call.rule for call in model.calls] == [rule, rule]


@pytest.mark.parametrize("output_cls", [dict, "Album", list[Album]], ids=repr)
async def test_what_is_no_class_of_pydantic_is_refused(script, output_cls):
    llm, model = script(["{}"])
    with pytest.raises(ConfigError, match="is no Pydantic class"):
        llm.structured_predict(output_cls, prompt(), topic="rain")
    with pytest.raises(ConfigError, match="is no Pydantic class"):
        await llm.astructured_predict(output_cls, prompt(), topic="rain")
    assert model.calls == []


def test_llamaindexs_own_program_streams_the_object_from_calls(script):
    llm, _model = album_script(script, FUNCTION)
    program = FunctionCallingProgram.from_defaults(Album, prompt=prompt(), llm=llm)
    made = list(program.stream_call(topic="rain"))
    assert made[-1] == ALBUM
    assert len({found.model_dump_json() for found in made}) >= 3


async def test_listeners_are_told_of_the_object_and_of_the_chat_behind_it(script, seen):
    llm, _model = album_script(script, DEFAULT)
    llm.structured_predict(Album, prompt(), topic="rain")
    await llm.astructured_predict(Album, prompt(), topic="rain")
    told = [event.class_name() for event in seen]
    expected = [
        "LLMStructuredPredictStartEvent",
        "LLMChatStartEvent",
        "LLMChatEndEvent",
        "LLMStructuredPredictEndEvent",
    ]
    assert told == expected * 2
    assert all(event.span_id for event in seen)
    seen.clear()
    list(llm.stream_structured_predict(Album, prompt(), topic="rain"))
    told = [event.class_name() for event in seen]
    assert told[0] == "LLMStructuredPredictStartEvent"
    assert told.count("LLMStructuredPredictInProgressEvent") >= 3
    assert told[-1] == "LLMStructuredPredictEndEvent"
    assert seen[-1].output == ALBUM


def test_a_stream_of_objects_that_is_left_leaves_the_chat(script, seen):
    llm, _model = album_script(script, DEFAULT)
    stream = llm.stream_structured_predict(Album, prompt(), topic="rain")
    next(stream)
    stream.close()
    assert seen[-1].class_name() in ("ExceptionEvent", "SpanDropEvent")
