"""A template as a program: compiled once in the sandbox, run with whatever values it is given."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import jinja2
from jinja2 import nodes

from gpt4all_core.chat.foreign_text import SpecialTokens
from gpt4all_core.chat.sandbox import TemplateSandbox
from gpt4all_core.errors import ConfigError

_MAX_TEMPLATE_CHARACTERS = 256 * 1024

_OTHER_NAMES: Mapping[str, Callable[[Sequence[Mapping[str, Any]]], str]] = {
    "functions": lambda tools: json.dumps(tools, ensure_ascii=False, indent=4),
    "datetime": lambda _: datetime.now().astimezone().strftime("%B %d %Y %H:%M:%S %Z"),
}
"""What templates of before `tools` and `strftime_now` expect to be told as text (FireFunction)."""

TemplateMessage = dict[str, Any]
"""A message as templates know them: role, content, tool_calls and so on."""

TemplateTool = Mapping[str, Any]
"""A definition as templates know them: `{"type": "function", "function": {…}}`."""


class TemplateProgram:
    """Writes prompts from messages that are made for it. Thread-safe; compiled at first use.

    Raises ConfigError for a template that is too large to be one.
    """

    def __init__(self, source: str, *, special: SpecialTokens, model_name: str, time_limit_s: float) -> None:
        if len(source) > _MAX_TEMPLATE_CHARACTERS:
            raise ConfigError(
                f"the chat template of {model_name} has {len(source)} characters;"
                f" at most {_MAX_TEMPLATE_CHARACTERS} are accepted"
            )
        self.source = source
        self.model_name = model_name
        self.time_limit_s = time_limit_s
        self.special = special
        self._sandbox = TemplateSandbox(time_limit_s=time_limit_s)

    def write(
        self,
        messages: Sequence[TemplateMessage],
        *,
        tools: Sequence[TemplateTool] = (),
        variables: Mapping[str, object] | None = None,
        add_generation_prompt: bool = True,
        deadline: float | None = None,
    ) -> str:
        """The prompt's text. Raises whatever the template does.

        variables: further names that it reads. deadline: of `time.monotonic`.
        """
        values: dict[str, object] = {
            "messages": messages,
            "add_generation_prompt": add_generation_prompt,
            "bos_token": self.special.bos,
            "eos_token": self.special.eos,
            **(variables or {}),
        }
        if tools:  # many ask whether the name is defined
            values["tools"] = tools
        for name in self.reads - self.sets - values.keys():
            if name in _OTHER_NAMES:
                values[name] = _OTHER_NAMES[name](tools)
        return self._sandbox.render(self._compiled, values, deadline=deadline)

    @cached_property
    def reads(self) -> frozenset[str]:
        """Names of variables that the template looks at, those that it sets itself among them."""
        return frozenset(name.name for name in self._parsed.find_all(nodes.Name) if name.ctx == "load")

    @cached_property
    def sets(self) -> frozenset[str]:
        """Names that it gives values to."""
        return frozenset(name.name for name in self._parsed.find_all(nodes.Name) if name.ctx != "load")

    @cached_property
    def _parsed(self) -> nodes.Template:
        return self._sandbox.parse(self.source)

    @cached_property
    def _compiled(self) -> jinja2.Template:
        return self._sandbox.from_string(self._parsed)
