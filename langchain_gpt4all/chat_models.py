"""A local model as a LangChain chat model."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import get_config_list

from gpt4all_core.errors import UnsupportedParameter
from langchain_gpt4all._convert import to_chat_result, to_chunk, to_last_chunk, to_messages
from langchain_gpt4all._errors import langchain_errors
from langchain_gpt4all._fields import Call
from langchain_gpt4all._language_model import LocalLanguageModel

if TYPE_CHECKING:
    from gpt4all_core.local_model import LocalModel
    from gpt4all_core.protocols import Generation


_MOST_THREADS = 64
"""A thread of `batch` only waits; the engine takes its next request from those that wait."""


class ChatGPT4All(LocalLanguageModel, BaseChatModel, extra="forbid"):
    """A private local model to talk to, in this process.

    Every argument has a default; `model` names another model than the default on this disk. The
    model is loaded at first use and shared: objects on one file have one copy of the weights, and
    whatever runs at once, from `batch`, threads or event loops, is decoded together.

        >>> with ChatGPT4All(model="smollm2-135m-instruct", temperature=0, max_tokens=8) as model:
        ...     reply = model.invoke("Say hello.")
        >>> reply.usage_metadata["output_tokens"] <= 8
        True

    A single call may give `model`, `max_tokens`, `temperature`, `top_k`, `top_p`, `min_p`,
    `repeat_penalty`, `seed`, `stop` or `timeout` in place of the object's own; any other argument
    raises UnsupportedParameter. Leaving a stream early, cancelling the awaiting task or a timeout
    stops the model before its next token.

    Raises ConfigError (a ValueError) for impossible arguments; at first use ModelNotFound and
    ModelLoadError; for a prompt that does not fit ContextOverflow; after `timeout` seconds
    GenerationTimeout (a TimeoutError); EngineBusy when `max_waiting` requests wait already. The
    last three are also what LangChain calls them: ContextOverflowError, ModelTimeoutError,
    ModelRateLimitError.
    """

    streaming: bool = False
    """Let LangChain stream inside `invoke`, so that callbacks see every token."""

    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[AIMessage]:
        """Answers in the order of the inputs, decoded together: all at once unless
        `max_concurrency` in the config says less.
        """
        configs = get_config_list(config, len(inputs))
        for each in configs:
            # Left open, LangChain takes four threads more than there are processors.
            each["max_concurrency"] = each.get("max_concurrency") or min(len(inputs), _MOST_THREADS)
        return super().batch(inputs, configs, return_exceptions=return_exceptions, **kwargs)

    def get_num_tokens_from_messages(
        self, messages: list[BaseMessage], tools: Sequence[Any] | None = None
    ) -> int:
        """Tokens of the whole prompt as `invoke` would send it, template included. Loads the model."""
        if tools:
            raise UnsupportedParameter("tools are not supported yet, so their tokens cannot be counted")
        return self._local_model(self.model).count_message_tokens(to_messages(messages))

    @property
    def _llm_type(self) -> str:
        return "gpt4all-chat"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain reports the result itself
        **kwargs: Any,
    ) -> ChatResult:
        call = self._merged(stop, kwargs)
        model = self._local_model(call.model)
        with _request(model, messages, call) as request:
            return to_chat_result(request.result(), model_name=model.name)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - as in _generate
        **kwargs: Any,
    ) -> ChatResult:
        call = self._merged(stop, kwargs)
        model = await self._alocal_model(call.model)
        with _request(model, messages, call) as request:
            return to_chat_result(await request.aresult(), model_name=model.name)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain reports the chunks itself
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        call = self._merged(stop, kwargs)
        model = self._local_model(call.model)
        with _request(model, messages, call) as request:
            for piece in request:
                yield to_chunk(piece)
            yield to_last_chunk(request.result(), model_name=model.name)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - as in _stream
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        call = self._merged(stop, kwargs)
        model = await self._alocal_model(call.model)
        with _request(model, messages, call) as request:
            async for piece in request:
                yield to_chunk(piece)
            yield to_last_chunk(await request.aresult(), model_name=model.name)


@contextmanager
def _request(model: "LocalModel", messages: Sequence[BaseMessage], call: Call) -> Iterator["Generation"]:
    """The request for an answer; it is not left running."""
    with langchain_errors():
        request = model.chat(to_messages(messages), call.params, timeout_s=call.timeout_s)
        try:
            yield request
        finally:
            request.cancel()
