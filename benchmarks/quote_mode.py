"""How good are the starter model's answers? F1 on SQuAD 2.0 questions with the right passage given.

    .venv/bin/python benchmarks/quote_mode.py FOLDER [--limit 100]

FOLDER holds corpus.jsonl, queries.jsonl (each with its `answers`) and qrels/test.tsv in the layout
of BEIR. Questions without an answer are left out; the others are drawn with a fixed seed. F1 is
SQuAD's own: shared words over both lengths, articles and punctuation dropped, best reference counts.
"""

import argparse
import json
import random
import re
import string
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from gpt4all_core import GenerationParams, LocalEmbedder, LocalModel, Message
from gpt4all_localdocs.answer import answer_params
from gpt4all_localdocs.answer_stream import AnswerRequest
from gpt4all_localdocs.narrow import rank_sentences
from gpt4all_localdocs.quote import start_quoted
from gpt4all_localdocs.types import Hit

Question = tuple[str, str, list[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=100)
    options = parser.parse_args()
    questions = read_questions(options.folder, options.limit)
    with LocalModel("smollm2-135m-instruct") as model, LocalEmbedder("all-minilm-l6-v2") as embedder:

        def free(question: str, passage: str) -> str:
            prompt = f"{passage}\n\nAnswer in a few words.\nQuestion: {question}"
            params = GenerationParams(temperature=0, max_tokens=48)
            return model.chat([Message("user", prompt)], params).result().text

        def quote(question: str, passage: str, *, narrowed: bool) -> str:
            hit = Hit(Path("passage"), passage, 1.0, None, (1, 1), (0, len(passage)))
            source = rank_sentences([hit], question, embedder)[0].hit if narrowed else hit
            request = AnswerRequest(question, (source,), (hit,), "quote", answer_params(is_quoted=True))
            answer = start_quoted(model, request).result()
            if answer.text not in passage:
                raise AssertionError(f"not verbatim: {answer.text!r}")
            return answer.text

        print(f"{len(questions)} questions")
        measure("free text", questions, free)
        measure("quote, whole passage", questions, lambda q, p: quote(q, p, narrowed=False))
        measure("quote, nearest sentence", questions, lambda q, p: quote(q, p, narrowed=True))


def measure(name: str, questions: list[Question], answer: Callable[[str, str], str]) -> None:
    started = time.monotonic()
    scores = [
        max(f1(answer(question, passage), reference) for reference in references)
        for question, passage, references in questions
    ]
    seconds = (time.monotonic() - started) / len(questions)
    print(f"{name:26} F1 {sum(scores) / len(scores):.3f}   {seconds:.2f} s a question", flush=True)


def read_questions(folder: Path, limit: int) -> list[Question]:
    corpus = {row["_id"]: row["text"] for row in read_lines(folder / "corpus.jsonl")}
    rows = (folder / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]
    passage_of = dict(row.split("\t")[:2] for row in rows)
    answerable = [row for row in read_lines(folder / "queries.jsonl") if row.get("answers")]
    random.Random(1).shuffle(answerable)
    return [(row["text"], corpus[passage_of[row["_id"]]], row["answers"]) for row in answerable[:limit]]


def read_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def f1(answer: str, reference: str) -> float:
    found, wanted = words(answer), words(reference)
    shared = sum((Counter(found) & Counter(wanted)).values())
    return 2 * shared / (len(found) + len(wanted)) if shared else 0.0


def words(text: str) -> list[str]:
    plain = "".join(character for character in text.lower() if character not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", plain).split()


if __name__ == "__main__":
    main()
