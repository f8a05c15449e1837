"""What libmtmd asks of a projector that hears: its kind, its numbers, and the shapes of Whisper's encoders.

The rules are those of `clip_model_loader`, `clip_n_output_tokens` and `clip_n_mmproj_embd` in
tools/mtmd/clip.cpp and of models/whisper-enc.cpp of llama-cpp-python 0.3.36. The kinds with encoders of
their own are tried in a child process before their first use, see `gpt4all_core.trial`.
"""

from collections.abc import Iterator

from gpt4all_core.catalog.gguf_header import GGUFHeader
from gpt4all_core.catalog.gguf_projector_shapes import Encoder, Shapes, block_faults, head_faults, misfits

WHISPERS = frozenset({"glma", "meralion", "musicflamingo", "qwen2.5o", "qwen2a", "ultravox", "voxtral"})

OTHERS = frozenset(
    {"dots3note_a", "gemma4a", "gemma4ua", "granite_speech", "lfm2a", "mimo_audio"}
) | frozenset({"parakeet", "qwen3a"})

VOICES = frozenset({"pockettts_spkenc", "qwen3tts_spkenc"})
"""Their rows are the voice to speak with, not what is said."""

UNHEARD = frozenset({"gemma3nv"})
"""Kinds of pictures whose files have an encoder of sounds that libmtmd leaves out."""

OUTPUT_WIDTHS = {
    "gemma4a": ("mm.a.input_projection.weight", 1),
    "gemma4ua": ("mm.a.input_projection.weight", 1),
    "glma": ("mm.a.mlp.2.weight", 1),
    "meralion": ("mm.a.mlp.3.weight", 1),
    "musicflamingo": ("mm.a.mlp.2.weight", 1),
    "qwen2.5o": ("mm.a.fc.weight", 1),
    "qwen2a": ("mm.a.fc.weight", 1),
    "qwen3a": ("mm.a.mlp.2.weight", 1),
    "ultravox": ("mm.a.mlp.2.weight", 1),
    "voxtral": ("mm.a.mlp.2.weight", 1),
}
"""By kind, the tensor that says how wide a row is, and in which of its dimensions (innermost first)."""

MOST_STACKED = 1 << 10

_FRAMES = 3000  # of the spectrum, in the half minute that Whisper's encoder reads at once
_STACKING = frozenset({"glma", "meralion", "ultravox", "voxtral"})
_HALVING = frozenset({"musicflamingo", "qwen2.5o", "qwen2a", "voxtral"})  # `audio_has_avgpool`
_CONVOLVED = frozenset({"F16", "F32"})  # what ggml's convolution multiplies


def whisper_faults(header: GGUFHeader, kind: str, *, rows: int | None) -> Iterator[str]:
    """What is wrong with the tensors, as sentences; nothing for a kind that has another encoder.

    The header's numbers were found possible before. rows: numbers in a row, None where a tensor is
    missing that would say so.
    """
    if kind not in WHISPERS:
        return
    encoder = Encoder.of(header, kind, "audio", rows=rows or 0)
    stacked = _stacked(encoder)
    if kind in _STACKING and not 0 < stacked <= MOST_STACKED:
        yield f"clip.audio.projector.stack_factor is {stacked}; it must be from 1 to {MOST_STACKED}"
        return
    yield from head_faults(encoder)
    yield from _stem_faults(encoder)
    for block in range(header.number("clip.audio.block_count") or 0):
        prefix = f"a.blk.{block}."
        yield from block_faults(encoder, prefix, needed=_NEEDED)
        for name in ("attn_k.bias", "attn_qkv.weight"):
            if f"{prefix}{name}" in encoder.tensors:
                yield f"has the tensor '{prefix}{name}', which Whisper's encoder does not have"
    yield from misfits(encoder.tensors, _projection(encoder, stacked))
    promised, made = _row_counts(encoder, stacked)
    if promised != made:
        yield (
            f"makes {made} rows of half a minute, and this llama.cpp counts {promised} of them"
            f" (clip.audio.projector.stack_factor is {stacked})"
        )


_NEEDED = ("attn_q.bias", "attn_v.bias", "ln1.bias", "ln2.bias")


