"""A local model as a LangChain text completion model."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LLM
from langchain_core.outputs import GenerationChunk, LLMResult

from langchain_gpt4all._asking import acomplete, cancel_all, complete
from langchain_gpt4all._errors import langchain_errors
from langchain_gpt4all._language_model import LocalLanguageModel
from langchain_gpt4all._results import to_last_text_chunk, to_llm_result, to_text_chunk

if TYPE_CHECKING:
    from gpt4all_core.protocols import Generation


class GPT4All(LocalLanguageModel, LLM, extra="forbid"):  # type: ignore[misc]  # as LocalLanguageModel
    """A private local model that continues a text, in this process.

    The prompt is sent as it stands: no chat template is applied, so a model trained to answer may
    go on with the question instead. Use ChatGPT4All to talk to a model.

        >>> with GPT4All(model="smollm2-135m-instruct", temperature=0, max_tokens=4) as model:
        ...     text = model.invoke("One, two, three,")

    Arguments, sharing, cancelling and errors are those of ChatGPT4All. The prompts of one `batch`
    are decoded together.
    """

    def __str__(self) -> str:
        return repr(self)

    @property
    def _llm_type(self) -> str:
        return "gpt4all"

    def _call(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> str:
        return self._generate([prompt], stop, run_manager, **kwargs).generations[0][0].text

    async def _acall(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> str:
        return (await self._agenerate([prompt], stop, run_manager, **kwargs)).generations[0][0].text

    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain reports the result itself
        **kwargs: Any,
    ) -> LLMResult:
        call = self._merged(stop, kwargs)
        model = self._chat_model(call.model)
        with langchain_errors(), _not_left_running(complete(model, prompts, call)) as requests:
            completions = [request.result() for request in requests]
        return to_llm_result(completions, model_name=model.name)

    async def _agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - as in _generate
        **kwargs: Any,
    ) -> LLMResult:
        call = self._merged(stop, kwargs)
        model = await self._achat_model(call.model)
        with langchain_errors(), _not_left_running(await acomplete(model, prompts, call)) as requests:
            completions = [await request.aresult() for request in requests]
        return to_llm_result(completions, model_name=model.name)

    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        call = self._merged(stop, kwargs)
        model = self._chat_model(call.model)
        with langchain_errors(), _not_left_running(complete(model, [prompt], call)) as [request]:
            for piece in request:
                chunk = to_text_chunk(piece)
                if run_manager is not None:  # unlike for chat models, LangChain leaves this to us
                    run_manager.on_llm_new_token(piece, chunk=chunk)
                yield chunk
            yield to_last_text_chunk(request.result())

    async def _astream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[GenerationChunk]:
        call = self._merged(stop, kwargs)
        model = await self._achat_model(call.model)
        with langchain_errors(), _not_left_running(await acomplete(model, [prompt], call)) as [request]:
            async for piece in request:
                chunk = to_text_chunk(piece)
                if run_manager is not None:
                    await run_manager.on_llm_new_token(piece, chunk=chunk)
                yield chunk
            yield to_last_text_chunk(await request.aresult())


@contextmanager
def _not_left_running(requests: list["Generation"]) -> Iterator[list["Generation"]]:
    try:
        yield requests
    finally:
        cancel_all(requests)
