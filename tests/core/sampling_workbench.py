"""What the tests of sampling share: scores, slow references in plain Python, and scripted constraints."""

import math

import numpy as np

from gpt4all_core.engine.sampling import Sampler
from gpt4all_core.types import GenerationParams

OFF = {"top_k": 0, "top_p": 1.0, "min_p": 0.0}
"""No truncation at all."""


def row(*scores):
    return np.array(scores, dtype=np.float32)


def sampler(**options):
    return Sampler(GenerationParams(**options))


def chosen(logits, *, history=(), matcher=None, left=None, **options):
    """The token that a fresh sampler chooses."""
    return sampler(**options).choose(logits, history=history, matcher=matcher, left=left).token


def drawn(logits, *, draws=300, matcher=None, **options):
    """The set of tokens that ever come out."""
    one = sampler(**{"seed": 1} | options)
    return {one.choose(logits, history=[], matcher=matcher).token for _ in range(draws)}


def softmax(scores, temperature=1.0):
    """Probabilities of a mapping of tokens to scores."""
    best = max(scores.values())
    weights = {token: math.exp((score - best) / temperature) for token, score in scores.items()}
    total = sum(weights.values())
    return {token: weight / total for token, weight in weights.items()}


def at_place(probabilities, tokens, place):
    """The token at a place from 0 to 1 of these tokens' probabilities laid end to end."""
    total = 0.0
    for token in tokens:
        total += probabilities[token]
        if place < total:
            return token
    return tokens[-1]


class SetMatcher:
    """Permits the same tokens for ever, and counts how often its whole mask was asked for."""

    is_finished = False
    is_cut = False

    def __init__(self, tokens, *, vocabulary_size, ends_with=None):
        self._tokens = frozenset(tokens)
        self._size = vocabulary_size
        self._ends_with = ends_with
        self.masks = 0
        self.asked_within = []

    def permits(self, token):
        return token in self._tokens

    def allowed(self):
        self.masks += 1
        return np.isin(np.arange(self._size), list(self._tokens))

    def within(self, token, left):
        self.asked_within.append((token, left))
        return token if self._ends_with is None else self._ends_with

    def accept(self, token):
        raise AssertionError("a sampler only asks")

    forced = accept
