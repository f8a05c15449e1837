"""`gpt4all eval`: how good is a model in the tasks of the GPT4All paper?"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gpt4all_app.failures import Stopped
from gpt4all_app.options import Json, OneModel
from gpt4all_app.output import Output

if TYPE_CHECKING:
    from gpt4all_core.evaluate.evaluate_model import ModelEvaluation


def evaluate(
    model: OneModel,
    *,
    tasks: Annotated[
        str | None,
        typer.Option(
            "--tasks",
            metavar="NAMES",
            help="With commas between. Default: boolq, piqa, hellaswag, winogrande, arc_easy, arc_challenge"
            " and openbookqa.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            show_default=False,
            help="Folder with the data, as docs/evaluation.md says. Default: the cache of 'datasets'.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, show_default=False, help="So many questions of each task."),
    ] = None,
    shots: Annotated[int, typer.Option("--shots", min=0, help="Solved examples before each question.")] = 0,
    is_fast: Annotated[
        bool,
        typer.Option(
            "--fast",
            help="Larger batches, and accelerators: up to twice as quick, and a close question may go"
            " the other way in another run.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Measure a model in the seven tasks of GPT4All's paper.

    Stopped with Ctrl-C, the same command goes on where it was.
    """
    from gpt4all_app.eval_view import beside_paper, measured_table  # noqa: PLC0415 - pydantic: not for --help
    from gpt4all_core.catalog.paper_table import paper_rows, paper_source  # noqa: PLC0415 - as above
    from gpt4all_core.evaluate.tasks import TASKS  # noqa: PLC0415 - as above

    output = Output(is_json=json)
    names = list(TASKS) if tasks is None else [name.strip() for name in tasks.split(",") if name.strip()]
    done = _run(model, names, output, data=data, limit=limit, shots=shots, is_exact=not is_fast)
    rows = paper_rows(by="average")
    if json:
        output.document(_document(done, limit=limit, shots=shots))
        return
    results = done.evaluation.results
    output.data(measured_table(results))
    output.data()
    output.data(beside_paper(done.model, results, rows, width=output.width))
    output.note(f"per cent right; {paper_source()}")
    if truncated := sum(result.truncated for result in results):
        output.note(
            f"{truncated} questions were longer than {done.context_size} tokens and lost their beginning"
        )


def _run(
    model: str,
    tasks: list[str],
    output: Output,
    *,
    data: Path | None,
    limit: int | None,
    shots: int,
    is_exact: bool,
) -> "ModelEvaluation":
    from gpt4all_app.progress import evaluation_bar  # noqa: PLC0415 - not for --help
    from gpt4all_core.evaluate.evaluate_model import evaluate_model  # noqa: PLC0415 - as above

    try:
        with evaluation_bar(output) as on_progress:
            return evaluate_model(
                model,
                tasks,
                data=data,
                limit=limit,
                shots=shots,
                is_exact=is_exact,
                on_progress=on_progress,
            )
    except KeyboardInterrupt as error:
        raise Stopped("stopped; the same command goes on where it was") from error


def _document(done: "ModelEvaluation", *, limit: int | None, shots: int) -> dict[str, Any]:
    """With the paper's rows, of the same tasks and in per cent, as they were published."""
    from gpt4all_core.catalog.paper_table import paper_rows, paper_source  # noqa: PLC0415 - as above

    results = done.evaluation.results
    asked = {result.task for result in results}
    rows = [
        {"model": row.model, **{task: score for task, score in row.scores.items() if task in asked}}
        for row in paper_rows()
    ]
    return {
        "model": done.model,
        "file": done.file,
        "fingerprint": done.fingerprint,
        "is_exact": done.is_exact,
        "context_size": done.context_size,
        "limit": limit,
        "shots": shots,
        "tasks": [asdict(result) for result in results],
        "average": done.evaluation.average,
        "paper": {"source": paper_source(), "rows": rows},
    }
