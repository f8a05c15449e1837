"""What llama.cpp remembers of a sequence, for each kind of memory: the engine's reuse rests on this."""

import ctypes
from collections.abc import Iterator

import numpy as np
import pytest
from tiny_models import MEMORIES, TRAINED_CONTEXT, WINDOW, write_tiny_model

from gpt4all_core.catalog.gguf_check import check_loadable
from gpt4all_core.engine.backend import Batch
from gpt4all_core.engine.llama.batch_rows import BatchRows
from gpt4all_core.engine.llama.library import api
from gpt4all_core.engine.llama.weights import LlamaWeights

SEQUENCES = 4
BATCH = 64
WHOLE = -1  # llama.cpp's "from the start" and "to the end"
# Adding up in another order moves a logit by up to 0.005 on these models; a wrong memory by 0.05 to 0.9.
ROUNDING = 0.015


class NativeContext:
    """llama.cpp's memory, by its own functions, and what a cold decode of the same tokens says."""

    def __init__(self, weights: LlamaWeights, *, cells: int = 512) -> None:
        params = api.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch, params.n_seq_max = cells, BATCH, BATCH, SEQUENCES
        params.n_threads = params.n_threads_batch = 1
        params.kv_unified, params.no_perf = True, True
        self.weights = weights
        self.context = api.llama_init_from_model(weights.handle, params)
        self.memory = api.llama_get_memory(self.context)
        self.rows = BatchRows(BATCH)

    def decode(
        self, sequence: int, tokens: np.ndarray, start: int = 0, *, rows: int = BATCH
    ) -> np.ndarray | int:
        """The last token's logits, or llama.cpp's code where it refused."""
        for first in range(0, len(tokens), rows):
            chunk = tokens[first : first + rows]
            positions = np.arange(len(chunk), dtype=np.int32) + start + first
            wanted = np.arange(len(chunk)) == len(chunk) - 1
            batch = Batch(chunk, positions, np.full(len(chunk), sequence, dtype=np.int32), wanted)
            code = api.llama_decode(self.context, self.rows.fill(batch))
            if code:
                return code
        logits = api.llama_get_logits(self.context)
        return np.ctypeslib.as_array(logits, (self.weights.vocabulary_size,)).copy()

    def remove(self, sequence: int, start: int = WHOLE, end: int = WHOLE) -> bool:
        return bool(api.llama_memory_seq_rm(self.memory, sequence, start, end))

    def copy(self, source: int, target: int, length: int) -> None:
        api.llama_memory_seq_cp(self.memory, source, target, 0, length)

    def first_position(self, sequence: int) -> int:
        return api.llama_memory_seq_pos_min(self.memory, sequence)

    def last_position(self, sequence: int) -> int:
        return api.llama_memory_seq_pos_max(self.memory, sequence)

    def save(self, sequence: int) -> bytes:
        size = api.llama_state_seq_get_size(self.context, sequence)
        buffer = (ctypes.c_uint8 * size)()
        assert api.llama_state_seq_get_data(self.context, buffer, size, sequence) == size
        return bytes(buffer)

    def load(self, sequence: int, blob: bytes) -> int:
        buffer = (ctypes.c_uint8 * len(blob)).from_buffer_copy(blob)
        return api.llama_state_seq_set_data(self.context, buffer, len(blob), sequence)

    def clear(self) -> None:
        api.llama_memory_clear(self.memory, True)

    def close(self) -> None:
        api.llama_free(self.context)


@pytest.fixture(scope="module")
def tiny_weights(tmp_path_factory) -> Iterator[dict[str, LlamaWeights]]:
    folder = tmp_path_factory.mktemp("tiny")
    weights = {
        kind: LlamaWeights(write_tiny_model(folder / f"{kind}.gguf", kind), gpu_layers=0) for kind in MEMORIES
    }
    yield weights
    for model in weights.values():
        model.close()


@pytest.fixture
def open_context(tiny_weights):
    """`open_context(kind)` gives a context, with `cold(tokens)`: logits of a decode from nothing."""
    contexts = []

    def open_one(kind: str, **options):
        context, fresh = (NativeContext(tiny_weights[kind], **options) for _ in range(2))
        contexts.extend((context, fresh))

        def cold(*parts: np.ndarray) -> np.ndarray:
            fresh.clear()
            return fresh.decode(0, np.concatenate(parts))

        return context, cold

    yield open_one
    for context in contexts:
        context.close()


