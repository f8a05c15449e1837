import ctypes

import numpy as np
import pytest
from tiny_projectors import KINDS, picture, write_seeing_model, write_tiny_projector

from gpt4all_core.catalog.gguf_projector_check import check_projector
from gpt4all_core.engine.backend import Batch
from gpt4all_core.engine.image_rows import ImageRows, ImageWork
from gpt4all_core.engine.llama.contexts import ContextOptions, LlamaContext
from gpt4all_core.engine.llama.library import api, multimodal
from gpt4all_core.engine.llama.projector import LlamaProjector
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import ConfigError, EngineClosed, GenerationError, ModelLoadError
from gpt4all_core.read_image import read_image

BATCH = 64
PIXELS = read_image(picture())


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def opened(tmp_path_factory, kind):
    folder = tmp_path_factory.mktemp("projector")
    weights = LlamaWeights(write_seeing_model(folder / "model.gguf", kind))
    projector = LlamaProjector(weights, write_tiny_projector(folder / "mmproj.gguf", kind), threads=1)
    yield weights, projector
    projector.close()
    weights.close()


def new_context(weights, cells=512):
    options = ContextOptions(cells, sequences=2, batch_tokens=BATCH, threads=1)
    return LlamaContext(weights, options)


def decode_text(context, tokens, position, sequence_id=0):
    count = len(tokens)
    batch = Batch(
        np.array(tokens, dtype=np.int32),
        np.arange(position, position + count, dtype=np.int32),
        np.full(count, sequence_id, dtype=np.int32),
        np.arange(count) == count - 1,
    )
    return context.decode(batch)[0].copy()


def decoded(context, parts, *, pieces=1):
    """The logits after all parts; causal pictures in so many pieces."""
    index, logits = 0, None
    for part in parts:
        if isinstance(part, ImageRows):
            for rows in np.array_split(np.arange(len(part)), pieces if part.is_causal else 1):
                context.decode_image(ImageWork(part, int(rows[0]), len(rows), index, 0))
        else:
            logits = decode_text(context, part, index)
        index += len(part)
    return logits


def decoded_by_libmtmd(weights, projector, context, prompt):
    """The same by its own loop, with a context of its own, for a prompt with its marker."""
    mtmd = multimodal()
    params = mtmd.mtmd_context_params_default()
    params.use_gpu, params.n_threads = False, 1
    native = mtmd.mtmd_init_from_file(str(projector.path).encode(), weights.handle, params)
    height, width, _ = PIXELS.shape
    raw = (ctypes.c_uint8 * PIXELS.nbytes).from_buffer_copy(PIXELS.tobytes())
    bitmap = mtmd.mtmd_bitmap_init(width, height, raw)
    chunks = mtmd.mtmd_input_chunks_init()
    text = mtmd.mtmd_input_text(prompt, len(prompt), False, True)
    bitmaps = (ctypes.c_void_p * 1)(bitmap)
    assert mtmd.mtmd_tokenize(native, chunks, ctypes.byref(text), bitmaps, 1) == 0
    end = api.llama_pos(0)
    code = mtmd.mtmd_helper_eval_chunks(native, context._context, chunks, 0, 0, 64, True, ctypes.byref(end))
    assert code == 0
    logits = np.ctypeslib.as_array(api.llama_get_logits(context._context), (weights.vocabulary_size,)).copy()
    mtmd.mtmd_input_chunks_free(chunks)
    mtmd.mtmd_bitmap_free(bitmap)
    mtmd.mtmd_free(native)
    return logits, end.value


def test_a_model_reads_a_picture_as_libmtmds_own_loop_has_it_read(opened):
    weights, projector = opened
    before = weights.tokenize("What is ", parse_special=True)
    after = weights.tokenize(" and why?", parse_special=True)
    parts = (before, *projector.encode_image(PIXELS), after)
    context = new_context(weights)
    mine = decoded(context, parts)
    assert context.length(0) == sum(map(len, parts))
    context.truncate(0, 0)
    theirs, end = decoded_by_libmtmd(weights, projector, context, b"What is <__media__> and why?")
    assert end == sum(getattr(part, "span", len(part)) for part in parts)
    assert np.array_equal(mine, theirs)
    context.close()


def test_a_picture_in_pieces_is_read_as_in_one(opened):
    weights, projector = opened
    parts = ([5, 6], *projector.encode_image(PIXELS), [7])
    context = new_context(weights)
    whole = decoded(context, parts)
    context.truncate(0, 0)
    assert np.allclose(decoded(context, parts, pieces=3), whole, atol=1e-3)
    context.close()


def test_a_sequence_with_a_picture_is_shared_cut_saved_and_restored(opened):
    """The logits of one more token are the same from each of them, up to the order of cells."""
    weights, projector = opened
    before, after = ([5, 6], *projector.encode_image(PIXELS)), [7, 8, 9]
    cut = sum(map(len, before)) + 1
    context = new_context(weights)
    decoded(context, (*before, after))
    expected = decode_text(context, [10], cut + 2)
    context.truncate(0, cut + 2)
    assert context.length(0) == cut + 2
    assert np.array_equal(decode_text(context, [10], cut + 2), expected)
    context.share(0, 1, cut)
    assert context.length(1) == cut
    decode_text(context, after[1:], cut, sequence_id=1)
    assert np.allclose(decode_text(context, [10], cut + 2, sequence_id=1), expected, atol=1e-3)
    context.truncate(1, cut + 2)
    state = context.save(1)
    context.truncate(0, 0)
    context.truncate(1, 0)
    assert context.restore(0, state)
    assert (context.length(0), context.length(1)) == (cut + 2, 0)
    assert np.allclose(decode_text(context, [10], cut + 2), expected, atol=1e-3)
    context.close()


