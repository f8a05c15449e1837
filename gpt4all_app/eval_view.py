"""What an evaluation came to, as text. Pure."""

from collections.abc import Sequence

from gpt4all_app.columns import aligned, width_of
from gpt4all_app.paper_view import LONG, SHORT
from gpt4all_core.catalog.paper_table import TASKS, PaperRow
from gpt4all_core.evaluate.evaluate import TaskResult
from gpt4all_core.evaluate.metrics import Measured
from gpt4all_core.evaluate.task import Metric

_METRICS: tuple[Metric, ...] = ("acc", "acc_norm")
_HERE = "▸ "


def measured_table(results: Sequence[TaskResult]) -> str:
    """A line for each task: how many questions, and its metrics in per cent with their standard errors."""
    rows: list[tuple[str, ...]] = [("TASK", "SHOTS", "QUESTIONS", *_METRICS)]
    for result in results:
        metrics = (_percent(result.metrics.get(metric)) for metric in _METRICS)
        rows.append((result.task, str(result.shots), f"{result.questions:,}", *metrics))
    return aligned(rows, right=(1, 2, 3, 4))


def beside_paper(
    model: str, results: Sequence[TaskResult], rows: Sequence[PaperRow], *, width: int | None
) -> str:
    """The model among those of the paper, the best first: by the mean of the tasks that were done."""
    scores = {result.task: 100 * result.score.value for result in results}
    tasks = [task for task in TASKS if task in scores]
    entries = [(f"{_HERE}{model}", [scores[task] for task in tasks])]
    entries += [(row.model, [row.scores[task] for task in tasks]) for row in rows]
    entries.sort(key=lambda entry: sum(entry[1]), reverse=True)
    cells = [(name, *(f"{score:.1f}" for score in (*found, _mean(found)))) for name, found in entries]
    for headings in (LONG, SHORT):
        names = dict(zip(TASKS, headings, strict=True))
        table = [("MODEL", *(names[task] for task in tasks), names["average"]), *cells]
        if width is None or width_of(table) <= width:
            break
    return aligned(table, right=range(1, len(tasks) + 2))


def _mean(scores: Sequence[float]) -> float:
    return sum(scores) / len(scores)


def _percent(measured: Measured | None) -> str:
    if measured is None:
        return "-"
    error = "" if measured.standard_error is None else f" ± {100 * measured.standard_error:.1f}"
    return f"{100 * measured.value:.1f}{error}"
