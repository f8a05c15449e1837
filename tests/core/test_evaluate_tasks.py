"""What is asked and measured, against what lm-evaluation-harness asks and measures on the same lines."""

import json
from pathlib import Path

import pytest

from gpt4all_core.errors import ConfigError
from gpt4all_core.evaluate.draw_examples import ExampleDraw
from gpt4all_core.evaluate.metrics import is_right, measured
from gpt4all_core.evaluate.read_documents import read_documents, read_question
from gpt4all_core.evaluate.task import Question
from gpt4all_core.evaluate.tasks import TASKS, find_tasks

REFERENCE = json.loads(Path(__file__).with_name("evaluation_reference.json").read_text(encoding="utf-8"))


def lines_of(task, split):
    return REFERENCE["tasks"][task.name]["splits"][split.name]


def asked(task, shots, read=lines_of):
    """Every question of a task with the examples before it."""
    draw = ExampleDraw(task, read(task, task.examples), shots=shots)
    for number, line in enumerate(read(task, task.evaluated)):
        question = read_question(task, line, number)
        yield question, question.pairs(draw.text_before(line))


def test_the_reference_is_of_the_version_that_is_followed():
    assert REFERENCE["lm_eval"] == "0.4.13"
    assert set(REFERENCE["tasks"]) == set(TASKS)


@pytest.mark.parametrize("shots", [0, 2])
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_contexts_and_continuations_are_the_harness_own(task, shots):
    reference = REFERENCE["tasks"][task.name]["shots"][str(shots)]
    assert task.version == reference["version"]
    assert [pairs for _, pairs in asked(task, shots)] == [
        [tuple(pair) for pair in pairs] for pairs in reference["pairs"]
    ]


@pytest.mark.parametrize("shots", [0, 2])
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_metrics_and_their_standard_errors_are_the_harness_own(task, shots):
    reference = REFERENCE["tasks"][task.name]["shots"][str(shots)]
    questions = [question for question, _ in asked(task, shots)]
    assert set(task.metrics) == set(reference["metrics"])
    for metric, expected in reference["metrics"].items():
        got = measured(
            [
                is_right(question, logprobs, metric)
                for question, logprobs in zip(questions, reference["logprobs"], strict=True)
            ]
        )
        assert got.value == pytest.approx(expected["value"])
        assert got.standard_error == pytest.approx(expected["standard_error"])


def test_made_log_likelihoods_tell_the_two_metrics_apart():
    tables = [shots for task in REFERENCE["tasks"].values() for shots in task["shots"].values()]
    values = [
        (table["metrics"]["acc"]["value"], table["metrics"]["acc_norm"]["value"])
        for table in tables
        if "acc_norm" in table["metrics"]
    ]
    assert any(acc != acc_norm for acc, acc_norm in values)


def question(*choices, gold=0):
    return Question.of_choices("Which?", choices, gold)


@pytest.mark.parametrize(
    ("logprobs", "metric", "gold"),
    [
        ((-2.0, -1.0), "acc", 1),
        ((-2.0, -1.0), "acc_norm", 0),  # -2 of ten characters against -1 of two
        ((-1.0, -1.0), "acc", 0),  # the first of several
    ],
)
def test_the_likeliest_choice_is_taken(logprobs, metric, gold):
    assert is_right(question("ten to ten", "go", gold=gold), logprobs, metric)
    assert not is_right(question("ten to ten", "go", gold=1 - gold), logprobs, metric)


def test_a_choice_of_no_characters_is_never_the_likeliest_by_length():
    assert is_right(question("", "longer", gold=1), (-0.5, -50.0), "acc_norm")


def test_one_question_has_no_standard_error():
    assert measured([True]).standard_error is None


# The same lines as they were published.


