"""A model's file with its weights in another type: smaller, or faster on this machine."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import filelock

from gpt4all_core import requantization_steps
from gpt4all_core.catalog.gguf_check import check_loadable
from gpt4all_core.catalog.gguf_header import GGUFHeader
from gpt4all_core.catalog.gguf_tables import TENSOR_TYPES
from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.engine.quantization import FilePlan, QuantizationRecipe, SizeForecast, count_types
from gpt4all_core.engine.threads import usable_cores
from gpt4all_core.errors import ConfigError, ModelError, ModelLoadError
from gpt4all_core.requantization_process import RequantizationProcess

_SPARE_BYTES = 1 << 26
_ALIGNMENT = 32
"""Of tensors in what llama.cpp writes, whatever it was before."""

_TYPES = {kind.name: kind for kind in TENSOR_TYPES.values()}
_PLAIN_TYPES = ("F32", "F16", "BF16")

OnProgress = Callable[[int, SizeForecast], None]
"""Gets the bytes written so far, and what will come of all: first 0, before anything is written."""


def requantize(
    model: str | Path,
    *,
    to: str | QuantizationRecipe,
    output: str | Path,
    threads: int | None = None,
    overwrite: bool = False,
    isolate: bool = False,
    on_progress: OnProgress = lambda _written, _forecast: None,
) -> Path:
    """Write a model with its weights in the type `to`, and return the new file's path.

        requantize("model-F16.gguf", to="Q4_K_M", output="model-Q4_K_M.gguf")

    model: a reference as for LocalModel. to: `Q8_0`, `Q4_K_M`, `F16`, … in any case, or a recipe with
    an importance matrix and types for single tensors. output: the new file; it appears under this name
    when it is whole and was checked. A model that is quantised already loses a little more: make what
    you can from an F16 or F32 file. What the model's shape does not let be of that type gets another: K
    types need rows of a multiple of 256 weights.

    isolate: in a child process, which Ctrl-C ends at once, and whose death by a damaged file is an
    error here. In this process it cannot be cancelled. A second process that wants the same file waits.

    One to a few seconds for each billion weights, and half a gigabyte of memory at the most beside what
    the system keeps of the file. Raises ConfigError for an unknown type, an importance matrix that is
    missing or does not fit, or an output that is there already (unless `overwrite`); ModelNotFound,
    ModelLoadError for a model that cannot be read, ModelError when the disk has no room.
    """
    recipe, target = _recipe(to), Path(output).expanduser().absolute()
    source = resolve_model(model)
    header = check_loadable(source)
    _check_shapes(header, recipe)
    if target.exists() and target.samefile(source):
        raise ConfigError(f"output={target} is the model itself; give the new file another name")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            pass  # a lock would wait for ever in a folder that lets nobody write
        with _only_one(target), _steps(isolate=isolate) as steps:
            if target.exists() and not overwrite:
                raise ConfigError(f"output={target} is there already; remove it, or pass overwrite=True")
            plan = steps.plan(source, recipe)
            forecast = _forecast(header, plan)
            _require_importance(recipe, forecast)
            _require_space(target.parent, forecast.size_bytes)
            part = target.with_name(f".{target.name}.part")
            try:
                progress = _Progress(header, plan, on_progress)
                steps.write(source, part, recipe, threads=threads or usable_cores(), on_tensor=progress.begin)
                progress.end()
                check_loadable(part)
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)
    except ModelLoadError:
        raise
    except OSError as error:
        raise ModelError(f"{target} cannot be written: {error.strerror or error}") from error
    return target


def forecast_size(model: str | Path, *, to: str | QuantizationRecipe, isolate: bool = False) -> SizeForecast:
    """What `requantize` will write, without writing it: llama.cpp's own choice of types, in 0.1 seconds.

    Raises as `requantize` does; a missing importance matrix is no error here, but a fact of the forecast.
    """
    recipe, source = _recipe(to), resolve_model(model)
    header = check_loadable(source)
    _check_shapes(header, recipe)
    with _steps(isolate=isolate) as steps:
        return _forecast(header, steps.plan(source, recipe))


class _Steps(Protocol):
    def plan(self, source: Path, recipe: QuantizationRecipe, /) -> FilePlan: ...

    def write(
        self,
        source: Path,
        target: Path,
        recipe: QuantizationRecipe,
        /,
        *,
        threads: int,
        on_tensor: Callable[[str], None],
    ) -> None: ...


@contextmanager
def _only_one(target: Path) -> Iterator[None]:
    """Hold the lock on this file's name, and leave nothing of it beside the file."""
    path = target.with_name(f".{target.name}.lock")
    with filelock.FileLock(path):
        try:
            yield
        finally:
            # Whoever waits on the file that was removed sees that it was, and asks for a new one. Windows
            # removes no file that is open, and there filelock does so itself.
            with suppress(OSError):
                path.unlink()


