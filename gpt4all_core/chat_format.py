"""How one model is talked to: what it is sent, what rules its answer, and how the answer is read."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gpt4all_core.begun_answer import begin_answer, check_can_be_begun, take_begun_answer
from gpt4all_core.chat.dialect import Dialect
from gpt4all_core.chat.output_grammar import output_grammar
from gpt4all_core.chat.template import ChatTemplate, Rendered, Segment
from gpt4all_core.chat.text_states import TextStates
from gpt4all_core.chat.tool_formats.markers import quoted
from gpt4all_core.chat.tool_formats.offered import callable_tools
from gpt4all_core.chat.tool_formats.protocol import AnswerFormat
from gpt4all_core.chat_reply import AnswerReader, call_ids
from gpt4all_core.check_tools import check_reasoning, check_tools, enforceable_tools
from gpt4all_core.errors import ConfigError
from gpt4all_core.open_model import PromptFacts
from gpt4all_core.tool_rounds import tools_left, withheld_tools
from gpt4all_core.types import AS_THE_MODEL_LIKES, Message, Reasoning, ToolUse


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What is asked of a model: a conversation, and what its answer may be.

    answer: a Lark grammar of what is said; "" for any text. prefill: the beginning of the answer,
    which the model is made to believe it wrote; "" takes what the conversation ends with, if the
    assistant said it.
    """

    messages: tuple[Message, ...]
    tool_use: ToolUse | None = None
    reasoning: Reasoning = AS_THE_MODEL_LIKES
    answer: str = ""
    prefill: str = ""


@dataclass(frozen=True, slots=True)
class PreparedChat:
    """The same as the engine takes it.

    rule: a Lark grammar of the whole answer, thoughts and calls included; None where the answer's own
    will do. markers: texts of special tokens that have to be seen in the answer. withheld_tools: names
    of those that the prompt has and the answer may not call any more.
    """

    segments: tuple[Segment, ...]
    rule: str | None
    reader: AnswerReader
    markers: frozenset[str] = field(default_factory=frozenset)
    withheld_tools: tuple[str, ...] = ()


class ChatFormat:
    """The template of one model, and what is known of its answers. Thread-safe.

    tokenize: a text in which special tokens are to be read. Raises ConfigError for a model without a
    chat template.
    """

    def __init__(self, facts: PromptFacts, *, model_name: str, tokenize: Callable[[str], list[int]]) -> None:
        if facts.chat_template is None:
            raise ConfigError(
                f"{model_name} has no chat template, so it cannot hold a conversation;"
                " use complete(), or a model whose name ends in -instruct or -chat"
            )
        self._tokenize = tokenize
        self._special = facts.special
        self._ids: dict[str, int | None] = {}
        self._template = ChatTemplate(
            facts.chat_template,
            others=facts.other_templates,
            special=facts.special,
            model_name=model_name,
        )

    def dialect(self, *, has_tools: bool) -> Dialect:
        """How the model writes calls and thoughts, and where that is known from."""
        return self._template.dialect(has_tools=has_tools)

    def render(self, request: ChatRequest) -> Rendered:
        """The prompt. Raises ConfigError where the template refuses it or the tools make no sense."""
        check_tools(request.tool_use)
        check_reasoning(request.reasoning)
        messages, begun = (request.messages, "") if request.prefill else take_begun_answer(request.messages)
        try:
            rendered = self._template.render(
                messages,
                tools=request.tool_use,
                reasoning_on=request.reasoning.is_on,
                accepts_media=True,  # whether the model does was found out when they were read
            )
        except RecursionError as error:
            raise ConfigError(
                "a tool's parameters are nested too deeply to be written; flatten them"
            ) from error
        if begun:
            check_can_be_begun(rendered.dialect)
        prefill = request.prefill or begun
        return begin_answer(rendered, self._template.as_text(prefill)) if prefill else rendered

    def prepare(self, request: ChatRequest) -> PreparedChat:
        """Raises what `render` does, and UnsupportedSchema for parameters that cannot be enforced."""
        rendered = self.render(request)
        asked = request.tool_use
        # The prompt keeps all tools: it would not begin as the last one did, and be decoded anew.
        tool_use = None if asked is None else tools_left(asked, request.messages)
        dialect = rendered.dialect
        rule = None
        if not request.answer or callable_tools(tool_use) or _surrounds(dialect):
            rule = output_grammar(
                dialect,
                None if tool_use is None else enforceable_tools(tool_use),
                reasoning=request.reasoning,
                opens_thought=rendered.opens_thought,
                answer=f"%lark {{\n{request.answer}\n}}" if request.answer else None,
                # A tool may be named like one of the other special tokens, and must not write it.
                spell=lambda text: self._spell(text) if text in dialect.markers else quoted(text),
            )
        return PreparedChat(
            rendered.segments,
            rule,
            TextStates(dialect, tool_use, opens_thought=rendered.opens_thought, new_id=call_ids()),
            dialect.markers,
            () if asked is None or tool_use is None else withheld_tools(asked, tool_use),
        )

    def token_ids(self, texts: Iterable[str]) -> list[int]:
        """Of those texts that are special tokens of this model."""
        return [token for text in texts if (token := self._token_id(text)) is not None]

    def _spell(self, marker: str) -> str:
        token = self._token_id(marker)
        return quoted(marker) if token is None else f"<[{token}]>"

    def _token_id(self, text: str) -> int | None:
        if text not in self._ids:
            # Added tokens of another form are text to the grammars' vocabulary too.
            is_special = text in self._special.control or (
                text in self._special.added and text.startswith("<") and text.endswith(">")
            )
            tokens = self._tokenize(text) if is_special else []
            self._ids[text] = tokens[0] if len(tokens) == 1 else None
        return self._ids[text]


def _surrounds(dialect: Dialect) -> bool:
    """Whether something may stand before or after what is said."""
    return bool(dialect.reasoning or dialect.wrappers or isinstance(dialect.tools, AnswerFormat))
