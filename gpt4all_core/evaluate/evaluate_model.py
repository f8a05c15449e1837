"""A model opened to be evaluated, and what became of it: figures that can be repeated, and gone on with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gpt4all_core.catalog.fingerprint import fingerprint
from gpt4all_core.config import resolve_settings
from gpt4all_core.evaluate.evaluate import Evaluation, Progress, ask_tasks, read_tasks
from gpt4all_core.local_model import LocalModel

MOST_CONTEXT = 4096
"""Tokens. Questions take some hundred, with 25 examples of ARC before them 2,500; more is only memory."""

EXACT_PARALLEL = 4
"""Sequences of an exact evaluation, each with a context of its own. Its batches have 63 rows, which three
questions fill, as a rule; a quarter of the sequences is kept for who waits to read."""


@dataclass(frozen=True, slots=True)
class ModelEvaluation:
    """An evaluation, and of what.

    file: whose weights were asked; not the model's own where a faster copy stands in for it. is_exact:
    whether no score depends on what was decoded beside it. results: where the scores are kept.
    """

    model: str
    file: Path
    fingerprint: str
    is_exact: bool
    context_size: int
    evaluation: Evaluation
    results: Path


def open_for_evaluation(reference: str | Path | None, *, is_exact: bool = True) -> LocalModel:
    """A model as evaluations have it. Close it. Raises what opening a model raises.

    is_exact: every score is what the question has alone, on every run, however many are asked at once; it
    is `reproducible=True`, which needs the processor, and takes up to twice as long.
    """
    context_size = min(LocalModel(reference).context_size, MOST_CONTEXT)
    if not is_exact:
        return LocalModel(reference, context_size=context_size, reproducible=False).open()
    return LocalModel(reference, context_size=context_size, reproducible=True, parallel=EXACT_PARALLEL).open()


def evaluate_model(
    reference: str | Path | None,
    tasks: Sequence[str],
    *,
    data: Path | None = None,
    limit: int | None = None,
    shots: int = 0,
    is_exact: bool = True,
    on_progress: Progress = lambda _task, _done, _total: None,
) -> ModelEvaluation:
    """Open a model, ask it, and close it; see `read_tasks` and `open_for_evaluation`.

    Scores are kept among this project's own data, for each file and each way of running it, question by
    question: a call that was stopped goes on where it was, and one that was finished takes seconds.
    """
    read = read_tasks(tasks, data=data, limit=limit, shots=shots)  # before long work, not after
    with open_for_evaluation(reference, is_exact=is_exact) as model:
        hardware = model.hardware
        identity = fingerprint(hardware.file)
        conditions = (
            identity,
            "exact" if is_exact else "fast",
            hardware.kv_type,
            str(model.context_size),
            *hardware.devices,
        )
        results = resolve_settings().home / "evaluations" / "-".join(conditions)
        done = ask_tasks(model, read, results=results, on_progress=on_progress)
        return ModelEvaluation(
            model.name, hardware.file, identity, is_exact, model.context_size, done, results
        )
