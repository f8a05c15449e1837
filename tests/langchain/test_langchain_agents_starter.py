"""An agent on the starter model: not clever, but valid in all it does."""

import pydantic
import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import wrap_model_call
from langchain_core.messages import AIMessage, ToolMessage

from langchain_gpt4all import ChatGPT4All


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


@wrap_model_call
def answer_after_two_results(request, handler):
    """Small models repeat a call for ever, whatever it told them."""
    results = sum(isinstance(message, ToolMessage) for message in request.messages)
    return handler(request.override(tools=[]) if results >= 2 else request)


@pytest.fixture(scope="module")
def starter():
    with ChatGPT4All(model="smollm2-135m-instruct", max_tokens=64) as model:
        yield model


@pytest.mark.parametrize("seed", range(20))
def test_every_call_is_valid_and_every_run_ends_in_the_schema(starter, seed):
    model = starter.model_copy(update={"seed": seed})
    agent = create_agent(model, [weather, add], response_format=Report, middleware=[answer_after_two_results])
    state = agent.invoke({"messages": [("user", "What is the weather in Vienna?")]})
    assert isinstance(state["structured_response"], Report)
    for message in state["messages"]:
        if isinstance(message, AIMessage):
            assert message.invalid_tool_calls == []
        if isinstance(message, ToolMessage):
            assert message.status == "success"
