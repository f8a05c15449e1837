"""How a model's weights are to be written, and what comes of it. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.errors import ConfigError

Importance = Mapping[str, NDArray[np.float32]]
"""For each tensor by its name, how much each of its columns matters."""

FILE_TYPES = (
    *("F32", "F16", "BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q5_1", "Q5_0"),
    *("Q4_K_M", "Q4_K_S", "Q4_1", "Q4_0", "IQ4_NL", "IQ4_XS", "MXFP4_MOE"),
    *("Q3_K_L", "Q3_K_M", "Q3_K_S", "IQ3_M", "IQ3_S", "IQ3_XS", "IQ3_XXS"),
    *("Q2_K", "Q2_K_S", "IQ2_M", "IQ2_S", "IQ2_XS", "IQ2_XXS", "Q2_0"),
    *("TQ2_0", "TQ1_0", "IQ1_M", "IQ1_S", "Q1_0"),
)
"""What llama.cpp writes: `llama_ftype_get_default_type` in src/llama-quant.cpp of llama-cpp-python 0.3.36."""

SHORT_NAMES = {"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M"}
"""As llama-quantize takes them."""

TENSOR_TYPES = (
    *("F32", "F16", "BF16", "Q8_0", "Q6_K", "Q5_K", "Q5_1", "Q5_0", "Q4_K", "Q4_1", "Q4_0"),
    *("IQ4_NL", "IQ4_XS", "Q3_K", "Q2_K"),
)
"""What a single tensor may be put in. Those below need an importance matrix, without which ggml ends the
process, and matrices have none for the output and the token embeddings."""


@dataclass(frozen=True, slots=True)
class QuantizationRecipe:
    """What weights become: `QuantizationRecipe("Q4_K_M", imatrix=Path("imatrix.gguf"))`.

    type: one of FILE_TYPES in any case, or a short name such as Q4_K for Q4_K_M.
    imatrix: an importance matrix as llama-imatrix writes it, GGUF or the older binary format. Types of
    three bits and fewer lose less with one; some cannot be had without.
    pure: every tensor in the type's own tensor type, where llama.cpp would give some more bits.
    leave_output_tensor: leave `output.weight` as it is; models that use their embeddings for both have none.
    output_tensor_type, token_embedding_type: one of TENSOR_TYPES for the output and the token embeddings.

    Raises ConfigError for a type that is none, and for `leave_output_tensor` beside `output_tensor_type`.
    """

    type: str
    imatrix: Path | None = None
    pure: bool = False
    leave_output_tensor: bool = False
    output_tensor_type: str | None = None
    token_embedding_type: str | None = None

    def __post_init__(self) -> None:
        kind = self.type.upper()
        kind = SHORT_NAMES.get(kind, kind)
        if kind not in FILE_TYPES:
            raise ConfigError(
                f"to={self.type!r} is no type to quantise to; choose one of {', '.join(FILE_TYPES)}"
            )
        object.__setattr__(self, "type", kind)
        for name in ("output_tensor_type", "token_embedding_type"):
            value = getattr(self, name)
            if value is None:
                continue
            if value.upper() not in TENSOR_TYPES:
                raise ConfigError(
                    f"{name}={value!r} is no type of a tensor; choose one of {', '.join(TENSOR_TYPES)}"
                )
            object.__setattr__(self, name, value.upper())
        if self.leave_output_tensor and self.output_tensor_type is not None:
            raise ConfigError(
                "leave_output_tensor leaves output.weight as it is, and"
                f" output_tensor_type={self.output_tensor_type!r} would change it; give one of the two"
            )


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What llama.cpp will make of each tensor, as it said itself.

    types: the new tensor type by the tensor's name, in the order in which they are written. fallbacks:
    how many get another type since their rows do not divide into the type's blocks. needs_importance:
    whether it will refuse to write them without an importance matrix.
    """

    types: Mapping[str, str]
    fallbacks: int
    needs_importance: bool


@dataclass(frozen=True, slots=True)
class SizeForecast:
    """What a new file will be, before it is written.

    size_bytes: to some hundred bytes of the header; for a model in several files to the length of their
    lists of tensors. was_quantised: the source loses a second time. weights: how many of each tensor type.
    fallbacks: tensors that get another type, because of their shape, of `tensors`.
    needs_importance: it cannot be written without an importance matrix.
    """

    source_type: str | None
    source_bytes: int
    size_bytes: int
    was_quantised: bool
    weights: Mapping[str, int]
    fallbacks: int
    tensors: int
    needs_importance: bool

    @property
    def bits_per_weight(self) -> float:
        return 8 * self.size_bytes / max(sum(self.weights.values()), 1)


def count_types(plan: FilePlan, elements: Mapping[str, int]) -> Mapping[str, int]:
    """Weights of each tensor type, the most frequent first; elements: weights of each tensor."""
    counts: Counter[str] = Counter()
    for name, kind in plan.types.items():
        counts[kind] += elements[name]
    return dict(counts.most_common())
