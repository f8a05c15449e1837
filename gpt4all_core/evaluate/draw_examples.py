"""The solved examples before a question, drawn as lm-evaluation-harness draws them."""

import random
from collections.abc import Sequence

from gpt4all_core.errors import ConfigError
from gpt4all_core.evaluate.task import Document, Task

SEED = 1234
"""lm-evaluation-harness's `fewshot_random_seed`."""
EXAMPLE_DELIMITER = "\n\n"


class ExampleDraw:
    """Draws examples for one question after the other: each draw goes on from where the last one ended, so
    all questions of a task have to come by, in their order (`ContextSampler.sample`).
    """

    def __init__(self, task: Task, documents: Sequence[Document], *, shots: int) -> None:
        if shots and shots + task.excludes_itself > len(documents):
            raise ConfigError(
                f"{shots} examples cannot be drawn from the {len(documents)} of {task.name};"
                " choose fewer shots"
            )
        self._task = task
        self._documents = documents
        self._shots = shots
        self._random = random.Random(SEED)  # noqa: S311 - a draw that others can repeat, nothing secret

    def text_before(self, document: Document) -> str:
        """The examples for the next question, solved; "" without shots."""
        if not self._shots:
            return ""
        drawn = (
            self._draw(document) if self._task.excludes_itself else self._sample(self._documents, self._shots)
        )
        return "".join(self._task.read(example).solved + EXAMPLE_DELIMITER for example in drawn)

    def _draw(self, document: Document) -> Sequence[Document]:
        drawn = [other for other in self._sample(self._documents, self._shots + 1) if other != document]
        if len(drawn) < self._shots:  # it was drawn more than once
            others = [other for other in self._documents if other != document]
            return self._sample(others, self._shots)
        return drawn[: self._shots]

    def _sample(self, documents: Sequence[Document], count: int) -> list[Document]:
        return self._random.sample(documents, count)
