import json

import pytest

from gpt4all_app.eval_view import beside_paper, measured_table
from gpt4all_core.catalog.paper_table import paper_rows
from gpt4all_core.evaluate import evaluate_model
from gpt4all_core.evaluate.evaluate import TaskResult
from gpt4all_core.evaluate.metrics import Measured

STARTER = "smollm2-135m-instruct"


@pytest.fixture
def data(tmp_path):
    """A folder with two questions."""
    path = tmp_path / "data" / "piqa" / "validation.jsonl"
    path.parent.mkdir(parents=True)
    lines = [
        {"goal": "To dry a wet floor,", "sol1": "use a mop.", "sol2": "use a piano.", "label": 0},
        {"goal": "To cut bread,", "sol1": "use a cloud.", "sol2": "use a knife.", "label": 1},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path / "data"


def test_a_model_is_measured_beside_the_paper_and_a_second_run_asks_nothing(gpt4all, data, monkeypatch):
    arguments = ("eval", STARTER, "--tasks", "piqa", "--data", data)
    document = gpt4all(*arguments, "--json").document
    (task,) = document["tasks"]
    assert (task["task"], task["questions"], task["truncated"]) == ("piqa", 2, 0)
    assert set(task["metrics"]) == {"acc", "acc_norm"}
    assert document["model"] == STARTER
    assert document["average"] is None
    assert document["is_exact"]
    assert document["paper"]["rows"][0] == {"model": "GPT4All-J 6B v1.0", "piqa": 74.8}

    def refuse(*_arguments, **_options):
        raise AssertionError("a question was asked again")

    monkeypatch.setattr("gpt4all_core.local_model.LocalModel.loglikelihood", refuse)
    shown = gpt4all(*arguments)
    assert f"▸ {STARTER}" in shown.out
    assert "Table 1 of arXiv:2311.04931" in shown.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tasks", "piqua"), "did you mean piqa"),
        (("--tasks", ","), "no tasks were named"),
        (("--tasks", "boolq"), "no data for the split 'validation' of boolq"),
    ],
)
def test_what_cannot_be_measured_is_said_before_a_model_is_opened(gpt4all, data, arguments, message):
    outcome = gpt4all("eval", "no-such-model", "--data", data, *arguments)
    assert outcome.code == 2
    assert message in outcome.err


def test_a_run_that_is_stopped_says_how_to_go_on(gpt4all, data, monkeypatch):
    def stop(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluate_model, "ask_tasks", stop)
    outcome = gpt4all("eval", STARTER, "--tasks", "piqa", "--data", data)
    assert outcome.code == 130
    assert "goes on where it was" in outcome.err


def _result(task, value, **options):
    measured = Measured(value, 0.01)
    metrics = {"acc": measured, "acc_norm": measured} if task != "boolq" else {"acc": measured}
    return TaskResult(task, "1.0", 0, 1838, metrics, list(metrics)[-1], **options)


def test_a_table_has_metrics_in_per_cent_with_their_errors():
    lines = measured_table([_result("piqa", 0.7617), _result("boolq", 0.5)]).splitlines()
    assert lines[1].split() == ["piqa", "0", "1,838", "76.2", "±", "1.0", "76.2", "±", "1.0"]
    assert lines[2].split()[-1] == "-"


def test_a_model_stands_where_its_mean_puts_it():
    results = [_result("piqa", 0.80), _result("hellaswag", 0.80)]
    lines = beside_paper("mine", results, paper_rows(), width=None).splitlines()
    assert lines[0].split() == ["MODEL", "PIQA", "HellaSwag", "Average"]
    means = [float(line.split()[-1]) for line in lines[1:]]
    assert means == sorted(means, reverse=True)
    assert sum("▸ mine" in line for line in lines) == 1
    assert len(lines) == 1 + 38 + 1


def test_headings_are_short_where_there_is_little_room():
    results = [_result(task, 0.5) for task in ("boolq", "piqa", "hellaswag", "winogrande")]
    assert "HellaSwag" in beside_paper("mine", results, paper_rows(), width=None)
    assert "HellaSwag" not in beside_paper("mine", results, paper_rows(), width=60)
