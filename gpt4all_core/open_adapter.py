"""A LoRA adapter loaded onto the weights of a model, its file checked against the model's first."""

from pathlib import Path
from typing import TYPE_CHECKING

from gpt4all_core.catalog.gguf_adapter_check import check_adapter
from gpt4all_core.catalog.gguf_check import check_loadable

if TYPE_CHECKING:
    from gpt4all_core.engine.llama.adapters import LlamaAdapter
    from gpt4all_core.engine.llama.weights import LlamaWeights


def open_adapter(path: Path, weights: "LlamaWeights") -> "LlamaAdapter":
    """An adapter on these weights; close it before them.

    Raises ModelLoadError for a file that is no LoRA adapter, or one for another model.
    """
    from gpt4all_core.engine.llama.adapters import LlamaAdapter  # noqa: PLC0415 - heavy

    check_adapter(path, check_loadable(weights.path))
    return LlamaAdapter(weights, path)
