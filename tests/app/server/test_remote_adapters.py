"""Both frameworks' classes with a model behind this project's server."""

import asyncio

import pytest
from langchain_core.exceptions import ModelRateLimitError
from langchain_core.load import dumpd, load
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel
from raw_endpoint import RawEndpoint, answer
from served import Full, Script

from gpt4all_core.errors import ConfigError, EndpointError, UnsupportedParameter
from gpt4all_core.types import Message, ToolCall
from langchain_gpt4all import ChatGPT4All
from langchain_gpt4all import GPT4All as LangChainLLM
from llamaindex_gpt4all import GPT4All as LlamaIndexLLM

ALL = pytest.mark.parametrize("kind", [ChatGPT4All, LangChainLLM, LlamaIndexLLM])
CALL = Message("assistant", "", (ToolCall("call_1", "weather", '{"place": "Kiel"}'),))


class Place(BaseModel):
    place: str


def weather(place: str) -> str:
    """Tells the weather of a place."""
    return f"7 degrees in {place}"


@pytest.fixture
def behind(running):
    """Objects of a class whose model is behind a server."""
    opened = []

    def start(kind, *says, script=None, **options):
        url = running(script or Script(list(says))).url
        opened.append(kind(base_url=url, **{"context_size": 512, **options}))
        return opened[-1]

    yield start
    for face in opened:
        face.close()


def test_langchain_asks_streams_and_batches(behind):
    model = behind(ChatGPT4All, *["Good day."] * 6)
    message = model.invoke("Hello")
    assert message.content == "Good day."
    assert message.usage_metadata["output_tokens"] == 2
    assert message.response_metadata["model_name"] == "scripted"
    assert "".join(chunk.content for chunk in model.stream("Hello")) == "Good day."
    assert [each.content for each in model.batch(["Hello", "Hi"])] == ["Good day."] * 2

    async def ask():
        streamed = [chunk.content async for chunk in model.astream("Hello")]
        return "".join(streamed), (await model.ainvoke("Hello")).content

    assert asyncio.run(ask()) == ("Good day.", "Good day.")


def test_langchain_calls_tools_and_parses_objects(behind):
    model = behind(ChatGPT4All, CALL, CALL.tool_calls[0].arguments)
    [call] = model.bind_tools([weather]).invoke("How is it in Kiel?").tool_calls
    assert (call["name"], call["args"]) == ("weather", {"place": "Kiel"})
    assert model.with_structured_output(Place).invoke("It is 7 degrees in Kiel.") == Place(place="Kiel")


def test_llamaindex_asks_streams_and_plans(behind):
    llm = behind(LlamaIndexLLM, *["Good day."] * 5)
    assert llm.metadata.context_window == 512
    assert llm.metadata.is_function_calling_model
    response = llm.complete("Hello")
    assert response.text == "Good day."
    assert response.additional_kwargs["completion_tokens"] == 2
    hello = [ChatMessage(role="user", content="Hello")]
    assert llm.chat(hello).message.content == "Good day."
    assert "".join(each.delta for each in llm.stream_chat(hello)) == "Good day."

    async def ask():
        streamed = [each.delta async for each in await llm.astream_chat(hello)]
        return "".join(streamed), (await llm.achat(hello)).message.content

    assert asyncio.run(ask()) == ("Good day.", "Good day.")
    assert len(llm.as_tokenizer()("Hello there.")) > 0


def test_llamaindex_calls_tools_and_parses_objects(behind):
    llm = behind(LlamaIndexLLM, CALL, CALL.tool_calls[0].arguments)
    response = llm.chat_with_tools([FunctionTool.from_defaults(weather)], "How is it in Kiel?")
    [call] = llm.get_tool_calls_from_response(response)
    assert (call.tool_name, call.tool_kwargs) == ("weather", {"place": "Kiel"})
    assert llm.structured_predict(Place, PromptTemplate("It is 7 degrees in Kiel.")) == Place(place="Kiel")


@ALL
@pytest.mark.parametrize(
    "argument",
    [{"threads": 2}, {"kv_type": "q8_0"}, {"isolate": True}, {"projector": "see.gguf"}, {"cache_bytes": 0}],
)
def test_an_argument_of_this_machine_is_refused_beside_an_address(kind, argument):
    with pytest.raises(ConfigError, match=f"{next(iter(argument))} is for a model of this machine"):
        kind(base_url="http://127.0.0.1:4891/v1", **argument)


@ALL
def test_an_argument_of_an_address_is_refused_without_one(kind):
    with pytest.raises(ConfigError, match="timeout_s is for a model behind an address"):
        kind(timeout_s=3)


@pytest.mark.parametrize("kind", [ChatGPT4All, LlamaIndexLLM])
def test_adapters_of_this_machine_are_not_sent(behind, tmp_path, kind):
    (tmp_path / "style.gguf").write_bytes(b"GGUF")
    face = behind(kind, "Hello", adapters={str(tmp_path / "style.gguf"): 1.0})
    with pytest.raises(UnsupportedParameter, match="adapters"):
        face.invoke("Hello") if kind is ChatGPT4All else face.complete("Hello")


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_what_traces_are_told_names_neither_address_nor_key(behind):
    model = behind(ChatGPT4All, "Hello", api_key="secret")
    told = f"{model!r} {model._serialized} {model._identifying_params} {model._get_ls_params()}"
    assert "127.0.0.1" not in told
    assert "secret" not in told + str(dumpd(model))
    copy = load(dumpd(model), valid_namespaces=["langchain_gpt4all"], allowed_objects=[ChatGPT4All])
    assert (copy.base_url, copy.api_key) == (model.base_url, None)
    assert model._identifying_params != ChatGPT4All(base_url="http://127.0.0.1:1")._identifying_params


def test_a_busy_address_is_what_langchain_calls_it(behind):
    model = behind(ChatGPT4All, script=Full(), max_retries=0)
    with pytest.raises(ModelRateLimitError) as caught:
        model.invoke("Hello")
    assert isinstance(caught.value, EndpointError)
    assert caught.value.status == 429


def test_an_address_is_asked_again_as_often_as_was_said():
    endpoint = RawEndpoint({"/v1/models": [answer(503, {}, "Retry-After: 0.01")]})
    with ChatGPT4All(base_url=endpoint.url, max_retries=3) as model, pytest.raises(EndpointError):
        model.invoke("Hello")
    endpoint.close()
    assert len(endpoint.asked) == 4
