"""Writes tests/core/evaluation_reference.json: what lm-evaluation-harness asks and measures.

    python -m venv VENV && VENV/bin/pip install lm_eval==0.4.13
    VENV/bin/python tools/make_evaluation_reference.py

Its own task definitions are given the few lines below, written for this, in the Hub's layout. For 0 and
2 examples the file has every context and continuation, and for made-up log-likelihoods every metric with
its standard error. Nothing of the real data sets is read.
"""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest.mock import patch

import datasets
from lm_eval.api.metrics import stderr_for_metric
from lm_eval.tasks import TaskManager

TARGET = Path(__file__).parents[1] / "tests" / "core" / "evaluation_reference.json"
SHOTS = (0, 2)
SEED = 1234

Lines = list[dict[str, Any]]


def boolq() -> dict[str, Lines]:
    made = [
        (
            "do bees sleep",
            "Bees -- Bees rest at night, and some of them hold on to each other's legs in a café.",
            1,
        ),
        ("is glass a metal", "Glass is made of sand.\nIt is no metal.", 0),
        ("can a kettle whistle", " A kettle may have a whistle in its spout. ", 1),
        ("is the moon a star", "The Moon is a body of rock (see: crater).", 0),
        ("does salt melt ice", "Salt lowers the point at which water freezes.", 1),
    ]
    lines = [
        {"question": question, "passage": passage, "idx": number, "label": label}
        for number, (question, passage, label) in enumerate(made)
    ]
    return {"validation": lines[:3], "train": lines[1:]}


def piqa() -> dict[str, Lines]:
    made = [
        ("How do you open a jar?", "Turn the lid.", "Turn the jar's étiquette; then wait.", 0),
        ("dry a wet shoe", "fill it with water", 'stuff it with "paper"', 1),
        ("To keep bread fresh,", "put it into a box.", "put it into the sink.", 0),
        ("sharpen a pencil", "use a spoon", "use a sharpener", 1),
        ("clean a window", " rub it with paper", "rub it with mud\n", 0),
    ]
    lines = [dict(zip(("goal", "sol1", "sol2", "label"), line, strict=True)) for line in made]
    return {"validation": lines[:3], "train": lines[2:]}


def hellaswag() -> dict[str, Lines]:
    made = [
        ("Baking bread", "A woman kneads dough on a table.", "she", 2),
        (
            "Home and Garden",
            "[header] How to water a plant [title] Fill a can. [step] Use rain.  Then",
            "",
            0,
        ),
        ("Playing the drums", "A man sits down behind drums. He", "then", 3),
        ("Cleaning shoes", "Two  boots stand on [a] newspaper.", "the BRUSH", 1),
    ]
    lines = [
        {
            "ind": number,
            "activity_label": label,
            "ctx_a": first,
            "ctx_b": second,
            "ctx": f"{first} {second}",
            "endings": [
                "puts it into the oven and waits.",
                " [substeps] Open it slowly. [title] Pour.  Wait.",
                "laughs",
                f"takes the {label.lower()}, à la carte.",
            ],
            "split": "val",
            "label": str(gold),
        }
        for number, (label, first, second, gold) in enumerate(made)
    ]
    return {"validation": lines[:2], "train": lines[1:]}


def winogrande() -> dict[str, Lines]:
    made = [
        ("The vase fell off the shelf because the _ was wet.", "vase", "shelf", "2"),
        ("Ann lent Zoë a book, so _  was thankful.", "Ann", "Zoë", "2"),
        ("The soup burnt in the pot, since _ was too hot.", "the soup", "the pot", "1"),
        ("The rope held the boat until _ broke.", "the rope", "the boat", "1"),
    ]
    lines = [dict(zip(("sentence", "option1", "option2", "answer"), line, strict=True)) for line in made]
    return {"validation": lines[:3], "train": lines[1:]}


def arc() -> dict[str, Lines]:
    made = [
        ("Which of these is a liquid at room temperature?", ["iron", "water", "salt", "wood"], "ABCD", "B"),
        ("What do plants take from the air?", ["gold", "carbon dioxide", "sand"], "123", "2"),
        (
            'What is meant by "gravity"?',
            ["a pull", "a colour's naïve name", "a sound", "a taste"],
            "ABCD",
            "A",
        ),
        ("Ice is\nfrozen", ["milk", "water", "oil", "juice"], "1234", "2"),
    ]
    lines = [
        {
            "id": f"made-{number}",
            "question": question,
            "choices": {"text": texts, "label": list(labels)},
            "answerKey": key,
        }
        for number, (question, texts, labels, key) in enumerate(made)
    ]
    return {"test": lines[:3], "train": lines[1:], "validation": lines[:1]}


def openbookqa() -> dict[str, Lines]:
    return {
        split: [
            {
                **{name: value for name, value in line.items() if name != "question"},
                "question_stem": line["question"],
            }
            for line in lines
        ]
        for split, lines in arc().items()
    }


MADE = {
    "boolq": boolq(),
    "piqa": piqa(),
    "hellaswag": hellaswag(),
    "winogrande": winogrande(),
    "arc_easy": arc(),
    "arc_challenge": arc(),
    "openbookqa": openbookqa(),
}


def logprob(context: str, continuation: str) -> float:
    """A number that depends on nothing but the texts: what a model might say."""
    digest = hashlib.sha256(f"{context}\0{continuation}".encode()).digest()
    return -int.from_bytes(digest[:4], "big") / 2**27


def reference(manager: TaskManager, name: str, splits: dict[str, Lines], shots: int) -> dict[str, Any]:
    data = datasets.DatasetDict({split: datasets.Dataset.from_list(lines) for split, lines in splits.items()})
    with patch("datasets.load_dataset", lambda *_args, **_options: data):
        task = manager.load([name])["tasks"][name]
    task.set_config(key="num_fewshot", value=shots)
    task.set_fewshot_seed(seed=SEED)
    task.build_all_requests()
    asked: dict[int, list[tuple[str, str]]] = {}
    for instance in task.instances:
        asked.setdefault(instance.doc_id, []).append(instance.args)
    outcomes = [
        task.process_results(task.eval_docs[number], [(logprob(*pair), False) for pair in pairs])
        for number, pairs in asked.items()
    ]
    metrics = {}
    for metric, aggregate in task.aggregation().items():
        values = [outcome[metric] for outcome in outcomes]
        error = stderr_for_metric(aggregate, bootstrap_iters=100)
        metrics[metric] = {"value": aggregate(values), "standard_error": error(values)}
    return {
        "version": str(task.config.metadata["version"]),
        "pairs": list(asked.values()),
        "logprobs": [[logprob(*pair) for pair in pairs] for pairs in asked.values()],
        "metrics": metrics,
    }


def main() -> None:
    manager = TaskManager()
    tasks = {}
    for name, splits in MADE.items():
        by_shots = {str(shots): reference(manager, name, splits, shots) for shots in SHOTS}
        tasks[name] = {"splits": splits, "shots": by_shots}
    written = {"lm_eval": version("lm_eval"), "tasks": tasks}
    TARGET.write_text(json.dumps(written, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
