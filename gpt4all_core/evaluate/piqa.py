"""PIQA (arXiv:1911.11641): which of two ways works? Its labels were published in files of their own."""

from gpt4all_core.evaluate.task import Document, Question, Split, Task


def read(document: Document) -> Question:
    context = f"Question: {document['goal']}\nAnswer:"
    return Question.of_choices(context, (document["sol1"], document["sol2"]), int(document["label"]))


TASK = Task(
    "piqa",
    version="1.0",
    dataset=("baber/piqa", None),
    evaluated=Split("validation", ("physicaliqa-train-dev/dev.jsonl", "piqa/valid.jsonl")),
    examples=Split("train", ("physicaliqa-train-dev/train.jsonl", "piqa/train.jsonl")),
    read=read,
    excludes_itself=True,
)
