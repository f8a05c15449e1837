"""What does it take to score HellaSwag? Tokens decoded against the naive way, and questions a second.

    .venv/bin/python -m benchmarks.evaluation [--model MODEL] [--data DIR] [--limit 36]

Without DIR, which has the real lines (docs/evaluation.md says where), lines are made up: two thirds as
WikiHow's, with three questions to an article, one third as ActivityNet's, about as long as the examples
that its paper prints (arXiv:1905.07830). The naive way decodes each context with each ending, all
but the last token of it, as lm-evaluation-harness does. The times are of three runs, least and most.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from gpt4all_core import LocalModel
from gpt4all_core.evaluate.evaluate import evaluate
from gpt4all_core.evaluate.evaluate_model import open_for_evaluation
from gpt4all_core.evaluate.hellaswag import TASK
from gpt4all_core.evaluate.read_documents import read_documents
from gpt4all_core.evaluate.task import Document

BAR = 0.45
RUNS = 3
SUBJECTS = (
    "a man",
    "a woman",
    "two children",
    "the cook",
    "a boy in a red shirt",
    "the teacher",
    "one player",
)
DEEDS = (
    "walks to the table", "picks up a bucket", "turns the handle slowly", "looks into the camera",
    "puts the lid on the pot", "fills the glass with water", "throws the ball", "begins to dance",
    "wipes the window with a cloth", "cuts the bread into slices", "waits for the light to turn green",
    "ties a knot in the rope", "holds the brush with both hands", "reads what is written on the box",
)  # fmt: skip
WHENS = (
    "then",
    "after that",
    "for a while",
    "without a word",
    "in the garden",
    "while others watch",
    "again",
)
LABELS = ("Home and Garden", "Health", "Cars & Other Vehicles", "Food and Entertaining", "Pets and Animals")
SPORTS = ("Washing dishes", "Playing the drums", "Removing ice from car", "Making a sandwich")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--limit", type=int, default=36)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        data = options.data or write_made(Path(folder), options.limit)
        for is_exact in (True, False):
            with open_for_evaluation(options.model, is_exact=is_exact) as model:
                measure(model, data, limit=options.limit, name="exact" if is_exact else "fast")


def made(count: int) -> Iterator[Document]:
    """Lines with the fields and the lengths of HellaSwag's."""
    draw = random.Random(7)
    title = label = ""
    for number in range(count):
        is_article = number % 9 < 6
        if is_article and number % 3 == 0:
            label = draw.choice(LABELS)
            title = f"[header] How to {draw.choice(DEEDS)} [title] {_clause(draw)}. [step] "
        yield {
            "activity_label": label if is_article else draw.choice(SPORTS),
            "ctx_a": title + _sentences(draw, 45) if is_article else _sentences(draw, 18),
            "ctx_b": "" if is_article else draw.choice(SUBJECTS),
            "endings": [_sentences(draw, 25 if is_article else 9) for _ in range(4)],
            "label": draw.randrange(4),
        }


def measure(model: LocalModel, data: Path, *, limit: int, name: str) -> None:
    lines = read_documents(TASK, TASK.evaluated, data)[:limit]
    pairs = [pair for line in lines for pair in TASK.read(line).pairs("")]
    texts = [tuple(model.token_ids(context + continuation)[:-1]) for context, continuation in pairs]
    naive = sum(map(len, texts))
    beginnings = {
        (place // 4, text[:end]) for place, text in enumerate(texts) for end in range(1, len(text) + 1)
    }
    rates, ratios = [], []
    for _ in range(RUNS):
        before, started = model.counters.decoded_tokens, time.perf_counter()
        evaluate(model, [TASK.name], data=data, limit=limit)
        rates.append(len(lines) / (time.perf_counter() - started))
        ratios.append((model.counters.decoded_tokens - before) / naive)
    verdict = "" if max(ratios) <= BAR else ", missed"
    each = naive / len(lines)
    print(
        f"{name:5}  decoded / naive {min(ratios):.3f} to {max(ratios):.3f} (bar {BAR}{verdict}) of {each:.0f}"
        f" tokens a question, {len(beginnings) / naive:.3f} if questions share nothing;"
        f" {min(rates):.1f} to {max(rates):.1f} questions/s",
        flush=True,
    )


def write_made(folder: Path, count: int) -> Path:
    path = folder / TASK.name / f"{TASK.evaluated.name}.jsonl"
    path.parent.mkdir()
    path.write_text("".join(f"{json.dumps(line)}\n" for line in made(count)))
    return folder


def _clause(draw: random.Random) -> str:
    return f"{draw.choice(DEEDS)} {draw.choice(WHENS)}"


def _sentences(draw: random.Random, words: int) -> str:
    """Whole sentences of about so many words."""
    text = ""
    while len(text.split()) < words:
        subject = draw.choice(SUBJECTS)
        text += f"{subject.capitalize()} {_clause(draw)}. "
    return text.rstrip()


if __name__ == "__main__":
    main()
