"""Grammars to token masks, by llguidance, and texts that end within their budget of tokens."""

import threading
from typing import Any

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from numpy.typing import NDArray

from gpt4all_core.constrain.closing import Shortcuts, closing_path, ends_text, shortcuts
from gpt4all_core.constrain.lark import check_grammar
from gpt4all_core.errors import ConfigError, OutputError, UnsupportedSchema

WATCHED = 1024
"""From so many tokens above the way to the end on, every token is asked whether the text can still end.

Before, it is looked at now and then, and the way may grow by so many tokens unseen: by what one token can
open at once (`json_schema` bounds that), and by a few tokens for each that is not looked at.
"""
_GROWTH = 16
"""Tokens by which each that is not looked at may lengthen the way to the end, on the average."""
_LONGEST_SHORTEST = 4096
"""Tokens within which an end must be found for a grammar to be of use."""
_LONGEST_TRIED = 8
"""How many tokens of the known way are tried to be left out before another is searched for."""


class GrammarConstraint:
    """A Lark grammar compiled for one vocabulary. Thread-safe; `matcher` starts a request.

    lark: the grammar, for whoever has to compile it for another vocabulary.
    Raises UnsupportedSchema, in llguidance's words, for a grammar that it cannot enforce.
    """

    def __init__(self, lark: str, *, tokenizer: LLTokenizer, vocabulary_size: int) -> None:
        check_grammar(lark)
        self.lark = lark
        self.vocabulary_size = vocabulary_size
        self.end_tokens = frozenset(tokenizer.eos_tokens)
        self._tokenizer = tokenizer
        self._compiled = LLMatcher(tokenizer, LLMatcher.grammar_from_lark(lark), log_level=0)
        first = self._compiled.deep_copy()
        if not first.is_error():
            first.compute_bitmask()  # some expressions are found to be too large when they are first used
        if first.is_error():
            raise UnsupportedSchema(f"the grammar cannot be enforced: {_words(first.get_error())}")
        self._lock = threading.Lock()
        self._shortcuts: Shortcuts | None = None
        self._shortest: list[int] | None = None
        self._is_searched = False

    def is_for(self, tokenizer: LLTokenizer) -> bool:
        """Whether it was compiled for this one: token ids mean something else elsewhere."""
        return self._tokenizer is tokenizer

    def matcher(self) -> "GrammarMatcher":
        return GrammarMatcher(self._compiled.deep_copy(), self)

    def check_budget(self, max_tokens: int) -> None:
        """Raise ConfigError if not even the shortest answer that is known fits into so many tokens.

        Takes some milliseconds the first time, nothing after that.
        """
        shortest = self.shortest
        if shortest is None:
            raise ConfigError(
                f"no answer of up to {_LONGEST_SHORTEST} tokens was found that this constraint allows;"
                " ask for less in it"
            )
        if len(shortest) > max_tokens:
            raise ConfigError(
                f"the shortest answer that was found for this constraint takes {len(shortest)} tokens,"
                f" more than the {max_tokens} there is room for; allow more, or ask for less"
            )

    @property
    def shortest(self) -> list[int] | None:
        """The tokens of the shortest answer that was found; None if none was."""
        known = self.shortcuts()
        with self._lock:
            if not self._is_searched:
                found = closing_path(self._compiled.deep_copy(), known, _LONGEST_SHORTEST)
                # One of several texts is an answer by itself, and which is the shortest is easily seen.
                whole = [list(step) for step in known.literals if ends_text(self._compiled, step)]
                paths = [*whole, *([] if found is None else [found])]
                self._shortest = min(paths, key=len, default=None)
                self._is_searched = True
            return self._shortest

    def shortcuts(self) -> Shortcuts:
        """What helps to end texts of this grammar; made when it is first asked for."""
        with self._lock:
            if self._shortcuts is None:
                self._shortcuts = shortcuts(self._tokenizer, self.lark)
            return self._shortcuts


