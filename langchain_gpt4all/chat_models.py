"""A local model as a LangChain chat model."""

from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar, TypeVar, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput, ModelProfile
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import get_config_list, get_executor_for_config
from langchain_protocol.protocol import MessagesData

from gpt4all_core.arguments import AnswerFields, GenerationFields, refuse_unknown
from gpt4all_core.asked_tools import ToolChoice, to_choice
from gpt4all_core.errors import ConfigError
from gpt4all_core.leash import ending_together, not_left_running
from langchain_gpt4all._asking import aask, answers_of, ask
from langchain_gpt4all._errors import langchain_errors
from langchain_gpt4all._events import EventWriter, message_id
from langchain_gpt4all._fields import ChatModelFields
from langchain_gpt4all._language_model import LocalLanguageModel
from langchain_gpt4all._messages import to_messages
from langchain_gpt4all._profile import LocalModelProfile
from langchain_gpt4all._results import AnswerWriter, ChunkWriter, to_chat_result
from langchain_gpt4all._structured_output import Method, call_parser, parsed, text_parser
from langchain_gpt4all._tools import (
    AnySchema,
    AnyTool,
    describe_response_format,
    describe_tools,
    to_response_format,
)
from langchain_gpt4all._typed_dicts import as_langchain_reads

T = TypeVar("T")

_MOST_THREADS = 64
"""A thread of `batch` only waits; the engine takes its next request from those that wait."""


