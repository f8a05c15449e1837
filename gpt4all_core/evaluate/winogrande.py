"""WinoGrande (arXiv:1907.10641): what fits in the gap? The same end is scored after either filling."""

from gpt4all_core.evaluate.task import TARGET_DELIMITER, Document, Question, Split, Task

_NUMBERS = {"1": 0, "2": 1}


def read(document: Document) -> Question:
    before, gap, after = document["sentence"].partition("_")
    if not gap:
        raise ValueError("the sentence has no gap")
    contexts = tuple(before + option for option in (document["option1"], document["option2"]))
    ends = (TARGET_DELIMITER + after.strip(),) * len(contexts)
    return Question(contexts, ends, choices=contexts, gold=_NUMBERS[document["answer"]])


TASK = Task(
    "winogrande",
    version="1.0",
    dataset=("allenai/winogrande", "winogrande_xl"),
    evaluated=Split("validation", ("winogrande_1.1/dev.jsonl",)),
    examples=Split("train", ("winogrande_1.1/train_xl.jsonl",)),
    read=read,
    metrics=("acc",),
    excludes_itself=True,
)
