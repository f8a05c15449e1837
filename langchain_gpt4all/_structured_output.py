"""What turns a model's answer into objects."""

from operator import itemgetter
from typing import Any, Literal

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import BaseOutputParser, JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.pydantic import is_basemodel_subclass

from langchain_gpt4all._tools import AnySchema

Method = Literal["json_schema", "function_calling", "json_mode"]
Answers = Runnable[LanguageModelInput, AIMessage]


def text_parser(schema: AnySchema | None) -> BaseOutputParser[Any]:
    """Reads an answer that is JSON; streams what is there of it already."""
    if _is_pydantic(schema):
        return PydanticOutputParser(pydantic_object=schema)
    return JsonOutputParser()


def call_parser(schema: AnySchema, *, name: str) -> BaseOutputParser[Any]:
    """Reads the arguments of the call of this name."""
    if _is_pydantic(schema):
        return PydanticToolsParser(tools=[schema], first_tool_only=True)
    return JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)


def parsed(
    answers: Answers, parser: BaseOutputParser[Any], *, include_raw: bool
) -> Runnable[LanguageModelInput, Any]:
    """The parser's objects, or with `include_raw` {"raw": …, "parsed": …, "parsing_error": …}."""
    if not include_raw:
        return answers | parser
    with_object = RunnablePassthrough.assign(
        parsed=itemgetter("raw") | parser, parsing_error=lambda _raw: None
    )
    without = RunnablePassthrough.assign(parsed=lambda _raw: None)
    return RunnableMap(raw=answers) | with_object.with_fallbacks([without], exception_key="parsing_error")


def _is_pydantic(schema: object) -> bool:
    return isinstance(schema, type) and is_basemodel_subclass(schema)
