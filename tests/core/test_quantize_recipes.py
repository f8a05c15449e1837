"""What a recipe makes of a model: forecasts, single tensors, importance matrices, and a child process."""

import struct

import numpy as np
import pytest
from gguf_writing import gguf_bytes, number, text, texts
from tiny_models import write_tiny_model

from gpt4all_core import QuantizationRecipe, forecast_size, requantize
from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.errors import ConfigError, ModelError
from gpt4all_core.requantization_process import RequantizationProcess


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf", "plain")


def kinds(path):
    return {tensor.name: tensor.type.name for tensor in read_header(path).tensors}


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "F16", "BF16", "q4_k", "IQ4_XS", "TQ2_0", "MXFP4_MOE"])
def test_a_forecast_is_what_comes_of_it(tiny, tmp_path, kind):
    forecast = forecast_size(tiny, to=kind)
    output = requantize(tiny, to=kind, output=tmp_path / "new.gguf")
    # The file says its type and version, which the tiny one does not.
    assert 0 <= output.stat().st_size - forecast.size_bytes <= 128
    found = {}
    for tensor in read_header(output).tensors:
        found[tensor.type.name] = found.get(tensor.type.name, 0) + tensor.elements
    assert found == dict(forecast.weights)
    # Rows of 64 and 96 weights; of a Q4_0 the output is to be Q6_K.
    assert (forecast.fallbacks > 0) == (kind in {"Q4_0", "q4_k", "IQ4_XS", "TQ2_0"})
    assert not forecast.was_quantised


def test_a_forecast_of_a_real_model_is_exact(starter_model, tmp_path):
    forecast = forecast_size(starter_model, to="Q4_0")
    assert (forecast.was_quantised, forecast.source_type, forecast.tensors) == (True, "Q4_1", 272)
    assert forecast.source_bytes == starter_model.stat().st_size
    output = requantize(starter_model, to="Q4_0", output=tmp_path / "new.gguf")
    assert output.stat().st_size == forecast.size_bytes
    output.unlink()


def test_single_tensors_have_the_types_they_are_given(tiny, tmp_path):
    plain = kinds(requantize(tiny, to="Q4_0", output=tmp_path / "plain.gguf"))
    assert (plain["output.weight"], plain["token_embd.weight"]) == ("Q8_0", "Q4_0"), "llama.cpp's own choice"
    recipe = QuantizationRecipe("q4_0", token_embedding_type="f16", leave_output_tensor=True)
    given = kinds(requantize(tiny, to=recipe, output=tmp_path / "given.gguf"))
    assert (given["output.weight"], given["token_embd.weight"]) == ("F32", "F16")
    assert given["blk.0.attn_q.weight"] == "Q4_0"
    recipe = QuantizationRecipe("Q4_0", pure=True)
    pure = kinds(requantize(tiny, to=recipe, output=tmp_path / "pure.gguf"))
    assert {kind for name, kind in pure.items() if not name.endswith("norm.weight")} == {"Q4_0"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"type": "Q4_0", "output_tensor_type": "Q9"}, "output_tensor_type='Q9' is no type of a tensor"),
        ({"type": "Q4_0", "token_embedding_type": "IQ1_S"}, "token_embedding_type='IQ1_S' is no type"),
        (
            {"type": "Q4_0", "output_tensor_type": "F16", "leave_output_tensor": True},
            "give one of the two",
        ),
        ({"type": "NVFP4"}, "to='NVFP4' is no type to quantise to"),
    ],
)
def test_recipes_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        QuantizationRecipe(**options)


@pytest.mark.parametrize("option", ["output_tensor_type", "token_embedding_type"])
def test_a_type_that_would_end_llama_cpp_is_refused(tiny, tmp_path, option):
    with pytest.raises(ConfigError, match=f"{option}='Q4_K' does not fit .* rows of 64 weights"):
        requantize(tiny, to=QuantizationRecipe("Q8_0", **{option: "Q4_K"}), output=tmp_path / "new.gguf")


def importance(tiny, *, scale=1.0):
    """Some columns matter a hundred times as much as others. For all matrices but the embeddings."""
    random = np.random.default_rng(3)
    return {
        tensor.name: (scale * 100 ** random.random(tensor.shape[0])).astype(np.float32)
        for tensor in read_header(tiny).tensors
        if len(tensor.shape) == 2 and tensor.name != "token_embd.weight"
    }


def write_binary(path, entries, *, calls=1):
    parts = [struct.pack("<i", len(entries))]
    for name, values in entries.items():
        raw = name.encode()
        parts += [struct.pack("<i", len(raw)), raw, struct.pack("<ii", calls, values.size)]
        parts.append((values * np.float32(calls)).astype("<f4").tobytes())
    path.write_bytes(b"".join(parts) + struct.pack("<ii", 7, 4) + b"text")
    return path


def write_gguf(path, entries, *, count=1.0, kind="imatrix"):
    tensors, data = [], b""
    for name, values in entries.items():
        for suffix, content in ((".in_sum2", values * np.float32(count)), (".counts", np.float32([count]))):
            tensors.append((name + suffix, content.shape, 0))
            raw = content.astype("<f4").tobytes()
            data += raw + bytes(-len(raw) % 32)
    metadata = {
        "general.type": text(kind),
        "imatrix.datasets": texts(["text"]),
        "imatrix.chunk_count": number("UINT32", 7),
        "imatrix.chunk_size": number("UINT32", 512),
    }
    path.write_bytes(gguf_bytes(metadata, tensors=tuple(tensors), alignment=32, data=data))
    return path


