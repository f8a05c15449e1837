"""Which devices are taken, how many layers fit on them, and what the report says; no accelerator needed."""

import dataclasses

import numpy as np
import pytest
import tiny_models
from gguf_writing import gguf_bytes, number, numbers, sound_metadata
from hypothesis import given
from hypothesis import strategies as st

from gpt4all_core import GenerationParams, LocalModel, Message
from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.engine.backend import Batch
from gpt4all_core.engine.devices import Device, choose_devices
from gpt4all_core.engine.llama import devices as llama_devices
from gpt4all_core.engine.llama.contexts import ContextOptions, LlamaContext
from gpt4all_core.engine.llama.devices import handles_of, list_devices, processor_features
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import ConfigError, ModelLoadError
from gpt4all_core.model_memory import (
    CacheShape,
    compute_bytes,
    kv_layer_bytes,
    model_memory,
    weight_bytes_by_layer,
)
from gpt4all_core.open_engine import start_engine
from gpt4all_core.open_model import EngineOptions
from gpt4all_core.placement import RESERVE_BYTES, Placement, layers_that_fit, place, usable_bytes

GIB = 2**30
CPU = Device("CPU", "a processor", "cpu", 32 * GIB, 32 * GIB)
BLAS = Device("BLAS", "a library", "accelerator", 0, 0)
CUDA0 = Device("CUDA0", "a card", "gpu", 20 * GIB, 24 * GIB)
CUDA1 = Device("CUDA1", "another card", "gpu", 6 * GIB, 8 * GIB)
METAL = Device("Metal", "an integrated one", "integrated", 10 * GIB, 12 * GIB)
SILENT = Device("Vulkan0", "tells nothing", "gpu", 0, 0)
SHAPE = CacheShape(cells=1024)


@pytest.fixture
def header(starter_model):
    """30 blocks, the output tied to the embeddings."""
    return read_header(starter_model)


@pytest.fixture
def write(tmp_path):
    def write(metadata=None, tensors=None):
        path = tmp_path / "model.gguf"
        path.write_bytes(
            gguf_bytes(sound_metadata() | (metadata or {}), **({"tensors": tensors} if tensors else {}))
        )
        return read_header(path)

    return write


@pytest.mark.parametrize(
    ("present", "wanted", "taken"),
    [
        ([CPU], "auto", []),
        ([CPU, BLAS], "auto", []),
        ([CPU, CUDA0, CUDA1], "auto", [CUDA0, CUDA1]),
        ([METAL, CPU], "auto", [METAL]),
        ([METAL, CUDA0, CPU], "auto", [CUDA0]),
        ([CPU, CUDA0, CUDA1], "CUDA1", [CUDA1]),
        ([CPU, CUDA0], "cuda0", [CUDA0]),
        ([METAL, CUDA0, CPU], "metal", [METAL]),
        ([CPU, CUDA0], "cpu", []),
        ([CUDA0], "cpu", []),
        ([CPU, CUDA0], "CPU", []),
    ],
)
def test_devices_are_chosen_by_kind_or_by_name(present, wanted, taken):
    assert choose_devices(present, wanted) == tuple(taken)


@pytest.mark.parametrize(
    ("present", "wanted", "listed"),
    [
        ([CPU], "CUDA0", "finds no accelerator; .*docs/install.md"),
        ([CPU, CUDA0, METAL], "CUDA7", r"CUDA0 \(a card, 20.0 of 24.0 GiB free\), Metal"),
        ([CPU, BLAS], "BLAS", "finds no accelerator; choose auto or cpu"),
        ([CPU, CUDA0], "gpu", "CUDA0"),
    ],
)
def test_a_device_that_is_not_there_is_refused_with_those_that_are(present, wanted, listed):
    with pytest.raises(ConfigError, match=f"device='{wanted}'.*{listed}"):
        choose_devices(present, wanted)


def test_what_lies_where_adds_up_to_the_file(header):
    layers, output = weight_bytes_by_layer(header)
    embedding = next(tensor.size_bytes for tensor in header.tensors if tensor.name == "token_embd.weight")
    assert len(layers) == header.block_count == 30
    assert sum(layers) + output == sum(tensor.size_bytes for tensor in header.tensors)
    assert output > embedding, "the matrix that is used twice gets a second copy on the device"


def test_an_output_of_its_own_is_no_second_copy_of_the_embeddings(write):
    tensors = (("token_embd.weight", (8, 4), 0), ("output.weight", (8, 4), 0), ("blk.0.x.weight", (8, 8), 0))
    assert weight_bytes_by_layer(write(tensors=tensors)) == ((8 * 8 * 4,), 8 * 4 * 4)


@pytest.mark.parametrize(("kv_type", "mebibytes"), [("f16", 180.0), ("q8_0", 95.625), ("q4_0", 50.625)])
def test_cells_take_what_llama_cpp_says_they_take(header, kv_type, mebibytes):
    # "llama_kv_cache: size = 180.00 MiB (8192 cells, 30 layers …)" and so on, of 0.3.36 for this model.
    layers = kv_layer_bytes(header, CacheShape(8192, kv_type))
    assert len(layers) == 30
    assert sum(layers) == mebibytes * 2**20


