"""Which turns a model is shown once a conversation is longer than its context."""

import pytest

from gpt4all_app.talk.window import first_shown
from gpt4all_core.types import Message

TURNS = [Message(role, "word " * 92) for _ in range(4) for role in ("user", "assistant")]
"""Eight turns of 100 tokens each, what stands around them included."""


def shown(turns, *, context, hidden=0, answer=None, others=()):
    return first_shown(
        turns,
        hidden=hidden,
        context_size=context,
        answer_tokens=answer,
        others=others,
        count_tokens=lambda text: len(text.split()),
    )


@pytest.mark.parametrize(
    ("context", "hidden", "answer", "first"),
    [
        (1200, 0, None, 0),  # 800 of 836 tokens
        (1100, 0, None, 6),  # of 761, and half of that is filled again
        (1100, 0, 200, 0),  # a short answer leaves more room
        (1100, 2, None, 2),  # those that were left out stay so
        (100, 0, None, 8),
        (10, 8, None, 8),
    ],
)
def test_the_oldest_go_when_there_is_no_room_and_half_of_it_is_filled_again(context, hidden, answer, first):
    assert shown(TURNS, context=context, hidden=hidden, answer=answer) == first


def test_the_message_and_the_rules_take_their_room_first():
    assert shown(TURNS, context=1200, others=["word " * 100]) == 6


def test_a_question_comes_first():
    assert shown(TURNS[:3], context=800, hidden=0) == 0
    assert shown(TURNS, context=1000) == 6  # the answer before it had room, too
