"""Embedding contexts on a model's weights."""

from gpt4all_core.engine.llama.library import api
from gpt4all_core.engine.llama.pooled_context import LlamaPooledContext, PackOptions
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import ModelLoadError


def embedding_context(weights: LlamaWeights, options: PackOptions) -> LlamaPooledContext:
    """A context that gives each sequence one vector, pooled as the model's file says.

    Raises ModelLoadError for a model that was not made for that.
    """
    width: int = api.llama_model_n_embd_out(weights.handle)
    context = LlamaPooledContext(weights, options, width=width)
    if context.pooling in (api.LLAMA_POOLING_TYPE_NONE, api.LLAMA_POOLING_TYPE_RANK):
        pooling = context.pooling
        context.close()
        raise ModelLoadError(
            f"{weights.path} does not give one vector a text (pooling type {pooling});"
            " use an embedding model",
            path=weights.path,
        )
    return context
