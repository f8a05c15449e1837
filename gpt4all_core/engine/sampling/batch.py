"""Choose the next tokens of all rows of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass

from gpt4all_core.engine.backend import Logits
from gpt4all_core.engine.sampling.sampler import Choice, Sampler
from gpt4all_core.protocols import TokenMatcher


@dataclass(frozen=True, slots=True)
class Row:
    """Whose next token a row of logits is for; see `Sampler.choose`."""

    sampler: Sampler
    history: Sequence[int]
    matcher: TokenMatcher | None = None
    left: int | None = None


def choose_all(rows: Sequence[Row], logits: Logits) -> list[Choice | Exception]:
    """The choice of every row, or what kept it from being made: errors of a row stay with that row.

    logits: of shape (rows, vocabulary), left as they are.
    """
    return [_choice(row, scores) for row, scores in zip(rows, logits, strict=True)]


def _choice(row: Row, logits: Logits) -> Choice | Exception:
    try:
        return row.sampler.choose(logits, history=row.history, matcher=row.matcher, left=row.left)
    except Exception as error:  # noqa: BLE001 - a matcher may come from anywhere; other rows go on
        return error
