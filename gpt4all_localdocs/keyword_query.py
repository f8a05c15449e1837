"""A question in people's words as a query in FTS5's language."""

import re
from collections.abc import Sequence
from typing import Final

from gpt4all_localdocs.unsegmented import character_pairs, without_unsegmented

_WORD: Final = re.compile(r"\w+")
_STOPWORDS: Final = frozenset(
    """
    a about after all also am an and any are as at be because been before being but by can could did do
    does doing for from had has have he her here him his how i if in into is it its me my no not of on
    or our she should so some such than that the their them then there these they this those to up us
    was we were what when where which while who whom whose why will with would you your
    """.split()  # noqa: SIM905 - as a list literal it would take a screenful
)

_MOST_WORDS: Final = 300
"""FTS5's time grows with the square of a query's words: 0.12 s for 1,000, 26 s for 20,000, measured."""


def keyword_query(text: str) -> str:
    """A question as a query for passages with any of its `query_words`; empty where it has none."""
    return any_of(query_words(text))


def query_words(text: str) -> list[str]:
    """What a keyword search looks for: the words that say something, a repeated one as often.

    For long queries repetition is worth .05 to .07 nDCG@10 (CISI, LISA). In scripts without spaces each two
    neighbouring characters are a word.
    """
    pairs = character_pairs(text)
    words = content_words(without_unsegmented(text)) if pairs else content_words(text)
    return [*words, *pairs][:_MOST_WORDS]


def any_of(words: Sequence[str]) -> str:
    """Passages that hold any of these words, in FTS5's language. Quoted, a word is never an operator."""
    return " OR ".join(f'"{word}"' for word in words)


def content_words(text: str) -> list[str]:
    """The words of a text in lower case without those that say nothing, unless there are no others."""
    words = [word.lower() for word in _WORD.findall(text)]
    return [word for word in words if word not in _STOPWORDS] or words
