"""The paper's table of benchmarks as text. Pure."""

from collections.abc import Sequence

from gpt4all_app.columns import aligned, width_of
from gpt4all_core.catalog.paper_table import TASKS, PaperRow

# In the order of TASKS.
SHORT = ("BoolQ", "PIQA", "Hella", "Wino", "ARC-e", "ARC-c", "OBQA", "Avg")
LONG = ("BoolQ", "PIQA", "HellaSwag", "WinoGrande", "ARC-e", "ARC-c", "OBQA", "Average")
_SCORES = range(1, len(TASKS) + 1)


def paper_table(rows: Sequence[PaperRow], *, width: int | None) -> str:
    """A line for each model; with the names of catalog entries where there is room, else with marks."""
    long = [("MODEL", *LONG, "RUN WITH"), *((*_cells(row), _names(row)) for row in rows)]
    if width is None or width_of(long) <= width:
        return aligned(long, right=_SCORES)
    short = [("MODEL", *SHORT, ""), *((*_cells(row), _mark(row)) for row in rows)]
    return aligned(short, right=_SCORES) + "\n\n● can be run today   ○ a relative of it can"


def _cells(row: PaperRow) -> tuple[str, ...]:
    return row.model, *(f"{row.scores[task]:.1f}" for task in TASKS)


def _names(row: PaperRow) -> str:
    return row.runs_today or "".join(f"like {name}" for name in row.related[:1])


def _mark(row: PaperRow) -> str:
    if row.runs_today is not None:
        return "●"
    return "○" if row.related else ""
