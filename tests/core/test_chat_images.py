"""Pictures in a conversation, by a tiny model that sees (and understands nothing)."""

import pytest
from tiny_projectors import picture, write_seeing_model, write_tiny_projector

from gpt4all_core import GenerationParams, Image, LocalModel, Message, open_projector
from gpt4all_core.engine.llama.projector import LlamaProjector
from gpt4all_core.errors import ConfigError
from gpt4all_core.trial import trials

ONE = GenerationParams(temperature=0, max_tokens=1, logprobs=True)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sees")
    path = write_seeing_model(folder / "tiny.gguf", "mlp")
    projector = write_tiny_projector(folder / "mmproj-F32.gguf", "mlp")
    trials.waive(path, projector)
    with LocalModel(path, context_size=256, device="cpu", threads=1, projector=projector) as model:
        yield model


def ask(model, *content):
    return model.chat([Message("user", content)], ONE).result()


def test_a_picture_is_part_of_the_conversation(model):
    red, blue = (Image(picture(seed)) for seed in (1, 2))
    seen = [ask(model, "What is ", image, "?") for image in (red, blue)]
    assert seen[0].logprobs[0].logprob != seen[1].logprobs[0].logprob
    assert seen[0].usage.prompt_tokens > ask(model, "What is ", "?").usage.prompt_tokens
    again = ask(model, "What is ", red, "?")
    assert again.usage.cached_tokens == again.usage.prompt_tokens - 1


def test_two_pictures_keep_their_places(model):
    red, blue = (Image(picture(seed)) for seed in (1, 2))
    first, second = ask(model, red, "and", blue, "?"), ask(model, blue, "and", red, "?")
    assert first.usage.prompt_tokens == second.usage.prompt_tokens
    assert first.logprobs[0].logprob != second.logprobs[0].logprob


def test_each_picture_is_encoded_once_although_not_all_can_be_kept(model, monkeypatch):
    encoded = []
    encode = LlamaProjector.encode_image
    monkeypatch.setattr(open_projector, "KEPT_BYTES", 1)
    monkeypatch.setattr(
        LlamaProjector, "encode_image", lambda self, pixels: encoded.append(1) or encode(self, pixels)
    )
    ask(model, *(Image(picture(seed)) for seed in range(11, 14)), "?")
    assert len(encoded) == 3


def test_what_is_no_picture_is_refused(model):
    with pytest.raises(ConfigError, match="picture"):
        ask(model, "What is ", Image(b"nothing"), "?")
