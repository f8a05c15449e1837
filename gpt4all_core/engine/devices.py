"""Where a model can be computed: the devices that a build of llama.cpp knows, and which of them to take."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gpt4all_core.errors import ConfigError

DeviceKind = Literal["cpu", "gpu", "integrated", "accelerator"]
"""accelerator: helps the processor with single operations (BLAS, AMX) and holds no layers."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device by llama.cpp's name, `CUDA0` for instance; memory in bytes, 0 and 0 where it does not say."""

    name: str
    description: str
    kind: DeviceKind
    free_bytes: int
    total_bytes: int


def choose_devices(devices: Sequence[Device], wanted: str) -> tuple[Device, ...]:
    """The devices that layers may go to, in the order in which llama.cpp fills them; () is the processor.

    wanted: "cpu"; a device's name, in any case; or "auto", which takes all graphics cards, else the
    integrated ones. Raises ConfigError, listing the devices, for a name that is none of them.
    """
    if wanted == "auto":
        cards = tuple(device for device in devices if device.kind == "gpu")
        return cards or tuple(device for device in devices if device.kind == "integrated")
    named = [device for device in devices if device.name.casefold() == wanted.casefold()]
    if wanted.casefold() == "cpu" or (named and named[0].kind == "cpu"):
        return ()
    usable = [device for device in named if device.kind in ("gpu", "integrated")]
    if not usable and not list_names(devices):
        raise ConfigError(
            f"device={wanted!r} cannot be had: this build of llama.cpp finds no accelerator; choose auto or"
            " cpu, or install a build that has one, as docs/install.md describes"
        )
    if not usable:
        raise ConfigError(
            f"device={wanted!r} is none that this build of llama.cpp can put layers on; choose auto, cpu"
            f" or one of: {list_names(devices)}"
        )
    return (usable[0],)


def list_names(devices: Sequence[Device]) -> str:
    """The devices that can hold layers, for a message."""
    return ", ".join(
        f"{device.name} ({device.description}, {device.free_bytes / 2**30:.1f} of"
        f" {device.total_bytes / 2**30:.1f} GiB free)"
        for device in devices
        if device.kind in ("gpu", "integrated")
    )
