"""A model's file with its weights in another type: smaller, or faster on this machine."""

import shutil
import tempfile
from pathlib import Path

import filelock

from gpt4all_core.catalog.gguf import GGUFHeader
from gpt4all_core.catalog.gguf_check import check_loadable
from gpt4all_core.catalog.gguf_tables import TENSOR_TYPES
from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.engine.threads import usable_cores
from gpt4all_core.errors import ConfigError, ModelError, ModelLoadError

_SPARE_BYTES = 1 << 26


def requantize(
    model: str | Path, *, to: str, output: str | Path, threads: int | None = None, overwrite: bool = False
) -> Path:
    """Write a model with its weights in the type `to`, and return the new file's path.

    model: a reference as for LocalModel. to: `Q8_0`, `Q4_K_M`, `F16`, … in any case. output: the new
    file; it appears under this name when it is whole and was checked. A model that is quantised
    already loses a little more: make what you can from an F16 or F32 file. What the model's shape does
    not let be of that type gets another: K types need rows of a multiple of 256 weights.

    One to a few seconds for each billion weights. It cannot be cancelled; a second process that wants
    the same file waits. Raises ConfigError for an unknown type or an output that is there already
    (unless `overwrite`), ModelNotFound, ModelLoadError for a model that cannot be read, ModelError
    when the disk has no room.
    """
    from gpt4all_core.engine.llama.quantize import FILE_TYPES, quantize_file  # noqa: PLC0415 - heavy

    kind, target = to.upper(), Path(output).expanduser().absolute()
    if kind not in FILE_TYPES:
        raise ConfigError(f"to={to!r} is no type to quantise to; choose one of {', '.join(FILE_TYPES)}")
    source = resolve_model(model)
    header = check_loadable(source)
    if target.exists() and target.samefile(source):
        raise ConfigError(f"output={target} is the model itself; give the new file another name")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            pass  # a lock would wait for ever in a folder that lets nobody write
        with filelock.FileLock(target.with_name(f".{target.name}.lock")):
            if target.exists() and not overwrite:
                raise ConfigError(f"output={target} is there already; remove it, or pass overwrite=True")
            _require_space(target.parent, _size_bytes(header, kind))
            part = target.with_name(f".{target.name}.part")
            try:
                quantize_file(source, part, file_type=kind, threads=threads or usable_cores())
                check_loadable(part)
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)
    except ModelLoadError:
        raise
    except OSError as error:
        raise ModelError(f"{target} cannot be written: {error.strerror or error}") from error
    return target


def _size_bytes(header: GGUFHeader, kind: str) -> int:
    """About what the new file takes: every weight in that type, and the header."""
    named = {tensor_type.name: tensor_type for tensor_type in TENSOR_TYPES.values()}
    tensor_type = named[kind.removesuffix("_M").removesuffix("_S").removesuffix("_L")]
    weights = header.parameter_count * tensor_type.block_bytes // tensor_type.block_elements
    return weights + header.data_offset


def _require_space(folder: Path, size_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size_bytes + _SPARE_BYTES:
        raise ModelError(
            f"{folder} has {free / 1e9:.1f} GB free, but the new file takes about {size_bytes / 1e9:.1f} GB;"
            " make room, or give a folder on another disk"
        )
