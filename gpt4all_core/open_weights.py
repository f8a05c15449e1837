"""A share in the weights of a model file: loaded once, however many contexts stand on them."""

from pathlib import Path
from typing import TYPE_CHECKING

from gpt4all_core.catalog.gguf_check import check_loadable
from gpt4all_core.model_memory import CacheShape
from gpt4all_core.model_pool import FileIdentity, Lease, pool
from gpt4all_core.placement import Placement, place

if TYPE_CHECKING:
    from gpt4all_core.engine.llama.weights import LlamaWeights


def open_weights(
    path: Path, *, device: str = "auto", gpu_layers: int | None = None, shape: CacheShape | None = None
) -> Lease["LlamaWeights"]:
    """The weights of a file, its header checked first, on the devices that `place_weights` says.

    Raises ModelLoadError, and ConfigError for a device that is not there.
    """
    # llama_cpp takes half a second to import: only when a model is really opened.
    from gpt4all_core.engine.llama.weights import LlamaWeights  # noqa: PLC0415 - heavy

    where = place_weights(path, device=device, gpu_layers=gpu_layers, shape=shape)
    return pool.lease(
        ("weights", FileIdentity.of(path), where.devices, where.gpu_layers),
        lambda: LlamaWeights(path, devices=where.devices, gpu_layers=where.gpu_layers),
    )


def place_weights(
    path: Path, *, device: str, gpu_layers: int | None, shape: CacheShape | None = None
) -> Placement:
    """Where a file's layers go on this machine, as its devices are now; see `place`.

    shape: the context whose cells are to lie beside the layers. Raises ModelLoadError for a file that
    llama.cpp cannot load.
    """
    from gpt4all_core.engine.llama.devices import list_devices  # noqa: PLC0415 - heavy

    header = check_loadable(path)
    return place(header, list_devices(), device=device, gpu_layers=gpu_layers, shape=shape or CacheShape())


def weights_part(path: Path) -> tuple[object, ...]:
    """What a file's weights are called among the memory of all that stand on them, in this process."""
    return ("weights", FileIdentity.of(path))
