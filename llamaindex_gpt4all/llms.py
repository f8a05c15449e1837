"""A local model as a LlamaIndex LLM."""

from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from typing import Any

from llama_index.core import Settings
from llama_index.core.base.llms.generic_utils import messages_to_prompt as default_messages_to_prompt
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.constants import DEFAULT_NUM_OUTPUTS
from llama_index.core.indices.prompt_helper import ChatPromptHelper, PromptHelper
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]  # re-exported
from llama_index.core.instrumentation.events.llm import (
    LLMStructuredPredictEndEvent,
    LLMStructuredPredictStartEvent,
)
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection, default_completion_to_prompt
from llama_index.core.program.utils import FlexibleModel
from llama_index.core.prompts import PromptTemplate
from llama_index.core.types import Model, PydanticProgramMode
from pydantic import BaseModel

from gpt4all_core.arguments import refuse_unknown
from gpt4all_core.asked_tools import ToolChoice, to_choice
from gpt4all_core.errors import ConfigError, UnsupportedParameter
from llamaindex_gpt4all._asking import Question, aanswer, answer, astream, stream
from llamaindex_gpt4all._errors import NoToolCall
from llamaindex_gpt4all._fields import ChatModelFields
from llamaindex_gpt4all._header import has_chat_template
from llamaindex_gpt4all._leash import astops_when_left, stops_when_left
from llamaindex_gpt4all._results import to_completion_response
from llamaindex_gpt4all._structured_output import ObjectForm, aobjects, objects
from llamaindex_gpt4all._tools import AnyTool, describe_tools, to_selections

_dispatcher = get_dispatcher(__name__)


def _as_it_is(response: ChatResponse) -> ChatResponse:
    return response


