"""LangChain's agents on a scripted model: what they ask of one reaches it, in every mode they have."""

import pydantic
import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    HumanInTheLoopMiddleware,
    ModelFallbackMiddleware,
    SummarizationMiddleware,
    ToolCallLimitMiddleware,
)
from langchain.chat_models import init_chat_model
from langchain.embeddings import init_embeddings
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from scripted_models import CleverModel, EventModel, use

from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.errors import ContextOverflow
from gpt4all_core.types import InvalidToolCall, TextDelta, ToolCallDelta, ToolCallFailed, ToolCallStart
from gpt4all_localdocs import LocalDocs
from langchain_gpt4all import ChatGPT4All, GPT4AllEmbeddings, create_localdocs_tool, register

MODEL = "smollm2-135m-instruct"
QUESTION = {"messages": [("user", "What is the weather in 'Vienna'?")]}


class CleverFile(CleverModel):
    """With a file, of which a profile is made."""

    path = property(lambda _self: resolve_model(MODEL))


class Report(pydantic.BaseModel):
    """The weather."""

    city: str
    degrees: int


def weather(city: str) -> str:
    """The weather in a city."""
    return f"21 degrees in '{city}'"


def news(topic: str) -> str:
    """What happened."""
    return topic


@pytest.fixture
def clever(monkeypatch):
    model = CleverFile()
    use(monkeypatch, model)
    return model


def test_an_agent_calls_a_tool_and_answers(clever):
    messages = create_agent(ChatGPT4All(), [weather, news]).invoke(QUESTION)["messages"]
    assert [type(message).__name__ for message in messages] == [
        "HumanMessage",
        "AIMessage",
        "ToolMessage",
        "AIMessage",
    ]
    assert messages[2].content == "21 degrees in 'Vienna'"
    assert [tool.name for tool in clever.calls[0].tool_use.tools] == ["weather", "news"]


async def test_an_agent_with_a_schema_is_given_an_object_without_a_tool_for_it(clever):
    agent = create_agent(ChatGPT4All(), [weather], response_format=Report)
    for state in (agent.invoke(QUESTION), await agent.ainvoke(QUESTION)):
        assert state["structured_response"] == Report(city="Vienna", degrees=21)
    for call in clever.calls:
        assert [tool.name for tool in call.tool_use.tools] == ["weather"]
        assert set(call.rule["schema"]["properties"]) == {"city", "degrees"}


@pytest.mark.parametrize("mode", ["updates", "values", "messages", "custom"])
async def test_agents_stream_in_every_mode(clever, mode):
    agent = create_agent(ChatGPT4All(), [weather])
    parts = list(agent.stream(QUESTION, stream_mode=mode))
    aparts = [part async for part in agent.astream(QUESTION, stream_mode=mode)]
    assert len(parts) == len(aparts)
    assert bool(parts) == (mode != "custom")
    if mode == "messages":
        chunks = [message for message, _ in parts if isinstance(message, AIMessage)]
        assert [chunk["name"] for chunk in chunks[0].tool_call_chunks] == ["weather"]
        assert "".join(chunk.text for chunk in chunks).startswith("Hello")


@pytest.mark.filterwarnings("ignore:.*is (in beta|experimental)")  # LangChain says so of these events
async def test_agents_tell_their_answers_block_by_block(clever):
    agent = create_agent(ChatGPT4All(), [weather])
    stream = agent.stream_events(QUESTION, version="v3")
    answers = [str(message.text) for message in stream.messages if isinstance(message.output, AIMessage)]
    assert answers[-1].startswith("Hello")
    astream = await agent.astream_events(QUESTION, version="v3")
    assert [await message.text async for message in astream.messages][-1] == answers[-1]


def test_middleware_ends_the_calls_and_changes_the_model(monkeypatch):
    refusing, clever = CleverFile(name="small"), CleverFile(name="large")
    monkeypatch.setattr(refusing, "chat", lambda *_asked, **_options: _raise(ContextOverflow(9000, 4096)))
    use(monkeypatch, lambda recipe: {"small": refusing, "large": clever}[recipe.reference])
    middleware = [
        ToolCallLimitMiddleware(run_limit=1, exit_behavior="end"),
        ModelFallbackMiddleware(ChatGPT4All(model="large")),
    ]
    agent = create_agent(ChatGPT4All(model="small"), [weather], middleware=middleware)
    messages = agent.invoke(QUESTION)["messages"]
    assert [message.tool_calls[0]["name"] for message in messages[1:2]] == ["weather"]
    assert messages[-1].text.startswith("Hello")


