"""A share in the weights of a model file: loaded once, however many contexts stand on them."""

from pathlib import Path
from typing import TYPE_CHECKING

from gpt4all_core.catalog.gguf_check import check_loadable
from gpt4all_core.model_pool import FileIdentity, Lease, pool

if TYPE_CHECKING:
    from gpt4all_core.engine.llama.weights import LlamaWeights


def open_weights(path: Path, gpu_layers: int | None) -> Lease["LlamaWeights"]:
    """The weights of a file, its header checked first. Raises ModelLoadError."""
    # llama_cpp takes half a second to import: only when a model is really opened.
    from gpt4all_core.engine.llama.weights import LlamaWeights  # noqa: PLC0415 - heavy

    layers = -1 if gpu_layers is None else gpu_layers

    def make() -> LlamaWeights:
        check_loadable(path)
        return LlamaWeights(path, gpu_layers=layers)

    return pool.lease(("weights", FileIdentity.of(path), layers), make)
