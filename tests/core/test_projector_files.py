import shutil

import pytest
from gguf_parts import Parts
from gguf_writing import number, text
from tiny_models import write_tiny_model
from tiny_projectors import write_tiny_projector

from gpt4all_core.catalog.gguf_check import check_loadable
from gpt4all_core.catalog.projector_files import find_projector

MODEL = "gemma-3-4b-it-Q4_K_M.gguf"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A model, projectors of its width and of another, and a model of another architecture."""
    folder = tmp_path_factory.mktemp("files")
    model = write_tiny_model(folder / "model", "plain")
    half = Parts.of(write_tiny_projector(folder / "half", "gemma3"))
    for part in half.tensors:
        part.kind = 1 if len(part.shape) > 1 else part.kind  # F16, of zeros where the file is too short
    (folder / "half").write_bytes(half.to_bytes())
    return {
        "model": model,
        "fits": write_tiny_projector(folder / "fits", "gemma3"),
        "half": folder / "half",
        "wide": write_tiny_projector(folder / "wide", "gemma3", model_width=96),
        "other": write_tiny_model(folder / "other", "sliding"),
        "broken": _written(folder / "broken", b"GGUF"),
    }


def _written(path, data):
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ({}, None),
        ({"mmproj-F16.gguf": "fits"}, "mmproj-F16.gguf"),
        ({"mmproj-model-f16.gguf": "fits"}, "mmproj-model-f16.gguf"),
        ({"mmproj-gemma-3-4b-it-f16.gguf": "fits"}, "mmproj-gemma-3-4b-it-f16.gguf"),
        ({"gemma-3-4b-it.mmproj-Q8_0.gguf": "fits"}, "gemma-3-4b-it.mmproj-Q8_0.gguf"),
        ({"mmproj-F16.gguf": "wide"}, None),
        ({"mmproj-F16.gguf": "broken"}, None),
        ({"mmproj-F16.gguf": "model"}, None),
        ({"projector.gguf": "fits"}, None),
        ({"mmproj-qwen-f16.gguf": "fits"}, None),
        ({"mmproj-F16.gguf": "fits", "mmproj-gemma-it.gguf": "fits"}, "mmproj-gemma-it.gguf"),
        ({"mmproj-F16.gguf": "fits", "gemma-3-4b-it-Q8_0.gguf": "model"}, "mmproj-F16.gguf"),
        ({"mmproj-F16.gguf": "fits", "mistral-7b.gguf": "other"}, None),
        ({"mmproj-F16.gguf": "fits", "mistral-7b.gguf": "broken"}, None),
        ({"mmproj-gemma.gguf": "fits", "mistral-7b.gguf": "other"}, "mmproj-gemma.gguf"),
        ({"mmproj-F32.gguf": "fits", "mmproj-F16.gguf": "half"}, "mmproj-F16.gguf"),
        ({"a-mmproj.gguf": "half", "mmproj-F32.gguf": "fits"}, "mmproj-F32.gguf"),
    ],
)
def test_the_projector_beside_a_model(tmp_path, files, folder, expected):
    for name, kind in {MODEL: "model", **folder}.items():
        shutil.copy(files[kind], tmp_path / name)
    found = find_projector(tmp_path / MODEL, check_loadable(tmp_path / MODEL))
    assert (found and found.name) == expected


def test_the_parts_of_a_split_model_are_no_other_models(tmp_path, files):
    name = "gemma-00001-of-00002.gguf"
    whole = Parts.of(files["model"])
    second = Parts([(b"split.count", number("UINT32", 2)), (b"general.name", text("x"))], [], b"")
    shutil.copy(files["fits"], tmp_path / "mmproj-F16.gguf")
    (tmp_path / name).write_bytes(whole.to_bytes())
    (tmp_path / "gemma-00002-of-00002.gguf").write_bytes(second.to_bytes())
    found = find_projector(tmp_path / name, check_loadable(tmp_path / name))
    assert found == tmp_path / "mmproj-F16.gguf"
