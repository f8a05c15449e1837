"""llama_cpp.Llama.embed with a list, at its default batch of 512 tokens."""

from collections.abc import Sequence

from llama_cpp import Llama

from benchmarks.engine.contender import Setup


class LlamaEmbed:
    def __init__(self, setup: Setup) -> None:
        self._model = Llama(
            str(setup.model),
            embedding=True,
            n_ctx=512,
            n_threads=setup.threads,
            n_threads_batch=setup.threads,
            verbose=False,
        )

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return self._model.embed(list(texts), normalize=True)

    def close(self) -> None:
        self._model.close()


def open_contender(setup: Setup) -> LlamaEmbed:
    return LlamaEmbed(setup)
