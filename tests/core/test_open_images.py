"""Pictures for a model that is open, in this process and in a child of it."""

import shutil
import threading

import pytest
from tiny_projectors import picture, write_seeing_model, write_tiny_projector

from gpt4all_core.engine.llama.projector import LlamaProjector
from gpt4all_core.errors import ConfigError, EngineClosed, ModelLoadError, UnsupportedParameter
from gpt4all_core.isolated.engine import start_isolated
from gpt4all_core.open_engine import start_engine
from gpt4all_core.open_model import EngineOptions
from gpt4all_core.trial import trials
from gpt4all_core.types import GenerationParams

SMALL = EngineOptions(context_size=256, device="cpu", threads=1, parallel=2)
ONE = GenerationParams(temperature=0, max_tokens=1, logprobs=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A model, and a projector elsewhere that was tried with it."""
    folder = tmp_path_factory.mktemp("seeing")
    (folder / "model").mkdir()
    model = write_seeing_model(folder / "model" / "tiny.gguf", "mlp")
    projector = write_tiny_projector(folder / "mmproj-F32.gguf", "mlp")
    trials.waive(model, projector)
    return model, projector


def ask(opened, *parts):
    """The log-probability of the next token, which depends on everything before it."""
    tokens, images = [], {}
    for part in parts:
        if isinstance(part, str):
            tokens.extend(opened.tokenize(part, parse_special=False))
        else:
            image = opened.read_image(part)
            images.update(image.rows_at(len(tokens)))
            tokens.extend(image.tokens)
    submitted = opened.submit(tokens, ONE, constraint=None, images=images, timeout_s=None, keep_alive=None)
    return submitted.result()


@pytest.fixture
def opened(files):
    model, projector = files
    opened = start_engine(model, _with(projector))
    yield opened
    opened.close()


def _with(projector, **options):
    return EngineOptions(
        context_size=256, device="cpu", threads=1, parallel=2, projector=projector, **options
    )


def test_a_model_with_a_projector_sees(opened):
    assert opened.media.can_see
    seen = {ask(opened, "See ", data, " now").logprobs[0].logprob for data in (picture(0), picture(1))}
    assert len(seen | {ask(opened, "See  now").logprobs[0].logprob}) == 3


def test_a_projector_beside_the_model_is_found(files, tmp_path):
    model, projector = (shutil.copy(file, tmp_path / file.name) for file in files)
    trials.waive(model, projector)
    opened = start_engine(model, SMALL)
    assert opened.media.can_see
    assert ask(opened, picture(), " now").usage.prompt_tokens == 16 + len(" now")
    opened.close()


def test_without_a_projector_it_is_said_what_is_missing(files):
    opened = start_engine(files[0], SMALL)
    assert not opened.media.can_see
    with pytest.raises(UnsupportedParameter, match=r"no projector for it beside .*get the mmproj-"):
        opened.read_image(picture())
    opened.close()


def test_a_projector_that_does_not_fit_is_an_error_at_once(files, tmp_path):
    wide = write_tiny_projector(tmp_path / "mmproj.gguf", "mlp", model_width=96)
    with pytest.raises(ModelLoadError, match=r"makes rows of 96 numbers, and tiny\.gguf reads 64"):
        start_engine(files[0], _with(wide))
    with pytest.raises(ConfigError, match="there is no such file"):
        start_engine(files[0], _with(tmp_path / "none.gguf"))


def test_a_broken_picture_is_an_error_for_its_request_alone(opened):
    before = ask(opened, "See ", picture(), " now")
    for data in (b"", b"hello", picture()[:100]):
        with pytest.raises(ConfigError):
            opened.read_image(data)
    assert ask(opened, "See ", picture(), " now").text == before.text


def test_a_picture_that_is_kept_waits_for_no_other_one(opened, monkeypatch):
    kept = opened.read_image(picture(0))
    is_encoding, may_end = threading.Event(), threading.Event()
    encode = LlamaProjector.encode_image

    def slow(self, pixels):
        is_encoding.set()
        assert may_end.wait(60)
        return encode(self, pixels)

    monkeypatch.setattr(LlamaProjector, "encode_image", slow)
    other = threading.Thread(target=opened.read_image, args=[picture(1)])
    other.start()
    try:
        assert is_encoding.wait(60)
        assert opened.read_image(picture(0)) is kept
    finally:
        may_end.set()
        other.join(60)


def test_a_closed_model_reads_nothing(files):
    opened = start_engine(files[0], _with(files[1]))
    opened.read_image(picture())
    opened.close()
    with pytest.raises(EngineClosed):
        opened.read_image(picture())


def test_a_picture_is_found_again_by_the_next_process(files, tmp_path):
    results = []
    for _ in range(2):
        opened = start_engine(files[0], _with(files[1], cache_dir=tmp_path))
        results.append(ask(opened, "A picture to be kept for later: ", picture(), " now"))
        opened.close()
    first, again = results
    assert first.usage.cached_tokens == 0
    assert again.usage.cached_tokens == first.usage.prompt_tokens - 1
    assert again.text == first.text


def test_another_projector_finds_nothing_of_it(files, tmp_path):
    other = write_tiny_projector(tmp_path / "mmproj.gguf", "mlp", seed=1)
    trials.waive(files[0], other)
    cached = []
    for projector in (files[1], other):
        opened = start_engine(files[0], _with(projector, cache_dir=tmp_path / "kept"))
        result = ask(opened, picture(), " A picture to be kept for later, perhaps.")
        cached.append(result.usage.cached_tokens)
        opened.close()
    assert cached == [0, 0]


def test_a_model_in_a_child_process_refuses_pictures(files):
    opened = start_isolated(files[0], EngineOptions(context_size=256, device="cpu", isolate=True))
    try:
        with pytest.raises(UnsupportedParameter, match="isolate=False"):
            opened.read_image(picture())
    finally:
        opened.close()
    with pytest.raises(UnsupportedParameter, match="isolate=False"):
        start_isolated(files[0], _with(files[1], isolate=True))
