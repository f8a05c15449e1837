import copy
import pickle
import subprocess
import sys

from langchain_core.language_models.model_profile import ModelProfile
from measured import quickly

from gpt4all_core.local_model import LocalModel
from langchain_gpt4all import ChatGPT4All

MODEL = "smollm2-135m-instruct"


def test_a_profile_says_what_the_file_says():
    profile = ChatGPT4All(model=MODEL, context_size=300).profile
    assert profile["max_input_tokens"] == 300
    assert ChatGPT4All(model=MODEL).profile["max_input_tokens"] == LocalModel(MODEL).context_size
    assert (profile["tool_calling"], profile["structured_output"]) == (True, True)
    assert profile["reasoning_output"] is False
    assert profile["name"] == MODEL
    assert (profile["image_inputs"], profile["audio_inputs"]) == (False, False)


def test_a_profile_says_what_a_projector_reads(monkeypatch):
    monkeypatch.setattr(LocalModel, "reads", ("audio",))
    profile = ChatGPT4All(model=MODEL).profile
    assert (profile["image_inputs"], profile["audio_inputs"]) == (False, True)


def test_langchain_knows_every_key_of_a_profile():
    assert ChatGPT4All(model=MODEL).profile.keys() <= ModelProfile.__annotations__.keys()


def test_of_a_model_that_is_not_there_nothing_is_known():
    profile = ChatGPT4All(model="no-such-model", allow_download=True).profile
    assert dict(profile) == {}
    assert profile.get("tool_calling") is None


def test_a_profile_of_ones_own_is_kept():
    assert ChatGPT4All(model=MODEL, profile={"tool_calling": False}).profile == {"tool_calling": False}


def test_profiles_are_copied_and_pickled_with_their_models_and_name_no_folder(tmp_path):
    model = ChatGPT4All(model=tmp_path / "a.gguf")
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert copied.profile == model.profile
    assert str(tmp_path) not in repr(model)


def test_making_models_reads_no_file():
    program = f"""
import sys
from langchain_gpt4all import ChatGPT4All
models = [ChatGPT4All(model={MODEL!r}) for _ in range(10)]
assert "gpt4all_core.local_model" not in sys.modules
assert models[0].profile["tool_calling"]
assert "llama_cpp" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_ten_models_are_made_in_ten_milliseconds():
    quickly(lambda: [ChatGPT4All(model=MODEL) for _ in range(10)], within_s=0.01)
