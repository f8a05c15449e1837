"""Projectors that hear: their headers, and the rows that a model reads."""

import ctypes
import struct

import numpy as np
import pytest
from gguf_parts import Parts
from gguf_writing import number, text
from test_projector import BATCH, decode_text, new_context
from tiny_audio_projectors import (
    KINDS,
    RATE,
    ROWS_OF_A_WINDOW,
    sound,
    write_hearing_model,
    write_hearing_projector,
)
from tiny_projectors import write_tiny_projector

from gpt4all_core.catalog.gguf_projector_check import check_projector, modalities, output_width
from gpt4all_core.engine.image_rows import ImageRows, ImageWork
from gpt4all_core.engine.llama.library import api, multimodal
from gpt4all_core.engine.llama.projector import LlamaProjector
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import ConfigError, ContextOverflow, ModelLoadError, UnsupportedParameter
from gpt4all_core.read_audio import read_audio

SAMPLES = read_audio(sound(), rate=RATE)
LONG = read_audio(sound(seconds=31), rate=RATE)


def check(path, width=64):
    return check_projector(path, model_width=width, model_name="tiny.gguf")


def changed(path, kind, **changes):
    """A projector with other metadata; `clip__audio__x=None` leaves that key out."""
    parts = Parts.of(write_hearing_projector(path, kind))
    new = {key.replace("__", ".").encode(): value for key, value in changes.items()}
    kept = [(key, value) for key, value in parts.metadata if key not in new]
    parts.metadata = kept + [(key, value) for key, value in new.items() if value is not None]
    path.write_bytes(parts.to_bytes())
    return path


def write_mrope_model(path):
    """As Qwen2.5-Omni's: rows of sounds follow one another in all dimensions of its positions."""
    parts = Parts.of(write_hearing_model(path, "qwen2a"))
    parts.rename_architecture("qwen2vl")
    sections = struct.pack("<IIQ4i", 9, 5, 4, 4, 6, 6, 0)
    parts.metadata.append((b"qwen2vl.rope.dimension_sections", sections))
    path.write_bytes(parts.to_bytes())
    return path


