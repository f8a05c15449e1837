"""Make a question that leans on the conversation stand for itself: what is searched for. Pure.

Rules, not a model: a model of the size that runs everywhere rewrites worse than it answers, takes as long,
and may put a wrong earlier answer into the search. The user's own words cannot be wrong.
"""

import re
from collections.abc import Sequence
from typing import Final

from gpt4all_core.types import Message
from gpt4all_localdocs.keyword_query import content_words

_LEANING: Final = re.compile(
    r"\b(?:it|its|they|them|their|theirs|he|him|his|she|her|hers|this|that|these|those|there|then|one|ones"
    r"|same|other|others|another|former|latter|else|instead)\b",
    re.IGNORECASE,
)
_GOING_ON: Final = re.compile(
    r"^\s*(?:and|but|or|so|also|then|what about|how about|what else|why|why not|how so|since when)\b",
    re.IGNORECASE,
)
_FEW_WORDS: Final = 2
"""Questions with fewer words that say something name no subject: "How many days?"."""

_MOST_TURNS: Final = 3
"""How far back the subject of a chain of such questions is looked for."""


def stand_alone(question: str, history: Sequence[Message] = ()) -> str:
    """The question as it is searched for: with the questions before it that it leans on, oldest first.

    A question leans on the one before where it begins as a continuation ("And in winter?"), refers to
    something unnamed ("When was it built?") or names no subject ("Why?"). Others come back as they are.
    What an assistant said is not taken up, so that a mistake does not lead to the next.
    """
    asked = [message.text.strip() for message in history if message.role == "user" and message.text.strip()]
    chain = [question]
    while asked and len(chain) <= _MOST_TURNS and leans_on_history(chain[0]):
        chain.insert(0, asked.pop())
    return " ".join(chain)


def leans_on_history(question: str) -> bool:
    """Whether a question cannot be understood alone, as far as its words tell."""
    if _GOING_ON.search(question) or _LEANING.search(question):
        return True
    return len(content_words(question)) < _FEW_WORDS
