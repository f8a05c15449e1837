"""One script of tools, objects and thoughts through both adapters: the model is asked and heard alike."""

import asyncio
import json

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from llama_index.core.base.llms.types import ChatMessage, TextBlock, ThinkingBlock, ToolCallBlock
from pydantic import BaseModel

from gpt4all_core.errors import EngineBusy, ModelNotFound
from gpt4all_core.shared_models import ModelRecipe
from gpt4all_core.testing import ScriptedChatModel
from gpt4all_core.types import Message, ToolCall
from langchain_gpt4all import ChatGPT4All
from langchain_gpt4all import GPT4All as TextGPT4All
from langchain_gpt4all._fields import CallFields as LangChainFields
from llamaindex_gpt4all import GPT4All
from llamaindex_gpt4all._fields import CallFields as LlamaIndexFields

MODEL = "smollm2-135m-instruct"


class City(BaseModel):
    name: str
    people: int


PLACE = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "The weather in a city.", "parameters": PLACE},
}
LANGCHAIN = [
    SystemMessage("Be brief."),
    HumanMessage("The weather in Graz?"),
    AIMessage(
        "Let me see.",
        additional_kwargs={"reasoning_content": "A call."},
        tool_calls=[{"name": "weather", "args": {"city": "Graz"}, "id": "c1"}],
    ),
    ToolMessage("sunny", tool_call_id="c1", name="weather"),
    HumanMessage("And in Linz?"),
]
LLAMAINDEX = [
    ChatMessage(role="system", content="Be brief."),
    ChatMessage(role="user", content="The weather in Graz?"),
    ChatMessage(
        role="assistant",
        blocks=[
            ThinkingBlock(content="A call."),
            TextBlock(text="Let me see."),
            ToolCallBlock(tool_call_id="c1", tool_name="weather", tool_kwargs={"city": "Graz"}),
        ],
    ),
    ChatMessage(role="tool", content="sunny", additional_kwargs={"tool_call_id": "c1", "name": "weather"}),
    ChatMessage(role="user", content="And in Linz?"),
]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "City", "schema": City.model_json_schema()}}


def heard_by_langchain(reply):
    return {
        "text": reply.text,
        "thought": reply.additional_kwargs.get("reasoning_content", ""),
        "calls": [(call["name"], call["args"]) for call in reply.tool_calls],
        "tokens": (reply.usage_metadata["input_tokens"], reply.usage_metadata["output_tokens"]),
        "reason": reply.response_metadata["finish_reason"],
    }


def heard_by_llamaindex(llm, response):
    calls = llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)
    blocks = response.message.blocks
    return {
        "text": response.message.content or "",
        "thought": "".join(block.content for block in blocks if isinstance(block, ThinkingBlock)),
        "calls": [(call.tool_name, call.tool_kwargs) for call in calls],
        "tokens": tuple(response.additional_kwargs[f"{kind}_tokens"] for kind in ("prompt", "completion")),
        "reason": response.raw["finish_reason"],
    }


def ask_both(arguments, *, tools, response_format=None, **asked):
    """What each adapter's user hears, the answer and the stream of it."""
    heard = []
    format_of = {} if response_format is None else {"response_format": response_format}
    with ChatGPT4All(**arguments) as model:
        runnable = model.bind_tools([TOOL], **asked, **format_of) if tools else model.bind(**format_of)
        heard.append(heard_by_langchain(runnable.invoke(LANGCHAIN)))
        chunks = list(runnable.stream(LANGCHAIN))
        heard.append(heard_by_langchain(sum(chunks[1:], chunks[0])))
    with GPT4All(**arguments) as llm:
        given = format_of | ({"tools": [TOOL], **asked} if tools else {})
        heard.append(heard_by_llamaindex(llm, llm.chat(LLAMAINDEX, **given)))
        heard.append(heard_by_llamaindex(llm, list(llm.stream_chat(LLAMAINDEX, **given))[-1]))
    return heard


class Scripted(ScriptedChatModel):
    is_open = True

    @property
    def path(self):
        raise ModelNotFound("a scripted model has no file")

    def chat(self, messages, params=None, *, timeout_s=None, **options):
        self.timeouts = [*getattr(self, "timeouts", []), timeout_s]
        return super().chat(messages, params, **options)

    def open(self):
        return self

    def close(self):
        pass


