"""HellaSwag (arXiv:1905.07830): how does it go on?"""

import re

from gpt4all_core.evaluate.task import Document, Question, Split, Task

_BRACKETED = re.compile(r"\[.*?\]")


def read(document: Document) -> Question:
    context = f"{document['activity_label']}: {document['ctx_a']} {document['ctx_b'].capitalize()}"
    endings = tuple(_clean(ending) for ending in document["endings"])
    return Question.of_choices(_clean(context), endings, int(document["label"]))


def _clean(text: str) -> str:
    """Without the marks that WikiHow's articles left in the texts."""
    return _BRACKETED.sub("", text.strip().replace(" [title]", ". ")).replace("  ", " ")


TASK = Task(
    "hellaswag",
    version="1.0",
    dataset=("Rowan/hellaswag", None),
    evaluated=Split("validation", ("hellaswag_val.jsonl",)),
    examples=Split("train", ("hellaswag_train.jsonl",)),
    read=read,
    excludes_itself=True,
)
