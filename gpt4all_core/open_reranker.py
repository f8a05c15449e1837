"""A share in an open reranker, once its file has shown that it is one."""

from pathlib import Path
from typing import TYPE_CHECKING

from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.gguf_header import GGUFArray, GGUFHeader
from gpt4all_core.errors import ModelLoadError
from gpt4all_core.model_pool import Lease, LeaseTerms
from gpt4all_core.open_packs import ContextMaker, OpenPacks, PackedModelOptions, lease_packs

if TYPE_CHECKING:
    from gpt4all_core.engine.llama.weights import LlamaWeights

SOFTMAX_ARCHITECTURES = ("qwen3", "qwen3vl")
"""Their head has two outputs, yes and no, and llama.cpp gives their softmax (build_pooling in its
llama-graph.cpp); the heads of all others have one output, a logit."""


def open_reranker(path: Path, options: PackedModelOptions, terms: LeaseTerms) -> Lease[OpenPacks]:
    """A share in the reranker for a model file, opened if nobody has it open with these options.

    Raises ModelLoadError for a file that cannot be loaded, or that is no reranker.
    """

    def prepare() -> ContextMaker:
        from gpt4all_core.engine.llama.rerank_context import rerank_context  # noqa: PLC0415 - heavy

        check_head(read_header(path))
        return rerank_context

    return lease_packs("reranker", path, options, terms, prepare=prepare)


def between_pair(weights: "LlamaWeights") -> tuple[int, ...]:
    """The tokens between the two texts of a pair. Raises ModelLoadError if the vocabulary has none."""
    from gpt4all_core.engine.llama.rerank_context import tokens_between  # noqa: PLC0415 - heavy

    return tokens_between(weights)


def check_head(header: GGUFHeader) -> None:
    """Raise ModelLoadError unless the file has a classifier head that gives one score a pair.

    llama.cpp loads such files and gives numbers around 1e-22, or one of a hidden state.
    """
    wanted = 2 if header.architecture in SOFTMAX_ARCHITECTURES else 1
    labels = header.metadata.get(f"{header.architecture}.classifier.output_labels")
    outputs = labels.count if isinstance(labels, GGUFArray) else 1
    if not _has_head(header):
        raise ModelLoadError(
            f"{header.path} has no classifier head (no tensor cls.output.weight), so it cannot score pairs;"
            " use a reranker's GGUF, converted with its head",
            path=header.path,
        )
    if outputs != wanted:
        raise ModelLoadError(
            f"{header.path} has a classifier of {outputs} outputs where a reranker of the architecture"
            f" {header.architecture} has {wanted}; it classifies something else than relevance",
            path=header.path,
        )


def _has_head(header: GGUFHeader) -> bool:
    shapes = {tensor.name: tensor.shape for tensor in header.tensors}
    if "cls.output.weight" in shapes:
        return True
    # Jina's first rerankers have one matrix for all; in other files it is a layer before the last.
    only = shapes.get("cls.weight")
    return header.pooling == "rank" and only is not None and only[1:] in ((), (1,))
