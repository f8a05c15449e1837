"""Messages to prompt text, by the template that a model's file carries.

A template is somebody else's program: it runs in a sandbox, with bounds on time and size. Text that
comes from outside stays text: where it spells one of the model's control tokens, the prompt's segment
says so, and the tokenizer does not read it as one.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gpt4all_core.chat.dialect import Dialect
from gpt4all_core.chat.foreign_text import ForeignText, Segment, SpecialTokens, TokenGuard
from gpt4all_core.chat.normalise import as_template_tools, without_old_thoughts
from gpt4all_core.chat.program import TemplateProgram
from gpt4all_core.chat.recognise import Recognition, recognise
from gpt4all_core.chat.tool_formats.offered import callable_tools
from gpt4all_core.chat.tool_formats.prompted import prompted_messages
from gpt4all_core.chat.write_prompt import write_prompt
from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.types import Message, Tool, ToolUse

__all__ = ["ChatTemplate", "Rendered", "Segment", "SpecialTokens"]

_TIME_LIMIT_S = 10.0
"""Real templates take a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt.

    dialect: of the answer. opens_thought: the prompt ends inside a thought, so the answer begins there.
    """

    segments: tuple[Segment, ...]
    dialect: Dialect
    opens_thought: bool = False

    @property
    def text(self) -> str:
        """All of it, without pictures and sounds."""
        return "".join(segment.text for segment in self.segments)


class ChatTemplate:
    """Renders conversations for one model, and says how the model answers them. Thread-safe.

    source: the template that is used unless there is another one for the purpose. others: by name;
    "tool_use" is for conversations with tools.

    >>> template = ChatTemplate("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}")
    >>> template.render([Message("user", "hello")]).text
    '<user>hello'
    """

    def __init__(
        self,
        source: str,
        *,
        others: Mapping[str, str] | None = None,
        special: SpecialTokens | None = None,
        model_name: str = "the model",
        time_limit_s: float = _TIME_LIMIT_S,
    ) -> None:
        special = special or SpecialTokens()
        self._guard = TokenGuard(special)
        self._plain, self._for_tools = (
            _RecognisedOnce(
                TemplateProgram(text, special=special, model_name=model_name, time_limit_s=time_limit_s)
            )
            for text in (source, (others or {}).get("tool_use", source))
        )
        if self._for_tools.program.source == source:
            self._for_tools = self._plain

    def dialect(self, *, has_tools: bool = False) -> Dialect:
        """How the model answers, also to be had with every prompt. Rendering some probes for it takes a
        few milliseconds, once.

        Raises ConfigError for a template that works without end.
        """
        return (self._for_tools if has_tools else self._plain).recognition.dialect

    def can_switch_thoughts(self, *, has_tools: bool = False) -> bool:
        """Whether `reasoning_on` changes anything."""
        return (self._for_tools if has_tools else self._plain).recognition.switch is not None

    def as_text(self, text: str) -> tuple[Segment, ...]:
        """A text that is put behind a prompt: where it spells special tokens, they stay text."""
        foreign = ForeignText(self._guard, [text])
        return foreign.split(foreign.protect(text))

    def render(
        self,
        messages: Sequence[Message],
        *,
        tools: ToolUse | None = None,
        reasoning_on: bool | None = None,
        accepts_media: bool = False,
        add_generation_prompt: bool = True,
    ) -> Rendered:
        """The prompt of a conversation, up to where the answer begins.

        tools: described by the template, or in the system message if it knows none. reasoning_on:
        switches thoughts where the template can; where it cannot, and for None, it does as it likes.
        accepts_media: pictures and sounds become segments of their own, in their places.

        Raises ConfigError when the template is broken or refuses these messages, UnsupportedParameter
        for pictures and sounds that are not accepted, or that the template leaves out.
        """
        if not accepts_media and any(message.media for message in messages):
            raise UnsupportedParameter(
                f"a message holds a picture or a sound, and {self._plain.program.model_name} reads text"
                " alone; send the text, or open a model with a projector for them"
            )
        has_tools = bool(callable_tools(tools)) or any(
            message.tool_calls or message.role == "tool" for message in messages
        )
        chosen = self._for_tools if has_tools else self._plain
        rendering = _Rendering(chosen.program, chosen.recognition, self._guard, tools)
        return rendering.render(
            messages, reasoning_on=reasoning_on, add_generation_prompt=add_generation_prompt
        )


class _RecognisedOnce:
    """A program, and what is found out about it when that is first asked for."""

    def __init__(self, program: TemplateProgram) -> None:
        self.program = program
        self._lock = threading.Lock()
        self._recognition: Recognition | None = None

    @property
    def recognition(self) -> Recognition:
        with self._lock:
            if self._recognition is None:
                self._recognition = recognise(self.program)
            return self._recognition


@dataclass(frozen=True, slots=True)
class _Rendering:
    program: TemplateProgram
    known: Recognition
    guard: TokenGuard
    tools: ToolUse | None

    def render(
        self, messages: Sequence[Message], *, reasoning_on: bool | None, add_generation_prompt: bool
    ) -> Rendered:
        known = self.known
        offered = callable_tools(self.tools)
        foreign = ForeignText(self.guard, (self.program.source, *_texts(messages), *_texts(offered)))
        turns: Sequence[Message] = without_old_thoughts(messages, self._tags)
        instructions = ""
        if known.dialect.source == "prompted":
            turns = prompted_messages(turns, self.tools)
        elif offered and not known.shows_tools:
            instructions = foreign.insert(_described(offered, known.example, foreign))
        variables, word = self._switched(reasoning_on)
        turns = _instructed(turns, instructions, word)
        try:
            prompt = write_prompt(
                self.program,
                turns,
                offered if known.shows_tools else (),
                known.habits,
                foreign,
                variables=variables,
                add_generation_prompt=add_generation_prompt,
            )
        except ConfigError:
            raise
        except Exception as error:  # a template is somebody else's program and may raise anything
            roles = ", ".join(message.role for message in messages) or "no message"
            raise ConfigError(
                f"the chat template of {self.program.model_name} refuses this conversation ({roles}): {error}"
            ) from error
        segments = foreign.split(prompt + (known.answer_start if add_generation_prompt else ""))
        self._check_media(messages, segments)
        opens_thought = add_generation_prompt and self._opens_thought(segments)
        return Rendered(segments, known.dialect, opens_thought=opens_thought)

    @property
    def _tags(self) -> list[tuple[str, str]]:
        tags = self.known.dialect.reasoning
        own = [(tags.start, tags.end)] if tags is not None else []
        return [*own, ("<think>", "</think>")]

    def _switched(self, reasoning_on: bool | None) -> tuple[Mapping[str, object], str]:
        """Variables for the template, and a word for the system message."""
        switch = self.known.switch
        if reasoning_on is None or switch is None:
            return {}, ""
        return (switch.on, "") if reasoning_on else (switch.off, switch.word_off)

    def _opens_thought(self, segments: Sequence[Segment]) -> bool:
        tags = self.known.dialect.reasoning
        last = segments[-1] if segments else Segment("", is_literal=True)
        return tags is not None and not last.is_literal and last.text.rstrip().endswith(tags.start)

    def _check_media(self, messages: Sequence[Message], segments: Sequence[Segment]) -> None:
        given = sum(len(message.media) for message in messages)
        shown = sum(segment.media is not None for segment in segments)
        if shown != given:
            raise UnsupportedParameter(
                f"the chat template of {self.program.model_name} shows {shown} of {given} pictures and"
                " sounds; put them into the user's messages"
            )


def _instructed(messages: Sequence[Message], *instructions: str) -> Sequence[Message]:
    """With further paragraphs in the first system message."""
    added = "\n\n".join(filter(None, instructions))
    if not added:
        return messages
    first, rest = (
        (messages[0], messages[1:]) if messages[:1] and messages[0].role == "system" else (None, messages)
    )
    if first is None:
        return [Message("system", added), *rest]
    if isinstance(first.content, tuple):
        return [replace(first, content=(*first.content, f"\n\n{added}")), *rest]
    return [replace(first, content=f"{first.text}\n\n{added}".lstrip()), *rest]


def _described(tools: Sequence[Tool], example: str, foreign: ForeignText) -> str:
    """What to tell a model that can call tools by a template that does not describe them."""
    functions = (definition["function"] for definition in as_template_tools(tools, foreign))
    return "\n".join(
        [
            "These functions can be called:",
            *(json.dumps(function, ensure_ascii=False) for function in functions),
            "",
            "To call a function, write its name and its arguments exactly like this:",
            example,
            "The results come back in the next message. Call functions only where that helps to answer.",
        ]
    )


def _texts(value: Any) -> list[str]:
    """Every string in messages or tools, however deep."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Message):
        calls = [text for call in value.tool_calls for text in (call.id, call.name, call.arguments)]
        return [value.text, value.reasoning or "", value.name or "", value.tool_call_id or "", *calls]
    if isinstance(value, Tool):
        return [value.name, value.description, *_texts(value.parameters)]
    if isinstance(value, Mapping):
        return [text for item in value.items() for text in _texts(item)]
    if isinstance(value, Sequence):
        return [text for inner in value for text in _texts(inner)]
    return []
