"""What a conversation asks of the server's documents, and what cannot be asked together with them. Pure."""

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from gpt4all_app.server.chat_request import ChatQuestion
from gpt4all_app.server.localdocs_facts import LocalDocsFacts
from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.types import GenerationParams, Message, Reasoning
from gpt4all_localdocs.types import AnswerMode

_PARAMS: Final = frozenset(field.name for field in fields(GenerationParams)) - {"logprobs", "top_logprobs"}


@dataclass(frozen=True, slots=True)
class DocumentQuestion:
    """A question to documents.

    instructions: what system messages say. history: what was said before. chosen: the sampling options that
    the request names; the others are those of answers from documents, which are greedy.
    """

    question: str
    history: tuple[Message, ...]
    instructions: str
    chosen: dict[str, Any]
    reasoning: Reasoning
    collections: tuple[str, ...]
    k: int | None
    mode: AnswerMode | None
    min_score: float | None

    def params(self, defaults: GenerationParams) -> GenerationParams | None:
        """How to generate; None for the defaults."""
        return replace(defaults, **self.chosen) if self.chosen else None


def to_document_question(
    question: ChatQuestion, asked: LocalDocsFacts, *, named: Collection[str]
) -> DocumentQuestion:
    """The same question, to documents. named: the keys that the request has.

    Raises UnsupportedParameter for what has no meaning then, ConfigError for a conversation that does not end
    with a question.
    """
    _check_meaningful(question)
    chosen = {name: getattr(question.params, name) for name in _PARAMS & set(named)}
    if question.params.max_tokens is not None:
        chosen["max_tokens"] = question.params.max_tokens
    spoken = [message for message in question.messages if message.role != "system"]
    if not spoken or spoken[-1].role != "user" or not spoken[-1].text.strip():
        raise ConfigError("the last message has to be the user's question, to have documents answer it")
    told = [message.text for message in question.messages if message.role == "system"]
    return DocumentQuestion(
        spoken[-1].text,
        tuple(spoken[:-1]),
        "\n\n".join(told),
        chosen,
        question.reasoning,
        tuple(asked.collections),
        asked.k,
        asked.answer_mode,
        asked.min_score,
    )


def _check_meaningful(question: ChatQuestion) -> None:
    refused = {
        "tools": (question.tool_use is not None, "to let a model search, offer it a tool over /v1/chunks"),
        "response_format": ("schema" in question.rule, "the answer is text with marks for its sources"),
        "structured_outputs": (bool(question.rule), "the answer is text with marks for its sources"),
        "n": (question.count > 1, "ask several times"),
        "logprobs": (question.params.logprobs, "leave them out"),
    }
    for name, (is_asked, remedy) in refused.items():
        if is_asked:
            raise UnsupportedParameter(f"{name} cannot be used with localdocs; {remedy}")
    for message in question.messages:
        if message.media:
            raise UnsupportedParameter("pictures cannot be asked about with localdocs; leave them out")
        if message.role == "tool" or message.tool_calls:
            raise UnsupportedParameter("calls of tools cannot be part of a conversation with localdocs")
