from pathlib import Path

import pytest
from adapter_writing import adapter_metadata, write_adapter
from gguf_writing import text
from tiny_models import write_tiny_model

from gpt4all_core.arguments import AnswerFields, to_answer_params
from gpt4all_core.catalog.adapter_files import (
    adapter_faults,
    adapters_folder,
    list_adapters,
    resolve_adapter,
)
from gpt4all_core.catalog.store import models_folder
from gpt4all_core.errors import ModelNotFound
from gpt4all_core.types import Adapter


@pytest.fixture
def style(monkeypatch, tmp_path):
    """An adapter in its folder, beside a file that cannot be read; and one among the models."""
    monkeypatch.setenv("GPT4ALL_HOME", str(tmp_path / "own"))
    for folder in (adapters_folder(), models_folder()):
        folder.mkdir(parents=True)
    write_tiny_model(models_folder() / "model.gguf", "plain")
    write_adapter(models_folder() / "other.gguf")
    (adapters_folder() / "broken.gguf").write_bytes(b"GGUF")
    metadata = {**adapter_metadata(), "general.base_model.0.name": text("Tiny")}
    return write_adapter(adapters_folder() / "Style-v2.gguf", metadata)


def test_adapters_are_listed_by_name_with_what_they_are_for(style):
    first, second = list_adapters()
    assert (first.name, first.path, first.base_model, first.architecture) == (
        "Style-v2",
        style,
        "Tiny",
        "llama",
    )
    assert first.size_bytes == style.stat().st_size
    assert (second.name, second.base_model) == ("other", None)


def test_what_is_no_adapter_is_named_with_the_reason(style):
    write_tiny_model(adapters_folder() / "model.gguf", "plain")
    broken, model = adapter_faults()
    assert str(adapters_folder() / "broken.gguf") in broken
    assert (
        model
        == f"{adapters_folder() / 'model.gguf'} is no LoRA adapter; models belong into {models_folder()}"
    )


@pytest.mark.parametrize("reference", ["Style-v2", "style-v2", "Style-v2.gguf"])
def test_an_adapter_is_found_by_its_name(style, reference):
    assert resolve_adapter(reference) == style
    params = to_answer_params(AnswerFields(adapters={reference: 0.5}))
    assert params.adapters == (Adapter(style, 0.5),)


@pytest.mark.parametrize("reference", [Path("nowhere"), "./nowhere", "folder/style.gguf", "nowhere.gguf"])
def test_paths_stay_paths(style, reference):
    assert resolve_adapter(reference) == Path(reference)


def test_a_file_here_comes_before_a_name(style, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = write_adapter(tmp_path / "Style-v2.gguf")
    assert resolve_adapter("Style-v2.gguf").samefile(here)


def test_a_name_that_no_adapter_has_is_answered_with_those_like_it(style):
    with pytest.raises(ModelNotFound, match=r"no adapter is called 'Style-v1'; did you mean Style-v2\?"):
        resolve_adapter("Style-v1")