@contextmanager
def _steps(*, isolate: bool) -> Iterator[_Steps]:
    if not isolate:
        yield requantization_steps
        return
    process = RequantizationProcess()
    try:
        yield process
    finally:
        process.close()


class _Progress:
    """Tells the bytes of the tensors before the one that is begun, and none as soon as it is made."""

    def __init__(self, header: GGUFHeader, plan: FilePlan, on_progress: OnProgress) -> None:
        self._sizes = _new_sizes(header, plan)
        self._forecast = _forecast(header, plan)
        self._on_progress = on_progress
        self._written = header.data_offset
        self._current: str | None = None
        on_progress(0, self._forecast)

    def begin(self, name: str) -> None:
        self._written += self._sizes[self._current] if self._current else 0
        self._current = name
        self._on_progress(self._written, self._forecast)

    def end(self) -> None:
        self._on_progress(self._forecast.size_bytes, self._forecast)


def _recipe(to: str | QuantizationRecipe) -> QuantizationRecipe:
    return to if isinstance(to, QuantizationRecipe) else QuantizationRecipe(to)


def _check_shapes(header: GGUFHeader, recipe: QuantizationRecipe) -> None:
    """Raise for what llama.cpp would not give another type, but end the process for."""
    tensors = {tensor.name: tensor for tensor in header.tensors}
    for option, kind, name in (
        ("output_tensor_type", recipe.output_tensor_type, "output.weight"),
        ("token_embedding_type", recipe.token_embedding_type, "token_embd.weight"),
        ("token_embedding_type", recipe.token_embedding_type, "per_layer_token_embd.weight"),
    ):
        if kind is None or name not in tensors:
            continue
        block, row = _TYPES[kind].block_elements, tensors[name].shape[0]
        if row % block:
            raise ConfigError(
                f"{option}={kind!r} does not fit to {header.path.name}: {name} has rows of {row} weights,"
                f" and {kind} packs {block}; take Q8_0 or F16"
            )


def _forecast(header: GGUFHeader, plan: FilePlan) -> SizeForecast:
    matrices = [tensor for tensor in header.tensors if len(tensor.shape) > 1]
    quantised = sum(tensor.elements for tensor in matrices if tensor.type.name not in _PLAIN_TYPES)
    return SizeForecast(
        source_type=header.quantisation,
        source_bytes=header.data_offset + sum(tensor.size_bytes for tensor in header.tensors),
        size_bytes=header.data_offset + sum(_new_sizes(header, plan).values()),
        was_quantised=2 * quantised > sum(tensor.elements for tensor in matrices),
        weights=count_types(plan, {tensor.name: tensor.elements for tensor in header.tensors}),
        fallbacks=plan.fallbacks,
        tensors=len(plan.types),
        needs_importance=plan.needs_importance,
    )


def _new_sizes(header: GGUFHeader, plan: FilePlan) -> dict[str, int]:
    sizes = {}
    for tensor in header.tensors:
        kind = _TYPES[plan.types[tensor.name]]
        size = tensor.elements // kind.block_elements * kind.block_bytes
        sizes[tensor.name] = -(-size // _ALIGNMENT) * _ALIGNMENT
    return sizes


def _require_importance(recipe: QuantizationRecipe, forecast: SizeForecast) -> None:
    if forecast.needs_importance and recipe.imatrix is None:
        raise ConfigError(
            f"to={recipe.type!r} needs an importance matrix, which says what of so few bits to spend where:"
            " make one with llama-imatrix and pass it as imatrix=, or choose Q3_K_S or a larger type"
        )


def _require_space(folder: Path, size_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size_bytes + _SPARE_BYTES:
        raise ModelError(
            f"{folder} has {free / 1e9:.1f} GB free, but the new file takes about {size_bytes / 1e9:.1f} GB;"
            " make room, or give a folder on another disk"
        )
