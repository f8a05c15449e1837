"""Whether the tensors of a projector fit together, for the kinds of pictures with plain encoders.

libmtmd compares few of these shapes; the operations of its graphs assert them. The rules are those of
models/siglip.cpp, llava.cpp and qwen2vl.cpp, and of `clip_graph::build_vit`, in tools/mtmd of
llama-cpp-python 0.3.36. Shapes are innermost first: a matrix of (in, out).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gpt4all_core.catalog.gguf_header import GGUFArray, GGUFHeader, Tensor

PLAIN = frozenset({"mlp", "gemma3", "idefics3"})
GRIDS = frozenset({"qwen2vl_merger", "qwen2.5vl_merger"})

_MERGES = {"gemma3": 4, "idefics3": 1}
_QWEN_MERGE = 2  # the graph has it as a number
_QUERY_BIASES = ("attn_q.bias", "attn_k.bias", "attn_v.bias")
_UNPACKED = frozenset({"F32", "F16", "BF16"})

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Encoder:
    """What the header says, and the tensors by name.

    modality: "vision" or "audio". rows: numbers in a row of what comes out.
    """

    header: GGUFHeader
    kind: str
    modality: str
    tensors: Mapping[str, Tensor]
    width: int
    patch: int
    side: int
    rows: int

    @classmethod
    def of(cls, header: GGUFHeader, kind: str, modality: str, *, rows: int) -> "Encoder":
        return cls(
            header,
            kind,
            modality,
            {tensor.name: tensor for tensor in header.tensors},
            width=header.number(f"clip.{modality}.embedding_length") or 0,
            patch=header.number("clip.vision.patch_size") or 1,
            side=header.number("clip.vision.image_size") or 0,
            rows=rows,
        )

    def size_of(self, name: str, dimension: int) -> int:
        """Of a tensor, 0 if there is none."""
        tensor = self.tensors.get(name)
        return tensor.shape[dimension] if tensor is not None and len(tensor.shape) > dimension else 0

    @property
    def patches(self) -> int:
        """In a row of the picture, for encoders of pictures of one size."""
        return self.side // self.patch

    @property
    def merge(self) -> int:
        """How many patches of a row become one."""
        return self.header.number("clip.vision.projector.scale_factor") or _MERGES.get(self.kind, 1)


def shape_faults(header: GGUFHeader, kind: str, *, rows: int | None) -> Iterator[str]:
    """What is wrong with the tensors, as sentences; nothing for a kind that is not known here.

    The header's numbers were found possible before. rows: numbers in a row, None where a tensor is
    missing that would say so.
    """
    if kind not in PLAIN | GRIDS:
        return
    encoder = Encoder.of(header, kind, "vision", rows=rows or 0)
    yield from head_faults(encoder)
    if kind in PLAIN:
        yield from _size_faults(encoder)
    yield from _stem_faults(encoder)
    for block in range(header.number("clip.vision.block_count") or 0):
        needed = _QUERY_BIASES if kind in GRIDS else ()
        yield from block_faults(encoder, f"v.blk.{block}.", needed=needed)
    yield from misfits(encoder.tensors, *_projection(encoder))


def head_faults(encoder: Encoder) -> Iterator[str]:
    """What is wrong with the numbers of its attention."""
    start = f"clip.{encoder.modality}."
    heads = encoder.header.number(f"{start}attention.head_count") or 0
    if not heads or not encoder.header.number(f"{start}block_count"):
        yield f"has no attention, which encoders of the kind {encoder.kind!r} are made of"
        return
    sharers = encoder.header.number(f"{start}attention.head_count_kv")
    size = encoder.header.number(f"{start}attention.head_dim") or encoder.width // heads
    if sharers not in (None, heads):
        yield f"{start}attention.head_count_kv is {sharers}; it must be {heads}, as there are heads"
    if size * heads != encoder.width:
        yield f"{start}attention.head_dim is {size}, and {heads} heads share {encoder.width} numbers"
    elif encoder.kind in GRIDS and size % 4:
        yield f"{start}attention.head_dim is {size}; it must be a multiple of 4"


def _size_faults(encoder: Encoder) -> Iterator[str]:
    if encoder.patches == 0:
        yield f"clip.vision.image_size is {encoder.side}, less than a patch of {encoder.patch}"
    elif encoder.kind != "mlp" and encoder.patches % encoder.merge:
        yield (
            f"clip.vision.projector.scale_factor is {encoder.merge}, which {encoder.patches} patches in a"
            " row cannot share"
        )


def _stem_faults(encoder: Encoder) -> Iterator[str]:
    """What is before and after the blocks."""
    tensors, width = encoder.tensors, encoder.width
    kernel = (encoder.patch, encoder.patch, 3, width)
    expected: Shapes = {"v.patch_embd.weight": kernel}
    optional: Shapes = {
        f"v.{norm}.{part}": (width,) for norm in ("pre_ln", "post_ln") for part in ("weight", "bias")
    }
    if encoder.kind in GRIDS:
        expected["v.patch_embd.weight.1"] = kernel
        for name in ("v.patch_embd.bias", "v.class_embd"):
            if name in tensors:
                yield f"has the tensor {name!r}, which encoders of the kind {encoder.kind!r} do not have"
        merge = encoder.header.number("clip.vision.spatial_merge_size")
        if merge not in (None, _QWEN_MERGE):
            yield f"clip.vision.spatial_merge_size is {merge}; it must be {_QWEN_MERGE}"
        if encoder.kind == "qwen2vl_merger" and encoder.header.number("clip.vision.n_wa_pattern"):
            yield "clip.vision.n_wa_pattern is set, and encoders of this kind have no windows"
    else:
        position = tensors.get("v.position_embd.weight")
        if encoder.kind != "mlp" and position is not None and position.type.name != "F32":
            yield f"tensor {position.name!r} has type {position.type.name}; it must be F32"
        places = encoder.patches**2 + ("v.class_embd" in tensors)
        expected["v.position_embd.weight"] = (width, places)
        optional |= {"v.patch_embd.bias": (width,), "v.class_embd": (width,)}
    yield from misfits(tensors, expected, optional)


def block_faults(encoder: Encoder, prefix: str, *, needed: Sequence[str]) -> Iterator[str]:
    """The same of one block of attention. needed: biases that others may do without."""
    width, tensors = encoder.width, encoder.tensors
    up = tensors.get(f"{prefix}ffn_up.weight")
    if up is None or len(up.shape) != 2:
        yield f"lacks the matrix '{prefix}ffn_up.weight'"
        return
    # Old converters gave the two matrices each other's names, which libmtmd sees by their shapes.
    is_swapped = up.shape[0] != width and encoder.modality == "vision"
    into, out = ("ffn_down", "ffn_up") if is_swapped else ("ffn_up", "ffn_down")
    inner = up.shape[0] if is_swapped else up.shape[1]
    queries = ("attn_q", "attn_k", "attn_v")
    weights: Shapes = {f"{prefix}{name}.weight": (width, width) for name in (*queries, "attn_out")}
    weights |= {f"{prefix}{name}.weight": (width,) for name in ("ln1", "ln2")}
    weights |= {f"{prefix}{into}.weight": (width, inner), f"{prefix}{out}.weight": (inner, width)}
    gate = f"{prefix}ffn_gate"
    biases: Shapes = {f"{prefix}{name}.bias": (width,) for name in (*queries, "attn_out", "ln1", "ln2", out)}
    biases |= {f"{prefix}{into}.bias": (inner,), f"{gate}.weight": (width, inner), f"{gate}.bias": (inner,)}
    weights |= {f"{prefix}{name}": biases.pop(f"{prefix}{name}") for name in needed}
    if f"{prefix}attn_qkv.weight" in tensors and encoder.kind not in GRIDS:
        biases |= {f"{prefix}{name}.weight": weights.pop(f"{prefix}{name}.weight") for name in queries}
        biases |= {f"{prefix}attn_qkv.weight": (width, 3 * width), f"{prefix}attn_qkv.bias": (3 * width,)}
    yield from misfits(tensors, weights, biases)


def _projection(encoder: Encoder) -> tuple[Shapes, Shapes]:
    """Tensors that bring the encoder's numbers to the model's width: needed ones, and others."""
    width, rows, tensors = encoder.width, encoder.rows, encoder.tensors
    if encoder.kind == "gemma3":
        return {"mm.soft_emb_norm.weight": (width,), "mm.input_projection.weight": (rows, width)}, {}
    if encoder.kind == "idefics3":
        return {"mm.model.fc.weight": (width * encoder.merge**2, rows)}, {}
    if "mm.3.bias" in tensors and encoder.kind == "mlp":
        return {}, {}  # Yi's, which only libmtmd knows
    inner = _inner(tensors.get("mm.2.weight"))
    into = width * (_features(encoder.header) if encoder.kind == "mlp" else _QWEN_MERGE**2)
    return {
        "mm.2.weight": (inner, rows),
        "mm.2.bias": (rows,),
        "mm.0.weight": (into, inner),
        "mm.0.bias": (inner,),
    }, {}


def _inner(matrix: Tensor | None) -> int:
    return matrix.shape[0] if matrix is not None and matrix.shape else 0


def _features(header: GGUFHeader) -> int:
    """Of how many layers the output is taken, side by side."""
    layers = header.metadata.get("clip.vision.feature_layer")
    return max(layers.count, 1) if isinstance(layers, GGUFArray) else 1


def misfits(
    tensors: Mapping[str, Tensor],
    expected: Mapping[str, tuple[int, ...]],
    optional: Mapping[str, tuple[int, ...]] | None = None,
) -> Iterator[str]:
    """Tensors that are missing, or have another shape; others than these are not looked at."""
    for name, shape in {**expected, **(optional or {})}.items():
        tensor = tensors.get(name)
        if tensor is None:
            if name in expected:
                yield f"lacks the tensor {name!r}"
        elif _without_ones(tensor.shape) != _without_ones(shape):
            yield f"tensor {name!r} has the shape {tensor.shape} instead of {shape}"
        elif tensor.type.name not in _UNPACKED and name == "mm.input_projection.weight":
            yield f"tensor {name!r} has type {tensor.type.name}, which cannot be transposed"


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Dimensions of one at the end, which a file may leave out."""
    while len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    return shape
