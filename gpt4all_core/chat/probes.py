"""Conversations that are rendered only to see what a template makes of them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gpt4all_core.chat.foreign_text import ForeignText, SpecialTokens, TokenGuard
from gpt4all_core.chat.habits import Habits
from gpt4all_core.chat.program import TemplateProgram
from gpt4all_core.chat.write_prompt import write_prompt
from gpt4all_core.errors import ConfigError
from gpt4all_core.types import Message, Tool

_PROBED_AT = datetime(2026, 1, 1, tzinfo=UTC)
_STOPPED_CLOCK: Mapping[str, object] = {
    "datetime": _PROBED_AT.strftime("%B %d %Y %H:%M:%S %Z"),
    "strftime_now": _PROBED_AT.strftime,
}
"""Two probes may differ by what they are asked, and not by the second that ticks between them."""

_AS_IT_IS = ForeignText(TokenGuard(SpecialTokens()), ())


@dataclass(slots=True)
class Prober:
    """Renders probes of one template, all of them within the time that one prompt may take.

    Real templates take less than a millisecond each. For one thread at a time. Its methods raise
    ConfigError when the time is over: a template that loops would do so for a real conversation, too.
    """

    program: TemplateProgram
    _deadline: float = field(init=False)

    def __post_init__(self) -> None:
        self._deadline = time.monotonic() + self.program.time_limit_s

    def write(
        self,
        messages: Sequence[Message],
        habits: Habits,
        *,
        tools: Sequence[Tool] = (),
        variables: Mapping[str, object] | None = None,
        is_asking: bool = False,
    ) -> str | None:
        """The prompt, up to where the answer begins if `is_asking`; None if the template refuses."""
        try:
            return write_prompt(
                self.program,
                messages,
                tools,
                habits,
                _AS_IT_IS,
                variables={**_STOPPED_CLOCK, **(variables or {})},
                add_generation_prompt=is_asking,
                deadline=self._deadline,
            )
        except Exception as error:  # a template is somebody else's program and may raise anything
            if time.monotonic() > self._deadline:
                raise ConfigError(
                    f"the chat template of {self.program.model_name} takes more than"
                    f" {self.program.time_limit_s} s for a few short messages: {error}"
                ) from error
            return None

    def shows(
        self,
        messages: Sequence[Message],
        words: Sequence[str],
        habits: Habits,
        *,
        tools: Sequence[Tool] = (),
    ) -> bool:
        """Whether the prompt has each of the words exactly once, in this order."""
        return shows_once(self.write(messages, habits, tools=tools, is_asking=True), words)


def shows_once(prompt: str | None, words: Sequence[str]) -> bool:
    if prompt is None or any(prompt.count(word) != 1 for word in words):
        return False
    places = [prompt.find(word) for word in words]
    return places == sorted(places)
