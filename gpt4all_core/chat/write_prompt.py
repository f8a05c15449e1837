"""A conversation to a prompt, with what the template itself has no place for."""

import json
from collections.abc import Mapping, Sequence

from gpt4all_core.chat.foreign_text import ForeignText
from gpt4all_core.chat.habits import Habits
from gpt4all_core.chat.normalise import as_template_messages, normalise
from gpt4all_core.chat.program import TemplateMessage, TemplateProgram
from gpt4all_core.types import Message, Tool

_PRIVATE_USE = range(0xF0000, 0xFFFFE)


def write_prompt(
    program: TemplateProgram,
    messages: Sequence[Message],
    tools: Sequence[Tool],
    habits: Habits,
    foreign: ForeignText,
    *,
    variables: Mapping[str, object] | None = None,
    add_generation_prompt: bool = True,
    deadline: float | None = None,
) -> str:
    """The prompt's text, foreign strings protected. Raises whatever the template does, and ConfigError
    for arguments of a call that are no JSON object.

    deadline: of `time.monotonic`.
    """
    turns = normalise(messages, habits)
    given, definitions = as_template_messages(turns, tools, habits, foreign)
    said = _set_aside(given, habits.empty) if habits.text_beside_calls == "before_mark" else {}
    prompt = program.write(
        given,
        tools=definitions,
        variables=variables,
        add_generation_prompt=add_generation_prompt,
        deadline=deadline,
    )
    for sign, text in said.items():
        prompt = _put_back(prompt, sign, text, habits.call_mark)
    return prompt


def _set_aside(given: Sequence[TemplateMessage], empty: str | None) -> dict[str, str]:
    """The texts beside calls, by a sign that now stands in the name of the first call."""
    speaking = [message for message in given if message.get("tool_calls") and message["content"]]
    if not speaking:
        return {}
    taken = json.dumps(given, ensure_ascii=False)
    signs = (chr(code) for code in _PRIVATE_USE if chr(code) not in taken)
    said = {}
    for message, sign in zip(speaking, signs, strict=False):
        function = message["tool_calls"][0]["function"]
        function["name"] = sign + function["name"]
        said[sign] = message["content"]
        message["content"] = empty
    return said


def _put_back(prompt: str, sign: str, text: str, call_mark: str) -> str:
    """The text before the mark that begins the calls; on a line of its own if that is.

    The sign may come again with the call's results.
    """
    before, name, after = prompt.partition(sign)
    start = before.rfind(call_mark)
    if not name or start < 0:
        raise ValueError("it does not write the calls of this conversation as it did those of others")
    gap = "\n" if before.startswith(f"{call_mark}\n", start) else ""
    return f"{before[:start]}{text}{gap}{before[start:]}{after.replace(sign, '')}"
