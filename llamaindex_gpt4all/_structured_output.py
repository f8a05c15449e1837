"""Answers that are objects of a Pydantic class."""

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import aclosing, closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic

from llama_index.core.base.llms.types import ChatResponse, ChatResponseAsyncGen, ChatResponseGen
from llama_index.core.program.function_program import get_function_tool
from llama_index.core.program.utils import FlexibleModel, create_flexible_model
from llama_index.core.types import Model
from pydantic import ValidationError

from llamaindex_gpt4all._errors import NoToolCall
from llamaindex_gpt4all._partial_json import json_so_far
from llamaindex_gpt4all._tools import describe_tools, to_response_format, to_selections

_SAID_BY_THE_FORM = frozenset({"tool_required", "tool_choice", "allow_parallel_tool_calls"})
"""What LlamaIndex's own programs drop from `llm_kwargs`, too: programs for several providers pass it,
and one object must come in any case."""


@dataclass(frozen=True)
class ObjectForm(Generic[Model]):
    """How objects of a class are asked for and read.

    is_call: as the arguments of a call, instead of as an answer in JSON. The model is held to the
    class's schema while it writes either.
    """

    output_cls: type[Model]
    is_call: bool

    def asking(self, llm_kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
        """What a call of a chat method gives; `llm_kwargs` stay as they are."""
        own = {name: value for name, value in (llm_kwargs or {}).items() if name not in _SAID_BY_THE_FORM}
        if not self.is_call:
            return own | {"response_format": to_response_format(self.output_cls)}
        [tool] = describe_tools([get_function_tool(self.output_cls)])
        choice = tool["function"]["name"]
        return own | {"tools": [tool], "tool_choice": choice, "parallel_tool_calls": False}

    def read(self, response: ChatResponse) -> Model:
        """The object of a whole answer. Raises ValueError, as the class does, for what it refuses."""
        if not self.is_call:
            return self.output_cls.model_validate_json(response.message.content or "")
        calls = to_selections(response.message)
        if not calls:
            raise NoToolCall(response.message.content or "")
        return self.output_cls.model_validate(calls[0].tool_kwargs)

    def value_so_far(self, response: ChatResponse) -> Any:
        """The JSON value that is there already; None for nothing."""
        if not self.is_call:
            return json_so_far(response.message.content or "")
        return next((call.tool_kwargs for call in to_selections(response.message)), None)

    def object_so_far(self, value: Any) -> Model | FlexibleModel:
        """An object of the class if the value makes one, else with any fields, those to come None."""
        try:
            return self.output_cls.model_validate(value)
        except ValidationError:
            fields = value if isinstance(value, Mapping) else {"root": value}
            return self._flexible.model_validate(fields)

    @cached_property
    def _flexible(self) -> type[FlexibleModel]:
        return create_flexible_model(self.output_cls)


def objects(
    responses: ChatResponseGen, form: ObjectForm[Model]
) -> Generator[Model | FlexibleModel, None, None]:
    """The object as it grows, whenever it did; at last the whole one.

    Closing it stops the model. Raises what `ObjectForm.read` does.
    """
    known = last = None
    with closing(responses):
        for last in responses:
            value = form.value_so_far(last)
            if value not in (None, known):
                known = value
                yield form.object_so_far(value)
    if last is not None:
        yield form.read(last)


async def aobjects(
    responses: ChatResponseAsyncGen, form: ObjectForm[Model]
) -> AsyncGenerator[Model | FlexibleModel, None]:
    """The same for an event loop."""
    known = last = None
    async with aclosing(responses):
        async for last in responses:
            value = form.value_so_far(last)
            if value not in (None, known):
                known = value
                yield form.object_so_far(value)
    if last is not None:
        yield form.read(last)
