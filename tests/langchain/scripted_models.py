"""Scripted models in the place of LocalModels, so that a test says what a model answers."""

import json
import re
from typing import Any

from gpt4all_core.errors import ModelNotFound
from gpt4all_core.shared_models import ModelRecipe
from gpt4all_core.testing import ScriptedChatModel
from gpt4all_core.types import AS_THE_MODEL_LIKES, Completion, Message, ToolCall

GREETING = "Hello there, how can I help you today?"

NOTHING_SAID = Completion("", "stop")

_NUMBER = re.compile(r"-?\d+")
_QUOTED = re.compile(r"'([^']+)'")


class ScriptedLocalModel(ScriptedChatModel):
    """A ScriptedChatModel with what adapters use of a LocalModel beside chatting."""

    is_open = True
    reads = ()

    @property
    def path(self):
        raise ModelNotFound("a scripted model has no file")

    def open(self):
        return self

    def close(self):
        pass

    def chat(self, messages, params=None, *, timeout_s=None, **options):
        self.timeout_s = timeout_s
        return super().chat(messages, params, **options)

    def token_ids(self, text):
        return list(range(self.count_tokens(text)))

    def count_message_tokens(self, messages, *, tool_use=None, reasoning=AS_THE_MODEL_LIKES):
        texts = [message.text for message in messages]
        if tool_use is not None:
            texts += [f"{tool.name} {tool.description} {tool.parameters}" for tool in tool_use.tools]
        return sum(self.count_tokens(text) for text in texts)


class CleverModel(ScriptedLocalModel):
    """Calls the tool that is asked for with the arguments that stand in the question."""

    def chat(self, messages, params=None, *, tool_use=None, constraint=None, **options):
        rule = constraint.rule if constraint is not None else {}
        answer = clever_answer(messages, tool_use, rule.get("schema"))
        once = ScriptedLocalModel([answer], name=self.name)
        reply = once.chat(messages, params, tool_use=tool_use, constraint=constraint, **options)
        self.calls += once.calls
        return reply


def use(monkeypatch, model):
    """Have every object of an adapter use this model, or the one that a function makes of its recipe."""
    monkeypatch.setattr(ModelRecipe, "make", model if callable(model) else lambda _recipe: model)


def clever_answer(messages, tool_use, schema) -> str | Message:
    question = messages[-1].text
    tool = chosen_tool(tool_use, question if messages[-1].role == "user" else "")
    if tool is not None:
        call = ToolCall(f"call_{len(messages)}", tool.name, as_json(tool.parameters, question))
        return Message("assistant", None, (call,))
    return GREETING if schema is None else as_json(schema, question)


def chosen_tool(tool_use, question):
    """The one that must be called, or of which the question uses a word."""
    if tool_use is None or tool_use.choice == "none":
        return None
    if tool_use.choice not in ("auto", "required"):
        return next(tool for tool in tool_use.tools if tool.name == tool_use.choice)
    words = set(re.findall(r"[a-z]+", question.lower()))
    named = [tool for tool in tool_use.tools if words & set(tool.name.split("_"))]
    return next(iter(named), tool_use.tools[0] if tool_use.choice == "required" else None)


def as_json(schema, question) -> str:
    return json.dumps(instance(schema, question, schema), ensure_ascii=False)


def instance(schema, question, root) -> Any:
    """A value that fits, with the number or the quotation of the question where it has one."""
    if "$ref" in schema:
        place = root
        for name in schema["$ref"].removeprefix("#/").split("/"):
            place = place[name]
        return instance(place, question, root)
    if "anyOf" in schema:
        return instance(schema["anyOf"][0], question, root)
    if "properties" in schema:
        return {name: instance(part, question, root) for name, part in schema["properties"].items()}
    number = (_NUMBER.findall(question) or ["7"])[0]
    text = (_QUOTED.findall(question) or ["something of it"])[0]
    return {"integer": int(number), "number": float(number), "string": text}.get(schema.get("type"), {})


class EventModel(ScriptedLocalModel):
    """Answers with these events, whatever it is asked."""

    def __init__(self, events, *, completion=NOTHING_SAID, **options):
        super().__init__(**options)
        self.events = events
        self.completion = completion
        self.replies = []

    def chat(self, *_messages, **_options):
        self.replies.append(EventReply(self.events, self.completion))
        return self.replies[-1]


class EventReply:
    def __init__(self, events, completion):
        self.events = EventStream(events)
        self.completion = completion
        self.is_cancelled = False

    def result(self):
        return self.completion

    async def aresult(self):
        return self.completion

    def cancel(self):
        self.is_cancelled = True


class EventStream:
    def __init__(self, events):
        self.events = events

    def __iter__(self):
        return iter(self.events)

    async def __aiter__(self):
        for event in self.events:
            yield event