class GrammarMatcher:
    """Where one request stands in its grammar. For the engine's owner thread.

    While there is room for it, nothing but the grammar decides. Within `WATCHED` tokens of the limit a
    way to the end is kept: `_path`, tokens that are valid from here and end the text. A token after
    which no way fits is replaced by the first of the path, which is then followed to its end.
    """

    def __init__(self, matcher: Any, constraint: GrammarConstraint) -> None:
        self._matcher = matcher
        self._constraint = constraint
        self._path: list[int] | None = None
        self._has_begun = False
        self._after: tuple[int, list[int]] | None = None
        """The token that was last asked about, and the path after it."""
        self._quiet_until: float = float("inf")
        self._is_cut = False

    @property
    def is_finished(self) -> bool:
        return bool(self._matcher.is_stopped()) or (self._is_cut and not self._path)

    @property
    def is_cut(self) -> bool:
        return self._is_cut

    def permits(self, token: int) -> bool:
        return bool(self._matcher.validate_tokens([token]) == 1)

    def within(self, token: int, left: int) -> int:
        """The token itself, or the next one of the shortest known end, an end token where that is here."""
        if left > self._quiet_until:
            return token
        if self._is_cut:
            return self._next()
        return self._watched(token, left)

    def allowed(self) -> NDArray[np.bool_]:
        """The mask over the vocabulary. Raises OutputError if the grammar got stuck."""
        size = self._constraint.vocabulary_size
        mask = np.unpackbits(self.allowed_bits(), bitorder="little")[:size].view(np.bool_)
        if len(mask) < size:
            mask = np.concatenate([mask, np.zeros(size - len(mask), dtype=np.bool_)])
        return mask

    def allowed_bits(self) -> NDArray[np.uint8]:
        """The same, eight tokens a byte, the first in the lowest bit. The last tokens may be missing."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        self._check()
        return bits

    def accept(self, token: int) -> None:
        if not self._matcher.consume_token(token):
            self._check()
            raise OutputError(f"the grammar does not allow token {token} here")
        self._has_begun = True
        if self._is_cut:
            self._path = (self._path or [])[1:]
        else:
            self._path = self._after[1] if self._after is not None and self._after[0] == token else None
        self._after = None

    def forced(self) -> list[int]:
        """Tokens that must come next; they are accepted already."""
        if self.is_finished:
            return []
        tokens = list(self._path or []) if self._is_cut else list(self._matcher.compute_ff_tokens())
        if tokens and not self._matcher.consume_tokens(tokens):
            self._check()
        self._has_begun |= bool(tokens)
        if self._path is not None:
            self._path = self._path[len(tokens) :] if self._path[: len(tokens)] == tokens else None
        return tokens

    def _watched(self, token: int, left: int) -> int:
        """`within`, near the limit, or when it is time to see how near that is."""
        if self._path is None:
            self._path = self._way_to_end(left)
        room = left - WATCHED - len(self._path or ())
        if room > _GROWTH:
            self._quiet_until = left - room // _GROWTH
            self._path = None
            return token
        if self._path is None:
            # One may be found from further on; not at every token, for a search that fails is a long one.
            self._quiet_until = left - min(_GROWTH, left // 4)
            return token
        self._quiet_until = float("inf")
        if token in self._constraint.end_tokens:
            return token
        after = self._path_after(token, left - 1)
        if after is not None:
            self._after = (token, after)
            return token
        self._is_cut = True
        return self._next()

    def _way_to_end(self, most: int) -> list[int] | None:
        known = None if self._has_begun else self._constraint.shortest
        if known is not None and len(known) <= most:
            return list(known)
        return closing_path(self._matcher, self._constraint.shortcuts(), most)

    def _next(self) -> int:
        return self._path[0] if self._path else min(self._constraint.end_tokens)

    def _path_after(self, token: int, most: int) -> list[int] | None:
        """A way to the end after this token, of at most so many tokens: what it forces, then the known
        way or its last part, else a new one.
        """
        state = self._matcher.deep_copy()
        if not state.consume_token(token):
            return None
        forced = list(state.compute_ff_tokens())
        if len(forced) > most or (forced and not state.consume_tokens(forced)):
            return None
        room = most - len(forced)
        for rest in self._rests(token, forced):
            if len(rest) <= room and ends_text(state, rest):
                return forced + rest
        found = closing_path(state, self._constraint.shortcuts(), room)
        return None if found is None else forced + found

    def _rests(self, token: int, forced: list[int]) -> list[list[int]]:
        """What may be left of the known way after a token and what it forces, the shortest first."""
        rest = self._path or []
        if rest and rest[0] == token:
            rest = rest[1:]
            if rest[: len(forced)] == forced:
                rest = rest[len(forced) :]
        return [[]] + [rest[skipped:] for skipped in reversed(range(min(len(rest), _LONGEST_TRIED)))]

    def _check(self) -> None:
        if self._matcher.is_error():
            raise OutputError(f"constrained decoding failed: {_words(self._matcher.get_error())}")


def _words(error: str) -> str:
    """The first lines of an error, without the dump of the parser's state."""
    return error.partition("<state>")[0].strip()[:1000]
