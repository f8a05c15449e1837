"""BoolQ (arXiv:1905.10044), as part of SuperGLUE: is it so, going by a passage?"""

from gpt4all_core.evaluate.task import Document, Question, Split, Task


def read(document: Document) -> Question:
    context = f"{document['passage']}\nQuestion: {document['question']}?\nAnswer:"
    return Question.of_choices(context, ("no", "yes"), int(document["label"]))


TASK = Task(
    "boolq",
    version="2.0",
    dataset=("aps/super_glue", "boolq"),
    evaluated=Split("validation", ("BoolQ/val.jsonl",)),
    examples=Split("train", ("BoolQ/train.jsonl",)),
    read=read,
    metrics=("acc",),
    excludes_itself=True,
)
