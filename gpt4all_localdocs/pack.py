"""Choose the passages that a prompt has room for. Pure."""

from collections.abc import Callable, Sequence

from gpt4all_localdocs.types import Hit


def pack_hits(
    hits: Sequence[Hit], *, budget_tokens: int, count_tokens: Callable[[str], int]
) -> tuple[Hit, ...]:
    """The best hits whose texts fit into the budget together, in the order of their rank.

    A hit that does not fit is left out and the next ones are tried; one that repeats a passage
    already packed (a copy of a file) is left out too. The best hit is always in: that it alone is
    too long for the context is for the model to say, with numbers.
    """
    packed: list[Hit] = []
    texts: set[str] = set()
    left = budget_tokens
    for hit in hits:
        if hit.text in texts:
            continue
        cost = count_tokens(hit.text)
        if packed and cost > left:
            continue
        packed.append(hit)
        texts.add(hit.text)
        left -= cost
    return tuple(packed)