@pytest.mark.parametrize(("batch_tokens", "mebibytes"), [(512, 98.25), (128, 24.56)])
def test_buffers_are_reckoned_a_little_above_llama_cpps_own_figure(header, batch_tokens, mebibytes):
    reckoned = compute_bytes(header, CacheShape(8192, batch_tokens=batch_tokens)) / 2**20
    assert mebibytes <= reckoned <= 1.05 * mebibytes


def test_layers_may_have_cells_of_their_own_number(write):
    header = write(
        {
            "llama.block_count": number("UINT32", 3),
            "llama.attention.head_count_kv": numbers("INT32", [2, 0, 1]),
        }
    )
    assert kv_layer_bytes(header, CacheShape(10)) == (2 * 10 * 2 * 8, 0, 2 * 10 * 8)


def test_a_model_larger_than_the_budget_is_refused_with_the_numbers(header):
    memory = model_memory(header, CacheShape(8192))
    memory.check(None, name="it")
    memory.check(memory.total, name="it")
    with pytest.raises(
        ConfigError, match=r"it takes 0.36 GiB \(0.09 GiB weights, 0.18 GiB KV.*memory_budget=1 "
    ):
        memory.check(1, name="it")


def needed(header, count, shape):
    """Bytes of a device that holds so many layers, summed up from the file's tensors one by one."""
    if not count:
        return 0
    first = header.block_count - (count - 1)
    blocks = [t for t in header.tensors if t.name.startswith("blk.") and int(t.name.split(".")[1]) >= first]
    rest = [tensor for tensor in header.tensors if not tensor.name.startswith("blk.")]
    cells = sum(kv_layer_bytes(header, shape)[first:])
    return compute_bytes(header, shape) + cells + sum(tensor.size_bytes for tensor in (*blocks, *rest))


@given(free=st.integers(0, 600 * 2**20), cells=st.integers(0, 8192), kv_type=st.sampled_from(["f16", "q4_0"]))
def test_as_many_layers_are_put_on_a_device_as_fit(starter_model, free, cells, kv_type):
    header, shape = read_header(starter_model), CacheShape(cells, kv_type, 128)
    count = layers_that_fit(header, free, shape)
    assert 0 <= count <= 31
    assert needed(header, count, shape) <= free
    if count < 31:
        assert needed(header, count + 1, shape) > free


@pytest.mark.parametrize(
    ("present", "device", "gpu_layers", "placed"),
    [
        ([CPU], "auto", None, ((), 0)),
        ([CPU], "auto", 0, ((), 0)),
        ([CPU], "cpu", 7, ((), 0)),
        ([CPU, CUDA0], "auto", None, (("CUDA0",), 31)),
        ([CPU, CUDA0], "auto", -1, (("CUDA0",), 31)),
        ([CPU, CUDA0], "auto", 5, (("CUDA0",), 5)),
        ([CPU, CUDA0], "auto", 99, (("CUDA0",), 31)),
        ([CPU, CUDA0], "auto", 0, ((), 0)),
        ([CPU, CUDA0], "cpu", None, ((), 0)),
        ([CPU, CUDA0], "cpu", -1, ((), 0)),
        ([CPU, CUDA0, CUDA1], "auto", None, (("CUDA0", "CUDA1"), 31)),
        ([CPU, CUDA0, CUDA1], "CUDA1", None, (("CUDA1",), 31)),
        ([CPU, SILENT], "auto", None, (("Vulkan0",), 31)),
        ([dataclasses.replace(CUDA0, free_bytes=10 * 2**20)], "auto", None, ((), 0)),
    ],
)
def test_a_model_is_placed(header, present, device, gpu_layers, placed):
    where = place(header, present, device=device, gpu_layers=gpu_layers, shape=SHAPE)
    assert where == Placement(*placed, layers=31)


@pytest.mark.parametrize(
    ("present", "asked", "names"),
    [
        ([CPU, CUDA0, CUDA1], {}, "CUDA0, CUDA1"),
        ([CPU, CUDA0, CUDA1], {"device": "CUDA1", "gpu_layers": 1}, "CUDA1"),
        ([CPU, METAL], {"gpu_layers": -1}, "Metal"),
    ],
)
def test_reproducible_is_refused_where_layers_would_go_to_an_accelerator(
    starter_model, monkeypatch, present, asked, names
):
    monkeypatch.setattr(llama_devices, "list_devices", lambda: present)
    options = EngineOptions(256, reproducible=True, **asked)
    with pytest.raises(ConfigError, match=rf"reproducible=True .* on {names}; choose device='cpu', or"):
        start_engine(starter_model, options)


