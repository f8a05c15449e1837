"""Whether libmtmd can load a projector for a certain model, decided before it sees the file.

Its loader asks for values without asking for their types, which fails an assertion, and dereferences
tensors that it did not find; the graph relies on shapes that nobody compared. The rules are those of
`clip_model_loader` and `clip_n_mmproj_embd` in tools/mtmd/clip.cpp of llama-cpp-python 0.3.36.

A file has an encoder of pictures, one of sounds (`gguf_projector_audio`), or both, each of a kind. Shapes
are compared for the kinds that `gguf_projector_shapes` and `gguf_projector_audio` know. The others have
layers of their own; what passes here and still ends the process is for `gpt4all_core.trial` to find.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

from gpt4all_core.catalog import gguf_projector_audio as audio
from gpt4all_core.catalog.file_fault import file_fault
from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.gguf_check import MOST_BLOCKS, MOST_HEADS, NO_WEIGHTS, check_data
from gpt4all_core.catalog.gguf_header import GGUFArray, GGUFHeader, Scalar, Tensor
from gpt4all_core.catalog.gguf_projector_shapes import shape_faults
from gpt4all_core.errors import UnsupportedParameter

Modality = Literal["vision", "audio"]
"""What a projector may have an encoder of, as its header calls it."""

LARGEST_IMAGE = 8192  # clip.cpp: the square of its patches must fit into 32 bits
LARGEST_PATCH = 1 << 10
LARGEST_WIDTH = 1 << 16

_OUTPUT_WIDTHS = {
    "mlp": ("mm.2.weight", 1),
    "gemma3": ("mm.input_projection.weight", 0),
    "gemma3nv": ("mm.input_projection.weight", 0),
    "gemma4v": ("mm.input_projection.weight", 1),
    "gemma4uv": ("mm.input_projection.weight", 1),
    "idefics3": ("mm.model.fc.weight", 1),
    "pixtral": ("mm.2.weight", 1),
    "lightonocr": ("mm.2.weight", 1),
    "phi4": ("mm.2.weight", 1),
    "dots_ocr": ("mm.2.weight", 1),
    "internvl": ("mm.model.mlp.3.weight", 1),
    "lfm2": ("mm.2.weight", 1),
    "kimivl": ("mm.2.weight", 1),
    "paddleocr": ("mm.2.weight", 1),
    "janus_pro": ("mm.1.bias", 0),
    "qwen2vl_merger": ("mm.2.bias", 0),
    "qwen2.5vl_merger": ("mm.2.bias", 0),
    "qwen3vl_merger": ("mm.2.bias", 0),
    "resampler": ("resampler.proj.weight", 0),
}
"""By kind, the tensor that says how wide a row is, and in which of its dimensions (innermost first).
A row of `qwen3vl_merger` has more of that width behind it, for deeper layers, which libmtmd compares."""

_OTHERS = frozenset(
    """
    adapter cogvlm deepseekocr deepseekocr2 dots3note_v exaone4_5 glm4v glm5v granite4_vision kimik25 ldp
    ldpv2 ling3vl llama4 mimovl minicpmv4_6 minimax_m3 muse-glimmer nemotron_v2_vl qwen2.5o step3vl
    yasa2 youtuvl
    """.split()  # noqa: SIM905 - as lines of words it stays comparable with the source
)
"""Kinds whose width libmtmd compares itself, and whose mismatch it reports."""

_ROWS = {
    "gemma4uv": (70, 1120),
    "gemma4v": (70, 1120),
    "glm4v": (8, 4096),
    "kimik25": (2, 4096),
    "kimivl": (8, 1024),
    "lfm2": (64, 256),
    "ling3vl": (8, 4096),
    "minimax_m3": (8, 576),
    "muse-glimmer": (1, 4096),
    "pixtral": (8, 1024),
    "qwen2.5vl_merger": (8, 4096),
    "qwen2vl_merger": (8, 4096),
    "qwen3vl_merger": (8, 4096),
    "youtuvl": (1, 62500),
}
"""Fewest and most rows of a picture, by kind, where they depend on its size and can be bounded
(`set_limit_image_tokens`)."""

_SEEN_AT_ONCE = frozenset({"gemma4v", "gemma4uv"})
"""Those of them whose rows may see each other (`mtmd_decode_use_non_causal`): a batch has to hold them."""

_REFUSED = {
    "hunyuanvl": "the rows of a picture depend on how many pictures there were before it",
    "deepseek4v": "the rows of a picture depend on where in the prompt it is",
    **dict.fromkeys(audio.VOICES, "its rows are a voice to speak with, not what is said"),
}

_TYPES = {
    "general.name": "STRING",
    "general.description": "STRING",
    "clip.has_vision_encoder": "BOOL",
    "clip.has_audio_encoder": "BOOL",
    "clip.has_gen_audio_encoder": "BOOL",
    "clip.use_gelu": "BOOL",
    "clip.use_silu": "BOOL",
    "clip.projector_type": "STRING",
    "clip.minicpmv_version": "INT32",
    "clip.minicpmv_query_num": "UINT32",
}
_TYPES_BY_NAME = {
    "projector_type": "STRING",
    "mm_patch_merge_type": "STRING",
    "attention.layer_norm_epsilon": "FLOAT32",
    "swiglu_clamp": "FLOAT32",
    **dict.fromkeys(
        """
        embedding_length feed_forward_length block_count projection_dim attention.head_count
        attention.head_count_kv attention.head_dim image_size image_min_pixels image_max_pixels
        preproc_min_tiles preproc_max_tiles preproc_image_size patch_size projector.scale_factor
        projector.query_side projector.window_side spatial_merge_size n_wa_pattern window_size
        projector.window_size sam.head_count sam.block_count sam.embedding_length expert_used_count
        num_mel_bins projector.stack_factor chunk_size conv_kernel_size max_pos_emb projector.downsample_rate
        projector.head_count rvq.num_quantizers local_block_count local_group_size subsampling_factor
        """.split(),  # noqa: SIM905 - as lines of words it stays comparable with the source
        "UINT32",
    ),
}
"""What is asked for without a look at its type: by the key, and by what follows `clip.vision.` in it, or
`clip.audio.`. Nobody reads other keys; lists are looked at."""

_MODALITIES: tuple[Modality, ...] = get_args(Modality)
_WIDTHS = {"vision": _OUTPUT_WIDTHS, "audio": audio.OUTPUT_WIDTHS}
_OWN_NUMBERS = {
    "vision": (("image_size", 0, LARGEST_IMAGE), ("patch_size", 1, LARGEST_PATCH)),
    "audio": (("num_mel_bins", 1, LARGEST_WIDTH),),  # of Gemma 4's "unified" ones the samples of a row
}
_OPTIONAL_NUMBERS = (
    ("projector.scale_factor", 64),
    ("spatial_merge_size", 64),
    ("attention.head_count_kv", MOST_HEADS),
    ("attention.head_dim", 1 << 12),
    ("preproc_image_size", 1 << 16),
    ("preproc_max_tiles", 1 << 10),
)
_FLOAT_LISTS = ("image_mean", "image_std")


def check_projector(path: Path, *, model_width: int, model_name: str) -> GGUFHeader:
    """Read a projector's header and make sure that it fits to a model.

    model_width: numbers in a token's embedding, as the model's own header says. Raises ModelLoadError,
    whose message says what is wrong with the projector, and UnsupportedParameter for a kind of
    projector that libmtmd knows and this project cannot use.
    """
    header = read_header(path)
    check_data(header)
    for reason in _kind_faults(header):
        raise file_fault(path, reason)
    for modality in modalities(header):
        kind = projector_kind(header, modality)
        if kind in _REFUSED:
            raise UnsupportedParameter(
                f"{path} is a projector of the kind {kind!r}, which cannot be used: {_REFUSED[kind]};"
                " ask in words alone, or use another model"
            )
    for reason in _reasons_against(header):
        raise file_fault(path, reason)
    for modality in modalities(header):
        width = _width(header, modality)
        if width not in (None, model_width):
            raise file_fault(
                path,
                f"makes rows of {width} numbers, and {model_name} reads {model_width}; use the projector that"
                " was published with the model",
            )
    return header


def modalities(header: GGUFHeader) -> tuple[Modality, ...]:
    """What libmtmd can read by the projector."""
    found = [name for name in _MODALITIES if header.metadata.get(f"clip.has_{name}_encoder") is True]
    if "vision" in found and projector_kind(header, "vision") in audio.UNHEARD:
        found.remove("audio")
    return tuple(found)


def projector_kind(header: GGUFHeader, modality: Modality) -> str:
    """What libmtmd calls the projector; "" if the file does not say."""
    return header.text("clip.projector_type") or header.text(f"clip.{modality}.projector_type") or ""


def output_width(header: GGUFHeader) -> int | None:
    """How many numbers a row has; None where only libmtmd knows."""
    return next((width for name in modalities(header) if (width := _width(header, name)) is not None), None)


def most_rows(header: GGUFHeader, *, room: int, batch_rows: int) -> int | None:
    """To how many rows a picture is to be bounded, or None to leave that to libmtmd.

    room: rows that it should not exceed; large pictures have thousands by default. batch_rows: most that
    one decode call can have.
    """
    kind = projector_kind(header, "vision")
    least, most = _ROWS.get(kind, (0, 0))
    if kind in _SEEN_AT_ONCE:
        room = min(room, batch_rows)
    return max(room, least) if room < most else None


def _kind_faults(header: GGUFHeader) -> Iterator[str]:
    if header.architecture != "clip":
        yield f"has the architecture {header.architecture!r}, and is no projector (mmproj)"
    for key, value in header.metadata.items():
        yield from _type_fault(header, key, value)
    if not modalities(header):
        yield "has no encoder (clip.has_vision_encoder, clip.has_audio_encoder)"
    known = {"vision": _OUTPUT_WIDTHS.keys() | _OTHERS, "audio": audio.WHISPERS | audio.OTHERS}
    for modality in modalities(header):
        kind = projector_kind(header, modality)
        if kind not in known[modality] | _REFUSED.keys():
            read = "pictures" if modality == "vision" else "sounds"
            yield f"is a projector of the kind {kind!r}, which libmtmd does not know for {read}"


def _type_fault(header: GGUFHeader, key: str, value: object) -> Iterator[str]:
    name = key.removeprefix("clip.vision.").removeprefix("clip.audio.")
    expected = _TYPES.get(key) or (_TYPES_BY_NAME.get(name) if name != key else None)
    found = "STRING" if isinstance(value, str) else header.scalar_types.get(key, "a list")
    if expected is not None and found != expected:
        yield f"{key} has the type {found} instead of {expected}"


def _reasons_against(header: GGUFHeader) -> Iterator[str]:
    yield from _list_faults(header)
    for tensor in header.tensors:
        if tensor.type.name in NO_WEIGHTS | {"I32"}:
            yield f"tensor {tensor.name!r} has type {tensor.type.name}, in which there are no weights"
        elif len(tensor.shape) == 1 and tensor.type.name != "F32":
            yield f"tensor {tensor.name!r} has type {tensor.type.name}; it must be F32"
    for modality in modalities(header):
        yield from _number_faults(header, modality)
        kind, width = projector_kind(header, modality), _width(header, modality)
        name, dimension = _WIDTHS[modality].get(kind, ("", 0))
        if name and width is None and not (kind == "mlp" and _tensor(header, "mm.3.bias")):
            yield f"lacks the tensor {name!r}, or it has no dimension {dimension}"
        if modality == "vision":
            yield from _picture_faults(header)
            yield from shape_faults(header, kind, rows=width)
        else:
            yield from audio.whisper_faults(header, kind, rows=width)


def _number_faults(header: GGUFHeader, modality: Modality) -> Iterator[str]:
    """What is wrong with the numbers that all encoders have."""
    start = f"clip.{modality}."
    for name, least, most in (
        ("embedding_length", 1, LARGEST_WIDTH),
        ("attention.head_count", 0, MOST_HEADS),  # 0 where there are no blocks: Gemma 4's "unified" ones
        ("feed_forward_length", 0, 1 << 20),
        ("block_count", 0, MOST_BLOCKS),
        ("projection_dim", 0, 1 << 20),
        *_OWN_NUMBERS[modality],
    ):
        value = header.number(f"{start}{name}")
        if value is None or not least <= value <= most:
            shown = "missing" if value is None else value
            yield f"{start}{name} is {shown}; it must be from {least} to {most}"
    for name, most in _OPTIONAL_NUMBERS:
        value = header.number(f"{start}{name}")
        if value is not None and not 0 < value <= most:
            yield f"{start}{name} is {value}; it must be from 1 to {most}"
    width = header.number(f"{start}embedding_length") or 0
    heads = header.number(f"{start}attention.head_count") or 0
    if heads and width % heads and header.number(f"{start}attention.head_dim") is None:
        yield f"{start}embedding_length is {width}, which {heads} heads cannot share"
    epsilon = header.metadata.get(f"{start}attention.layer_norm_epsilon")
    if not isinstance(epsilon, float) or not 0.0 <= epsilon < 1.0:
        yield f"{start}attention.layer_norm_epsilon is {epsilon}; it must be 0 or a little more"


def _picture_faults(header: GGUFHeader) -> Iterator[str]:
    """What is wrong with the size and the colours of the pictures that an encoder expects."""
    side, patch = (header.number(f"clip.vision.{name}") or 0 for name in ("image_size", "patch_size"))
    if 0 < side < patch:
        yield f"clip.vision.image_size is {side}, less than a patch of {patch}"
    for name in _FLOAT_LISTS:
        value = header.metadata.get(f"clip.vision.{name}")
        numbers: list[Scalar] = []
        if isinstance(value, GGUFArray) and value.element_type == "FLOAT32" and value.count <= MOST_BLOCKS:
            numbers = value.values()
        if len(numbers) < 3 or not all(math.isfinite(float(number)) for number in numbers):
            yield f"clip.vision.{name} must be a list of three finite numbers"
        elif name == "image_std" and 0.0 in numbers:
            yield "clip.vision.image_std has a zero, which pictures would be divided by"


def _list_faults(header: GGUFHeader) -> Iterator[str]:
    """What is wrong with the lists that are read for any encoder."""
    for modality in _MODALITIES:
        layers = header.metadata.get(f"clip.{modality}.feature_layer")
        if isinstance(layers, GGUFArray) and layers.element_type == "INT32":
            most = header.number(f"clip.{modality}.block_count") or 0
            if layers.count > MOST_BLOCKS or not all(-1 <= int(layer) <= most for layer in layers.values()):
                yield f"clip.{modality}.feature_layer names layers outside the {most} that there are"
    points = header.metadata.get("clip.vision.image_grid_pinpoints")
    least = header.number("clip.vision.image_size") or 0
    if isinstance(points, GGUFArray) and (
        points.element_type != "INT32"
        or points.count > MOST_BLOCKS
        or not all(least <= int(side) <= 1 << 16 for side in points.values())
    ):
        yield "clip.vision.image_grid_pinpoints has impossible sizes"


def _width(header: GGUFHeader, modality: Modality) -> int | None:
    """How many numbers a row has that is made by this encoder; None where only libmtmd knows."""
    name, dimension = _WIDTHS[modality].get(projector_kind(header, modality), ("", 0))
    tensor = _tensor(header, name)
    if tensor is None or len(tensor.shape) <= dimension:
        return None
    return tensor.shape[dimension]


def _tensor(header: GGUFHeader, name: str) -> Tensor | None:
    return next((tensor for tensor in header.tensors if tensor.name == name), None)
