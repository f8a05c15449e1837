"""The starter model's faster copy: made once, by one, and done without where it cannot be."""

import shutil
import subprocess
import sys
import warnings
from types import SimpleNamespace

import pytest

from gpt4all_core import GenerationParams, LocalModel, Message, resolve_model, starter_copy
from gpt4all_core.batch_kernels import SlowQuantization, slow_models
from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.store import copies_folder, files_on_disk
from gpt4all_core.starter_copy import engine_file


@pytest.fixture(autouse=True)
def no_gigabytes_left(tmp_path):
    """pytest keeps the folders of three runs."""
    yield
    for path in tmp_path.rglob("*.gguf"):
        path.unlink()


@pytest.fixture
def own_home(tmp_path, monkeypatch):
    """A home without a copy, and without that of the other tests."""
    home = tmp_path / "own"
    monkeypatch.setenv("GPT4ALL_HOME", str(home))
    return home


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch):
    monkeypatch.setattr(slow_models, "_said", set())


def copies():
    return sorted(path.name for path in copies_folder().glob("*.gguf"))


def test_the_starter_model_runs_from_its_copy_and_keeps_its_name(starter_model):
    with LocalModel("smollm2-135m-instruct", context_size=128, threads=1) as model:
        answer = model.chat([Message("user", "Hi")], GenerationParams(max_tokens=4)).result()
        assert answer.usage.completion_tokens
        file = model.hardware.file
        assert (file.parent, read_header(file).quantisation) == (copies_folder(), "Q8_0")
        assert model.path == starter_model == resolve_model("smollm2-135m-instruct")
        assert model.name == "smollm2-135m-instruct"
        assert model.is_demonstration


def test_the_copy_is_made_once_and_the_log_says_where(starter_model, own_home, caplog):
    with caplog.at_level("INFO", "gpt4all_core.starter_copy"):
        first = engine_file(starter_model)
        assert engine_file(starter_model) == first
    (said,) = caplog.messages
    assert f"made a faster copy of {starter_model.name}, once: {first} (145 MB; it may be deleted)" in said
    made = first.stat()
    assert engine_file(starter_model) == first
    assert first.stat() == made
    assert copies() == [first.name]
    assert not files_on_disk(), "it is no model of its own"


def test_other_models_run_as_they_are(tmp_path, starter_model):
    other = tmp_path / "some-model.gguf"
    other.symlink_to(starter_model)
    assert engine_file(other) == other
    minilm = resolve_model("all-minilm-l6-v2")
    assert engine_file(minilm) == minilm


def test_the_original_elsewhere_has_the_same_copy_and_another_version_another(starter_model, tmp_path):
    first = engine_file(starter_model)
    moved = tmp_path / starter_model.name
    shutil.copyfile(starter_model, moved)
    assert engine_file(moved) == first
    with moved.open("r+b") as file:  # a weight in one of the places that the fingerprint looks at
        file.seek(moved.stat().st_size // 2)
        file.write(b"\x01\x02")
    assert engine_file(moved) != first


def test_a_damaged_copy_is_made_again(starter_model, own_home):
    copy = engine_file(starter_model)
    size = copy.stat().st_size
    with copy.open("r+b") as file:
        file.truncate(size // 2)
    assert engine_file(starter_model) == copy
    assert copy.stat().st_size == size


def test_a_copy_that_another_process_finishes_between_two_looks_is_taken(
    starter_model, own_home, monkeypatch
):
    copy = engine_file(starter_model)
    made = copy.stat().st_mtime_ns
    answers = iter([False])
    look = starter_copy._is_sound
    monkeypatch.setattr(starter_copy, "_is_sound", lambda file: next(answers, True) and look(file))
    assert engine_file(starter_model) == copy
    assert copy.stat().st_mtime_ns == made


def test_processes_that_want_it_at_once_take_turns(starter_model, own_home):
    program = f"""
from pathlib import Path
from gpt4all_core.starter_copy import engine_file
print(engine_file(Path({str(starter_model)!r})).stat().st_ino)
"""
    running = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    found = [process.communicate(timeout=120)[0].strip() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len(set(found)) == 1
    assert len(copies()) == 1


@pytest.mark.parametrize("hindrance", ["full disk", "no folder", "llama.cpp"])
def test_without_a_copy_the_original_runs_and_a_warning_says_why(
    starter_model, own_home, monkeypatch, hindrance
):
    if hindrance == "full disk":
        monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=0))
    elif hindrance == "no folder":
        own_home.write_text("a file where the folder would be", encoding="utf-8")
    else:
        monkeypatch.setattr("gpt4all_core.engine.llama.quantize.api.llama_model_quantize", lambda *_: 1)
    with pytest.warns(SlowQuantization, match=r"SmolLM2.*faster copy cannot be made.*GPT4ALL_HOME") as caught:
        assert engine_file(starter_model) == starter_model
    assert len(caught) == 1
    with (
        warnings.catch_warnings(action="error"),  # it was said of this file
        LocalModel(starter_model, context_size=128, threads=1) as model,
    ):
        assert model.open().hardware.file == starter_model


def test_a_child_process_that_makes_no_copy_is_quoted(starter_model, own_home, monkeypatch):
    monkeypatch.setattr("gpt4all_core.requantization_process.CHILD_MODULE", "gpt4all_core.no_such_module")
    with pytest.warns(
        SlowQuantization, match=r"cannot be made \(.* the process that tried .* exit code 1; .*no_such"
    ):
        assert engine_file(starter_model, isolate=True) == starter_model


def test_no_warning_comes_with_the_copy(starter_model):
    with warnings.catch_warnings(action="error"), LocalModel(starter_model, context_size=128) as model:
        model.open()
