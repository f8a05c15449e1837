"""What a task is: where its questions come from, and what a model is asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Document = Mapping[str, Any]
"""A line of a data set, as it was published or as the Hub has it."""
Metric = Literal["acc", "acc_norm"]

TARGET_DELIMITER = " "
"""Between a context and its continuation, as lm-evaluation-harness has it by default."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a model is asked: how likely is each continuation after its context?

    choices: what acc_norm counts the characters of. gold: the number of the right one.
    """

    contexts: tuple[str, ...]
    continuations: tuple[str, ...]
    choices: tuple[str, ...]
    gold: int

    @classmethod
    def of_choices(cls, context: str, choices: tuple[str, ...], gold: int) -> "Question":
        """One context, and an answer to choose."""
        continuations = tuple(TARGET_DELIMITER + choice for choice in choices)
        return cls((context,) * len(choices), continuations, choices, gold)

    @property
    def solved(self) -> str:
        """The question with its answer, as an example for others."""
        return self.contexts[self.gold] + self.continuations[self.gold]

    def pairs(self, examples: str) -> list[tuple[str, str]]:
        """A context and a continuation for each choice, the examples before it."""
        return [
            (examples + context, continuation)
            for context, continuation in zip(self.contexts, self.continuations, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Split:
    """A part of a data set. name: on the Hub. files: in which it was published, of which one will do."""

    name: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """A task as lm-evaluation-harness defines it.

    version: of that definition. dataset: the Hub's name for the data, and for a part of it. read: a line
    as a question; KeyError, TypeError and ValueError say that the line is none.
    excludes_itself: whether examples are drawn so that the question cannot be among them.
    """

    name: str
    version: str
    dataset: tuple[str, str | None]
    evaluated: Split
    examples: Split
    read: Callable[[Document], Question]
    metrics: tuple[Metric, ...] = ("acc", "acc_norm")
    excludes_itself: bool = False

    @property
    def paper_metric(self) -> Metric:
        """Which one the GPT4All paper's Table 1 has: acc_norm, where the task has it."""
        return self.metrics[-1]