class Busy(Scripted):
    """Has a place at the third time of asking, and never one for a text."""

    asked = 0

    def chat(self, *arguments, **options):
        self.asked += 1
        if self.asked < 3:
            raise EngineBusy(0)
        return super().chat(*arguments, **options)

    def complete(self, *_arguments, **_options):
        raise EngineBusy(0)


@pytest.fixture
def pauses(monkeypatch):
    """How long was waited before each other attempt; nobody really waits."""
    made = []

    async def note(pause_s):
        made.append(pause_s)

    monkeypatch.setattr("gpt4all_core.ask_again.pause", made.append)
    monkeypatch.setattr("gpt4all_core.ask_again.asyncio.sleep", note)
    monkeypatch.setattr(ModelRecipe, "make", lambda _recipe: Busy(["So."]))
    return made


@pytest.mark.parametrize(
    "ask",
    [
        lambda retries: asyncio.to_thread(ChatGPT4All(max_retries=retries).invoke, "Hello"),
        lambda retries: ChatGPT4All(max_retries=retries).ainvoke("Hello"),
        lambda retries: asyncio.to_thread(GPT4All(max_retries=retries).chat, LLAMAINDEX),
        lambda retries: GPT4All(max_retries=retries).achat(LLAMAINDEX),
    ],
    ids=["langchain", "langchain async", "llamaindex", "llamaindex async"],
)
async def test_a_full_queue_is_asked_again_as_often_as_that_is_allowed(pauses, ask):
    with pytest.raises(EngineBusy):
        await ask(1)
    assert pauses == [0.25]
    await ask(2)
    assert pauses == [0.25, 0.25, 0.5]


async def test_a_text_is_asked_for_again_too(pauses):
    model = TextGPT4All(max_retries=2)
    with pytest.raises(EngineBusy):
        await model.ainvoke("One, two,")
    with pytest.raises(EngineBusy):
        await asyncio.to_thread(model.invoke, "One, two,")
    assert pauses == [0.25, 0.5] * 2


@pytest.mark.parametrize(
    "asked",
    [
        {"tools": True},
        {"tools": True, "tool_choice": "any"},
        {"tools": True, "tool_choice": "weather", "parallel_tool_calls": False},
        {"tools": True, "response_format": SCHEMA},
        {"tools": False, "response_format": SCHEMA},
        {"tools": False},
    ],
    ids="-".join,
)
def test_the_model_is_asked_the_same_and_the_same_is_heard(monkeypatch, asked):
    calls = (ToolCall("c2", "weather", '{"city": "Linz"}'),) if asked["tools"] else ()
    model = Scripted([Message("assistant", "So.", calls, reasoning="One more.")])
    monkeypatch.setattr(ModelRecipe, "make", lambda _recipe: model)
    arguments = {"reasoning": True, "reasoning_budget": 9, "temperature": 0.3, "logprobs": True, "timeout": 7}
    first, *others = ask_both(arguments, **asked)
    assert others == [first] * 3
    assert first["calls"] == [("weather", {"city": "Linz"})] * len(calls)
    assert (first["text"], first["thought"]) == ("So.", "One more.")
    expected, *asked_later = [(call.messages, call.params, call.rule, call.reasoning) for call in model.calls]
    assert asked_later == [expected] * 3
    chosen = [call.tool_use and (call.tool_use.choice, call.tool_use.is_parallel) for call in model.calls]
    assert chosen == [chosen[0]] * 4
    assert model.timeouts == [7] * 4


@pytest.mark.parametrize(
    "asked",
    [
        {"tools": True, "tool_choice": "any"},
        {"tools": True, "tool_choice": "weather", "parallel_tool_calls": False},
        {"tools": False, "response_format": SCHEMA},
    ],
    ids="-".join,
)
def test_the_starter_model_answers_both_alike(asked):
    engine = {"model": MODEL, "context_size": 620, "parallel": 1, "reproducible": True}
    arguments = {"temperature": 0, "max_tokens": 40, **engine}
    first, *others = ask_both(arguments, **asked)
    assert others == [first] * 3
    assert first["calls"] or City.model_validate(json.loads(first["text"]))


def test_a_call_may_say_the_same_to_both():
    def arguments(fields):
        return {name: (field.default, field.metadata) for name, field in fields.model_fields.items()}

    assert arguments(LangChainFields) == arguments(LlamaIndexFields)