def test_an_importance_matrix_is_the_same_in_both_formats_and_changes_the_weights(tiny, tmp_path):
    entries = importance(tiny)
    written = {
        "binary": write_binary(tmp_path / "imatrix.dat", entries, calls=4),
        "gguf": write_gguf(tmp_path / "imatrix.gguf", entries, count=4.0),
        "none": None,
    }
    results = {}
    for name, imatrix in written.items():
        output = requantize(
            tiny, to=QuantizationRecipe("IQ4_NL", imatrix=imatrix), output=tmp_path / f"{name}-new.gguf"
        )
        results[name] = output.read_bytes()
    assert results["binary"] == results["gguf"]
    assert results["binary"] != results["none"]


def test_experts_that_were_never_asked_count_alike(tmp_path):
    from gpt4all_core.catalog.importance_matrix import _read_gguf  # noqa: PLC0415 - a look inside

    sums = np.float32([[2, 4], [0, 0]])
    raw = [sums.tobytes(), np.float32([2, 0]).tobytes()]
    path = tmp_path / "imatrix.gguf"
    tensors = (("a.weight.in_sum2", (2, 2), 0), ("a.weight.counts", (2,), 0))
    data = b"".join(part + bytes(-len(part) % 32) for part in raw)
    path.write_bytes(gguf_bytes({"general.type": text("imatrix")}, tensors=tensors, alignment=32, data=data))
    assert _read_gguf(path)["a.weight"].tolist() == [1, 2, 1, 1]


@pytest.mark.parametrize("write", [write_binary, write_gguf])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda entries: {"other." + name: values for name, values in entries.items()}, "of another model"),
        (lambda entries: {name: values[1:] for name, values in entries.items()}, "63 numbers for"),
        (
            lambda entries: {name: values * np.float32("nan") for name, values in entries.items()},
            "not finite",
        ),
    ],
)
def test_an_importance_matrix_that_does_not_fit_is_refused(tiny, tmp_path, write, change, message):
    path = write(tmp_path / "imatrix", change(importance(tiny)))
    with pytest.raises(ConfigError, match=f"imatrix=.*{message}"):
        forecast_size(tiny, to=QuantizationRecipe("Q4_0", imatrix=path))


@pytest.mark.parametrize(
    "content", [b"", b"GGUF", b"hello, this is text", struct.pack("<iii", 1, 4, 9), struct.pack("<i", -1)]
)
def test_what_is_no_importance_matrix_is_refused(tiny, tmp_path, content):
    path = tmp_path / "imatrix"
    path.write_bytes(content)
    with pytest.raises((ConfigError, ModelError), match="imatrix"):
        forecast_size(tiny, to=QuantizationRecipe("Q4_0", imatrix=path))


def test_an_importance_matrix_cut_short_is_refused(tiny, tmp_path):
    path = write_binary(tmp_path / "imatrix.dat", importance(tiny))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ConfigError, match="cut short at byte"):
        forecast_size(tiny, to=QuantizationRecipe("Q4_0", imatrix=path))


def test_a_gguf_that_is_a_model_is_no_importance_matrix(tiny):
    with pytest.raises(ConfigError, match="but no importance matrix"):
        forecast_size(tiny, to=QuantizationRecipe("Q4_0", imatrix=tiny))


def test_a_child_process_writes_the_same_and_tells_how_far_it_is(tiny, tmp_path):
    seen = []
    recipe = QuantizationRecipe("IQ4_NL", imatrix=write_gguf(tmp_path / "imatrix.gguf", importance(tiny)))
    apart = requantize(
        tiny,
        to=recipe,
        output=tmp_path / "apart.gguf",
        isolate=True,
        on_progress=lambda written, forecast: seen.append((written, forecast.size_bytes)),
    )
    here = requantize(tiny, to=recipe, output=tmp_path / "here.gguf")
    assert apart.read_bytes() == here.read_bytes()
    written = [done for done, _ in seen]
    assert written == sorted(written)
    assert (written[0], written[-1]) == (0, seen[0][1])
    assert len(written) == len(read_header(tiny).tensors) + 2
    assert written[2] - written[1] > 0


def test_ctrl_c_ends_the_child_and_leaves_nothing(tiny, tmp_path, monkeypatch):
    processes = []

    class Watched(RequantizationProcess):
        def __init__(self):
            super().__init__()
            processes.append(self._child._process)

    def interrupt(written, _forecast):
        if written:
            raise KeyboardInterrupt

    monkeypatch.setattr("gpt4all_core.requantization.RequantizationProcess", Watched)
    with pytest.raises(KeyboardInterrupt):
        requantize(tiny, to="Q8_0", output=tmp_path / "new.gguf", isolate=True, on_progress=interrupt)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == []
    assert processes[0].returncode is not None


def test_what_llama_cpp_says_in_the_child_is_said_here(starter_model, tmp_path):
    with pytest.raises(ModelError, match="no tensor type fallback is defined for type q1_0"):
        requantize(starter_model, to="Q1_0", output=tmp_path / "new.gguf", isolate=True)
