"""What the scores of choices come to, by the formulas of lm-evaluation-harness."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpt4all_core.evaluate.task import Metric, Question


@dataclass(frozen=True, slots=True)
class Measured:
    """A mean over questions, 0 to 1, and its standard error, which takes two questions at least."""

    value: float
    standard_error: float | None


def is_right(question: Question, logprobs: Sequence[float], metric: Metric) -> bool:
    """Whether the likeliest choice is the right one; the first of several.

    acc goes by the log-likelihoods as they are; acc_norm divides each by the characters of its choice.
    """
    scores = np.array(logprobs)
    if metric == "acc_norm":
        lengths = np.array([float(len(choice)) for choice in question.choices])
        with np.errstate(divide="ignore"):  # of a choice without characters nothing is likely
            scores = scores / lengths
    return int(scores.argmax()) == question.gold


def measured(outcomes: Sequence[bool]) -> Measured:
    """The share of right answers; its standard error is the sample's deviation over the root of its size."""
    count = len(outcomes)
    mean = sum(outcomes) / count
    if count < 2:
        return Measured(mean, None)
    variance = sum((outcome - mean) ** 2 for outcome in outcomes) / (count - 1)
    return Measured(mean, math.sqrt(variance) / math.sqrt(count))
