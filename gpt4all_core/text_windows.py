"""How a text that is longer than a model's window is cut: in tokens, special ones kept at both ends."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SpecialFrame:
    """The special tokens that a vocabulary puts around every text, [CLS] and [SEP] for instance."""

    lead: tuple[int, ...]
    end: tuple[int, ...]

    @classmethod
    def of(cls, tokenize: Callable[[str], list[int]]) -> "SpecialFrame":
        """Found by looking: `tokenize` gives the token ids of a text with its special tokens."""
        alone, around = tokenize(""), tokenize("a")
        count = 0
        while count < len(alone) and alone[count] == around[count]:
            count += 1
        return cls(tuple(alone[:count]), tuple(alone[count:]))

    def __len__(self) -> int:
        return len(self.lead) + len(self.end)

    def around(self, body: Sequence[int]) -> list[int]:
        """These tokens with the special ones."""
        return [*self.lead, *body, *self.end]

    def inside(self, tokens: Sequence[int]) -> list[int]:
        """The tokens without the special ones around them."""
        return list(tokens[len(self.lead) : len(tokens) - len(self.end)])


def cut(body: Sequence[int], *, head: int, room: int, is_first_only: bool) -> list[list[int]]:
    """The windows of a text without special tokens: each `head` tokens and up to `room` that follow.

    The head, a prefix, is at the start of every window. `is_first_only` gives the first alone.
    """
    starts = [head] if is_first_only else range(head, len(body), room)
    return [[*body[:head], *body[start : start + room]] for start in starts]
