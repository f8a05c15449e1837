import os

import pytest
from gguf_parts import Parts
from gguf_writing import number
from tiny_models import write_tiny_model

from gpt4all_core import LocalEmbedder, LocalModel, trial
from gpt4all_core.catalog.catalog import find
from gpt4all_core.catalog.gguf_check import check_loadable
from gpt4all_core.catalog.store import installed_path
from gpt4all_core.config import resolve_settings
from gpt4all_core.errors import ModelLoadError
from gpt4all_core.trial import NoTrial, Trials
from gpt4all_core.types import GenerationParams


@pytest.fixture
def sound(tmp_path):
    return write_tiny_model(tmp_path / "sound.gguf", "plain")


@pytest.fixture
def killer(tmp_path):
    """A file that passes every check and fails an assertion of its architecture's own.

    PaddleOCR's rotary positions have sections, which the header leaves out.
    """
    parts = Parts.of(write_tiny_model(tmp_path / "killer.gguf", "plain"))
    parts.rename_architecture("paddleocr")
    path = tmp_path / "killer.gguf"
    path.write_bytes(parts.to_bytes())
    return path


@pytest.fixture
def children(monkeypatch):
    """Counts the child processes that trials start."""
    started = []

    class Counted(trial.ChildProcess):
        def __init__(self, module):
            started.append(module)
            super().__init__(module)

    monkeypatch.setattr(trial, "ChildProcess", Counted)
    return started


def test_a_file_that_ends_llama_cpp_is_an_error_and_not_the_end(killer):
    check_loadable(killer)
    with pytest.raises(
        ModelLoadError, match=r"was ended by SIGABRT; its last words: .*GGML_ASSERT"
    ) as caught:
        LocalModel(killer).open()
    assert caught.value.path == killer
    with pytest.raises(ModelLoadError, match="SIGABRT"):
        LocalModel(killer).open()


def test_a_sound_file_is_tried_once_for_all_processes(sound, children):
    Trials().require(sound)
    Trials().require(sound)
    assert len(children) == 1
    with LocalModel(sound, context_size=64) as model:
        assert model.complete("a", GenerationParams(max_tokens=2)).result().usage.completion_tokens
    assert len(children) == 1


def test_a_file_that_changed_is_tried_again(sound, children):
    trials = Trials()
    trials.require(sound)
    os.utime(sound, ns=(1, 1))
    trials.require(sound)
    assert len(children) == 2


def test_a_home_that_cannot_be_written_to_costs_a_trial_in_each_process(sound, children):
    (resolve_settings().home / "tried").write_text("in the way")
    trials = Trials()
    trials.require(sound)
    trials.require(sound)
    assert len(children) == 1
    Trials().require(sound)
    assert len(children) == 2


def test_the_models_that_come_with_the_packages_need_no_trial(starter_model, children):
    with LocalModel("smollm2-135m-instruct", context_size=64) as model, LocalEmbedder() as embedder:
        model.count_tokens("a")
        embedder.embed_query("a")
    assert not children


def test_an_isolated_model_has_its_own_fence(sound, children):
    with LocalModel(sound, context_size=64, isolate=True) as model:
        model.count_tokens("a")
    assert not children


def test_without_an_interpreter_the_file_is_opened_with_a_warning(sound, monkeypatch):
    monkeypatch.setattr("sys.executable", "")
    with pytest.warns(NoTrial, match="was opened untried"):
        Trials().require(sound)


def test_one_that_never_ends_is_ended(sound, monkeypatch):
    monkeypatch.setattr("gpt4all_core.trial.LONGEST_S", 0.05)
    with pytest.raises(ModelLoadError, match="SIGKILL"):
        Trials().require(sound)


def test_an_embedder_is_tried_as_one(tmp_path):
    parts = Parts.of(installed_path(find("all-minilm-l6-v2")))
    path = tmp_path / "embedder.gguf"
    path.write_bytes(parts.to_bytes())
    Trials().require(path)
    parts.metadata.append((b"bert.attention.key_length", number("UINT32", 63)))
    path.write_bytes(parts.to_bytes())
    with pytest.raises(ModelLoadError, match="SIGABRT"):
        LocalEmbedder(path).embed_query("a")
