"""Contexts that score sequences by a model's classifier head, and how its vocabulary joins two texts."""

from gpt4all_core.engine.llama.library import api
from gpt4all_core.engine.llama.pooled_context import LlamaPooledContext, PackOptions
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import ModelLoadError


def rerank_context(weights: LlamaWeights, options: PackOptions) -> LlamaPooledContext:
    """A context that gives each sequence what the classifier head says of it, a row of logits.

    The pooling is set, since older files have a head and do not say what it is for. Without a head
    llama.cpp would give numbers that mean nothing: see `open_reranker`, which looks into the header.
    """
    width: int = api.llama_model_n_cls_out(weights.handle)
    return LlamaPooledContext(weights, options, width=width, pooling=api.LLAMA_POOLING_TYPE_RANK)


def tokens_between(weights: LlamaWeights) -> tuple[int, ...]:
    """What stands between the two texts of a pair: [EOS] [SEP], each if the vocabulary adds it.

    The rule is llama.cpp's own, `format_prompt_rerank` in tools/server/server-common.cpp; [SEP] is
    taken for an [EOS] that is not there. Raises ModelLoadError where that leaves nothing.
    """
    vocabulary = api.llama_model_get_vocab(weights.handle)
    separator: int = api.llama_vocab_sep(vocabulary)
    end: int = separator if weights.eos is None else weights.eos
    tokens = [
        token
        for token, is_added in (
            (end, api.llama_vocab_get_add_eos(vocabulary)),
            (separator, api.llama_vocab_get_add_sep(vocabulary)),
        )
        if is_added and token >= 0
    ]
    if not tokens:
        raise ModelLoadError(
            f"{weights.path} has no rerank template, and its vocabulary adds no token between two texts,"
            " so nothing says how to write a pair; use a GGUF that has one or the other",
            path=weights.path,
        )
    return tuple(tokens)
