"""Whether a text is a sentence of a grammar, told by llguidance itself over the bytes of the text.

A llama-server of 2026-10 that cannot read a grammar of llguidance's answers without it: none is sent that
was not compiled here first, and what comes back is compared.
"""

from functools import cache

from llguidance import LLMatcher, LLTokenizer

from gpt4all_core.errors import UnsupportedSchema


def check_grammar(grammar: str) -> None:
    """Raise UnsupportedSchema for a Lark grammar that nothing could be held to."""
    _matcher(grammar)


def text_fault(text: str, grammar: str) -> str | None:
    """What is wrong with a text; None for a sentence of the Lark grammar."""
    matcher = _matcher(grammar)
    tokens = _bytes().tokenize_str(text)
    read = matcher.try_consume_tokens(tokens)
    if read < len(tokens):
        begun = text.encode()[:read].decode(errors="replace")
        return f"it goes astray behind {begun[-60:]!r}" if begun else "its beginning fits nothing"
    return None if matcher.is_accepting() else "it is not whole"


def _matcher(grammar: str) -> LLMatcher:
    matcher = LLMatcher(_bytes(), LLMatcher.grammar_from_lark(grammar), log_level=0)
    if matcher.is_error():
        raise UnsupportedSchema(f"the rule cannot be held to: {matcher.get_error()}")
    return matcher


@cache
def _bytes() -> LLTokenizer:
    return LLTokenizer("byte")
