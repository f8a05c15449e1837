"""Whether libmtmd can load a vision projector for a certain model, decided before it sees the file.

Its loader asks for values without asking for their types, which fails an assertion, and dereferences
tensors that it did not find; the graph relies on shapes that nobody compared. The rules are those of
`clip_model_loader` and `clip_n_mmproj_embd` in tools/mtmd/clip.cpp of llama-cpp-python 0.3.36.

Shapes are compared for the kinds that `gguf_projector_shapes` knows. The others have layers of their own;
what passes here and still ends the process is for `gpt4all_core.trial` to find.
"""

import math
from collections.abc import Iterator
from pathlib import Path

from gpt4all_core.catalog.file_fault import file_fault
from gpt4all_core.catalog.gguf import GGUFArray, GGUFHeader, Scalar, Tensor, read_header
from gpt4all_core.catalog.gguf_check import MOST_BLOCKS, MOST_HEADS, NO_WEIGHTS, check_data
from gpt4all_core.catalog.gguf_projector_shapes import shape_faults
from gpt4all_core.errors import UnsupportedParameter

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
        sam.head_count sam.block_count sam.embedding_length expert_used_count num_mel_bins
        projector.stack_factor chunk_size conv_kernel_size max_pos_emb projector.downsample_rate
        projector.head_count rvq.num_quantizers local_block_count local_group_size subsampling_factor
        """.split(),  # noqa: SIM905 - as lines of words it stays comparable with the source
        "UINT32",
    ),
}
"""What is asked for without a look at its type: by the key, and by what follows `clip.vision.` in it, or
`clip.audio.`. Nobody reads other keys; lists are looked at."""

_MODALITIES = ("clip.vision.", "clip.audio.")
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
    refusal = _REFUSED.get(projector_kind(header))
    if refusal:
        raise UnsupportedParameter(
            f"{path} is a projector of the kind {projector_kind(header)!r}, which cannot be used: {refusal};"
            " ask without pictures, or use another model"
        )
    for reason in _reasons_against(header):
        raise file_fault(path, reason)
    width = output_width(header)
    if width not in (None, model_width):
        raise file_fault(
            path,
            f"makes rows of {width} numbers, and {model_name} reads {model_width}; use the projector that"
            " was published with the model",
        )
    return header


def projector_kind(header: GGUFHeader) -> str:
    """What libmtmd calls the projector; "" if the file does not say."""
    return header.text("clip.projector_type") or header.text("clip.vision.projector_type") or ""


def output_width(header: GGUFHeader) -> int | None:
    """How many numbers a row has; None where only libmtmd knows."""
    name, dimension = _OUTPUT_WIDTHS.get(projector_kind(header), ("", 0))
    tensor = _tensor(header, name)
    if tensor is None or len(tensor.shape) <= dimension:
        return None
    return tensor.shape[dimension]


def most_rows(header: GGUFHeader, *, room: int, batch_rows: int) -> int | None:
    """To how many rows a picture is to be bounded, or None to leave that to libmtmd.

    room: rows that it should not exceed; large pictures have thousands by default. batch_rows: most that
    one decode call can have.
    """
    kind = projector_kind(header)
    least, most = _ROWS.get(kind, (0, 0))
    if kind in _SEEN_AT_ONCE:
        room = min(room, batch_rows)
    return max(room, least) if room < most else None


def _kind_faults(header: GGUFHeader) -> Iterator[str]:
    if header.architecture != "clip":
        yield f"has the architecture {header.architecture!r}, and is no vision projector (mmproj)"
    for key, value in header.metadata.items():
        yield from _type_fault(header, key, value)
    if header.metadata.get("clip.has_vision_encoder") is not True:
        yield "has no vision encoder (clip.has_vision_encoder)"
    kind = projector_kind(header)
    if kind not in _OUTPUT_WIDTHS.keys() | _OTHERS | _REFUSED.keys():
        yield f"is a projector of the kind {kind!r}, which libmtmd does not know for pictures"


def _type_fault(header: GGUFHeader, key: str, value: object) -> Iterator[str]:
    modality = next((start for start in _MODALITIES if key.startswith(start)), key)
    expected = _TYPES.get(key) or _TYPES_BY_NAME.get(key.removeprefix(modality))
    found = "STRING" if isinstance(value, str) else header.scalar_types.get(key, "a list")
    if expected is not None and found != expected:
        yield f"{key} has the type {found} instead of {expected}"


def _reasons_against(header: GGUFHeader) -> Iterator[str]:
    yield from _size_faults(header)
    yield from _list_faults(header)
    for tensor in header.tensors:
        if tensor.type.name in NO_WEIGHTS | {"I32"}:
            yield f"tensor {tensor.name!r} has type {tensor.type.name}, in which there are no weights"
        elif len(tensor.shape) == 1 and tensor.type.name != "F32":
            yield f"tensor {tensor.name!r} has type {tensor.type.name}; it must be F32"
    kind = projector_kind(header)
    name, dimension = _OUTPUT_WIDTHS.get(kind, ("", 0))
    if name and output_width(header) is None and not (kind == "mlp" and _tensor(header, "mm.3.bias")):
        yield f"lacks the tensor {name!r}, or it has no dimension {dimension}"
    yield from shape_faults(header, kind, rows=output_width(header))


def _size_faults(header: GGUFHeader) -> Iterator[str]:
    for name, least, most in (
        ("embedding_length", 1, LARGEST_WIDTH),
        ("attention.head_count", 0, MOST_HEADS),  # 0 where there are no blocks: Gemma 4's "unified" ones
        ("feed_forward_length", 0, 1 << 20),
        ("block_count", 0, MOST_BLOCKS),
        ("projection_dim", 0, 1 << 20),
        ("image_size", 0, LARGEST_IMAGE),
        ("patch_size", 1, LARGEST_PATCH),
    ):
        value = header.number(f"clip.vision.{name}")
        if value is None or not least <= value <= most:
            shown = "missing" if value is None else value
            yield f"clip.vision.{name} is {shown}; it must be from {least} to {most}"
    for name, most in (
        ("projector.scale_factor", 64),
        ("spatial_merge_size", 64),
        ("attention.head_count_kv", MOST_HEADS),
        ("attention.head_dim", 1 << 12),
        ("preproc_image_size", 1 << 16),
        ("preproc_max_tiles", 1 << 10),
    ):
        value = header.number(f"clip.vision.{name}")
        if value is not None and not 0 < value <= most:
            yield f"clip.vision.{name} is {value}; it must be from 1 to {most}"
    width, heads = _number(header, "embedding_length"), _number(header, "attention.head_count")
    if heads and width % heads and header.number("clip.vision.attention.head_dim") is None:
        yield f"clip.vision.embedding_length is {width}, which {heads} heads cannot share"
    side, patch = _number(header, "image_size"), _number(header, "patch_size")
    if 0 < side < patch:
        yield f"clip.vision.image_size is {side}, less than a patch of {patch}"
    epsilon = header.metadata.get("clip.vision.attention.layer_norm_epsilon")
    if not isinstance(epsilon, float) or not 0.0 <= epsilon < 1.0:
        yield f"clip.vision.attention.layer_norm_epsilon is {epsilon}; it must be 0 or a little more"


def _list_faults(header: GGUFHeader) -> Iterator[str]:
    for name in _FLOAT_LISTS:
        value = header.metadata.get(f"clip.vision.{name}")
        numbers: list[Scalar] = []
        if isinstance(value, GGUFArray) and value.element_type == "FLOAT32" and value.count <= MOST_BLOCKS:
            numbers = value.values()
        if len(numbers) < 3 or not all(math.isfinite(float(number)) for number in numbers):
            yield f"clip.vision.{name} must be a list of three finite numbers"
        elif name == "image_std" and 0.0 in numbers:
            yield "clip.vision.image_std has a zero, which pictures would be divided by"
    layers = header.metadata.get("clip.vision.feature_layer")
    if isinstance(layers, GGUFArray) and layers.element_type == "INT32":
        most = _number(header, "block_count")
        if layers.count > MOST_BLOCKS or not all(-1 <= int(layer) <= most for layer in layers.values()):
            yield f"clip.vision.feature_layer names layers outside the {most} that there are"
    points = header.metadata.get("clip.vision.image_grid_pinpoints")
    if isinstance(points, GGUFArray) and (
        points.element_type != "INT32"
        or points.count > MOST_BLOCKS
        or not all(_number(header, "image_size") <= int(side) <= 1 << 16 for side in points.values())
    ):
        yield "clip.vision.image_grid_pinpoints has impossible sizes"


def _number(header: GGUFHeader, name: str) -> int:
    return header.number(f"clip.vision.{name}") or 0


def _tensor(header: GGUFHeader, name: str) -> Tensor | None:
    return next((tensor for tensor in header.tensors if tensor.name == name), None)