@pytest.mark.parametrize(
    ("present", "asked"),
    [([CPU, CUDA0], {"device": "cpu"}), ([CPU, CUDA0], {"gpu_layers": 0}), ([CPU, BLAS], {})],
)
def test_reproducible_runs_where_all_layers_stay_on_the_processor(tmp_path, monkeypatch, present, asked):
    path = tiny_models.write_tiny_model(tmp_path / "tiny.gguf", "plain")
    monkeypatch.setattr(llama_devices, "list_devices", lambda: present)
    options = EngineOptions(256, threads=1, parallel=1, reproducible=True, **asked)
    opened = start_engine(path, options)
    assert opened.hardware.devices == ()
    opened.close()


@pytest.mark.parametrize("gpu_layers", [-1, 3])
def test_layers_asked_for_without_a_device_are_refused(header, gpu_layers):
    with pytest.raises(ConfigError, match=f"gpu_layers={gpu_layers} asks for a device"):
        place(header, [CPU, BLAS], device="auto", gpu_layers=gpu_layers, shape=SHAPE)


def test_a_part_of_a_model_goes_to_a_card_with_little_room(header):
    card = dataclasses.replace(CUDA0, free_bytes=256 * 2**20)
    where = place(header, [CPU, card], device="auto", gpu_layers=None, shape=SHAPE)
    assert where.devices == ("CUDA0",)
    assert 1 < where.gpu_layers < 31


def test_memory_is_left_free_on_every_device(header):
    largest = max(weight_bytes_by_layer(header)[0])
    assert usable_bytes([CUDA0], [CPU, CUDA0], header) == 20 * GIB - RESERVE_BYTES
    assert (
        usable_bytes([CUDA0, CUDA1], [CPU, CUDA0, CUDA1], header)
        == 26 * GIB - 2 * RESERVE_BYTES - 2 * largest
    )
    small = dataclasses.replace(CUDA0, free_bytes=GIB)
    assert usable_bytes([small], [CPU, small], header) == GIB - GIB // 4
    full = dataclasses.replace(CUDA0, free_bytes=0)
    assert usable_bytes([full], [CPU, full], header) == 0
    assert usable_bytes([SILENT], [CPU, SILENT], header) == 32 * GIB - RESERVE_BYTES


def test_this_build_names_its_devices_and_refuses_others(starter_model):

    devices = list_devices()
    processor = next(device for device in devices if device.kind == "cpu")
    assert processor.total_bytes > 2**28
    assert processor.description
    assert list(handles_of([])) == [None]
    first, end = handles_of([processor.name])
    assert (bool(first), end) == (True, None)
    assert processor_features()
    with pytest.raises(ConfigError, match="no device 'Abacus0'"):
        handles_of(["Abacus0"])
    with (
        LocalModel(starter_model, device="Abacus0") as model,
        pytest.raises(ConfigError, match="device='Abacus0'"),
    ):
        model.open()


@pytest.mark.parametrize("kv_type", ["f16", "q8_0", "q4_0"])
def test_a_model_answers_with_each_type_of_cells_and_says_what_it_runs_on(starter_model, kv_type):
    with LocalModel(starter_model, context_size=256, threads=1, device="cpu", kv_type=kv_type) as model:
        answer = model.chat([Message("user", "Hi")], GenerationParams(max_tokens=8, temperature=0)).result()
        assert answer.usage.completion_tokens
        hardware = model.hardware
        assert (hardware.devices, hardware.gpu_layers, hardware.layers) == ((), 0, 31)
        assert (hardware.threads, hardware.kv_type) == (1, kv_type)
        assert hardware.file.suffix == ".gguf"
        assert str(hardware) == f"the processor, 1 threads, {kv_type} cells"


def test_cells_of_a_type_that_the_heads_do_not_fit_are_refused_in_llama_cpps_words(tmp_path, monkeypatch):
    monkeypatch.setattr(tiny_models, "_HEADS", 4)
    monkeypatch.setattr(tiny_models, "_HEAD_WIDTH", 16)
    weights = LlamaWeights(tiny_models.write_tiny_model(tmp_path / "tiny.gguf", "plain"))
    with pytest.raises(ModelLoadError, match=r"q8_0 with block size 32 does not divide .*=16.*kv_type='f16'"):
        LlamaContext(weights, ContextOptions(256, 1, 64, 1, kv_type="q8_0"))
    weights.close()


def test_saved_cells_are_as_large_as_their_type_says(starter_model):

    weights = LlamaWeights(starter_model)
    count = 64
    rows = np.arange(count, dtype=np.int32)
    batch = Batch(rows + 5, rows, np.zeros(count, dtype=np.int32), rows == count - 1)
    for kv_type in ("f16", "q8_0", "q4_0"):
        context = LlamaContext(weights, ContextOptions(256, 1, 64, 1, kv_type=kv_type))
        context.decode(batch)
        reckoned = sum(kv_layer_bytes(read_header(starter_model), CacheShape(count, kv_type)))
        assert reckoned <= context.save(0).nbytes <= 1.02 * reckoned
        context.close()
    weights.close()
