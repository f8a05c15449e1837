"""A grammar for one of several given texts."""

import json
from collections.abc import Sequence

from gpt4all_core.errors import ConfigError

_MOST = 5_000


def choice_grammar(choices: Sequence[str]) -> str:
    """A Lark grammar for exactly one of these texts; they may begin alike, or with each other.

    Raises ConfigError for none, for an empty one, and for a lone surrogate, which no model writes.
    """
    if isinstance(choices, str) or not choices:
        raise ConfigError(f"choices={choices!r} is no list of texts; give at least one")
    if len(choices) > _MOST:
        raise ConfigError(f"{len(choices)} choices are more than {_MOST}; narrow them down first")
    for choice in choices:
        if not isinstance(choice, str) or not choice or any("\ud800" <= mark <= "\udfff" for mark in choice):
            raise ConfigError(f"{choice!r} cannot be a choice; it must be a text, not empty")
    # One terminal, so that of "yes" and "yes, please" neither hides the other.
    return f"start: CHOICE\nCHOICE: {' | '.join(_quoted(choice) for choice in dict.fromkeys(choices))}\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
