"""What two documents say differently: passages are paired by meaning, the others have no partner. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gpt4all_core.errors import LocalDocsError
from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.types import Hit

SAME_SUBJECT: Final = 0.7
"""Cosine from which two passages count as being about the same; chosen for MiniLM, not measured."""


@dataclass(frozen=True, slots=True)
class PassagePair:
    """Two passages about the same. similarity: cosine."""

    left: Hit
    right: Hit
    similarity: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two documents side by side, in the order of the left one.

    same: passages whose words are equal but for white space. changed: those about the same in other words.
    only_left, only_right: what the other does not speak of.
    """

    same: tuple[PassagePair, ...]
    changed: tuple[PassagePair, ...]
    only_left: tuple[Hit, ...]
    only_right: tuple[Hit, ...]

    @property
    def is_equal(self) -> bool:
        return not (self.changed or self.only_left or self.only_right)


def compare_passages(
    left: Sequence[Hit], right: Sequence[Hit], left_vectors: Vectors, right_vectors: Vectors
) -> Comparison:
    """Pair the passages of two documents, the most similar first, each at most once.

    The vectors have a row for each passage, of L2 norm 1. Equal passages are paired before all others.
    Raises LocalDocsError where one of them has no passage.
    """
    for name, passages in (("first", left), ("second", right)):
        if not passages:
            raise LocalDocsError(f"the {name} document has no text in the index; sync, or check its path")
    cosines = left_vectors @ right_vectors.T
    words = [[" ".join(hit.text.split()) for hit in passages] for passages in (left, right)]
    candidates = sorted(
        (
            (words[0][i] != words[1][j], -float(cosines[i, j]), i, j)
            for i in range(len(left))
            for j in range(len(right))
            if words[0][i] == words[1][j] or cosines[i, j] >= SAME_SUBJECT
        ),
    )
    partner: dict[int, tuple[int, bool]] = {}
    taken: set[int] = set()
    for is_changed, _, i, j in candidates:
        if i not in partner and j not in taken:
            partner[i] = (j, is_changed)
            taken.add(j)
    pairs = [
        (PassagePair(left[i], right[j], float(cosines[i, j])), is_changed)
        for i, (j, is_changed) in sorted(partner.items())
    ]
    return Comparison(
        tuple(pair for pair, is_changed in pairs if not is_changed),
        tuple(pair for pair, is_changed in pairs if is_changed),
        tuple(hit for i, hit in enumerate(left) if i not in partner),
        tuple(hit for j, hit in enumerate(right) if j not in taken),
    )
