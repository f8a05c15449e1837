"""How one model's template wants tools and reasoning written, and how the model writes them."""

from dataclasses import dataclass
from typing import Literal

from gpt4all_core.chat.tool_formats.markers import tags
from gpt4all_core.chat.tool_formats.protocol import ToolFormat

DialectSource = Literal["preset", "inferred", "prompted"]
"""preset: the template is of a known family. inferred: told from what it writes for probes.
prompted: it knows no tools, so they are described in the system message and asked for as JSON."""


@dataclass(frozen=True, slots=True)
class ReasoningTags:
    """What stands before and after a thought, `<think>` and `</think>` for instance."""

    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is known of a model's answers.

    tools: how it writes calls. source: where that is known from. reasoning: its tags; None for a
    model that does not think aloud. wrappers: texts that some models put around what they say, which
    are no part of it (`<|START_RESPONSE|>`).
    """

    tools: ToolFormat
    source: DialectSource
    reasoning: ReasoningTags | None = None
    wrappers: tuple[str, ...] = ()

    @property
    def markers(self) -> frozenset[str]:
        """Texts that may be special tokens in the vocabulary, and must be seen in an answer."""
        around = (
            self.wrappers
            if self.reasoning is None
            else (*self.wrappers, self.reasoning.start, self.reasoning.end)
        )
        return self.tools.markers.union(*map(tags, around))