def _published(task, line):
    line = dict(line)
    if task.name == "boolq":
        line["label"] = bool(line["label"])
    elif task.name == "hellaswag":
        line["label"] = int(line["label"])
    elif "choices" in line:
        choices = line.pop("choices")
        pairs = zip(choices["label"], choices["text"], strict=True)
        stem = line.pop("question_stem", None) or line.pop("question")
        line["question"] = {
            "stem": stem,
            "choices": [{"label": label, "text": text} for label, text in pairs],
        }
    return line


def _write(folder, name, lines):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


def _write_published(folder, task, split, name):
    lines = [_published(task, line) for line in lines_of(task, split)]
    if task.name == "piqa":
        labels = "".join(f"{line.pop('label')}\n" for line in lines)
        path = _write(folder, name, lines)
        path.with_name(f"{path.stem}-labels.lst").write_text(labels)
    else:
        _write(folder, name, lines)


@pytest.mark.parametrize("number", [0, -1])
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_files_as_they_were_published_ask_the_same(tmp_path, task, number):
    for split in (task.evaluated, task.examples):
        _write_published(tmp_path, task, split, split.files[number])
    read = list(asked(task, 2, lambda task, split: read_documents(task, split, tmp_path)))
    assert read == list(asked(task, 2))


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_lines_as_the_hub_has_them_are_read_by_task_and_split(tmp_path, task):
    _write(tmp_path, f"{task.name}/{task.evaluated.name}.jsonl", lines_of(task, task.evaluated))
    assert read_documents(task, task.evaluated, tmp_path) == lines_of(task, task.evaluated)


PIQA = TASKS["piqa"]


@pytest.mark.parametrize(
    ("files", "match"),
    [
        ({}, r"no data for the split 'validation' of piqa; .*physicaliqa-train-dev/dev\.jsonl"),
        ({"piqa/validation.jsonl": "\n"}, "is empty"),
        ({"piqa/validation.jsonl": "{}\n{oops\n"}, "line 2 of .* is no JSON"),
        ({"piqa/validation.jsonl": "[1]\n"}, "no JSON object but list"),
        ({"piqa/validation.jsonl": "\xff\xfe"}, "is no text in UTF-8"),
        ({"piqa/valid.jsonl": '{"goal": "a"}\n', "piqa/valid-labels.lst": "0\n1\n"}, "2 labels for the 1"),
    ],
)
def test_what_is_wrong_with_the_data_is_said_with_its_place(tmp_path, files, match):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=match):
        read_documents(PIQA, PIQA.evaluated, tmp_path)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("piqa", {"goal": "a", "sol1": "b", "sol2": "c"}),
        ("piqa", {"goal": "a", "sol1": "b", "sol2": "c", "label": 2}),
        ("piqa", {"goal": "a", "sol1": "b", "sol2": "c", "label": -1}),
        ("hellaswag", {"activity_label": "a", "ctx_a": "b", "ctx_b": "c", "endings": ["d"], "label": ""}),
        ("winogrande", {"sentence": "no gap", "option1": "a", "option2": "b", "answer": "1"}),
        ("arc_easy", {"question": "q", "choices": {"label": ["A"], "text": ["a"]}, "answerKey": "B"}),
        ("boolq", {"passage": "p", "question": "q", "label": None}),
    ],
)
def test_a_line_that_is_no_question_is_named(name, line):
    with pytest.raises(ConfigError, match=f"line 8 of the data for {name}"):
        read_question(TASKS[name], line, 7)


def test_tasks_are_named_once_and_near_misses_answered():
    assert [task.name for task in find_tasks(["piqa", "boolq", "piqa"])] == ["piqa", "boolq"]
    with pytest.raises(ConfigError, match="did you mean hellaswag"):
        find_tasks(["helaswag"])
    with pytest.raises(ConfigError, match="there are boolq"):
        find_tasks([])


def test_more_examples_than_there_are_are_refused():
    with pytest.raises(ConfigError, match="3 examples cannot be drawn from the 3 of piqa"):
        ExampleDraw(PIQA, lines_of(PIQA, PIQA.examples), shots=3)
