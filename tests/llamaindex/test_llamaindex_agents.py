"""LlamaIndex's agents on a scripted model: what they ask of one reaches it, and its answers end them."""

import asyncio
import json
import re

import pytest
from agent_conversations import add, weather
from llama_index.core.agent.workflow import (
    AgentStream,
    AgentWorkflow,
    CodeActAgent,
    FunctionAgent,
    ReActAgent,
)
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.workflow import Context
from pydantic import BaseModel
from scripted_llm import ScriptedLocalModel, use
from workflows.errors import WorkflowCancelledByUser

from gpt4all_core.types import Message, ToolCall
from llamaindex_gpt4all import GPT4All

pytestmark = [
    # LlamaIndex looks at every attribute of an agent, Pydantic's deprecated ones among them.
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning"),
    # And its agents use what its workflows call deprecated.
    pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning"),
]


class Report(BaseModel):
    """The weather."""

    city: str
    degrees: int


QUESTION = "What is the weather in Graz and Linz?"
BOTH = Message(
    "assistant",
    "Let me see.",
    (ToolCall("c1", "weather", '{"city": "Graz"}'), ToolCall("c2", "weather", '{"city": "Linz"}')),
    reasoning="Two cities, two calls.",
)


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_function_agent_calls_all_that_was_asked_for_and_answers(script, streaming):
    llm, model = script([BOTH, "21 degrees in both."])
    agent = FunctionAgent(llm=llm, tools=[weather, add], system_prompt="Be brief.", streaming=streaming)
    output = await agent.run(QUESTION)
    assert str(output) == "21 degrees in both."
    assert sorted(call.tool_output.content for call in output.tool_calls) == [
        "21 degrees in Graz",
        "21 degrees in Linz",
    ]
    first, second = model.calls
    assert [message.role for message in first.messages] == ["system", "user"]
    assert (first.tool_use.choice, first.tool_use.is_parallel) == ("auto", True)
    _system, _user, asked, *results = second.messages
    assert asked == BOTH
    assert {(result.role, result.tool_call_id) for result in results} == {("tool", "c1"), ("tool", "c2")}


async def test_an_agents_stream_has_deltas_thoughts_and_calls(script):
    llm, _model = script([BOTH, "21 degrees in both."])
    handler = FunctionAgent(llm=llm, tools=[weather]).run(QUESTION)
    parts = [event async for event in handler.stream_events() if isinstance(event, AgentStream)]
    await handler
    assert "".join(part.delta for part in parts) == "Let me see.21 degrees in both."
    assert "".join(part.thinking_delta or "" for part in parts) == "Two cities, two calls."
    assert max(len(part.tool_calls) for part in parts) == 2
    assert all(isinstance(call.tool_kwargs, dict) for part in parts for call in part.tool_calls)
    assert parts[-1].raw["usage"]["total_tokens"]


async def test_an_agents_first_call_can_be_chosen(script):
    llm, model = script([Message("assistant", None, BOTH.tool_calls[:1]), "Done."])
    agent = FunctionAgent(llm=llm, tools=[weather, add], initial_tool_choice="weather")
    await agent.run(QUESTION)
    assert [call.tool_use.choice for call in model.calls] == ["weather", "auto"]


async def test_an_invented_tool_is_told_to_the_model_and_not_raised(monkeypatch, starter_model):
    class Inventive(ScriptedLocalModel):
        def chat(self, messages, params=None, *, tool_use=None, **options):
            return super().chat(messages, params, **options)  # offers what the agent did not

    invented = Message("assistant", None, (ToolCall("c1", "fly", "{}"),))
    monkeypatch.setattr("gpt4all_core.scripted_chat._check_offered", lambda *_given: None)
    use(monkeypatch, model := Inventive([invented, "I cannot fly."], path=starter_model))
    assert str(await FunctionAgent(llm=GPT4All(), tools=[weather]).run("Fly!")) == "I cannot fly."
    assert "fly" in model.calls[1].messages[-1].text


async def test_an_agent_answers_with_an_object(script):
    llm, model = script(
        [Message("assistant", None, BOTH.tool_calls[:1]), "21.", '{"city": "Graz", "degrees": 21}']
    )
    output = await FunctionAgent(llm=llm, tools=[weather], output_cls=Report).run(QUESTION)
    assert output.get_pydantic_model(Report) == Report(city="Graz", degrees=21)
    assert set(model.calls[-1].rule["schema"]["properties"]) == {"city", "degrees"}


async def test_an_agent_that_is_stopped_early_answers_with_what_it_has(script):
    llm, model = script([Message("assistant", None, BOTH.tool_calls[:1])] * 2 + ["Enough."])
    agent = FunctionAgent(llm=llm, tools=[weather], early_stopping_method="generate")
    output = await agent.run(QUESTION, max_iterations=2)
    assert str(output) == "Enough."
    assert model.calls[-1].messages[-1].role == "system"


