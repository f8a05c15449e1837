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
class AskedQuestion:
    """A question on its way: a context and a continuation for each choice, and then their scores."""

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


@dataclass(frozen=True, slots=True)
class TaskQuestions:
    """The questions of a task, as they will be asked. Made by `read_tasks`."""

    task: Task
    shots: int
    questions: tuple[AskedQuestion, ...]


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
    """The scores of a model in tasks, which are named as in `TASKS`; `read_tasks` and `ask_tasks` in one."""
    read = read_tasks(tasks, data=data, limit=limit, shots=shots)
    return ask_tasks(model, read, results=results, on_progress=on_progress)


def read_tasks(
    tasks: Sequence[str], *, data: Path | None = None, limit: int | None = None, shots: int = 0
) -> list[TaskQuestions]:
    """What a model is to be asked.

    data: a folder with the data, see `read_documents`; default the cache of the `datasets` library.
    limit: only so many questions of each task, the first ones. shots: solved examples before each
    question, drawn from the training data as lm-evaluation-harness draws them.
    Raises ConfigError for unknown tasks, and data that are missing or are none of the task.
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"limit={limit} leaves no questions; choose 1 or more, or none for all")
    if shots < 0:
        raise ConfigError(f"shots={shots} cannot be given; choose 0 or more")
    return [
        TaskQuestions(task, shots, tuple(_questions(task, data, limit=limit, shots=shots)))
        for task in find_tasks(tasks)
    ]


def ask_tasks(
    model: Scorer,
    tasks: Sequence[TaskQuestions],
    *,
    results: Path | None = None,
    on_progress: Progress = lambda _task, _done, _total: None,
) -> Evaluation:
    """How a model does. Every question's choices are asked in one call, and many questions at once.

    results: a folder in which scores are kept from question to question, so that the same call goes on
    where it was stopped, by Ctrl-C too; it must be another one for every model and every way of running it.
    Raises what the model raises.
    """
    done = []
    for read in tasks:
        name = f"{read.task.name}-v{read.task.version}-{read.shots}.jsonl"
        kept = None if results is None else ResultsFile(results / name)
        _ask(model, read, kept, on_progress=on_progress)
        done.append(_result(read))
    return Evaluation(tuple(done))


def _questions(task: Task, data: Path | None, *, limit: int | None, shots: int) -> Iterator[AskedQuestion]:
    documents = read_documents(task, task.evaluated, data)[:limit]
    examples: Sequence[Document] = read_documents(task, task.examples, data) if shots else ()
    draw = ExampleDraw(task, examples, shots=shots)
    for number, document in enumerate(documents):
        question = read_question(task, document, number)
        yield AskedQuestion(question, question.pairs(draw.text_before(document)))


def _ask(model: Scorer, read: TaskQuestions, kept: ResultsFile | None, *, on_progress: Progress) -> None:
    """Every question once; what is known already is not asked."""
    waiting: deque[AskedQuestion] = deque()
    done = 0

    def take(asked: AskedQuestion) -> None:
        nonlocal done
        asked.settle(kept)
        done += 1
        on_progress(read.task.name, done, len(read.questions))

    try:
        # In the order of their texts, so that those which begin alike are asked one after the other.
        for asked in sorted(read.questions, key=lambda asked: asked.pairs):
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


def _result(read: TaskQuestions) -> TaskResult:
    known = [(asked.question, asked.scored) for asked in read.questions if asked.scored is not None]
    metrics = {
        metric: measured([is_right(question, scored.logprobs, metric) for question, scored in known])
        for metric in read.task.metrics
    }
    return TaskResult(
        read.task.name,
        read.task.version,
        read.shots,
        len(known),
        metrics,
        read.task.paper_metric,
        sum(scored.truncated_tokens > 0 for _, scored in known),
    )
