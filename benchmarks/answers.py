"""Answers end to end: search, quotation, citation and abstention on SQuAD 2.0 questions.

    .venv/bin/python benchmarks/answers.py FOLDER [--limit 300]

FOLDER is as for `quote_mode.py`. Every passage is a text of one index; each question is asked twice: of the
whole index, and, every other one, with its passage filtered out, which makes it one that the index cannot
answer, though the passages around it are about the same subject. Everything runs with its defaults: the
bundled embedder, the starter model, quote mode.
"""

import argparse
import random
import tempfile
from pathlib import Path

from quote_mode import f1, read_lines

from gpt4all_localdocs import Answer, LocalDocs, Text

THRESHOLDS = (0.2, 0.3, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=300)
    options = parser.parse_args()
    corpus = {row["_id"]: row["text"] for row in read_lines(options.folder / "corpus.jsonl")}
    questions = read_questions(options.folder, options.limit)
    with tempfile.TemporaryDirectory() as place, LocalDocs(place, model="smollm2-135m-instruct") as docs:
        docs.put(Text(text, id=name, metadata={"passage": name}) for name, text in corpus.items())
        answers = [docs.ask(question, mode="quote") for question, _, _ in questions]
        without = [
            docs.ask(question, mode="quote", where={"passage": {"$ne": passage}})
            for question, passage, _ in questions[::2]
        ]
    scores = [
        max(f1(answer.text, reference) for reference in references)
        for answer, (_, _, references) in zip(answers, questions, strict=True)
    ]
    print(f"{len(answers)} questions, {len(without)} of them again without their passage")
    print(f"F1 {mean(scores):.3f}, prompt tokens {mean([a.usage.prompt_tokens for a in answers]):.0f}")
    verbatim = [answer.text in corpus[answer.citations[0].text_id] for answer in answers]
    print(f"verbatim {mean(verbatim):.3f}")
    for count in (1, 2, 3):
        found = [
            any(reference in hit.text for hit in answer.hits[:count] for reference in references)
            for answer, (_, _, references) in zip(answers, questions, strict=True)
        ]
        print(f"an answer stands in the first {count} passages: {mean(found):.3f}")
    cited = [
        any(reference in corpus[answer.citations[0].text_id] for reference in references)
        for answer, (_, _, references) in zip(answers, questions, strict=True)
    ]
    print(f"an answer stands in the passage cited: {mean(cited):.3f}")
    print("| threshold | answered | F1 of these | refused without the passage |\n|---|---|---|---|")
    for threshold in THRESHOLDS:
        kept = [score for answer, score in zip(answers, scores, strict=True) if reaches(answer, threshold)]
        refused = [not reaches(answer, threshold) for answer in without]
        print(f"| {threshold} | {len(kept) / len(answers):.2f} | {mean(kept):.2f} | {mean(refused):.2f} |")


def reaches(answer: Answer, threshold: float) -> bool:
    return (answer.evidence or 0.0) >= threshold


def mean(values: list) -> float:
    return sum(values) / len(values) if values else 0.0


def read_questions(folder: Path, limit: int) -> list[tuple[str, str, list[str]]]:
    """Question, the name of its passage, answers; drawn as `quote_mode.py` draws them."""
    rows = (folder / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]
    passage_of = dict(row.split("\t")[:2] for row in rows)
    answerable = [row for row in read_lines(folder / "queries.jsonl") if row.get("answers")]
    random.Random(1).shuffle(answerable)
    return [(row["text"], passage_of[row["_id"]], row["answers"]) for row in answerable[:limit]]


if __name__ == "__main__":
    main()
