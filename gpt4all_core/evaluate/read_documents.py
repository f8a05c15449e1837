"""The lines of a data set: from files, or from the cache of the `datasets` library. No network."""

import importlib.util
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gpt4all_core.errors import ConfigError
from gpt4all_core.evaluate.task import Document, Question, Split, Task

_LABEL = "label"


def read_documents(task: Task, split: Split, folder: Path | None) -> Sequence[Document]:
    """All lines of a split, in their order.

    folder: has the lines as JSON, in `TASK/SPLIT.jsonl` with the fields that the Hub has, or in a file as
    it was published (`Split.files`). None for the cache of `datasets`, if that is installed.
    Raises ConfigError where there are none, or a file is not what it should be.
    """
    if folder is None:
        return _cached(task, split)
    names = (f"{task.name}/{split.name}.jsonl", *split.files)
    for name in names:
        if (path := folder / name).is_file():
            return _with_labels(_read_lines(path), path)
    raise ConfigError(
        f"{folder} has no data for the split {split.name!r} of {task.name}; put one of these there:"
        f" {', '.join(names)}"
    )


def read_question(task: Task, document: Document, number: int) -> Question:
    """A line as a question. Raises ConfigError for one that is none, with its number."""
    try:
        question = task.read(document)
        _check_label(question)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"line {number + 1} of the data for {task.name} is no question of it"
            f" ({type(error).__name__}: {error}); is it another data set's, or a split without labels?"
        ) from error
    return question


def _check_label(question: Question) -> None:
    """Raise ValueError for a label of no choice, as the -1 of splits whose labels are kept secret."""
    if not 0 <= question.gold < len(question.choices):
        raise ValueError(f"label {question.gold} of {len(question.choices)} choices")


def _read_lines(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # a line may hold other separators of lines
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text in UTF-8: {error}; fetch it again") from error
    documents = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            document = json.loads(line)
        except ValueError as error:
            raise ConfigError(f"line {number} of {path} is no JSON: {error}") from error
        if not isinstance(document, dict):
            raise ConfigError(f"line {number} of {path} is no JSON object but {type(document).__name__}")
        documents.append(document)
    if not documents:
        raise ConfigError(f"{path} is empty; fetch it again")
    return documents


def _with_labels(documents: list[dict[str, Any]], path: Path) -> list[dict[str, Any]]:
    """The labels from the file beside it, as PIQA was published."""
    beside = path.with_name(f"{path.stem}-labels.lst")
    if _LABEL in documents[0] or not beside.is_file():
        return documents
    labels = beside.read_text(encoding="utf-8").split()
    if len(labels) != len(documents):
        raise ConfigError(f"{beside} has {len(labels)} labels for the {len(documents)} lines of {path.name}")
    return [{**document, _LABEL: label} for document, label in zip(documents, labels, strict=True)]


def _cached(task: Task, split: Split) -> Sequence[Document]:
    name, part = task.dataset
    if importlib.util.find_spec("datasets") is None:
        raise ConfigError(
            f"there are no data for {task.name}; give data= (--data DIR) a folder that has"
            f" {task.name}/{split.name}.jsonl or {split.files[0]}, or install the datasets library and load"
            f" {name} with it once"
        )
    import datasets  # noqa: PLC0415 - optional, and takes seconds

    cache = Path(datasets.config.HF_DATASETS_CACHE)
    folders = (cache / name.replace("/", "___") / (part or "default")).glob("*/*")
    newest_first = sorted(folders, key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in newest_first:
        if files := _arrow_files(folder, split.name):
            # Not load_dataset, which asks the Hub whether there is something newer.
            parts = [datasets.Dataset.from_file(str(file)) for file in files]
            return [row for part in parts for row in part]
    loading = f"load_dataset({name!r}{f', {part!r}' if part else ''})"
    raise ConfigError(
        f"the cache of the datasets library in {cache} has no split {split.name!r} of {name}; run"
        f" {loading} where there is a network, or give data= (--data DIR) a folder with them"
    )


def _arrow_files(folder: Path, split: str) -> list[Path]:
    def of_split(names: Iterable[Path]) -> list[Path]:
        return sorted(path for path in names if path.stat().st_size)

    return of_split(folder.glob(f"*-{split}.arrow")) or of_split(folder.glob(f"*-{split}-*-of-*.arrow"))
