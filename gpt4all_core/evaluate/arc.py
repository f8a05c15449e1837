"""ARC (arXiv:1803.05457): questions of school tests, an easy set and one that word counts cannot answer."""

from gpt4all_core.evaluate.choices import labelled_choices
from gpt4all_core.evaluate.task import Document, Question, Split, Task


def read(document: Document) -> Question:
    stem, choices, gold = labelled_choices(document, stem="question")
    return Question.of_choices(f"Question: {stem}\nAnswer:", choices, gold)


def _task(name: str, published: str) -> Task:
    def files(part: str) -> tuple[str, ...]:
        path = f"{published}/{published}-{part}.jsonl"
        return (f"ARC-V1-Feb2018-2/{path}", path)

    return Task(
        name,
        version="1.0",
        dataset=("allenai/ai2_arc", published),
        evaluated=Split("test", files("Test")),
        examples=Split("train", files("Train")),
        read=read,
    )


EASY = _task("arc_easy", "ARC-Easy")
CHALLENGE = _task("arc_challenge", "ARC-Challenge")
