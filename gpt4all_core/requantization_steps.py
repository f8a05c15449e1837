"""The two steps of writing a model in another type, in whichever process they are taken."""

from collections.abc import Callable
from pathlib import Path

from gpt4all_core.catalog.gguf_check import check_loadable
from gpt4all_core.engine.quantization import FilePlan, Importance, QuantizationRecipe


def plan(source: Path, recipe: QuantizationRecipe) -> FilePlan:
    """What each tensor will become. Raises ModelLoadError, and ConfigError for the importance matrix."""
    from gpt4all_core.engine.llama.quantize import plan_file  # noqa: PLC0415 - heavy

    return plan_file(source, recipe, importance=_importance(source, recipe))


def write(
    source: Path, target: Path, recipe: QuantizationRecipe, *, threads: int, on_tensor: Callable[[str], None]
) -> None:
    """Write it; on_tensor: called with the name of each tensor that is begun. Raises as `plan` does."""
    from gpt4all_core.engine.llama.quantize import quantize_file  # noqa: PLC0415 - heavy

    quantize_file(
        source,
        target,
        recipe,
        importance=_importance(source, recipe),
        threads=threads,
        on_tensor=on_tensor,
    )


def _importance(source: Path, recipe: QuantizationRecipe) -> Importance | None:
    if recipe.imatrix is None:
        return None
    from gpt4all_core.catalog.importance_matrix import read_importance  # noqa: PLC0415 - few have one

    return read_importance(recipe.imatrix, check_loadable(source))
