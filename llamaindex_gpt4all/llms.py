"""A local model as a LlamaIndex LLM."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

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
)
from llama_index.core.constants import DEFAULT_NUM_OUTPUTS
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.llm import LLM, default_completion_to_prompt

from gpt4all_core.types import Message
from llamaindex_gpt4all._convert import (
    astream,
    stream,
    to_chat_response,
    to_completion_response,
    to_messages,
)
from llamaindex_gpt4all._fields import LocalModelFields

if TYPE_CHECKING:
    from gpt4all_core.local_model import LocalModel
    from gpt4all_core.protocols import Generation


class GPT4All(LLM, LocalModelFields):
    """A private local model for chat and completion, in this process.

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

    A single call may give `max_tokens`, `temperature`, `top_k`, `top_p`, `min_p`,
    `repeat_penalty`, `seed`, `stop` or `timeout` in place of the object's own; any other argument
    raises UnsupportedParameter. Leaving a stream early, cancelling the awaiting task or a timeout
    stops the model before its next token.

    Raises ConfigError (a ValueError) for impossible arguments; at first use ModelNotFound and
    ModelLoadError; for a prompt that does not fit ContextOverflow; after `timeout` seconds
    GenerationTimeout (a TimeoutError); EngineBusy when `max_waiting` requests wait already.
    """

    @classmethod
    def class_name(cls) -> str:
        return "GPT4All_llm"

    @property
    def metadata(self) -> LLMMetadata:
        """What LlamaIndex plans with. Finds the model's file and reads its header; does not load it."""
        model = self._local_model(self.model)
        return LLMMetadata(
            context_window=model.context_size,
            num_output=self.max_tokens or DEFAULT_NUM_OUTPUTS,
            is_chat_model=True,
            is_function_calling_model=False,
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

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        model = self._local_model(self.model)
        completion = self._chat(model, messages, kwargs).result()
        return to_chat_response(completion.text, completion=completion, model_name=model.name)

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        model = await self._alocal_model(self.model)
        completion = await self._chat(model, messages, kwargs).aresult()
        return to_chat_response(completion.text, completion=completion, model_name=model.name)

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        model = self._local_model(self.model)
        return stream(self._chat(model, messages, kwargs), to_chat_response, model_name=model.name)

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        model = await self._alocal_model(self.model)
        return astream(self._chat(model, messages, kwargs), to_chat_response, model_name=model.name)

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        model = self._local_model(self.model)
        completion = self._complete(model, prompt, kwargs, formatted=formatted).result()
        return to_completion_response(completion.text, completion=completion, model_name=model.name)

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        model = await self._alocal_model(self.model)
        completion = await self._complete(model, prompt, kwargs, formatted=formatted).aresult()
        return to_completion_response(completion.text, completion=completion, model_name=model.name)

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        model = self._local_model(self.model)
        request = self._complete(model, prompt, kwargs, formatted=formatted)
        return stream(request, to_completion_response, model_name=model.name)

    @llm_completion_callback()
    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseAsyncGen:
        model = await self._alocal_model(self.model)
        request = self._complete(model, prompt, kwargs, formatted=formatted)
        return astream(request, to_completion_response, model_name=model.name)

    def _chat(
        self, model: "LocalModel", messages: Sequence[ChatMessage], overrides: Mapping[str, Any]
    ) -> "Generation":
        call = self._merged(overrides)
        if self.messages_to_prompt not in (None, default_messages_to_prompt):
            prompt = self.messages_to_prompt(messages)
            return model.complete(prompt, call.params, timeout_s=call.timeout_s)
        return model.chat(to_messages(messages), call.params, timeout_s=call.timeout_s)

    def _complete(
        self, model: "LocalModel", prompt: str, overrides: Mapping[str, Any], *, formatted: bool
    ) -> "Generation":
        call = self._merged(overrides)
        if not formatted:
            if self.completion_to_prompt in (None, default_completion_to_prompt):
                return model.chat([Message("user", prompt)], call.params, timeout_s=call.timeout_s)
            prompt = self.completion_to_prompt(prompt)
        return model.complete(prompt, call.params, timeout_s=call.timeout_s)
