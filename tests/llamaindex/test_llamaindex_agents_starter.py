"""Agents on the starter model: not clever, but valid in all they do, and they end.

A usual test run takes one seed and lets a question have two rounds of calls; `make agents` takes twenty
seeds and the default.
"""

import os

import pytest
from llama_index.core.agent.workflow import AgentOutput, AgentWorkflow, FunctionAgent, ToolCallResult
from llama_index.core.tools import FunctionTool

from gpt4all_core.types import MAX_TOOL_ROUNDS
from llamaindex_gpt4all import GPT4All

SEEDS = int(os.environ.get("AGENT_SEEDS", "1"))
ROUNDS = MAX_TOOL_ROUNDS if "AGENT_SEEDS" in os.environ else 2

pytestmark = [
    # LlamaIndex looks at every attribute of an agent, Pydantic's deprecated ones among them.
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning"),
    # And its agents use what its workflows call deprecated.
    pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning"),
]


def weather(city: str) -> str:
    """The weather in a city."""
    return f"21 degrees in {city}"


def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


TOOLS = [FunctionTool.from_defaults(weather), FunctionTool.from_defaults(add)]


def one_agent(llm, *, streaming):
    return FunctionAgent(llm=llm, tools=TOOLS, initial_tool_choice="weather", streaming=streaming)


def two_agents(llm, *, streaming):
    options = {"llm": llm, "streaming": streaming}
    forecaster = FunctionAgent(
        name="forecaster",
        description="Tells the weather",
        tools=TOOLS[:1],
        initial_tool_choice="handoff",
        **options,
    )
    calculator = FunctionAgent(name="calculator", description="Adds", tools=TOOLS[1:], **options)
    return AgentWorkflow(agents=[forecaster, calculator], root_agent="forecaster")


@pytest.fixture(scope="module")
def starter():
    with GPT4All(model="smollm2-135m-instruct", max_tokens=64, max_tool_rounds=ROUNDS) as llm:
        yield llm


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("make_agent", [one_agent, two_agents])
async def test_every_run_ends_with_valid_calls(starter, make_agent, streaming, seed):
    agent = make_agent(starter.model_copy(update={"seed": seed}), streaming=streaming)
    run = agent.run("What is the weather in Graz?")
    events = [event async for event in run.stream_events()]
    answer = (await run).response
    results = [event for event in events if isinstance(event, ToolCallResult)]
    assert results
    assert not any(result.tool_output.is_error for result in results)
    assert answer.role == "assistant"
    assert not answer.additional_kwargs.get("tool_calls")
    told = [event.response.additional_kwargs for event in events if isinstance(event, AgentOutput)]
    assert not any(each.get("invalid_tool_calls") for each in told)
    assert [bool(each.get("withheld_tools")) for each in told] == [
        number >= ROUNDS for number in range(len(told))
    ]
