"""Ask a model the questions of some tasks, and say how many it gets right."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gpt4all_core.engine.handle import Scoring
from gpt4all_core.errors import ConfigError, GenerationError
from gpt4all_core.evaluate.draw_examples import ExampleDraw
from gpt4all_core.evaluate.metrics import Measured, is_right, measured
from gpt4all_core.evaluate.read_documents import read_documents, read_question
from gpt4all_core.evaluate.results_file import ResultsFile, Scored
from gpt4all_core.evaluate.task import Document, Metric, Question, Task
from gpt4all_core.evaluate.tasks import TASKS, find_tasks

IN_FLIGHT = 32
"""Questions asked at once: twice as many as an engine decodes together, so that none of its places waits."""

Progress = Callable[[str, int, int], None]
"""Called with a task's name, how many of its questions are known, and of how many."""


class Scorer(Protocol):
    """A model that can be asked: a LocalModel, or what stands for one in a test."""

    def loglikelihood(
        self, contexts_and_continuations: Sequence[tuple[str, str]], *, truncate: bool = False
    ) -> Scoring:
        """See `LocalModel.loglikelihood`."""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """How a model did in a task.

    version: of the task's definition. metrics: by their names, `paper_metric` is the one that the GPT4All
    paper's Table 1 has. truncated: questions whose context had to lose its beginning.
    """

    task: str
    version: str
    shots: int
    questions: int
    metrics: dict[Metric, Measured]
    paper_metric: Metric
    truncated: int = 0

    @property
    def score(self) -> Measured:
        """What is to be compared with the paper's table."""
        return self.metrics[self.paper_metric]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How a model did in some tasks, in the order in which they were asked for."""

    results: tuple[TaskResult, ...]

    @property
    def average(self) -> float | None:
        """The mean over the tasks, as the paper's table has it: where all seven were done."""
        if {result.task for result in self.results} != set(TASKS):
            return None
        return sum(result.score.value for result in self.results) / len(self.results)


@dataclass(slots=True)
class _Asked:
    """A question on its way."""

    question: Question
    pairs: list[tuple[str, str]]
    scored: Scored | None = None
    handle: Scoring | None = field(default=None, repr=False)

    def settle(self, kept: ResultsFile | None) -> None:
        """Wait for the scores and keep them, if they were not known before."""
        if self.handle is not None:
            self.scored, self.handle = Scored.of(self.handle.result()), None
            if kept is not None:
                kept.add(self.pairs, self.scored)

    def leave(self, kept: ResultsFile | None) -> None:
        """The same without waiting, and whatever became of it."""
        if self.handle is None:
            return
        if self.handle.is_finished:
            with contextlib.suppress(GenerationError):
                self.settle(kept)
        else:
            self.handle.cancel()


def evaluate(
    model: Scorer,
    tasks: Sequence[str],
    *,
    data: Path | None = None,
    limit: int | None = None,
    shots: int = 0,
    results: Path | None = None,
    on_progress: Progress = lambda _task, _done, _total: None,
) -> Evaluation:
    """The scores of a model in tasks, which are named as in `TASKS`.

    data: a folder with the data, see `read_documents`; default the cache of the `datasets` library.
    limit: only so many questions of each task, the first ones. shots: solved examples before each
    question, drawn from the training data as lm-evaluation-harness draws them. results: a folder in which
    scores are kept from question to question, so that the same call goes on where it was stopped, by
    Ctrl-C too; it must be another one for every model and every way of running it.

    Every question's choices are asked in one call, and many questions at once. Raises ConfigError for
    unknown tasks and missing data, before the first question is asked, and what the model raises.
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"limit={limit} leaves no questions; choose 1 or more, or none for all")
    if shots < 0:
        raise ConfigError(f"shots={shots} cannot be given; choose 0 or more")
    found = [(task, _questions(task, data, limit=limit, shots=shots)) for task in find_tasks(tasks)]
    done = []
    for task, questions in found:
        kept = (
            None if results is None else ResultsFile(results / f"{task.name}-v{task.version}-{shots}.jsonl")
        )
        asked = _ask(model, task, questions, kept, on_progress=on_progress)
        done.append(_result(task, asked, shots=shots))
    return Evaluation(tuple(done))


def _questions(task: Task, data: Path | None, *, limit: int | None, shots: int) -> list[_Asked]:
    documents = read_documents(task, task.evaluated, data)[:limit]
    examples: Sequence[Document] = read_documents(task, task.examples, data) if shots else ()
    draw = ExampleDraw(task, examples, shots=shots)
    questions = []
    for number, document in enumerate(documents):
        question = read_question(task, document, number)
        questions.append(_Asked(question, question.pairs(draw.text_before(document))))
    return questions


def _ask(
    model: Scorer, task: Task, questions: list[_Asked], kept: ResultsFile | None, *, on_progress: Progress
) -> list[_Asked]:
    """Every question once; what is known already is not asked."""
    waiting: deque[_Asked] = deque()
    done = 0

    def take(asked: _Asked) -> None:
        nonlocal done
        asked.settle(kept)
        done += 1
        on_progress(task.name, done, len(questions))

    try:
        for asked in questions:
            asked.scored = None if kept is None else kept.find(asked.pairs)
            if asked.scored is None:
                asked.handle = model.loglikelihood(asked.pairs, truncate=True)
            waiting.append(asked)
            if len(waiting) > IN_FLIGHT:
                take(waiting.popleft())
        while waiting:
            take(waiting.popleft())
    finally:
        for asked in waiting:  # after Ctrl-C or an error: what is done is kept, the rest nobody wants
            asked.leave(kept)
    return questions


def _result(task: Task, asked: list[_Asked], *, shots: int) -> TaskResult:
    known = [(question.question, question.scored) for question in asked if question.scored is not None]
    return TaskResult(
        task.name,
        task.version,
        shots,
        len(known),
        {metric: measured(list(_outcomes(known, metric))) for metric in task.metrics},
        task.paper_metric,
        sum(scored.truncated_tokens > 0 for _, scored in known),
    )


def _outcomes(known: list[tuple[Question, Scored]], metric: Metric) -> Iterator[bool]:
    for question, scored in known:
        yield is_right(question, scored.logprobs, metric)
