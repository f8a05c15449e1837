"""A request for a chat completion, and what the core is asked for it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, Field, model_validator

from gpt4all_app.server.chat_messages import ChatMessage, to_messages
from gpt4all_app.server.localdocs_facts import LocalDocsFacts
from gpt4all_app.server.requests import MOST_MESSAGES, MOST_TEXTS, TextRequest, TolerantRequest
from gpt4all_core.asked_tools import described_schema, described_tool_use
from gpt4all_core.engine.sampling.params import MOST_TOP_LOGPROBS
from gpt4all_core.errors import ConfigError
from gpt4all_core.types import AS_THE_MODEL_LIKES, GenerationParams, JsonSchema, Message, Reasoning, ToolUse

ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

_THOUGHT_TOKENS = {"minimal": 128, "low": 512, "medium": 2048}
"""Most tokens of thought for an effort; local models know no efforts. Above these none is set."""


class FunctionFacts(TolerantRequest):
    name: str = Field(min_length=1)
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    strict: bool = False
    """Without effect: calls fit their parameters in any case."""


class FunctionTool(TolerantRequest):
    type: Literal["function"]
    function: FunctionFacts


class NamedFunction(BaseModel):
    name: str


class NamedChoice(TolerantRequest):
    type: Literal["function"]
    function: NamedFunction


class SchemaFacts(TolerantRequest):
    name: str = ""
    description: str = ""
    schema_: dict[str, Any] = Field(default_factory=dict, alias="schema")
    strict: bool = True
    """Without effect: answers fit their schema in any case."""


class ResponseFormat(TolerantRequest):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: SchemaFacts | None = None


class StructuredOutputs(TolerantRequest):
    """A rule for the answer's text, by vLLM's names; one of them.

    json: a JSON Schema. regex: all of the text matches. choice: one of these texts. grammar: a sentence of a
    Lark grammar, as llguidance reads them.
    """

    json_: dict[str, Any] | None = Field(default=None, alias="json")
    regex: str | None = Field(default=None, min_length=1)
    choice: list[str] | None = Field(default=None, min_length=1, max_length=MOST_TEXTS)
    grammar: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _say_one(self) -> Self:
        unknown = ", ".join(self.model_extra or {})
        if unknown or len(self.rule) != 1:
            raise ValueError(
                f"{unknown or f'{len(self.rule)} rules'} cannot be held to;"
                " give one of json, regex, choice and grammar"
            )
        return self

    @property
    def rule(self) -> dict[str, Any]:
        """The same as the arguments of `constrain`."""
        given = {"schema": self.json_, "regex": self.regex, "choices": self.choice, "lark": self.grammar}
        return {name: rule for name, rule in given.items() if rule is not None}


class ChatCompletionRequest(TextRequest):
    """What `/v1/chat/completions` is asked. All of `gpt4all_core.GenerationParams` may be given beside it."""

    refused: ClassVar[Mapping[str, str]] = {
        "functions": "give tools",
        "function_call": "give tool_choice",
        "audio": "local models answer in text",
        "web_search_options": "nothing is searched in the network",
    }

    messages: list[ChatMessage] = Field(min_length=1, max_length=MOST_MESSAGES)
    max_completion_tokens: int | None = Field(default=None, gt=0)
    """The same as `max_tokens`, by its newer name; thoughts are among them."""

    logprobs: bool = False
    top_logprobs: int = Field(default=0, ge=0, le=MOST_TOP_LOGPROBS)
    tools: list[FunctionTool] = Field(default_factory=list)
    tool_choice: Literal["auto", "none", "required"] | NamedChoice = "auto"
    parallel_tool_calls: bool = True
    response_format: ResponseFormat = ResponseFormat(type="text")
    structured_outputs: StructuredOutputs | None = None
    """Another rule for the answer than JSON, by vLLM's key."""

    reasoning_effort: ReasoningEffort | None = None
    thinking_budget_tokens: int | None = Field(default=None, ge=0)
    """Most tokens of thought, by llama-server's key, in place of those of the effort."""

    modalities: list[Literal["text"]] = Field(default_factory=list)
    """Text is all that comes out."""

    localdocs: LocalDocsFacts | None = None
    """Answer from the server's documents."""


@dataclass(frozen=True, slots=True)
class ChatQuestion:
    """What a model is asked. rule: that the answer keeps to, as `constrain` takes it; {} for any text."""

    messages: tuple[Message, ...]
    params: GenerationParams
    tool_use: ToolUse | None = None
    rule: Mapping[str, Any] = field(default_factory=dict)
    reasoning: Reasoning = AS_THE_MODEL_LIKES
    count: int = 1

    def choice(self, number: int) -> GenerationParams:
        """The params of one of several answers: each has the next seed."""
        seed = self.params.seed
        return self.params if seed is None else replace(self.params, seed=seed + number)


def to_question(request: ChatCompletionRequest) -> ChatQuestion:
    """What the core is asked. Raises ConfigError for parts that contradict each other."""
    if request.top_logprobs and not request.logprobs:
        raise ConfigError("top_logprobs needs logprobs: true")
    choice = request.tool_choice
    return ChatQuestion(
        tuple(to_messages(request.messages)),
        request.params(
            max_tokens=_most_tokens(request),
            top_logprobs=request.top_logprobs if request.logprobs else None,
        ),
        described_tool_use(
            [{"function": tool.function.model_dump()} for tool in request.tools],
            choice=choice.function.name if isinstance(choice, NamedChoice) else choice,
            is_parallel=request.parallel_tool_calls,
        ),
        _rule(request),
        _reasoning(request),
        request.n,
    )


def to_reasoning(effort: ReasoningEffort | None) -> Reasoning:
    """How much may be thought."""
    if effort is None:
        return AS_THE_MODEL_LIKES
    if effort == "none":
        return Reasoning(is_on=False)
    return Reasoning(is_on=True, budget=_THOUGHT_TOKENS.get(effort))


def _most_tokens(request: ChatCompletionRequest) -> int | None:
    older, newer = request.max_tokens, request.max_completion_tokens
    if None not in (older, newer) and older != newer:
        raise ConfigError(f"max_tokens={older} and max_completion_tokens={newer} say two things; give one")
    return older if newer is None else newer


def _reasoning(request: ChatCompletionRequest) -> Reasoning:
    reasoning = to_reasoning(request.reasoning_effort)
    budget = request.thinking_budget_tokens
    return reasoning if budget is None else replace(reasoning, budget=budget)


def _rule(request: ChatCompletionRequest) -> dict[str, Any]:
    schema = _schema(request.response_format)
    if request.structured_outputs is None:
        return {} if schema is None else {"schema": schema}
    if schema is not None:
        raise ConfigError("response_format and structured_outputs are two rules for one answer; give one")
    return request.structured_outputs.rule


def _schema(response_format: ResponseFormat) -> JsonSchema | None:
    if response_format.type == "json_schema" and response_format.json_schema is None:
        raise ConfigError("response_format has no json_schema; give its name and schema")
    return described_schema(response_format.model_dump(by_alias=True, exclude_none=True))