class ChatGPT4All(ChatModelFields, LocalLanguageModel, BaseChatModel, extra="forbid"):
    """A private local model to talk to, in this process.

    Every argument has a default; `model` names another model than the default on this disk. The
    model is loaded at first use and shared: objects on one file have one copy of the weights, and
    whatever runs at once, from `batch`, threads or event loops, is decoded together.

        >>> with ChatGPT4All(model="smollm2-135m-instruct", temperature=0, max_tokens=8) as model:
        ...     reply = model.invoke("Say hello.")
        >>> reply.usage_metadata["output_tokens"] <= 8
        True

    A single call may give `model` and what there is to say about the answer, from `max_tokens` to
    `adapters`, in place of the object's own, and `tools`, `tool_choice`, `parallel_tool_calls` and
    `response_format`, which `bind_tools` and `with_structured_output` give for you; any other argument
    raises UnsupportedParameter. Leaving a stream early, cancelling the awaiting task or a timeout stops
    the model before its next token.

    Raises ConfigError (a ValueError) for impossible arguments; at first use ModelNotFound and
    ModelLoadError; for a prompt that does not fit ContextOverflow; after `timeout` seconds
    GenerationTimeout (a TimeoutError); EngineBusy when `max_waiting` requests wait already. The
    last three are also what LangChain calls them: ContextOverflowError, ModelTimeoutError,
    ModelRateLimitError. UnsupportedSchema for parameters and schemas that cannot be enforced.
    """

    streaming: bool = False
    """Let LangChain stream inside `invoke`, so that callbacks see every token."""

    _decisive: ClassVar[type[GenerationFields]] = AnswerFields

    def bind_tools(
        self,
        tools: Sequence[AnyTool],
        *,
        tool_choice: ToolChoice = None,
        parallel_tool_calls: bool | None = None,
        strict: bool | None = None,
        response_format: Any = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with functions that it may ask for; what it asks for fits their parameters.

        tools: LangChain's tools, functions, Pydantic classes of either version, TypedDicts, JSON
        Schemas with a title, or the dicts of OpenAI and Anthropic. May be empty.
        tool_choice: None or "auto" leaves it to the model; "any", "required" or True makes it call
        one, a name or a provider's dict that one; "none" forbids it.
        parallel_tool_calls: False allows one call an answer.
        strict: True also requires every parameter and allows no others, as OpenAI does.
        response_format: JSON that the model answers with if it calls nothing: a class, a JSON Schema
        or OpenAI's dicts. kwargs: what a call may give.

        Raises ConfigError for a choice that names none of the tools, UnsupportedParameter for tools
        that run at a provider.
        """
        described = describe_tools(tools, strict=strict)
        choice = to_choice(tool_choice, names=[tool["function"]["name"] for tool in described])
        bound: dict[str, Any] = {"tools": described, "tool_choice": choice} if described else {}
        if parallel_tool_calls is not None:
            bound["parallel_tool_calls"] = parallel_tool_calls
        if response_format is not None:
            bound["response_format"] = describe_response_format(response_format)
        return self.bind(**bound, **kwargs)

    def with_structured_output(
        self,
        schema: AnySchema | None = None,
        *,
        method: Method = "json_schema",
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """The model with answers that are objects of a schema, always.

        schema: a Pydantic class of either version, whose objects come out; a TypedDict, a
        JSON Schema or a tool's dict, for which dicts do.
        method: "json_schema" has the answer written as JSON, "function_calling" as the arguments of a
        call, "json_mode" as JSON too, of any form without a schema. The model is held to the schema
        while it writes, whichever it is, so they differ in what the model is shown.
        include_raw: give {"raw": the message, "parsed": …, "parsing_error": …}.
        strict: True also requires every property and allows no others, as OpenAI does.

        A stream yields the object as far as it is written: of a class once it is complete enough.
        """
        refuse_unknown(kwargs, ["schema", "method", "include_raw", "strict"], owner="with_structured_output")
        traced = {"kwargs": {"method": method, "strict": strict}, "schema": as_langchain_reads(schema)}
        if method == "function_calling":
            if schema is None:
                raise ConfigError("method='function_calling' needs a schema")
            [tool] = describe_tools([schema], strict=strict)
            name = tool["function"]["name"]
            answers = self.bind_tools(
                [tool], tool_choice=name, parallel_tool_calls=False, ls_structured_output_format=traced
            )
            return parsed(answers, call_parser(schema, name=name), include_raw=include_raw)
        if method not in ("json_schema", "json_mode"):
            raise ConfigError(f"method={method!r} is unknown; use json_schema, function_calling or json_mode")
        if schema is None and method == "json_schema":
            raise ConfigError("method='json_schema' needs a schema; json_mode does without one")
        answers = self.bind(
            response_format=to_response_format(schema, strict=strict),
            **({"ls_structured_output_format": traced} if schema is not None else {}),
        )
        return parsed(answers, text_parser(schema), include_raw=include_raw)

    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[AIMessage]:
        """Answers in the order of the inputs, decoded together: all at once unless
        `max_concurrency` in the config says less. The first error that is not to be returned, or
        Ctrl-C, stops all of them.
        """
        if not inputs:
            return []
        configs = get_config_list(config, len(inputs))
        for each in configs:
            # Left open, LangChain takes four threads more than there are processors.
            each["max_concurrency"] = each.get("max_concurrency") or min(len(inputs), _MOST_THREADS)
        one_by_one = super().batch

        def answer(number: int) -> AIMessage:
            one = slice(number, number + 1)
            [reply] = one_by_one(inputs[one], configs[one], return_exceptions=return_exceptions, **kwargs)
            return cast("AIMessage", reply)

        # LangChain's own way to use these threads waits, after an interrupt, for all that runs.
        with get_executor_for_config(configs[0]) as threads:
            return answers_of([partial(answer, number) for number in range(len(inputs))], threads)

    async def abatch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[AIMessage]:
        """The same for an event loop."""
        with ending_together():
            return await super().abatch(inputs, config, return_exceptions=return_exceptions, **kwargs)

    def get_num_tokens_from_messages(
        self,
        messages: list[BaseMessage],
        tools: Sequence[AnyTool] | None = None,
        *,
        tool_choice: ToolChoice = None,
    ) -> int:
        """Tokens of the prompt as `invoke` would send it, template and tools included. Loads the model.

        tool_choice: as for `bind_tools`; models whose template knows no tools are told of it.
        """
        call = self._merged(None, {"tools": tools, "tool_choice": tool_choice})
        return self._chat_model(self.model).count_message_tokens(
            to_messages(messages), tool_use=call.tool_use, reasoning=call.reasoning
        )

    @property
    def _llm_type(self) -> str:
        return "gpt4all-chat"

    def _resolve_model_profile(self) -> ModelProfile:
        profile: Any = LocalModelProfile(self._recipe(self.model))
        return cast("ModelProfile", profile)

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        # What LangChain takes for a model that can be serialised says its arguments, but not which
        # file they mean, and is kept where an object is copied with another argument.
        known_by = super()._get_llm_string(stop, **kwargs)
        return f"{known_by}---{sorted(self._identifying_params.items())}"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain reports the result itself
        **kwargs: Any,
    ) -> ChatResult:
        call = self._merged(stop, kwargs)
        model = self._chat_model(call.model)
        with langchain_errors(), not_left_running(ask(model, messages, call)) as reply:
            return to_chat_result(reply.result(), model_name=model.name)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - as in _generate
        **kwargs: Any,
    ) -> ChatResult:
        call = self._merged(stop, kwargs)
        model = await self._achat_model(call.model)
        with langchain_errors(), not_left_running(await aask(model, messages, call)) as reply:
            return to_chat_result(await reply.aresult(), model_name=model.name)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain reports the chunks itself
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        return self._written(ChunkWriter(as_blocks=self.output_version == "v1"), messages, stop, kwargs)

    def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - as in _stream
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        return self._awritten(ChunkWriter(as_blocks=self.output_version == "v1"), messages, stop, kwargs)

    def _stream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        *,
        run_manager: CallbackManagerForLLMRun,
        **kwargs: Any,
    ) -> Iterator[MessagesData]:
        return self._written(EventWriter(message_id=message_id(run_manager)), messages, stop, kwargs)

    def _astream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        *,
        run_manager: AsyncCallbackManagerForLLMRun,
        **kwargs: Any,
    ) -> AsyncIterator[MessagesData]:
        return self._awritten(EventWriter(message_id=message_id(run_manager)), messages, stop, kwargs)

    def _written(
        self,
        writer: AnswerWriter[T],
        messages: list[BaseMessage],
        stop: list[str] | None,
        given: dict[str, Any],
    ) -> Iterator[T]:
        """An answer as a writer writes it down."""
        call = self._merged(stop, given)
        model = self._chat_model(call.model)
        with langchain_errors(), not_left_running(ask(model, messages, call)) as reply:
            yield from writer.begin(model_name=model.name)
            for event in reply.events:
                yield from writer.write(event)
            yield from writer.end(reply.result(), model_name=model.name)

    async def _awritten(
        self,
        writer: AnswerWriter[T],
        messages: list[BaseMessage],
        stop: list[str] | None,
        given: dict[str, Any],
    ) -> AsyncIterator[T]:
        call = self._merged(stop, given)
        model = await self._achat_model(call.model)
        with langchain_errors(), not_left_running(await aask(model, messages, call)) as reply:
            for written in writer.begin(model_name=model.name):
                yield written
            async for event in reply.events:
                for written in writer.write(event):
                    yield written
            for written in writer.end(await reply.aresult(), model_name=model.name):
                yield written