@pytest.fixture(scope="module", params=[*KINDS, "mrope"])
def opened(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("hears")
    kind = "qwen2a" if request.param == "mrope" else request.param
    model = folder / "model.gguf"
    weights = LlamaWeights(
        write_mrope_model(model) if request.param == "mrope" else write_hearing_model(model, kind)
    )
    projector = LlamaProjector(weights, write_hearing_projector(folder / "mmproj.gguf", kind), threads=1)
    yield kind, weights, projector
    projector.close()
    weights.close()


def decoded_in_batches(context, parts):
    """The logits after all parts, in calls as large as they may be."""
    index, logits = 0, None
    for part in parts:
        if isinstance(part, ImageRows):
            for first in range(0, len(part), BATCH):
                context.decode_image(ImageWork(part, first, min(BATCH, len(part) - first), index, 0))
        else:
            logits = decode_text(context, part, index)
        index += len(part)
    return logits


def decoded_by_libmtmd(weights, projector, context, prompt, samples):
    """By its own loop, with a context of its own, for a prompt with its marker."""
    mtmd = multimodal()
    params = mtmd.mtmd_context_params_default()
    params.use_gpu, params.n_threads = False, 1
    native = mtmd.mtmd_init_from_file(str(projector.path).encode(), weights.handle, params)
    raw = (ctypes.c_float * len(samples)).from_buffer_copy(samples.tobytes())
    bitmap = mtmd.mtmd_bitmap_init_from_audio(len(samples), raw)
    chunks = mtmd.mtmd_input_chunks_init()
    written = mtmd.mtmd_input_text(prompt, len(prompt), False, True)
    bitmaps = (ctypes.c_void_p * 1)(bitmap)
    assert mtmd.mtmd_tokenize(native, chunks, ctypes.byref(written), bitmaps, 1) == 0
    end = api.llama_pos(0)
    handle = context._context
    assert mtmd.mtmd_helper_eval_chunks(native, handle, chunks, 0, 0, BATCH, True, ctypes.byref(end)) == 0
    logits = np.ctypeslib.as_array(api.llama_get_logits(handle), (weights.vocabulary_size,)).copy()
    mtmd.mtmd_input_chunks_free(chunks)
    mtmd.mtmd_bitmap_free(bitmap)
    mtmd.mtmd_free(native)
    return logits, end.value


def test_a_model_reads_a_sound_as_libmtmds_own_loop_has_it_read(opened):
    _, weights, projector = opened
    before = weights.tokenize("What is ", parse_special=True)
    after = weights.tokenize(" and why?", parse_special=True)
    parts = [before]
    for part in (*projector.encode_audio(SAMPLES, most_rows=1000), after):
        if isinstance(part, ImageRows) or isinstance(parts[-1], ImageRows):
            parts.append(part)
        else:
            parts[-1] = [*parts[-1], *part]  # in one call, as its loop has them
    context = new_context(weights, cells=1024)
    mine = decoded_in_batches(context, parts)
    context.truncate(0, 0)
    theirs, end = decoded_by_libmtmd(weights, projector, context, b"What is <__media__> and why?", SAMPLES)
    assert end == sum(map(len, parts))
    assert np.array_equal(mine, theirs)
    context.close()


def test_the_same_sound_has_the_same_rows_and_another_has_others(opened):
    _, _, projector = opened
    first, again, other = (
        rows_of(projector.encode_audio(samples, most_rows=1000))[0].embeddings
        for samples in (SAMPLES, SAMPLES, read_audio(sound(1), rate=RATE))
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def rows_of(parts):
    return [part for part in parts if isinstance(part, ImageRows)]


def test_rows_follow_one_another_window_by_window(opened):
    kind, _, projector = opened
    assert (projector.sees, projector.hears, projector.sample_rate) == (False, True, RATE)
    for samples, windows in ((SAMPLES, 1), (LONG, 2)):
        parts = projector.encode_audio(samples, most_rows=2000)
        assert [len(rows) for rows in rows_of(parts)] == [ROWS_OF_A_WINDOW[kind]] * windows
        assert all(rows.is_causal and rows.span == len(rows) for rows in rows_of(parts))
        marks = [len(part) for part in parts if not isinstance(part, ImageRows)]
        assert marks == ([1, 1] if kind == "qwen2a" else [])  # each is one token of the model


def test_only_models_with_mrope_see_them_in_a_grid(opened):
    _, _, projector = opened
    (rows,) = rows_of(projector.encode_audio(SAMPLES, most_rows=1000))
    if projector.has_grid:
        assert np.array_equal(rows.grid, np.repeat(np.arange(len(rows))[:, None], 3, axis=1))
    else:
        assert rows.grid is None


def test_more_rows_than_the_context_has_are_refused_before_they_are_made(opened, monkeypatch):
    kind, _, projector = opened
    monkeypatch.setattr(projector, "_rows", None)
    with pytest.raises(ContextOverflow, match=r"a sound of 31\.0 s takes all of these") as caught:
        projector.encode_audio(LONG, most_rows=ROWS_OF_A_WINDOW[kind])
    assert caught.value.prompt_tokens >= 2 * ROWS_OF_A_WINDOW[kind]


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(1, dtype=np.float32),
        np.zeros(100, dtype=np.float64),
        np.zeros((10, 2), dtype=np.float32),
        np.full(100, np.nan, dtype=np.float32),
    ],
)
def test_what_cannot_be_samples_is_refused(opened, samples):
    with pytest.raises(ConfigError, match=r"are no sound|cannot be used"):
        opened[2].encode_audio(samples, most_rows=1000)


@pytest.mark.parametrize("count", [2, 199, 200, 201, 1600, 479_000, 480_000])
def test_sounds_of_all_lengths_become_rows(opened, count):
    _, _, projector = opened
    parts = projector.encode_audio(np.full(count, 0.1, dtype=np.float32), most_rows=2000)
    assert len(rows_of(parts)) == (2 if count == 480_000 else 1)


def test_one_that_only_hears_refuses_pictures(opened):
    with pytest.raises(UnsupportedParameter, match="has no encoder of pictures"):
        opened[2].encode_image(np.zeros((20, 20, 3), dtype=np.uint8))


def test_one_that_only_sees_refuses_sounds(tmp_path):
    weights = LlamaWeights(write_hearing_model(tmp_path / "model.gguf", "ultravox"))
    projector = LlamaProjector(weights, write_tiny_projector(tmp_path / "mmproj.gguf", "mlp"), threads=1)
    assert (projector.sees, projector.hears) == (True, False)
    with pytest.raises(UnsupportedParameter, match="has no encoder of sounds"):
        projector.encode_audio(SAMPLES, most_rows=1000)
    projector.close()
    weights.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_projector_that_fits_passes(tmp_path, kind):
    header = check(write_hearing_projector(tmp_path / "mmproj.gguf", kind))
    assert modalities(header) == ("audio",)
    assert output_width(header) == 64


@pytest.mark.parametrize("kind", KINDS)
def test_one_for_a_model_of_another_width_is_refused(tmp_path, kind):
    path = write_hearing_projector(tmp_path / "mmproj.gguf", kind, model_width=96)
    with pytest.raises(ModelLoadError, match=r"makes rows of 96 numbers, and tiny\.gguf reads 64"):
        check(path)


