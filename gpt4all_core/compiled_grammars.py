"""The grammars that were compiled last for one vocabulary."""

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from gpt4all_core.constrain.matcher import GrammarConstraint

if TYPE_CHECKING:
    from gpt4all_core.engine.llama.weights import LlamaWeights

MOST_GRAMMARS = 128
"""Kept by their text: a chain asks with the same tools or schema again and again. A schema of 20 strings
takes about half a megabyte."""


class CompiledGrammars:
    """Compiles Lark grammars for the vocabulary of a model, each once. Thread-safe.

    The compiler reads the vocabulary, so nobody may free the weights meanwhile.
    """

    def __init__(self, weights: "LlamaWeights") -> None:
        self._weights = weights
        self._lock = threading.RLock()
        self._kept: OrderedDict[str, GrammarConstraint] = OrderedDict()
        self._is_closed = False

    def compile(self, lark: str) -> GrammarConstraint:
        """Raises UnsupportedSchema for a grammar that cannot be enforced, EngineClosed for freed weights."""
        with self._lock:
            known = self._kept.get(lark)
        if known is None:
            known = GrammarConstraint(
                lark,
                tokenizer=self._weights.constraint_tokenizer(),
                vocabulary_size=self._weights.vocabulary_size,
            )
        with self._lock:
            if not self._is_closed:
                self._kept[lark] = known
                self._kept.move_to_end(lark)
            while len(self._kept) > MOST_GRAMMARS:
                self._kept.popitem(last=False)
        return known

    def close(self) -> None:
        """Let go of them: whoever still holds a closed model need not hold these. Idempotent."""
        with self._lock:
            self._is_closed = True
            self._kept.clear()
