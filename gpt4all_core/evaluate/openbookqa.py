"""OpenBookQA (arXiv:1809.02789): elementary science, asked without the book."""

from gpt4all_core.evaluate.choices import labelled_choices
from gpt4all_core.evaluate.task import Document, Question, Split, Task


def read(document: Document) -> Question:
    stem, choices, gold = labelled_choices(document, stem="question_stem")
    return Question.of_choices(stem, choices, gold)


def _files(part: str) -> tuple[str, ...]:
    path = f"Data/Main/{part}.jsonl"
    return (f"OpenBookQA-V1-Sep2018/{path}", path)


TASK = Task(
    "openbookqa",
    version="1.0",
    dataset=("allenai/openbookqa", "main"),
    evaluated=Split("test", _files("test")),
    examples=Split("train", _files("train")),
    read=read,
)
