"""Writing a model in another type, and telling which types are slow."""

import subprocess
import sys
import warnings
from types import SimpleNamespace

import pytest
from gguf_writing import gguf_bytes, sound_metadata

from gpt4all_core import LocalModel, requantize
from gpt4all_core.batch_kernels import SlowQuantization, fast_types, slow_type, warn_if_slow
from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.gguf_tables import FILE_TYPES as FILE_TYPE_NAMES
from gpt4all_core.catalog.gguf_tables import TENSOR_TYPES
from gpt4all_core.engine.llama.quantize import file_type_number
from gpt4all_core.engine.quantization import FILE_TYPES
from gpt4all_core.errors import ConfigError, ModelError, ModelNotFound
from langchain_gpt4all import ChatGPT4All

AVX2 = {"AVX", "AVX2", "F16C", "REPACK", "LLAMAFILE"}
AVX512 = AVX2 | {"AVX512"}
ARM = {"NEON", "DOTPROD", "MATMUL_INT8", "REPACK", "LLAMAFILE"}
NUMBERS = {kind.name: number for number, kind in TENSOR_TYPES.items()}


@pytest.fixture(autouse=True)
def no_gigabytes_left(tmp_path):
    """pytest keeps the folders of three runs."""
    yield
    for path in tmp_path.rglob("*.gguf"):
        path.unlink()


@pytest.fixture
def write(tmp_path):
    """A header with these tensors; the weights are not there."""

    def write(**kinds):
        tensors = tuple((f"blk.0.{name}.weight", (256, 4), NUMBERS[kind]) for name, kind in kinds.items())
        path = tmp_path / "model.gguf"
        path.write_bytes(gguf_bytes(sound_metadata(), tensors=tensors))
        return read_header(path)

    return write


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0"])
def test_a_model_is_written_in_another_type(starter_model, tmp_path, kind):
    output = requantize(starter_model, to=kind.lower(), output=tmp_path / "new" / "model.gguf", threads=1)
    header, source = read_header(output), read_header(starter_model)
    assert header.quantisation == kind
    assert header.chat_template == source.chat_template
    shapes = {tensor.name: tensor.shape for tensor in header.tensors}
    assert shapes == {tensor.name: tensor.shape for tensor in source.tensors}
    assert [path.name for path in output.parent.iterdir()] == ["model.gguf"]


def test_what_is_there_is_kept_unless_it_may_go(starter_model, tmp_path):
    output = tmp_path / "model.gguf"
    output.write_bytes(b"precious")
    with pytest.raises(ConfigError, match="is there already"):
        requantize(starter_model, to="Q8_0", output=output)
    assert output.read_bytes() == b"precious"
    requantize(starter_model, to="Q8_0", output=output, overwrite=True)
    assert output.stat().st_size > 10**8


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"to": "Q9_9"}, ConfigError, "to='Q9_9'.*choose one of F32, F16"),
        ({"to": "IQ1_S"}, ConfigError, "to='IQ1_S' needs an importance matrix"),
        ({"model": "smolm2-135m-instruct"}, ModelNotFound, "did you mean"),
        ({"output": "/proc/new.gguf"}, ModelError, "/proc/new.gguf cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said(starter_model, tmp_path, arguments, error, message):
    given = {"model": starter_model, "to": "Q8_0", "output": tmp_path / "new.gguf"} | arguments
    with pytest.raises(error, match=message):
        requantize(given.pop("model"), **given)
    assert not (tmp_path / "new.gguf").exists()


def test_the_model_itself_is_not_written_over(starter_model, tmp_path):
    model = tmp_path / "model.gguf"
    model.symlink_to(starter_model)
    with pytest.raises(ConfigError, match="is the model itself"):
        requantize(starter_model, to="Q8_0", output=model, overwrite=True)


def test_a_full_disk_is_noticed_before_it_is_filled(starter_model, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=10**8))
    with pytest.raises(ModelError, match=r"has 0\.1 GB free, but the new file takes about 0\.1 GB"):
        requantize(starter_model, to="Q8_0", output=tmp_path / "new.gguf")


