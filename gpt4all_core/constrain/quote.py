"""A grammar whose only sentences are spans of given texts: answers that cannot be made up."""

import json
from collections.abc import Sequence

from gpt4all_core.errors import ConfigError

CLOSING = '"'
"""Follows the span, so that the model can say that it is finished: open the quotation in the
prompt, and cut this one character off the end of the text."""


def quote_grammar(texts: Sequence[str]) -> str:
    """A Lark grammar for: a span of whole words of one of the texts, then a closing quotation mark.

    A span begins with neither white space nor a quotation mark, so it is never empty. Uses
    llguidance's `substring_words` (a suffix automaton over the words), which stays linear in the
    length of the texts. Raises ConfigError when no text holds a word.
    """
    if isinstance(texts, str):
        raise ConfigError("quote_from is one text; give a list of texts: quote_from=[text]")
    sources = [text for text in texts if text.strip(f" \t\r\n{CLOSING}")]
    if not sources:
        raise ConfigError("there is no text to quote from")
    # A terminal of llguidance ends where nothing can follow it; the intersection bars the empty span.
    spans = " | ".join(f"SPAN{index}" for index in range(len(sources)))
    lines = [f"start: ({spans}) {json.dumps(CLOSING)}"]
    for index, source in enumerate(sources):
        lines.append(f'SPAN{index}: WORDS{index} & /[^\\s"](.|\\n)*/')
        lines.append(f'WORDS{index}: %regex {{ "substring_words": {json.dumps(source)} }}')
    return "\n".join(lines) + "\n"
