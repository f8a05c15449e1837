"""How good are the starter model's answers? F1 on SQuAD 2.0 questions with the right passage given.

    .venv/bin/python -m benchmarks.quote_mode FOLDER [--limit 100]

FOLDER holds corpus.jsonl, queries.jsonl (each with its `answers`) and qrels/test.tsv in the layout
of BEIR. Questions without an answer are left out; the others are drawn with a fixed seed.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.squad import Question, best_f1, mean, read_passages, read_questions
from gpt4all_core import GenerationParams, LocalEmbedder, LocalModel, Message
from gpt4all_localdocs.answer import answer_params
from gpt4all_localdocs.answer_stream import AnswerRequest
from gpt4all_localdocs.narrow import rank_sentences
from gpt4all_localdocs.quote import start_quoted
from gpt4all_localdocs.types import Hit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=100)
    options = parser.parse_args()
    passages = read_passages(options.folder)
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
        for name, answer in (
            ("free text", free),
            ("quote, whole passage", lambda q, p: quote(q, p, narrowed=False)),
            ("quote, nearest sentence", lambda q, p: quote(q, p, narrowed=True)),
        ):
            measure(name, questions, lambda q, answer=answer: answer(q.text, passages[q.passage]))


def measure(name: str, questions: Sequence[Question], answer: Callable[[Question], str]) -> None:
    started = time.monotonic()
    scores = [best_f1(answer(question), question.answers) for question in questions]
    seconds = (time.monotonic() - started) / len(questions)
    print(f"{name:26} F1 {mean(scores):.3f}   {seconds:.2f} s a question", flush=True)


if __name__ == "__main__":
    main()