def test_a_write_that_fails_leaves_nothing_behind(starter_model, tmp_path):
    """A limit on the size of files stands for a disk that is full after all; it needs its own process."""
    program = f"""
import resource
from gpt4all_core import ModelLoadError, requantize
resource.setrlimit(resource.RLIMIT_FSIZE, (10**7, resource.RLIM_INFINITY))
try:
    requantize({str(starter_model)!r}, to="Q8_0", output={str(tmp_path / "new.gguf")!r}, threads=1)
except ModelLoadError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.startswith("llama.cpp cannot quantise SmolLM2-135M-Instruct.Q4_1.gguf: ")
    assert [path.name for path in tmp_path.iterdir() if path.suffix in (".gguf", ".part")] == []


def test_numbers_of_types_are_llama_cpps():
    assert [file_type_number(name) for name in ("Q8_0", "Q4_0", "F16", "F32")] == [7, 2, 1, 0]
    assert {name: number for number, name in FILE_TYPE_NAMES.items() if name != "NVFP4"} == {
        name: file_type_number(name) for name in FILE_TYPES
    }


@pytest.mark.parametrize(
    ("features", "fast", "slow"),
    [
        (
            AVX2,
            {"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q5_0", "Q4_K", "IQ4_NL"},
            {"Q4_1", "Q5_1", "Q2_K", "Q6_K"},
        ),
        (AVX512, {"Q2_K", "Q4_K"}, {"Q4_1", "Q5_1", "Q3_K", "IQ4_XS"}),
        (ARM, {"Q4_0", "Q8_0", "Q4_K", "Q5_K", "Q6_K", "F16"}, {"Q4_1", "Q5_1", "Q5_0", "Q3_K"}),
        (AVX2 - {"REPACK"}, {"Q4_0", "Q8_0"}, {"Q4_K", "Q4_1"}),
        ({"WASM_SIMD"}, set(), {"Q4_1"}),
    ],
)
def test_types_with_a_kernel_depend_on_the_processor(features, fast, slow):
    found = fast_types(features)
    assert fast <= found
    assert not slow & found


@pytest.mark.parametrize(
    ("kinds", "features", "slow"),
    [
        ({"a": "Q4_1", "b": "Q4_1", "c": "Q8_0"}, AVX2, "Q4_1"),
        ({"a": "Q4_1", "b": "Q8_0"}, AVX2, None),
        ({"a": "Q4_K", "b": "Q4_K", "c": "Q6_K"}, AVX2, None),
        ({"a": "Q3_K", "b": "Q3_K", "c": "Q5_1"}, ARM, "Q3_K"),
        ({"a": "Q4_1"}, {"WASM_SIMD"}, None),
        ({}, AVX2, None),
    ],
)
def test_a_model_is_slow_if_most_of_its_weights_are(write, kinds, features, slow):
    assert slow_type(write(**kinds), features) == slow


def test_a_slow_model_is_pointed_out_with_the_call_that_mends_it(write):
    header = write(a="Q4_1")
    with pytest.warns(SlowQuantization, match=r"model.gguf is mostly Q4_1.*requantize\(.*to='Q8_0'"):
        warn_if_slow(header, lambda: AVX2)
    with warnings.catch_warnings(action="error"):
        warn_if_slow(write(a="Q8_0"), lambda: AVX2)


def test_a_slow_model_is_pointed_out_when_it_is_opened(starter_model, tmp_path):
    other_name = tmp_path / "some-model.gguf"
    other_name.symlink_to(starter_model)
    with (
        LocalModel(other_name, context_size=128, threads=1) as model,
        pytest.warns(SlowQuantization, match=r"some-model.gguf is mostly Q4_1") as caught,
    ):
        model.open()
    assert [warning.filename for warning in caught] == [__file__], "at the line that opened it"
    with warnings.catch_warnings(action="error"), LocalModel(other_name, context_size=256) as model:
        model.open()


def test_a_slow_model_is_pointed_out_at_the_line_that_called_the_framework(starter_model, tmp_path):
    other_name = tmp_path / "some-model.gguf"
    other_name.symlink_to(starter_model)
    with (
        ChatGPT4All(model=other_name, context_size=128, threads=1, max_tokens=1) as model,
        pytest.warns(SlowQuantization) as caught,
    ):
        model.invoke("Hello")
    assert [warning.filename for warning in caught] == [__file__]
