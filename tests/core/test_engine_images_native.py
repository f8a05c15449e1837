"""Pictures through the whole engine, on tiny models of every kind that reads them."""

from contextlib import contextmanager

import pytest
from tiny_projectors import KINDS, picture, write_seeing_model, write_tiny_projector

from gpt4all_core.engine.engine import Engine
from gpt4all_core.engine.image_rows import PromptImage
from gpt4all_core.engine.llama.contexts import ContextOptions, LlamaContext
from gpt4all_core.engine.llama.projector import LlamaProjector
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.engine.saved_cells import HostCache
from gpt4all_core.errors import ConfigError, GenerationCancelled
from gpt4all_core.read_image import read_image
from gpt4all_core.types import GenerationParams

GREEDY = GenerationParams(temperature=0, max_tokens=12)
MODELS = [
    *((kind, "plain") for kind in KINDS),
    ("gemma3", "sliding"),
    ("mlp", "recurrent"),
    ("mlp", "hybrid"),
]


@pytest.fixture(scope="module", params=MODELS, ids="-".join)
def seeing(request, tmp_path_factory):
    """Weights, the pictures 0 to 3 as they read them, and whether any beginning of a text can be kept."""
    kind, memory = request.param
    folder = tmp_path_factory.mktemp("native")
    weights = LlamaWeights(write_seeing_model(folder / "model.gguf", kind, memory))
    projector = LlamaProjector(weights, write_tiny_projector(folder / "mmproj.gguf", kind), threads=1)
    images = [
        PromptImage.of(projector.encode_image(read_image(picture(seed))), identity=bytes([seed]))
        for seed in range(4)
    ]
    projector.close()
    yield weights, images, memory == "plain"
    weights.close()


@contextmanager
def running(weights, *, sequences=4, batch_tokens=64, is_split=False, **options):
    shape = ContextOptions(
        cells=2048, sequences=sequences, batch_tokens=batch_tokens, threads=1, is_split=is_split
    )
    engine = Engine(LlamaContext(weights, shape), weights, context_size=512, **options).start()
    try:
        yield engine
        engine.check_integrity()
    finally:
        engine.close()


def ask(engine, weights, *parts, params=GREEDY):
    tokens, images = [], {}
    for part in parts:
        if isinstance(part, str):
            tokens.extend(weights.tokenize(part, parse_special=False))
        else:
            images.update(part.rows_at(len(tokens)))
            tokens.extend(part.tokens)
    return engine.submit(tokens, params, images=images)


def test_a_picture_changes_the_answer(seeing):
    weights, images, _ = seeing
    params = GenerationParams(temperature=0, max_tokens=1, logprobs=True)
    with running(weights) as engine:
        prompts = [("See ", " now"), *(("See ", image, " now") for image in images)]
        results = [ask(engine, weights, *prompt, params=params).result() for prompt in prompts]
    assert len({result.logprobs[0].logprob for result in results}) == len(prompts)


def test_requests_with_pictures_are_answered_together_as_alone(seeing):
    weights, images, _ = seeing
    prompts = [(f"{number} See ", image, " now") for number, image in enumerate(images)]
    alone = []
    for prompt in prompts:
        with running(weights) as engine:
            alone.append(ask(engine, weights, *prompt).result().text)
    with running(weights) as engine:
        handles = [ask(engine, weights, *prompt) for prompt in prompts]
        assert [handle.result().text for handle in handles] == alone


def test_a_conversation_goes_on_as_if_it_were_new(seeing):
    weights, images, keeps_beginnings = seeing
    prompt = ("See ", images[0], " and ", images[1], " now")
    with running(weights) as engine:
        first = ask(engine, weights, *prompt).result()
        again = ask(engine, weights, *prompt, " and then?").result()
    with running(weights) as engine:
        assert ask(engine, weights, *prompt, " and then?").result().text == again.text
    assert first.usage.cached_tokens == 0
    if keeps_beginnings:
        assert again.usage.cached_tokens == first.usage.prompt_tokens


def test_two_that_share_a_picture_answer_as_alone(seeing):
    weights, images, _ = seeing
    prompts = [("See ", images[0], f" and {tail}") for tail in ("here", "there", "nowhere")]
    alone = []
    for prompt in prompts:
        with running(weights) as engine:
            alone.append(ask(engine, weights, *prompt).result().text)
    with running(weights) as engine:
        ask(engine, weights, *prompts[0]).result()
        handles = [ask(engine, weights, *prompt) for prompt in prompts]
        results = [handle.result() for handle in handles]
    assert [result.text for result in results] == alone


def test_what_gave_way_comes_back_from_memory(seeing):
    """One sequence: each request takes the cells of the one before, which are saved."""
    weights, images, keeps_beginnings = seeing
    prompts = [(f"{number} A longer text before it: ", image, " now") for number, image in enumerate(images)]
    with running(weights, sequences=1, stores=[HostCache(1 << 26)]) as engine:
        for prompt in prompts:
            ask(engine, weights, *prompt).result()
        again = [ask(engine, weights, *prompt, " and then?").result().text for prompt in prompts]
        assert (engine.counters.restored_tokens > 100) == keeps_beginnings
    fresh = []
    for prompt in prompts:
        with running(weights) as engine:
            fresh.append(ask(engine, weights, *prompt, " and then?").result().text)
    assert again == fresh


def test_sequences_with_cells_of_their_own_read_pictures_too(seeing):
    weights, images, _ = seeing
    with running(weights) as engine:
        expected = ask(engine, weights, "See ", images[0], " now").result().text
    with running(weights, is_split=True) as engine:
        handles = [ask(engine, weights, "See ", images[0], " now") for _ in range(3)]
        assert {handle.result().text for handle in handles} == {expected}


def test_cancelled_ones_leave_the_others_alone(seeing):
    weights, images, _ = seeing
    with running(weights) as engine:
        alone = ask(engine, weights, "See ", images[1], " now").result().text
        doomed = [ask(engine, weights, f"{number} ", images[0], " now") for number in range(6)]
        other = ask(engine, weights, "See ", images[1], " now")
        for handle in doomed:
            handle.cancel()
        assert other.result().text == alone
        for handle in doomed:
            try:
                handle.result()
            except GenerationCancelled:
                continue


def test_a_prompt_without_the_rows_of_its_picture_is_refused_alone(seeing):
    weights, images, _ = seeing
    with running(weights) as engine:
        with pytest.raises(ConfigError, match="not in the vocabulary"):
            engine.submit([5, *images[0].tokens, 6], GREEDY)
        assert ask(engine, weights, "See ", images[0], " now").result().usage.completion_tokens == 12


def test_a_grid_larger_than_a_batch_is_read_in_pieces(tmp_path):
    weights = LlamaWeights(write_seeing_model(tmp_path / "model.gguf", "qwen2vl_merger"))
    path = write_tiny_projector(tmp_path / "mmproj.gguf", "qwen2vl_merger")
    projector = LlamaProjector(weights, path, threads=1)
    parts = projector.encode_image(read_image(picture(size=(420, 330))))
    image = PromptImage.of(parts, identity=b"large")
    assert len(image.rows[0][1]) == 180
    texts = []
    for batch_tokens in (64, 256):
        with running(weights, batch_tokens=batch_tokens) as engine:
            handles = [ask(engine, weights, f"{number} See ", image, " now") for number in (1, 2)]
            texts.append([handle.result().text for handle in handles])
    assert texts[0] == texts[1]
    projector.close()
    weights.close()
