"""Sounds in a conversation, by a tiny model that hears (and understands nothing)."""

import pytest
from tiny_audio_projectors import RATE, ROWS_OF_A_WINDOW, sound, write_hearing_model, write_hearing_projector
from tiny_projectors import picture, write_tiny_projector

from gpt4all_core import Audio, ContextOverflow, GenerationParams, Image, LocalModel, Message
from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.open_engine import start_engine
from gpt4all_core.open_model import EngineOptions
from gpt4all_core.trial import trials

ONE = GenerationParams(temperature=0, max_tokens=1, logprobs=True)
SMALL = {"context_size": 256, "device": "cpu", "threads": 1}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A model, and a projector elsewhere that was tried with it."""
    folder = tmp_path_factory.mktemp("hears")
    (folder / "model").mkdir()
    path = write_hearing_model(folder / "model" / "tiny.gguf", "ultravox")
    projector = write_hearing_projector(folder / "mmproj-F32.gguf", "ultravox")
    trials.waive(path, projector)
    return path, projector


@pytest.fixture(scope="module")
def model(files):
    path, projector = files
    with LocalModel(path, projector=projector, **SMALL) as model:
        yield model


def ask(model, *content):
    return model.chat([Message("user", content)], ONE).result()


def test_a_sound_is_part_of_the_conversation(model):
    high, low = (Audio(sound(seed)) for seed in (1, 2))
    heard = [ask(model, "What is said? ", audio, "!") for audio in (high, low)]
    assert heard[0].logprobs[0].logprob != heard[1].logprobs[0].logprob
    silent = ask(model, "What is said? ", "!")
    assert heard[0].usage.prompt_tokens == silent.usage.prompt_tokens + ROWS_OF_A_WINDOW["ultravox"]
    again = ask(model, "What is said? ", high, "!")
    assert again.usage.cached_tokens == again.usage.prompt_tokens - 1


def test_the_same_sound_at_another_rate_is_heard_alike(model):
    """To what 16 bits and both filters leave of it."""
    one, other = (ask(model, "Hear ", Audio(sound(3, rate=rate)), "!") for rate in (RATE, 48000))
    assert one.logprobs[0].logprob == pytest.approx(other.logprobs[0].logprob, abs=0.05)


def test_a_prompt_with_a_sound_is_counted_as_it_is_sent(model):
    messages = [Message("user", ("Hear ", Audio(sound()), "!"))]
    assert model.count_message_tokens(messages) == model.chat(messages, ONE).result().usage.prompt_tokens


def test_what_is_no_sound_is_refused(model):
    with pytest.raises(ConfigError, match="are no sound"):
        ask(model, "Hear ", Audio(picture()), "!")


def test_a_sound_longer_than_the_context_is_refused(files):
    path, projector = files
    with (
        LocalModel(path, projector=projector, **SMALL | {"context_size": 32}) as model,
        pytest.raises(ContextOverflow, match="give a shorter one, or a larger context_size"),
    ):
        ask(model, "Hear ", Audio(sound(seconds=65)), "!")


def test_pictures_are_refused_by_one_that_only_hears(model):
    with pytest.raises(
        UnsupportedParameter, match=r"cannot be sent pictures: its projector mmproj-F32\.gguf"
    ):
        ask(model, "What is ", Audio(sound()), Image(picture()))


def test_sounds_are_refused_by_one_that_only_sees(files, tmp_path):
    projector = write_tiny_projector(tmp_path / "mmproj.gguf", "mlp")
    with (
        LocalModel(files[0], projector=projector, **SMALL) as model,
        pytest.raises(
            UnsupportedParameter, match=r"cannot be sent sounds: its projector mmproj\.gguf has no"
        ),
    ):
        ask(model, "Hear ", Audio(sound()))


def test_without_a_projector_it_is_said_what_is_missing(files):
    with (
        LocalModel(files[0], **SMALL) as model,
        pytest.raises(UnsupportedParameter, match=r"cannot be sent sounds: there is no projector for it"),
    ):
        ask(model, "Hear ", Audio(sound()))


def test_what_a_model_can_be_sent_is_among_its_facts(files):
    path, projector = files
    opened = start_engine(path, EngineOptions(projector=projector, **SMALL))
    assert (opened.media.can_see, opened.media.can_hear) == (False, True)
    opened.close()
    assert LocalModel(path, projector=projector).reads == ("audio",)
    assert LocalModel(path).reads == LocalModel(path, projector=projector, isolate=True).reads == ()


def test_a_model_in_a_child_process_refuses_sounds(files):
    with (
        LocalModel(files[0], isolate=True, **SMALL) as model,
        pytest.raises(UnsupportedParameter, match="isolate=False"),
    ):
        ask(model, "Hear ", Audio(sound()))


def test_a_sound_is_found_again_by_the_next_process(files, tmp_path):
    path, projector = files
    results = []
    for _ in range(2):
        with LocalModel(path, projector=projector, cache_dir=tmp_path, **SMALL) as model:
            results.append(ask(model, "A sound to be kept for later: ", Audio(sound()), " now"))
    first, again = results
    assert (first.usage.cached_tokens, again.usage.cached_tokens) == (0, first.usage.prompt_tokens - 1)
    assert again.text == first.text


def test_a_projector_is_tried_with_sounds(files, tmp_path):
    """In the child process that a first opening is made in."""
    projector = write_hearing_projector(tmp_path / "mmproj.gguf", "ultravox", seed=1)
    with LocalModel(files[0], projector=projector, **SMALL) as model:
        assert ask(model, "Hear ", Audio(sound()), "!").usage.completion_tokens == 1
