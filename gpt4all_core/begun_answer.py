"""Answers that were begun already: a model is made to believe that it wrote their first words."""

from collections.abc import Sequence
from dataclasses import replace

from gpt4all_core.chat.dialect import Dialect
from gpt4all_core.chat.template import Rendered, Segment
from gpt4all_core.chat.tool_formats.protocol import AnswerFormat
from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.types import Message


def take_begun_answer(messages: Sequence[Message]) -> tuple[Sequence[Message], str]:
    """The conversation up to the answer, and what there is of the answer: the text that the assistant
    said last, if nobody has said anything since. "" for nothing.

    An assistant that called tools, or showed a picture, has not begun a text.
    Raises ConfigError where there is nothing that it could answer.
    """
    last = messages[-1]
    if last.role != "assistant" or last.tool_calls or last.media:
        return messages, ""
    if len(messages) == 1:
        raise ConfigError(
            "the conversation is the beginning of an answer and nothing else; put a question before it"
        )
    return messages[:-1], last.text


def check_can_be_begun(dialect: Dialect) -> None:
    """Raise UnsupportedParameter for models that write their answers in channels, of which text is one."""
    if isinstance(dialect.tools, AnswerFormat):
        raise UnsupportedParameter(
            f"the conversation ends with what the assistant said, and a model that answers in the format of"
            f" {dialect.tools.name} cannot go on with that; end it with what is asked of the model"
        )


def begin_answer(rendered: Rendered, prefill: Sequence[Segment]) -> Rendered:
    """The prompt with the first words of the answer; a thought that it would begin with is over."""
    dialect = rendered.dialect
    segments = rendered.segments
    if rendered.opens_thought and dialect.reasoning is not None:
        # As the templates of such models write a turn without a thought.
        segments = (*segments, Segment(f"\n{dialect.reasoning.end.strip()}\n\n"))
    # In the middle of what is said, no thought comes.
    return Rendered((*segments, *prefill), replace(dialect, reasoning=None))
