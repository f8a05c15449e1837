"""Texts that no repeat is looked for across, such as the end of a line."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.engine.backend import Vocabulary
from gpt4all_core.errors import ConfigError


class Breakers:
    """Finds them in a history that is read token by token, however it is split into tokens.

    Raises ConfigError where there are some and no vocabulary to read tokens with.
    """

    def __init__(self, texts: Sequence[str], vocabulary: Vocabulary | None) -> None:
        if texts and vocabulary is None:
            raise ConfigError(
                f"dry_sequence_breakers={texts!r} cannot be found without a vocabulary; give an empty tuple"
            )
        self._texts = [text.encode() for text in texts]
        self._vocabulary = vocabulary
        self._pieces: dict[int, bytes] = {}
        self._tail = b""
        self.longest = max((len(text) for text in self._texts), default=0)
        """Bytes of the longest one, and so most tokens that it can be spread over."""

    def end_with(self, token: int) -> bool:
        """Read one more token; whether a breaker ends in it."""
        if not self._texts:
            return False
        text = self._tail + self._piece(token)
        # From where a breaker would have to begin to end behind what was read before.
        is_found = any(text.find(one, max(0, len(self._tail) - len(one) + 1)) >= 0 for one in self._texts)
        self._tail = text[max(0, len(text) - self.longest + 1) :]
        return is_found

    def forget(self) -> None:
        """The next token begins a text."""
        self._tail = b""

    def hold_none(self, tokens: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which of these tokens have no breaker in their own text."""
        breaking = [token for token in set(tokens.tolist()) if self._holds(token)]
        return np.isin(tokens, breaking, invert=True)

    def _holds(self, token: int) -> bool:
        piece = self._piece(token)
        return any(text in piece for text in self._texts)

    def _piece(self, token: int) -> bytes:
        if self._vocabulary is None:
            return b""
        if token not in self._pieces:
            self._pieces[token] = self._vocabulary.piece(token, special=True)
        return self._pieces[token]
