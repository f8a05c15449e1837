"""Grammars to token masks, by llguidance."""

from typing import Any

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from numpy.typing import NDArray

from gpt4all_core.errors import OutputError, UnsupportedSchema


class GrammarConstraint:
    """A Lark grammar compiled for one vocabulary. Thread-safe; `matcher` starts a request.

    lark: the grammar, for whoever has to compile it for another vocabulary.
    Raises UnsupportedSchema, in llguidance's words, for a grammar that it cannot enforce.
    """

    def __init__(self, lark: str, *, tokenizer: LLTokenizer, vocabulary_size: int) -> None:
        self.lark = lark
        self._tokenizer = tokenizer
        self._vocabulary_size = vocabulary_size
        self._compiled = LLMatcher(tokenizer, LLMatcher.grammar_from_lark(lark), log_level=0)
        if self._compiled.is_error():
            raise UnsupportedSchema(f"the grammar cannot be enforced: {self._compiled.get_error()}")

    def is_for(self, tokenizer: LLTokenizer) -> bool:
        """Whether it was compiled for this one: token ids mean something else elsewhere."""
        return self._tokenizer is tokenizer

    def matcher(self) -> "GrammarMatcher":
        return GrammarMatcher(self._compiled.deep_copy(), self._vocabulary_size)


class GrammarMatcher:
    """Where one request stands in its grammar. For the engine's owner thread."""

    def __init__(self, matcher: Any, vocabulary_size: int) -> None:
        self._matcher = matcher
        self._vocabulary_size = vocabulary_size

    @property
    def is_finished(self) -> bool:
        return bool(self._matcher.is_stopped())

    @property
    def is_cut(self) -> bool:
        return False

    def permits(self, token: int) -> bool:
        return bool(self._matcher.validate_tokens([token]) == 1)

    def within(self, token: int, left: int) -> int:  # noqa: ARG002 - every token is within no bound
        return token

    def allowed(self) -> NDArray[np.bool_]:
        """The mask over the vocabulary. Raises OutputError if the grammar got stuck."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        mask = np.unpackbits(bits, bitorder="little")[: self._vocabulary_size].view(np.bool_)
        self._check()
        if len(mask) < self._vocabulary_size:
            mask = np.concatenate([mask, np.zeros(self._vocabulary_size - len(mask), dtype=np.bool_)])
        return mask

    def accept(self, token: int) -> None:
        if not self._matcher.consume_token(token):
            self._check()
            raise OutputError(f"the grammar does not allow token {token} here")

    def forced(self) -> list[int]:
        """Tokens that must come next; they are accepted already."""
        if self.is_finished:
            return []
        tokens = [int(token) for token in self._matcher.compute_ff_tokens()]
        for token in tokens:
            self.accept(token)
        return tokens

    def _check(self) -> None:
        if self._matcher.is_error():
            raise OutputError(f"constrained decoding failed: {self._matcher.get_error()}")