@pytest.mark.filterwarnings("ignore::workflows.context.state_store.UnserializableKeyWarning")  # the memory
async def test_a_conversation_goes_on_from_a_saved_context(script):
    llm, model = script([Message("assistant", None, BOTH.tool_calls[:1]), "21.", "As I said."])
    agent = FunctionAgent(llm=llm, tools=[weather])
    context, memory = Context(agent), ChatMemoryBuffer.from_defaults(token_limit=3000)
    await agent.run(QUESTION, ctx=context, memory=memory)
    restored = Context.from_dict(agent, json.loads(json.dumps(context.to_dict())))
    assert str(await agent.run("Again?", ctx=restored, memory=memory)) == "As I said."
    user, asked, result, answer, again = model.calls[-1].messages
    assert (user.text, answer.text, again.text) == (QUESTION, "21.", "Again?")
    assert asked.tool_calls == BOTH.tool_calls[:1]
    assert result.tool_call_id == "c1"


async def test_cancelling_a_run_stops_the_model(script, monkeypatch):
    llm, model = script(["word " * 5000])
    replies, chat = [], model.chat
    monkeypatch.setattr(model, "chat", lambda *a, **b: replies.append(Watched(chat(*a, **b))) or replies[-1])
    handler = FunctionAgent(llm=llm, tools=[weather]).run(QUESTION)
    async for event in handler.stream_events():
        if isinstance(event, AgentStream):
            break
    await handler.cancel_run()
    with pytest.raises(WorkflowCancelledByUser):
        await handler
    assert replies[0].is_cancelled


class Watched:
    """A reply that never ends, and says whether it was cancelled."""

    def __init__(self, reply):
        self.reply = reply
        self.is_cancelled = False

    @property
    def events(self):
        return self

    async def __aiter__(self):
        for event in self.reply.events:
            yield event
            await asyncio.sleep(0.001)

    def cancel(self):
        self.is_cancelled = True


async def test_a_react_agent_reasons_acts_and_answers(script):
    llm, model = script(
        [
            'Thought: I need the sum.\nAction: add\nAction Input: {"a": 1, "b": 2}',
            "Thought: I can answer without using any more tools.\nAnswer: It is 3.",
        ]
    )
    output = await ReActAgent(llm=llm, tools=[add]).run("1 + 2?")
    assert str(output) == "It is 3."
    assert output.tool_calls[0].tool_output.content == "3"
    assert [message.role for message in model.calls[1].messages] == ["system", "user", "assistant", "user"]
    assert "3" in model.calls[1].messages[-1].text


async def test_a_code_agents_code_is_run(script):
    llm, model = script(["I compute it.\n<execute>\nprint(add(1, 2))\n</execute>", "It is 3."])
    ran = []

    def execute(code: str) -> str:
        """Runs the code."""
        ran.append(code)
        return "3"

    output = await CodeActAgent(code_execute_fn=execute, llm=llm, tools=[add]).run("1 + 2?")
    assert str(output) == "It is 3."
    assert ran == ["print(add(1, 2))"]
    assert re.search("Result of executing the code given:\\s+3", model.calls[1].messages[-1].text)


async def test_agents_hand_a_question_on(script):
    to_clerk = ToolCall("c1", "handoff", '{"to_agent": "clerk", "reason": "weather"}')
    llm, model = script(
        [
            Message("assistant", None, (to_clerk,)),
            Message("assistant", None, (ToolCall("c2", "weather", '{"city": "Graz"}'),)),
            "21 degrees.",
        ]
    )
    host = FunctionAgent(
        name="host",
        description="Greets.",
        llm=llm,
        tools=[add],
        can_handoff_to=["clerk"],
        system_prompt="Host.",
    )
    clerk = FunctionAgent(
        name="clerk",
        description="Knows the weather.",
        llm=llm,
        tools=[weather],
        can_handoff_to=[],
        system_prompt="Clerk.",
    )
    output = await AgentWorkflow(agents=[host, clerk], root_agent="host").run(QUESTION)
    assert str(output) == "21 degrees."
    assert output.current_agent_name == "clerk"
    asked = [[tool.name for tool in call.tool_use.tools] for call in model.calls]
    assert asked == [["add", "handoff"], ["weather"], ["weather"]]
    handed = model.calls[1].messages
    assert handed[0].text == "Clerk."
    assert [call.name for message in handed for call in message.tool_calls] == ["handoff"]


async def test_agents_run_beside_each_other_on_one_model(script):
    llm, model = script(lambda messages: BOTH if messages[-1].role == "user" else "21 degrees.")
    agents = [FunctionAgent(llm=llm, tools=[weather]) for _ in range(3)]
    outputs = await asyncio.gather(*(agent.run(QUESTION) for agent in agents))
    assert [str(output) for output in outputs] == ["21 degrees."] * 3
    assert len(model.calls) == 6