def _stem_faults(encoder: Encoder) -> Iterator[str]:
    """What is before and after the blocks."""
    width, bins = encoder.width, encoder.header.number("clip.audio.num_mel_bins") or 0
    expected: Shapes = {"a.conv1d.1.weight": (3, bins, width), "a.conv1d.2.weight": (3, width, width)}
    for name in expected:
        tensor = encoder.tensors.get(name)
        if tensor is not None and tensor.type.name not in _CONVOLVED:
            yield f"tensor {name!r} has type {tensor.type.name}, which cannot be convolved with"
    for name in ("a.conv1d.1.bias", "a.conv1d.2.bias", "a.position_embd.weight"):
        tensor = encoder.tensors.get(name)
        if tensor is not None and tensor.type.name != "F32":
            yield f"tensor {name!r} has type {tensor.type.name}; it must be F32"
    expected |= {"a.conv1d.1.bias": (1, width), "a.conv1d.2.bias": (1, width)}
    norms = ("a.pre_ln.weight", "a.pre_ln.bias", "a.post_ln.weight", "a.post_ln.bias")
    yield from misfits(encoder.tensors, expected, dict.fromkeys(norms, (width,)))
    places = encoder.tensors.get("a.position_embd.weight")
    if places is None or len(places.shape) != 2 or places.shape[0] != width:
        yield f"lacks the tensor 'a.position_embd.weight', or its rows are not of {width} numbers"
    elif places.shape[1] < _FRAMES // 2:
        yield f"knows {places.shape[1]} places in time; half a minute has {_FRAMES // 2}"


def _projection(encoder: Encoder, stacked: int) -> Shapes:
    """The tensors that bring the encoder's numbers to the model's width."""
    width, rows = encoder.width, encoder.rows
    into = width * stacked
    inner = {number: encoder.size_of(f"mm.a.mlp.{number}.weight", 1) for number in range(3)}
    match encoder.kind:
        case "ultravox":
            half = encoder.size_of("mm.a.norm_mid.weight", 0)  # one half gates the other
            return {
                "mm.a.norm_pre.weight": (into,),
                "mm.a.mlp.1.weight": (into, 2 * half),
                "mm.a.norm_mid.weight": (half,),
                "mm.a.mlp.2.weight": (half, rows),
            }
        case "voxtral":
            return {"mm.a.mlp.1.weight": (into, inner[1]), "mm.a.mlp.2.weight": (inner[1], rows)}
        case "musicflamingo":
            return _layer(1, width, inner[1]) | _layer(2, inner[1], rows)
        case "glma":
            ends: Shapes = {"mm.a.norm_pre.weight": (width,), "mm.a.norm_pre.bias": (width,)}
            ends |= {"v.boi": (rows,), "v.eoi": (rows,)}
            return ends | _layer(1, into, inner[1]) | _layer(2, inner[1], rows)
        case "meralion":
            norm: Shapes = {"mm.a.norm_pre.weight": (into,), "mm.a.norm_pre.bias": (into,)}
            gated = _layer(1, inner[0], inner[1]) | _layer(2, inner[0], inner[1])
            return norm | _layer(0, into, inner[0]) | gated | _layer(3, inner[1], rows)
        case _:
            return {"mm.a.fc.weight": (width, rows), "mm.a.fc.bias": (rows,)}


def _layer(number: int, into: int, out: int) -> Shapes:
    return {f"mm.a.mlp.{number}.weight": (into, out), f"mm.a.mlp.{number}.bias": (out,)}


def _row_counts(encoder: Encoder, stacked: int) -> tuple[int, int]:
    """Rows of half a minute, as `clip_n_output_tokens` counts them and as the graph makes them.

    libmtmd ends the process where they differ. Its padding (GGML_PAD) is meant for powers of two: with the
    widths of most encoders it pads by less than it should, and both numbers agree only for that reason.
    """
    places = _FRAMES // (4 if encoder.kind in _HALVING else 2)
    made, stride = places, encoder.width * stacked
    if stacked > 1:
        made = ((places * encoder.width + stride - 1) & ~(stride - 1)) // stride
    if encoder.kind == "glma":
        return _FRAMES // 2 // stacked + 2, made + 2
    counted = _FRAMES if encoder.kind not in _STACKING else -(-_FRAMES // stacked)
    return counted // (4 if encoder.kind in _HALVING else 2), made


def _stacked(encoder: Encoder) -> int:
    """How many rows become one, side by side; 1 for the kinds that do not."""
    if encoder.kind not in _STACKING:
        return 1
    return encoder.header.number("clip.audio.projector.stack_factor") or 0
