"""Where a model's layers go: on which devices, and how many of them fit. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from gpt4all_core.catalog.gguf_header import GGUFHeader
from gpt4all_core.engine.devices import Device, choose_devices, list_names
from gpt4all_core.errors import ConfigError
from gpt4all_core.model_memory import CacheShape, compute_bytes, kv_layer_bytes, weight_bytes_by_layer

RESERVE_BYTES = 1 << 30
"""Left free on every device, for its driver, the screen and what llama.cpp does not announce; not more
than a quarter of what is free, or a small card would never be used."""

_RESERVE_SHARE = 4


@dataclass(frozen=True, slots=True)
class Placement:
    """devices: names, none for the processor alone. gpu_layers: how many layers are on them.

    layers: how many there are, the output counted as one.
    """

    devices: tuple[str, ...]
    gpu_layers: int
    layers: int


def place(
    header: GGUFHeader,
    devices: Sequence[Device],
    *,
    device: str,
    gpu_layers: int | None,
    shape: CacheShape,
) -> Placement:
    """Which devices a model goes to, and how much of it.

    device: "auto", "cpu", or a name. gpu_layers: how many layers; 0 none, -1 all, None as many as fit
    into what is free, together with their cells of a context of this shape. "cpu" takes no layers,
    whatever `gpu_layers` says: it is the stronger word.

    Raises ConfigError for a device that is not there, and for layers that no device could take.
    """
    layers = len(weight_bytes_by_layer(header)[0]) + 1
    chosen = choose_devices(devices, device)
    if not chosen and gpu_layers and device == "auto":
        raise ConfigError(
            f"gpu_layers={gpu_layers} asks for a device, and this build of llama.cpp finds none"
            f" ({list_names(devices) or 'only the processor'}); set it to 0, or install a build for yours"
        )
    if not chosen or gpu_layers == 0:
        return Placement((), 0, layers)
    if gpu_layers is None:
        count = layers_that_fit(header, usable_bytes(chosen, devices, header), shape)
    else:
        count = layers if gpu_layers < 0 else min(gpu_layers, layers)
    return Placement(tuple(device.name for device in chosen) if count else (), count, layers)


def layers_that_fit(header: GGUFHeader, free_bytes: int, shape: CacheShape) -> int:
    """How many layers fit into so many bytes: 0, or the output and the last blocks of the model.

    llama.cpp fills a device from the model's end, and counts the output as a layer. Each block is
    taken with its own weights and its cells in the KV cache, all with the buffers of one call.
    """
    weights, output = weight_bytes_by_layer(header)
    cells = kv_layer_bytes(header, shape) or (0,) * len(weights)
    left = free_bytes - compute_bytes(header, shape) - output
    if left < 0:
        return 0
    count = 1
    for weight, cell in zip(reversed(weights), reversed(cells), strict=False):
        left -= weight + cell
        if left < 0:
            break
        count += 1
    return count


def usable_bytes(chosen: Sequence[Device], devices: Sequence[Device], header: GGUFHeader) -> int:
    """What of the free memory may be filled. A device that does not say what it has uses main memory."""
    host = max((device.free_bytes for device in devices if device.kind == "cpu"), default=0)
    largest = max(weight_bytes_by_layer(header)[0], default=0)
    total = 0
    for device in chosen:
        free = device.free_bytes or (0 if device.total_bytes else host)
        # Layers are not cut: the last one on each of several devices may not quite fit.
        slack = largest if len(chosen) > 1 else 0
        total += max(0, free - min(RESERVE_BYTES, free // _RESERVE_SHARE) - slack)
    return total
