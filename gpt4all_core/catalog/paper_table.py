"""Table 1 of the GPT4All paper: how well 38 models of 2023 did in seven tasks, and which are here."""

import functools
import importlib.resources
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from gpt4all_core.catalog.catalog import find

Task = Literal[
    "boolq", "piqa", "hellaswag", "winogrande", "arc_easy", "arc_challenge", "openbookqa", "average"
]
TASKS: tuple[Task, ...] = get_args(Task)


class PaperRow(BaseModel):
    """One model of the table.

    in_ecosystem: whether GPT4All had it when GPT4All-Snoozy came out. scores: per cent, by task.
    same: names of catalog entries with the same weights, quantised. related: those of the same family.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    model: str
    in_ecosystem: bool
    scores: dict[Task, float]
    same: tuple[str, ...] = ()
    related: tuple[str, ...] = ()

    @property
    def runs_today(self) -> str | None:
        """The name of a catalog entry with these weights that is not retired."""
        return next((name for name in self.same if find(name).retired is None), None)


class _PaperTable(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    source: str
    rows: tuple[PaperRow, ...]


def paper_rows(*, by: Task | Literal["model"] | None = None) -> tuple[PaperRow, ...]:
    """All rows, in the paper's order, by name, or by the scores of a task, the best first."""
    rows = _load().rows
    if by is None:
        return rows
    if by == "model":
        return tuple(sorted(rows, key=lambda row: row.model.casefold()))
    return tuple(sorted(rows, key=lambda row: row.scores[by], reverse=True))


def paper_source() -> str:
    """Where the table stands."""
    return _load().source


@functools.cache
def _load() -> _PaperTable:
    resource = importlib.resources.files("gpt4all_core.catalog") / "paper_table.json"
    return _PaperTable.model_validate_json(resource.read_bytes())
