"""Choose the passages that a prompt has room for. Pure."""

from collections.abc import Callable, Sequence

from gpt4all_localdocs.types import Hit


def pack_hits(hits: Sequence[Hit], *, budget_tokens: int, tokens_of: Callable[[Hit], int]) -> tuple[Hit, ...]:
    """The best hits that fit into the budget together, in the order of their rank.

    tokens_of: what a hit costs as it stands in the prompt, its label included.
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
        cost = tokens_of(hit)
        if packed and cost > left:
            continue
        packed.append(hit)
        texts.add(hit.text)
        left -= cost
    return tuple(packed)