def _raise(error):
    raise error


def test_a_call_that_broke_off_is_not_run_by_an_agent_that_streams(monkeypatch):
    failed = InvalidToolCall('{"city": "Vie', "the answer ended inside of a call")
    broken = [ToolCallStart(0, "c0", "weather"), ToolCallDelta(0, failed.text), ToolCallFailed(failed, 0)]

    class CutModel(EventModel):
        def chat(self, messages, *arguments, **options):
            self.events = (
                broken if messages[-1].role == "user" and len(messages) == 1 else [TextDelta("Well.")]
            )
            self.asked = messages
            return super().chat()

    model = CutModel([])
    use(monkeypatch, model)
    ran = []

    def weather(city: str) -> str:
        """The weather in a city."""
        ran.append(city)
        return city

    list(create_agent(ChatGPT4All(), [weather]).stream(QUESTION, stream_mode="messages"))
    assert ran == []
    assert [message.role for message in model.asked] in (["user"], ["user", "assistant", "user"])


def test_a_human_decides_on_a_call_and_the_conversation_goes_on(clever):
    agent = create_agent(
        ChatGPT4All(),
        [weather],
        checkpointer=InMemorySaver(),
        middleware=[HumanInTheLoopMiddleware(interrupt_on={"weather": True})],
    )
    thread = {"configurable": {"thread_id": "1"}}
    assert "__interrupt__" in agent.invoke(QUESTION, thread)
    state = agent.invoke(Command(resume={"decisions": [{"type": "approve"}]}), thread)
    assert isinstance(state["messages"][-2], ToolMessage)
    again = agent.invoke({"messages": [("user", "Thank you.")]}, thread)
    assert len(again["messages"]) == 6
    assert [message.role for message in clever.calls[-1].messages] == [
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]


def test_a_summary_is_made_when_a_share_of_the_context_is_full(monkeypatch):
    clever = CleverFile(context_size=200)
    use(monkeypatch, clever)
    model = ChatGPT4All()
    summarise = SummarizationMiddleware(model=model, trigger=("fraction", 0.5), keep=("messages", 1))
    agent = create_agent(model, [], middleware=[summarise])
    long = [("user", "word " * 60), ("assistant", "yes"), ("user", "word " * 60), ("assistant", "yes")]
    agent.invoke({"messages": [*long, ("user", "And now?")]})
    assert len(clever.calls) == 2
    assert len(clever.calls[1].messages) == 2


def test_names_make_models(clever):
    register()
    model = init_chat_model(f"gpt4all:{MODEL}", temperature=0.5)
    assert isinstance(model, ChatGPT4All)
    assert (model.model, model.temperature) == (MODEL, 0.5)
    choosable = init_chat_model(configurable_fields="any", temperature=0)
    chosen = {"configurable": {"model": f"gpt4all:{MODEL}", "max_tokens": 3}}
    assert choosable.invoke("hello", chosen).usage_metadata["output_tokens"] == 3
    embeddings = init_embeddings("gpt4all:all-minilm-l6-v2")
    assert isinstance(embeddings, GPT4AllEmbeddings)


async def test_an_agent_searches_documents_and_answers(clever, tmp_path):
    (tmp_path / "facts").mkdir()
    (tmp_path / "facts" / "leave.md").write_text("There are 27 days of annual leave.")
    question = {"messages": [("user", "Search for 'annual leave'.")]}
    with LocalDocs(tmp_path / "index", folders=[tmp_path / "facts"]) as docs:
        docs.sync()
        agent = create_agent(ChatGPT4All(), [create_localdocs_tool(docs)])
        for state in (agent.invoke(question), await agent.ainvoke(question)):
            _, asked, found, answer = state["messages"]
            assert asked.tool_calls[0]["args"] == {"query": "annual leave"}
            assert found.content.startswith(
                "[1] leave.md, line 1\n<<<\nThere are 27 days of annual leave.\n>>>"
            )
            assert [document.metadata["lines"] for document in found.artifact] == ["1-1"]
            assert answer.text.startswith("Hello")
    assert [tool.name for tool in clever.calls[0].tool_use.tools] == ["search_documents"]
