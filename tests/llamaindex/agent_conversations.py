"""Conversations as LlamaIndex's agents, programs and users put them to a model."""

from llama_index.core.base.llms.types import ChatMessage, TextBlock, ThinkingBlock, ToolCallBlock
from llama_index.core.tools import FunctionTool


def weather(city: str) -> str:
    """The weather in a city."""
    return f"21 degrees in {city}"


def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


TOOLS = [FunctionTool.from_defaults(weather), FunctionTool.from_defaults(add)]
QUESTION = ChatMessage(role="user", content="What is the weather in Graz?")


def said(role, content, **told):
    return ChatMessage(role=role, content=content, additional_kwargs=told)


def called(*identities, **call):
    """The model's calls of these ids, for the weather in Graz unless `call` says otherwise."""
    call = {"tool_name": "weather", "tool_kwargs": {"city": "Graz"}, **call}
    return [ToolCallBlock(tool_call_id=identity, **call) for identity in identities]


def spoken(*blocks):
    return ChatMessage(role="assistant", blocks=list(blocks))


CONVERSATIONS = {
    "system last": [said("system", "Be brief."), QUESTION, said("system", "End here.")],
    "two users": [QUESTION, said("user", "Well?")],
    "no name": [QUESTION, spoken(*called("c1")), said("tool", "21", tool_call_id="c1")],
    "no name and no id": [QUESTION, spoken(*called("c1")), said("tool", "21")],
    "no id": [QUESTION, spoken(*called(None, tool_kwargs={})), said("function", "21", name="weather")],
    "thought, words, two calls": [
        said("system", "Be brief."),
        QUESTION,
        spoken(ThinkingBlock(content="Hm."), TextBlock(text="Let me see."), *called("c1", "c2")),
        said("tool", "21", tool_call_id="c1"),
        said("tool", "22", tool_call_id="c2"),
        said("user", "And now?"),
    ],
    "one id twice": [
        QUESTION,
        spoken(*called("weather", "weather")),
        said("tool", "21", tool_call_id="weather"),
        said("tool", "22", tool_call_id="weather"),
    ],
    "handed on": [
        said("system", "You know the weather."),
        QUESTION,
        spoken(*called("c1", tool_name="handoff", tool_kwargs={"to_agent": "clerk", "reason": "weather"})),
        said("tool", "Agent clerk is now handling the request.", tool_call_id="c1"),
    ],
    "nine blocks": [ChatMessage(role="user", blocks=[TextBlock(text=f"Part {n}.") for n in range(9)])],
    "assistant first": [said("assistant", "Hello."), QUESTION],
    "two assistants": [QUESTION, said("assistant", "Wait."), said("assistant", "It rains."), QUESTION],
    "reasoned and acted": [
        said("system", "Use tools."),
        QUESTION,
        said("assistant", 'Thought: I look.\nAction: weather\nAction Input: {"city": "Graz"}'),
        said("user", "Observation: 21"),
    ],
}