def test_rows_in_a_grid_are_for_models_with_one(opened, kind):
    weights, _ = opened
    context = new_context(weights)
    grid = None if kind == "qwen2vl_merger" else np.zeros((4, 3), dtype=np.int32)
    rows = ImageRows(np.zeros((4, 64), dtype=np.float32), is_causal=True, span=2, grid=grid)
    with pytest.raises(GenerationError, match="in a grid that the model does not know"):
        context.decode_image(ImageWork(rows, 0, 4, 0, 0))
    context.close()


def test_the_same_picture_has_the_same_rows_and_another_has_others(opened):
    _, projector = opened
    first, again, other = (
        [part.embeddings for part in projector.encode_image(pixels) if isinstance(part, ImageRows)]
        for pixels in (PIXELS, PIXELS, read_image(picture(1)))
    )
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert all(not np.array_equal(one, two) for one, two in zip(first, other, strict=True))


def test_how_rows_stand_to_each_other(opened, kind):
    _, projector = opened
    rows = [part for part in projector.encode_image(PIXELS) if isinstance(part, ImageRows)]
    assert len(rows) == (5 if kind == "idefics3" else 1)  # four slices and an overview
    assert all(part.is_causal == (kind != "gemma3") for part in rows)
    assert projector.has_grid == (kind == "qwen2vl_merger")
    for part in rows:
        if projector.has_grid:
            assert part.span == part.grid.max() + 1 < len(part)
            assert len({tuple(place) for place in part.grid.tolist()}) == len(part)
        else:
            assert part.grid is None
            assert part.span == len(part)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((0, 5, 3), "cannot be used: it may have"),
        ((1, 201, 3), "200 times the shorter one"),
        ((16385, 200, 3), "16384 on a side"),
        ((5, 5, 4), "no RGB picture"),
        ((5, 5), "no RGB picture"),
    ],
)
def test_impossible_pixels_are_refused(opened, shape, message):
    with pytest.raises(ConfigError, match=message):
        opened[1].encode_image(np.zeros(shape, dtype=np.uint8))


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (200, 1), (13, 15), (57, 55), (7, 1000), (1500, 2)])
def test_pictures_of_all_shapes_become_rows_or_are_refused(opened, shape):
    random = np.random.default_rng(0)
    try:
        parts = opened[1].encode_image(random.integers(0, 256, (*shape, 3), dtype=np.uint8))
    except ConfigError:
        return
    assert all(len(part) > 0 for part in parts)


def test_marks_that_the_model_does_not_have_are_an_error(tmp_path):
    weights = LlamaWeights(write_seeing_model(tmp_path / "model.gguf", "mlp"))
    projector = LlamaProjector(weights, write_tiny_projector(tmp_path / "mmproj.gguf", "idefics3"), threads=1)
    with pytest.raises(ConfigError, match=r"puts tokens around pictures or sounds that model\.gguf does"):
        projector.encode_image(PIXELS)
    projector.close()
    weights.close()


def test_a_closed_one_reads_nothing_and_closes_again(tmp_path):
    weights = LlamaWeights(write_seeing_model(tmp_path / "model.gguf", "mlp"))
    projector = LlamaProjector(weights, write_tiny_projector(tmp_path / "mmproj.gguf", "mlp"), threads=1)
    projector.close()
    projector.close()
    with pytest.raises(EngineClosed, match=r"mmproj\.gguf was closed"):
        projector.encode_image(PIXELS)
    weights.close()


def test_one_for_another_width_is_refused_in_libmtmds_words(tmp_path):
    weights = LlamaWeights(write_seeing_model(tmp_path / "model.gguf", "mlp"))
    wide = write_tiny_projector(tmp_path / "mmproj.gguf", "mlp", model_width=96)
    with pytest.raises(ModelLoadError, match="mismatch between text model"):
        LlamaProjector(weights, wide, threads=1)
    weights.close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 0}, "cannot be decoded"),
        ({"count": 17}, "cannot be decoded"),
        ({"first": 9}, "cannot be decoded"),
        ({"sequence_id": 2}, "none of this context's"),
        ({"sequence_id": -1}, "none of this context's"),
        ({"start": -1}, "none of this context's"),
    ],
)
def test_work_that_would_end_the_process_is_refused(change, message):
    rows = ImageRows(np.zeros((16, 64), dtype=np.float32), is_causal=True, span=16)
    work = {"first": 0, "count": 8, "start": 0, "sequence_id": 0} | change
    with pytest.raises(GenerationError, match=message):
        ImageWork(rows, **work).check(batch_limit=64, sequence_limit=2, width=64)


def test_rows_that_see_each_other_are_not_cut():
    rows = ImageRows(np.zeros((16, 64), dtype=np.float32), is_causal=False, span=16)
    with pytest.raises(GenerationError, match="cannot be cut"):
        ImageWork(rows, 0, 8, 0, 0).check(batch_limit=64, sequence_limit=2, width=64)


@pytest.mark.parametrize("kind", KINDS)
def test_the_check_passes_what_can_be_loaded(tmp_path, kind):
    path = write_tiny_projector(tmp_path / "mmproj.gguf", kind)
    assert check_projector(path, model_width=64, model_name="m.gguf").architecture == "clip"
