"""Guessed tokens on a real model: rows beside one another may move the last bits of logits, no more.

With the starter model as Q8_0 none of eight answers differed with guesses and without, each on a freshly
opened model. Other quantisations add up several rows in another order than one, so a text may part where
two tokens are about as likely, and that is what is tested.
"""

from contextlib import contextmanager
from dataclasses import replace

import pytest
from test_engine_guesses import Eager

from gpt4all_core.engine.engine import Engine
from gpt4all_core.engine.llama.contexts import ContextOptions, LlamaContext
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.types import GenerationParams

CLOSE = 0.5
"""Difference of two log-probabilities that another order of sums may turn round."""

PASSAGE = (
    "The kettle boils in four minutes. The lid stays closed until the light goes out."
    " Descale it every second month with vinegar, and rinse it twice. "
)
PROMPTS = [
    f"{PASSAGE}\n\nThe same again:\n\nThe kettle boils in",
    f"One, two, three. {PASSAGE * 2}The kettle",
]
PARAMS = GenerationParams(temperature=0, max_tokens=40, logprobs=True, top_logprobs=2)


@pytest.fixture(scope="module")
def weights(starter_model):
    weights = LlamaWeights(starter_model)
    yield weights
    weights.close()


@contextmanager
def opened(weights, guessing):
    options = ContextOptions(cells=512, sequences=2, batch_tokens=128, threads=1)
    engine = Engine(LlamaContext(weights, options), weights, context_size=256, guessing=guessing).start()
    try:
        yield engine
    finally:
        engine.close()


def answer(weights, prompt, guessing, params=PARAMS):
    with opened(weights, guessing) as engine:
        handle = engine.submit(weights.tokenize(prompt, parse_special=False), params)
        completion = handle.result(60)
        engine.check_integrity()
        return completion, engine.counters


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_copied_answer_is_what_it_is_token_by_token(weights, prompt):
    plain, plain_counters = answer(weights, prompt, None)
    guessed, counters = answer(weights, prompt, Eager(12))
    assert counters.accepted_tokens > 10
    assert counters.steps < plain_counters.steps - 8
    for one, other in zip(plain.logprobs, guessed.logprobs, strict=False):
        if one.token != other.token:
            best, second = one.top
            assert best.logprob - second.logprob < CLOSE
            assert other.token == second.token
            break
        assert one.logprob == pytest.approx(other.logprob, abs=CLOSE)
    else:
        assert guessed.text == plain.text


def test_a_drawn_answer_comes_from_the_same_draws(weights):
    params = replace(PARAMS, temperature=0.7, seed=5)
    plain, _ = answer(weights, PROMPTS[0], None, params)
    guessed, counters = answer(weights, PROMPTS[0], Eager(12), params)
    assert counters.guessed_tokens
    same = next(
        (
            at
            for at, (one, other) in enumerate(zip(plain.logprobs, guessed.logprobs, strict=False))
            if one.token != other.token
        ),
        len(plain.logprobs),
    )
    # A draw near the border between two tokens may go the other way, but not the first ones by chance.
    assert same >= 4