def words(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(3, 259, count).astype(np.int32)


def same(found: np.ndarray | int, expected: np.ndarray) -> bool:
    assert not isinstance(found, int), f"llama.cpp refused to decode (code {found})"
    return float(np.abs(found - expected).max()) < ROUNDING


TEXT, MORE, OTHER = words(200), words(8, seed=1), words(8, seed=2)


@pytest.mark.parametrize("kind", MEMORIES)
def test_a_tiny_model_passes_the_checks_loads_and_spells_any_text(kind, tmp_path, tiny_weights):
    path = write_tiny_model(tmp_path / "model.gguf", kind)
    assert check_loadable(path).path == path
    assert path.stat().st_size < 1 << 20
    weights = tiny_weights[kind]
    tokens = weights.tokenize("A naïve café, 世界 🙂", parse_special=False)
    assert b"".join(map(weights.piece, tokens)).decode() == "A naïve café, 世界 🙂"
    assert weights.trained_context == TRAINED_CONTEXT
    assert weights.is_recurrent == (kind in ("recurrent", "hybrid"))
    assert weights.has_sliding_window == (kind == "sliding")
    assert weights.is_end(weights.eos)


def test_a_seed_decides_the_bytes(tmp_path):
    first, again, other = (
        write_tiny_model(tmp_path / f"{number}.gguf", "plain", seed=seed).read_bytes()
        for number, seed in enumerate((1, 1, 2))
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize("kind", MEMORIES)
def test_logits_tell_a_changed_past_from_rounding(kind, open_context):
    _, cold = open_context(kind)
    changed = TEXT.copy()
    changed[-30:-20] = words(10, seed=3)
    assert not same(cold(changed), cold(TEXT))


@pytest.mark.parametrize("kind", MEMORIES)
def test_a_whole_sequence_forks_and_both_go_on(kind, open_context):
    context, cold = open_context(kind)
    context.decode(0, TEXT)
    context.copy(0, 1, len(TEXT))
    assert same(context.decode(1, MORE, len(TEXT)), cold(TEXT, MORE))
    assert same(context.decode(0, OTHER, len(TEXT)), cold(TEXT, OTHER))


@pytest.mark.parametrize("kind", MEMORIES)
def test_a_saved_sequence_comes_back_under_another_id_and_in_another_context(kind, open_context):
    context, cold = open_context(kind, cells=1024)
    context.decode(0, TEXT)
    blob = context.save(0)
    context.decode(2, OTHER)
    roomier, _ = open_context(kind, cells=2048)
    for home, sequence in ((context, 1), (context, 2), (roomier, 3)):
        assert home.load(sequence, blob) == len(blob)
        assert home.last_position(sequence) == len(TEXT) - 1
        assert same(home.decode(sequence, MORE, len(TEXT)), cold(TEXT, MORE))


@pytest.mark.parametrize("kind", MEMORIES)
def test_a_blob_cut_short_is_refused_and_hurts_nobody(kind, open_context):
    context, cold = open_context(kind)
    context.decode(0, TEXT)
    blob = context.save(0)
    for length in (1, 7, 12, 200, len(blob) // 2, len(blob) - 1):
        assert context.load(1, blob[:length]) == 0
        assert context.remove(1)  # attention and window are restored one after the other: half may be there
        assert context.last_position(1) == -1
    assert same(context.decode(0, MORE, len(TEXT)), cold(TEXT, MORE))


@pytest.mark.parametrize("kind", ["plain", "sliding", "hybrid"])
def test_a_blob_that_finds_no_room_is_refused_and_hurts_nobody(kind, open_context):
    context, cold = open_context(kind, cells=256)
    context.decode(0, TEXT)
    blob = context.save(0)
    assert context.load(1, blob) == 0
    assert context.remove(1)
    assert same(context.decode(0, MORE, len(TEXT)), cold(TEXT, MORE))


@pytest.mark.parametrize("kind", ["recurrent", "hybrid"])
@pytest.mark.parametrize("length", [1, 100, len(TEXT) - 1])
def test_a_state_refuses_to_be_cut_and_stays_whole(kind, length, open_context):
    context, cold = open_context(kind)
    context.decode(0, TEXT)
    assert not context.remove(0, length)
    assert context.last_position(0) == len(TEXT) - 1
    assert same(context.decode(0, MORE, len(TEXT)), cold(TEXT, MORE))


def test_sharing_a_part_of_a_hybrid_is_wrong_without_an_error(open_context):
    context, cold = open_context("hybrid")
    context.decode(0, TEXT)
    context.copy(0, 1, 150)
    assert not same(context.decode(1, MORE, 150), cold(TEXT[:150], MORE))


def test_others_overwrite_what_lies_outside_a_window_though_cells_are_free(open_context):
    assert api.llama_context_default_params().swa_full  # which only makes room for all cells
    context, cold = open_context("sliding", cells=1024)
    context.decode(1, MORE)
    context.decode(0, TEXT)
    context.remove(1)  # the search for cells starts again where some became free
    assert context.first_position(0) == 0
    context.decode(2, words(100, seed=4))
    assert context.first_position(0) > 0
    assert same(context.decode(0, MORE, len(TEXT)), cold(TEXT, MORE))  # its own window is never taken


@pytest.mark.parametrize("slack", range(-3, 1))
@pytest.mark.parametrize("way", ["cut", "share"])
def test_a_window_is_whole_down_to_the_first_position_that_is_left(way, slack, open_context):
    """Reusable are n cells with first_position <= max(0, n - WINDOW + 1); one fewer and it is wrong."""
    context, cold = open_context("sliding")
    context.decode(3, TEXT)
    assert context.load(0, context.save(3))  # keeps one window
    first = context.first_position(0)
    assert first == len(TEXT) - WINDOW
    length = first + WINDOW - 1 + slack
    if way == "cut":
        assert context.remove(0, length)
        logits = context.decode(0, MORE, length)
    else:
        context.copy(0, 1, length)
        logits = context.decode(1, MORE, length)
    error = float(np.abs(logits - cold(TEXT[:length], MORE)).max())
    is_whole = first <= length - WINDOW + 1
    assert is_whole == (slack == 0)
    assert (error < 0.003) == is_whole


@pytest.mark.parametrize("kind", MEMORIES)
@pytest.mark.parametrize("rows", [2, 7, 63])  # one row alone takes another matrix product, for F32 weights
def test_batches_below_64_rows_give_the_same_bits_in_any_chunks_and_cells(kind, rows, open_context):
    """From 64 rows on, ggml's attention adds up in tiles of cells; below, cell by cell."""
    context, _ = open_context(kind)
    expected = context.decode(0, TEXT, rows=32)
    context.clear()
    context.decode(1, words(37, seed=5))
    assert np.array_equal(context.decode(0, TEXT, rows=rows), expected)