@pytest.mark.parametrize("kind", ["qwen3tts_spkenc", "pockettts_spkenc"])
def test_one_that_reads_voices_is_refused_by_name(tmp_path, kind):
    path = changed(tmp_path / "mmproj.gguf", "ultravox", clip__projector_type=text(kind))
    with pytest.raises(UnsupportedParameter, match="its rows are a voice to speak with"):
        check(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clip__projector_type": text("gemma3")}, "'gemma3', which libmtmd does not know for sounds"),
        ({"clip__has_audio_encoder": number("BOOL", 0)}, "has no encoder"),
        ({"clip__has_audio_encoder": number("UINT32", 1)}, "has the type UINT32 instead of BOOL"),
        ({"clip__audio__num_mel_bins": None}, "num_mel_bins is missing"),
        ({"clip__audio__num_mel_bins": number("UINT32", 0)}, "num_mel_bins is 0"),
        ({"clip__audio__num_mel_bins": number("INT32", 16)}, "has the type INT32 instead of UINT32"),
        ({"clip__audio__num_mel_bins": number("UINT32", 17)}, r"'a\.conv1d\.1\.weight' has the shape"),
        ({"clip__audio__embedding_length": number("UINT32", 0)}, "embedding_length is 0"),
        ({"clip__audio__attention__head_count": number("UINT32", 3)}, "32, which 3 heads cannot share"),
        ({"clip__audio__attention__head_count": number("UINT32", 0)}, "has no attention"),
        ({"clip__audio__attention__head_dim": number("UINT32", 8)}, "head_dim is 8, and 2 heads share 32"),
        ({"clip__audio__block_count": number("UINT32", 3)}, r"lacks the matrix 'a\.blk\.2\.ffn_up"),
        ({"clip__audio__attention__layer_norm_epsilon": None}, "layer_norm_epsilon is None"),
        ({"clip__audio__projector__stack_factor": None}, "stack_factor is 0; it must be from 1"),
        ({"clip__audio__projector__stack_factor": number("UINT32", 99)}, "instead of"),
    ],
)
def test_headers_that_end_libmtmd_are_refused(tmp_path, changes, message):
    with pytest.raises(ModelLoadError, match=message):
        check(changed(tmp_path / "mmproj.gguf", "ultravox", **changes))


def test_rows_that_libmtmd_counts_wrong_are_refused(tmp_path):
    """It ended the process: "expected output 187 tokens, got 188"."""
    path = write_hearing_projector(tmp_path / "mmproj.gguf", "ultravox", stacked=8)
    with pytest.raises(
        ModelLoadError, match=r"makes 188 rows of half a minute, and this llama\.cpp counts 187"
    ):
        check(path)


@pytest.mark.parametrize("kind", KINDS)
def test_every_tensor_is_needed_or_optional(tmp_path, kind):
    """Nothing that is missing gets as far as a null pointer."""
    whole = Parts.of(write_hearing_projector(tmp_path / "mmproj.gguf", kind))
    optional = {"post_ln", "attn_out.bias", "ffn_up.bias", "ffn_down.bias"}
    for tensor in whole.tensors:
        parts = whole.copy()
        parts.tensors = [other for other in parts.tensors if other.name != tensor.name]
        path = tmp_path / "without.gguf"
        path.write_bytes(parts.to_bytes())
        if any(part in tensor.name.decode() for part in optional):
            check(path)
        else:
            with pytest.raises(ModelLoadError, match=r"lacks the|instead of"):
                check(path)


@pytest.mark.parametrize("kind", KINDS)
def test_every_shape_is_compared(tmp_path, kind):
    whole = Parts.of(write_hearing_projector(tmp_path / "mmproj.gguf", kind))
    for place, tensor in enumerate(whole.tensors):
        for dimension in range(len(tensor.shape)):
            if (tensor.name, dimension) == (b"a.position_embd.weight", 1):
                continue  # more places than half a minute needs
            parts = whole.copy()
            parts.tensors[place].shape[dimension] += 1
            path = tmp_path / "other.gguf"
            path.write_bytes(parts.to_bytes())
            with pytest.raises(ModelLoadError):
                check(path)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        (b"a.conv1d.1.weight", 30, "BF16, which cannot be convolved"),
        (b"a.conv1d.2.bias", 1, "has type F16; it must be F32"),
        (b"a.position_embd.weight", 1, "has type F16; it must be F32"),
    ],
)
def test_types_that_cannot_be_computed_with_are_refused(tmp_path, name, kind, message):
    parts = Parts.of(write_hearing_projector(tmp_path / "mmproj.gguf", "ultravox"))
    next(part for part in parts.tensors if part.name == name).kind = kind
    (tmp_path / "mmproj.gguf").write_bytes(parts.to_bytes())
    with pytest.raises(ModelLoadError, match=message):
        check(tmp_path / "mmproj.gguf")
