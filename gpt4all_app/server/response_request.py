"""A request of OpenAI's responses API, and what the core is asked for it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from gpt4all_app.server.chat_messages import (
    DATA_ADDRESS,
    InputText,
    OutputText,
    SpokenText,
    TextPart,
    image_bytes,
)
from gpt4all_app.server.chat_request import ChatQuestion, ReasoningEffort, to_reasoning
from gpt4all_app.server.localdocs_facts import LocalDocsFacts
from gpt4all_app.server.requests import MOST_MESSAGES, TextRequest, TolerantRequest
from gpt4all_core.asked_tools import described_schema, described_tool_use
from gpt4all_core.engine.sampling.params import MOST_TOP_LOGPROBS
from gpt4all_core.errors import ConfigError
from gpt4all_core.types import Image, Message, Role, ToolCall


class InputImage(TolerantRequest):
    """A picture as a `data:` address; nothing is fetched."""

    type: Literal["input_image"]
    image_url: str = Field(json_schema_extra=DATA_ADDRESS)


class Refusal(TolerantRequest):
    type: Literal["refusal"]
    refusal: str


InputPart = Annotated[TextPart | InputText | OutputText | InputImage | Refusal, Field(discriminator="type")]


class InputMessage(TolerantRequest):
    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[InputPart]


class InputCall(TolerantRequest):
    """A call that an earlier response asked for."""

    type: Literal["function_call"]
    call_id: str
    name: str = Field(min_length=1)
    arguments: str


class InputResult(TolerantRequest):
    """What that call gave."""

    type: Literal["function_call_output"]
    call_id: str
    output: str | list[InputPart]


class ThoughtText(TolerantRequest):
    type: Literal["reasoning_text"]
    text: str


class InputThoughts(TolerantRequest):
    """What an earlier response thought."""

    type: Literal["reasoning"]
    content: list[ThoughtText] = Field(default_factory=list)


def _kind(item: Any) -> str:
    """Messages may leave their type out."""
    kind = item.get("type") if isinstance(item, Mapping) else getattr(item, "type", None)
    return str(kind or "message")


InputItem = Annotated[
    Annotated[InputMessage, Tag("message")]
    | Annotated[InputCall, Tag("function_call")]
    | Annotated[InputResult, Tag("function_call_output")]
    | Annotated[InputThoughts, Tag("reasoning")],
    Discriminator(_kind),
]


class FunctionToolFacts(TolerantRequest):
    """A function; OpenAI's own tools, as its web search, are not here."""

    type: Literal["function"]
    name: str = Field(min_length=1)
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    strict: bool = True


class NamedTool(TolerantRequest):
    type: Literal["function"]
    name: str


class TextFormat(TolerantRequest):
    type: Literal["text", "json_object", "json_schema"]
    name: str = ""
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")
    strict: bool = True


class TextOptions(TolerantRequest):
    format: TextFormat = TextFormat(type="text")


class ReasoningOptions(TolerantRequest):
    effort: ReasoningEffort | None = None


class ResponseRequest(TextRequest):
    """What `/v1/responses` is asked. Nothing is stored: every request brings the whole conversation."""

    refused: ClassVar[Mapping[str, str]] = {
        "previous_response_id": "nothing is stored; send the whole conversation as input",
        "conversation": "nothing is stored; send the whole conversation as input",
        "background": "nothing is stored; stream the answer",
        "prompt": "no prompts are stored; send instructions",
    }

    input: (
        Annotated[str, Field(min_length=1)]
        | Annotated[list[InputItem], Field(min_length=1, max_length=MOST_MESSAGES)]
    )
    instructions: str | None = None
    max_output_tokens: int | None = Field(default=None, gt=0)
    n: int = Field(default=1, ge=1, le=1)
    top_logprobs: int | None = Field(default=None, ge=0, le=MOST_TOP_LOGPROBS)
    tools: list[FunctionToolFacts] = Field(default_factory=list)
    tool_choice: Literal["auto", "none", "required"] | NamedTool = "auto"
    parallel_tool_calls: bool = True
    text: TextOptions = TextOptions()
    reasoning: ReasoningOptions = ReasoningOptions()
    localdocs: LocalDocsFacts | None = None
    """Answer from the server's documents."""


def to_question(request: ResponseRequest) -> ChatQuestion:
    """What the core is asked. Raises ConfigError for parts that contradict each other."""
    choice, written = request.tool_choice, request.text.format
    if written.type == "json_schema" and written.schema_ is None:
        raise ConfigError("text.format has no schema; give its name and schema")
    schema = described_schema(written.model_dump(by_alias=True, exclude_none=True))
    return ChatQuestion(
        tuple(_messages(request)),
        request.params(
            max_tokens=request.max_output_tokens or request.max_tokens, top_logprobs=request.top_logprobs
        ),
        described_tool_use(
            [{"function": tool.model_dump()} for tool in request.tools],
            choice=choice.name if isinstance(choice, NamedTool) else choice,
            is_parallel=request.parallel_tool_calls,
        ),
        {} if schema is None else {"schema": schema},
        to_reasoning(request.reasoning.effort),
    )


def _messages(request: ResponseRequest) -> Iterator[Message]:
    if request.instructions is not None:
        yield Message("system", request.instructions)
    if isinstance(request.input, str):
        yield Message("user", request.input)
    else:
        yield from _turns(request.input)


def _turns(items: Sequence[Any]) -> Iterator[Message]:
    """Thoughts, text and calls that follow each other are one turn of the assistant."""
    names: dict[str, str] = {}
    turn = _AssistantTurn()
    for item in items:
        match item:
            case InputThoughts():
                turn.thoughts += "".join(part.text for part in item.content)
            case InputMessage(role="assistant"):
                turn.text += _text(item.content)
            case InputCall():
                names[item.call_id] = item.name
                turn.calls.append(ToolCall(item.call_id, item.name, item.arguments))
            case InputMessage():
                yield from turn.end()
                turn = _AssistantTurn()
                role: Role = "user" if item.role == "user" else "system"
                yield Message(role, _content(item.content))
            case InputResult():
                yield from turn.end()
                turn = _AssistantTurn()
                called = names.get(item.call_id)
                yield Message("tool", _content(item.output), tool_call_id=item.call_id, name=called)
    yield from turn.end()


class _AssistantTurn:
    def __init__(self) -> None:
        self.text = ""
        self.thoughts = ""
        self.calls: list[ToolCall] = []

    def end(self) -> Iterator[Message]:
        if self.text or self.calls:
            yield Message("assistant", self.text or None, tuple(self.calls), reasoning=self.thoughts or None)


def _text(content: str | list[Any]) -> str:
    found = _content(content)
    if not isinstance(found, str):
        raise ConfigError("an assistant's message holds a picture; only users and tools send any")
    return found


def _content(content: str | list[Any]) -> str | tuple[str | Image, ...]:
    if isinstance(content, str):
        return content
    parts = [_part(part) for part in content]
    texts = [part for part in parts if isinstance(part, str)]
    return "".join(texts) if len(texts) == len(parts) else tuple(parts)


def _part(part: SpokenText | InputImage | Refusal) -> str | Image:
    match part:
        case SpokenText():
            return part.text
        case InputImage():
            return Image(image_bytes(part.image_url))
        case Refusal():
            return part.refusal
