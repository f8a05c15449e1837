"""Messages to prompt text, by the template that a model's file carries.

A template is somebody else's program: it runs in a sandbox, with bounds on time and size. Text that
a message brings stays text: where it spells one of the model's control tokens, the prompt's segment
says so, and the tokenizer does not read it as one.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import jinja2

from gpt4all_core.chat.sandbox import TemplateSandbox
from gpt4all_core.errors import ConfigError
from gpt4all_core.types import Message

_MAX_TEMPLATE_CHARACTERS = 256 * 1024
_TIME_LIMIT_S = 10.0
"""Real templates take a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a prompt. In a literal one, nothing is to be read as a control token."""

    text: str
    is_literal: bool = False


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """How a model writes its special tokens.

    control: never shown as text (`<|im_end|>`); added: shown, but single tokens (`<think>`).
    """

    bos: str = ""
    eos: str = ""
    control: frozenset[str] = frozenset()
    added: frozenset[str] = frozenset()


class ChatTemplate:
    """Renders conversations for one model. Thread-safe.

    >>> template = ChatTemplate("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}")
    >>> template.render([Message("user", "hello")])
    (Segment(text='<user>hello', is_literal=False),)
    """

    def __init__(
        self,
        source: str,
        *,
        special: SpecialTokens | None = None,
        model_name: str = "the model",
        time_limit_s: float = _TIME_LIMIT_S,
    ) -> None:
        if len(source) > _MAX_TEMPLATE_CHARACTERS:
            raise ConfigError(
                f"the chat template of {model_name} has {len(source)} characters;"
                f" at most {_MAX_TEMPLATE_CHARACTERS} are accepted"
            )
        self._source = source
        self._special = special or SpecialTokens()
        self._model_name = model_name
        self._sandbox = TemplateSandbox(time_limit_s=time_limit_s)

    def render(
        self, messages: Sequence[Message], *, add_generation_prompt: bool = True
    ) -> tuple[Segment, ...]:
        """The prompt of a conversation, up to where the answer begins.

        Raises ConfigError when the template is broken or refuses these messages.
        """
        escape = _Escape(self._barred, self._barred_in_answers)
        try:
            text = self._sandbox.render(
                self._template,
                messages=[{"role": m.role, "content": escape.protect(m)} for m in messages],
                add_generation_prompt=add_generation_prompt,
                bos_token=self._special.bos,
                eos_token=self._special.eos,
            )
        except Exception as error:  # a template is somebody else's program and may raise anything
            roles = ", ".join(message.role for message in messages) or "no message"
            raise ConfigError(
                f"the chat template of {self._model_name} refuses this conversation ({roles}): {error}"
            ) from error
        return escape.split(text)

    @cached_property
    def _template(self) -> jinja2.Template:
        return self._sandbox.from_string(self._source)

    @cached_property
    def _barred(self) -> re.Pattern[str]:
        return _any_of(self._special.control | self._special.added)

    @cached_property
    def _barred_in_answers(self) -> re.Pattern[str]:
        # What the assistant wrote may hold <think>, which its template looks for.
        return _any_of(self._special.control)


def _any_of(tokens: frozenset[str]) -> re.Pattern[str]:
    """Any of the texts, the longest that fits; some models have thousands, so it is compiled once."""
    longest_first = sorted(tokens, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or "(?!)")


class _Escape:
    """Replaces control tokens inside messages by marks, and the marks by literal segments.

    barred: matches them in all messages but the assistant's own, for which there is the other.
    The marks are private-use characters around a number drawn anew for each rendering, so no
    text can contain one.
    """

    def __init__(self, barred: re.Pattern[str], barred_in_answers: re.Pattern[str]) -> None:
        self._barred = barred
        self._barred_in_answers = barred_in_answers
        self._nonce = secrets.token_hex(8)
        self._literals: list[str] = []

    def protect(self, message: Message) -> str:
        barred = self._barred_in_answers if message.role == "assistant" else self._barred
        return barred.sub(self._mark, message.text)

    def split(self, text: str) -> tuple[Segment, ...]:
        if not self._literals:
            return (Segment(text),)
        parts = re.split(f"\ue000{self._nonce}:(\\d+)\ue001", text)
        segments = (
            Segment(self._literals[int(part)], is_literal=True) if index % 2 else Segment(part)
            for index, part in enumerate(parts)
        )
        return tuple(segment for segment in segments if segment.text)

    def _mark(self, match: re.Match[str]) -> str:
        self._literals.append(match.group())
        return f"\ue000{self._nonce}:{len(self._literals) - 1}\ue001"
