"""Which turns of a long conversation a model is still shown. Pure."""

from collections.abc import Callable, Sequence
from typing import Final

from gpt4all_core.types import Message

_TURN_TOKENS: Final = 8
"""What a template puts around a turn."""

_TEMPLATE_TOKENS: Final = 64
_ANSWER_SHARE: Final = 0.25
"""Of the context, what is kept free for an answer whose length nobody limited."""

_KEPT_SHARE: Final = 0.5
"""Of the room for turns, what is filled again once it was full. Were it all of it, every answer would lose a
turn, and with it what the engine has decoded of all that follow."""


def first_shown(
    turns: Sequence[Message],
    *,
    hidden: int,
    context_size: int,
    answer_tokens: int | None,
    others: Sequence[str],
    count_tokens: Callable[[str], int],
) -> int:
    """From which turn on the model is shown them; the turns before are left out.

    hidden: how many were left out so far, which nothing brings back. others: texts of the prompt beside the
    turns. A turn of the user's comes first, and the turns may end up all hidden: that the message alone is
    too long is for the engine to say.
    """
    room = (
        context_size
        - _TEMPLATE_TOKENS
        - min(answer_tokens or context_size, int(context_size * _ANSWER_SHARE))
    )
    room -= sum(count_tokens(text) + _TURN_TOKENS for text in others)
    costs = [count_tokens(turn.text) + _TURN_TOKENS for turn in turns[hidden:]]
    if sum(costs) <= room:
        return hidden
    while costs and (sum(costs) > room * _KEPT_SHARE or turns[hidden].role != "user"):
        del costs[0]
        hidden += 1
    return hidden
