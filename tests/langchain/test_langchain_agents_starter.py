"""Agents on the starter model: not clever, but valid in all they do, and they end.

A usual test run takes one seed and lets a question have two rounds of calls; `make agents` takes twenty
seeds and the default.
"""

import os

import pydantic
import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage, ToolMessage

from gpt4all_core.types import MAX_TOOL_ROUNDS
from langchain_gpt4all import ChatGPT4All

SEEDS = int(os.environ.get("AGENT_SEEDS", "1"))
ROUNDS = MAX_TOOL_ROUNDS if "AGENT_SEEDS" in os.environ else 2


class Report(pydantic.BaseModel):
    """The weather."""

    city: str
    degrees: int


def weather(city: str) -> str:
    """The weather in a city."""
    return f"21 degrees in {city}"


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture(scope="module")
def starter():
    with ChatGPT4All(model="smollm2-135m-instruct", max_tokens=64, max_tool_rounds=ROUNDS) as model:
        yield model


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("face", ["invoke", "ainvoke"])
@pytest.mark.parametrize("strategy", [ProviderStrategy, ToolStrategy])
async def test_every_run_ends_in_the_schema_with_valid_calls(starter, strategy, face, seed):
    model = starter.model_copy(update={"seed": seed})
    agent = create_agent(model, [weather, add], response_format=strategy(Report))
    asked = {"messages": [("user", "What is the weather in Vienna?")]}
    state = agent.invoke(asked) if face == "invoke" else await agent.ainvoke(asked)
    assert isinstance(state["structured_response"], Report)
    answers = [message for message in state["messages"] if isinstance(message, AIMessage)]
    assert not any(answer.invalid_tool_calls for answer in answers)
    assert all(
        message.status == "success" for message in state["messages"] if isinstance(message, ToolMessage)
    )
    withheld = [bool(answer.response_metadata.get("withheld_tools")) for answer in answers]
    assert withheld == [number >= ROUNDS for number in range(len(answers))]