class GPT4All(FunctionCallingLLM, ChatModelFields):
    """A private local model for chat, tools, structured output and completion, in this process.

    Every argument has a default; `model` names another model than the default on this disk. The
    model is loaded at first use and shared: objects on one file have one copy of the weights, and
    whatever runs at once, from threads or event loops, is decoded together.

        >>> with GPT4All(model="smollm2-135m-instruct", temperature=0, max_tokens=8) as llm:
        ...     response = llm.complete("Say hello.")
        >>> response.additional_kwargs["completion_tokens"] <= 8
        True

    Conversations are rendered by the model's own template, and the prompt of a completion is sent
    as one user message; `formatted=True` sends it as it stands. A `messages_to_prompt` or
    `completion_to_prompt` of your own takes the template's place.

    Tool calls and objects of `structured_predict` are valid by construction: the model is held to
    the schema while it writes. `pydantic_program_mode` decides whether an object is asked for as an
    answer (DEFAULT), as a call (FUNCTION) or in the words of LlamaIndex's prompt, unheld (LLM).

    A single call may give any argument about the answer (`max_tokens` to `top_logprobs` in the
    signature) in place of the object's own, and `tools`, `tool_choice`, `parallel_tool_calls` and
    `response_format`; any other argument raises UnsupportedParameter. Leaving a stream early,
    cancelling the awaiting task or a timeout stops the model before its next token.

    Raises ConfigError (a ValueError) for impossible arguments; at first use ModelNotFound and
    ModelLoadError; for a prompt that does not fit ContextOverflow; after `timeout` seconds
    GenerationTimeout (a TimeoutError); EngineBusy when `max_waiting` requests wait already.
    """

    @classmethod
    def class_name(cls) -> str:
        return "GPT4All_llm"

    @property
    def metadata(self) -> LLMMetadata:
        """What LlamaIndex plans with. Finds the model's file and reads its header, or asks its address once;
        does not load it.
        """
        model = self._chat_model(self.model)
        can_talk = self.base_url is not None or has_chat_template(self._file(self.model))
        return LLMMetadata(
            context_window=model.context_size,
            num_output=self.max_tokens or DEFAULT_NUM_OUTPUTS,
            is_chat_model=can_talk or self._own_messages_to_prompt is not None,
            is_function_calling_model=can_talk and self._own_messages_to_prompt is None,
            model_name=model.name,
        )

    def to_payload(self) -> dict[str, Any]:
        """What traces are told at every call; does not touch the disk and names no folder."""
        return {
            "class_name": self.class_name(),
            "model_name": self._label(self.model),
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
        }

    def as_tokenizer(self) -> Callable[[str], list[int]]:
        """What gives the ids of a text's tokens in the model's own vocabulary, for `Settings.tokenizer`,
        splitters, memories and TokenCountingHandler. Loads the model at its first text. Behind an address
        whose server tells no ids they are numbers, as many as there are tokens.
        """
        return self._token_ids

    def use_as_default(self) -> None:
        """Have `Settings` take this model, its tokenizer, and its window for fitting prompts."""
        Settings.llm = self
        Settings.tokenizer = tokenizer = self.as_tokenizer()
        Settings.prompt_helper = PromptHelper.from_llm_metadata(self.metadata, tokenizer=tokenizer)
        Settings.chat_prompt_helper = ChatPromptHelper.from_llm_metadata(self.metadata, tokenizer=tokenizer)

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        question = self._chat_question(messages, kwargs)
        return answer(self._chat_model(self.model), question, _as_it_is)

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        question = self._chat_question(messages, kwargs)
        return await aanswer(await self._achat_model(self.model), question, _as_it_is)

    @stops_when_left
    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        question = self._chat_question(messages, kwargs)
        return stream(self._chat_model(self.model), question, _as_it_is)

    @astops_when_left
    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        question = self._chat_question(messages, kwargs)
        return await astream(await self._achat_model(self.model), question, _as_it_is)

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        question = self._completion_question(prompt, kwargs, formatted=formatted)
        return answer(self._chat_model(self.model), question, to_completion_response)

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        question = self._completion_question(prompt, kwargs, formatted=formatted)
        return await aanswer(await self._achat_model(self.model), question, to_completion_response)

    @stops_when_left
    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        question = self._completion_question(prompt, kwargs, formatted=formatted)
        return stream(self._chat_model(self.model), question, to_completion_response)

    @astops_when_left
    @llm_completion_callback()
    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseAsyncGen:
        question = self._completion_question(prompt, kwargs, formatted=formatted)
        return await astream(await self._achat_model(self.model), question, to_completion_response)

    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        """The calls of a response; of one in the middle of a stream, with the arguments so far.

        Raises NoToolCall (a ValueError) if there are none and `error_on_no_tool_call` is left True.
        """
        refuse_unknown(kwargs, ["error_on_no_tool_call"], owner="get_tool_calls_from_response")
        calls = to_selections(response.message)
        if not calls and error_on_no_tool_call:
            raise NoToolCall(response.message.content or "")
        return calls

    def structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        """An object of a Pydantic class. llm_kwargs: what a call may give; prompt_args: the prompt's."""
        form = self._form(output_cls)
        if form is None:
            parsed: Model = super().structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
            return parsed
        _dispatcher.event(
            LLMStructuredPredictStartEvent(output_cls=output_cls, template=prompt, template_args=prompt_args)
        )
        messages = self._prompted(prompt, prompt_args)
        found = form.read(self.chat(messages, **form.asking(llm_kwargs)))
        _dispatcher.event(LLMStructuredPredictEndEvent(output=found))
        return found

    async def astructured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        """The same for an event loop."""
        form = self._form(output_cls)
        if form is None:
            parsed: Model = await super().astructured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
            return parsed
        _dispatcher.event(
            LLMStructuredPredictStartEvent(output_cls=output_cls, template=prompt, template_args=prompt_args)
        )
        messages = self._prompted(prompt, prompt_args)
        found = form.read(await self.achat(messages, **form.asking(llm_kwargs)))
        _dispatcher.event(LLMStructuredPredictEndEvent(output=found))
        return found

    def _structured_stream_call(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[Model | list[Model] | FlexibleModel | list[FlexibleModel], None, None]:
        form = self._form(output_cls)
        if form is None:
            return super()._structured_stream_call(output_cls, prompt, llm_kwargs, **prompt_args)
        messages = self._prompted(prompt, prompt_args)
        return objects(self.stream_chat(messages, **form.asking(llm_kwargs)), form)

    async def _structured_astream_call(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[Model | list[Model] | FlexibleModel | list[FlexibleModel], None]:
        form = self._form(output_cls)
        if form is None:
            return await super()._structured_astream_call(output_cls, prompt, llm_kwargs, **prompt_args)
        messages = self._prompted(prompt, prompt_args)
        return aobjects(await self.astream_chat(messages, **form.asking(llm_kwargs)), form)

    def _prepare_chat_with_tools(  # noqa: PLR0917 - LlamaIndex's signature
        self,
        tools: Sequence[AnyTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,  # noqa: ARG002 - says what the caller prints
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        tool_choice: ToolChoice = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        messages = list(chat_history or ())
        if isinstance(user_msg, str):
            user_msg = ChatMessage(role=MessageRole.USER, content=user_msg)
        if user_msg is not None:
            messages.append(user_msg)
        described = describe_tools(tools)
        names = [tool["function"]["name"] for tool in described]
        chosen = to_choice(tool_choice, names=names)
        if tool_required and chosen == "none":
            raise ConfigError(
                f"tool_required=True and tool_choice={tool_choice!r} contradict each other; give one of them"
            )
        if tool_required and chosen == "auto":
            chosen = to_choice("required", names=names)
        asked: dict[str, Any] = {"messages": messages, **kwargs}
        if described:
            asked |= {
                "tools": described,
                "tool_choice": chosen,
                "parallel_tool_calls": allow_parallel_tool_calls,
            }
        return asked

    def _chat_question(self, messages: Sequence[ChatMessage], overrides: Mapping[str, Any]) -> Question:
        if not messages:
            raise ConfigError("the conversation is empty; give at least one message")
        for message in messages:
            if not isinstance(message, ChatMessage):
                raise ConfigError(f"{message!r} is no message; give ChatMessage(role=…, content=…)")
        call = self._merged(overrides)
        own = self._own_messages_to_prompt
        return Question(messages if own is None else own(messages), call)

    def _completion_question(self, prompt: str, overrides: Mapping[str, Any], *, formatted: bool) -> Question:
        if not isinstance(prompt, str):
            raise ConfigError(f"prompt={prompt!r} is no text; give a str, or messages to chat")
        call = self._merged(overrides)
        if not formatted:
            if self.completion_to_prompt in (None, default_completion_to_prompt):
                return Question([ChatMessage(role=MessageRole.USER, content=prompt)], call)
            prompt = self.completion_to_prompt(prompt)
        return Question(prompt, call)

    @property
    def _own_messages_to_prompt(self) -> Callable[[Sequence[ChatMessage]], str] | None:
        own = self.messages_to_prompt
        return None if own in (None, default_messages_to_prompt) else own

    def _form(self, output_cls: type[Model]) -> ObjectForm[Model] | None:
        """How to ask for an object; None where LlamaIndex's own programs do it."""
        if not (isinstance(output_cls, type) and issubclass(output_cls, BaseModel)):
            raise ConfigError(f"output_cls={output_cls!r} is no Pydantic class; give one")
        if self.pydantic_program_mode not in (PydanticProgramMode.DEFAULT, PydanticProgramMode.FUNCTION):
            return None
        return ObjectForm(output_cls, is_call=self.pydantic_program_mode == PydanticProgramMode.FUNCTION)

    def _prompted(self, prompt: PromptTemplate, prompt_args: Mapping[str, Any]) -> list[ChatMessage]:
        return self._extend_messages(prompt.format_messages(llm=self, **prompt_args))

    def _token_ids(self, text: str) -> list[int]:
        model = self._chat_model(self.model)
        try:
            return model.token_ids(text)
        except UnsupportedParameter:  # of a server that tells how many alone, which is what is asked for here
            return list(range(model.count_tokens(text)))
