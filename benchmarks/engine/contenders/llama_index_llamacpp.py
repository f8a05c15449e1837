"""LlamaCPP of llama-index-llms-llama-cpp. Not thread-safe either: one by one."""

from collections.abc import Iterator, Sequence

from llama_index.llms.llama_cpp import LlamaCPP

from benchmarks.engine.contender import Conversation, Setup
from benchmarks.engine.conversations import chatml


class LlamaIndex:
    is_concurrent = False

    def __init__(self, setup: Setup) -> None:
        self._model = LlamaCPP(
            model_path=str(setup.model),
            temperature=0,
            context_window=setup.context_size,
            generate_kwargs={"repeat_penalty": 1.0},
            model_kwargs={"n_threads": setup.threads, "n_threads_batch": setup.threads, "n_batch": 512},
            verbose=False,
        )

    def stream(self, conversation: Conversation, tokens: int) -> Iterator[str]:
        self._model.generate_kwargs["max_tokens"] = tokens
        for chunk in self._model.stream_complete(chatml(conversation), formatted=True):
            if chunk.delta:
                yield chunk.delta

    def complete_all(self, conversations: Sequence[Conversation], tokens: int) -> int:
        self._model.generate_kwargs["max_tokens"] = tokens
        replies = [
            self._model.complete(chatml(conversation), formatted=True) for conversation in conversations
        ]
        return sum(reply.raw["usage"]["completion_tokens"] for reply in replies)

    def close(self) -> None:
        self._model._model.close()  # noqa: SLF001 - it has no way to close


def open_contender(setup: Setup) -> LlamaIndex:
    return LlamaIndex(setup)
