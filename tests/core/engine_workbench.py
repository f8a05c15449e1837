"""An engine on a scripted backend, and what tests of it ask again and again."""

from contextlib import contextmanager

import numpy as np
from measured import wait_until

from gpt4all_core.engine.engine import Engine
from gpt4all_core.testing import ScriptedVocabulary
from gpt4all_core.types import GenerationParams

VOCABULARY = ScriptedVocabulary()
GREEDY = GenerationParams(temperature=0)
RANDOM = GenerationParams(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, seed=3, max_tokens=20)
PROMPTS = [f"prompt number {number}, long or short" + " and more" * (number % 4) for number in range(8)]


@contextmanager
def running(backend, *, context_size=128, **options):
    engine = Engine(backend, VOCABULARY, context_size=context_size, **options).start()
    try:
        yield engine
    finally:
        engine.close()
        assert not engine._thread.is_alive()
        assert backend.is_closed


def ask(engine, prompt, params=GREEDY, **options):
    return engine.submit(list(prompt.encode()), params, **options)


def check_accounts(engine, backend):
    """Nothing runs, no cell is lost."""
    wait_until(lambda: not engine._loop.has_work)
    engine.check_integrity()
    assert engine._loop._slots.free_cells == backend.cell_count - backend.used_cells
    assert engine._loop._slots.reclaimable_cells == backend.cell_count


class WordsMatcher:
    """Allows the bytes of one text, then nothing; optionally forces some, fails, or says it was cut."""

    def __init__(self, text, *, forced=0, fails_at=None, is_cut=False):
        self._tokens = list(text.encode())
        self._forced = forced
        self._fails_at = fails_at
        self._place = 0
        self.is_cut = is_cut
        self.left = []
        """How many tokens were left, each time it was asked for a token within them."""

    @property
    def is_finished(self):
        return self._place == len(self._tokens)

    def permits(self, token):
        return bool(self.allowed()[token])

    def within(self, token, left):
        self.left.append(left)
        return token

    def allowed(self):
        if self._fails_at == self._place:
            raise ZeroDivisionError("a matcher may come from anywhere")
        mask = np.zeros(VOCABULARY.SIZE, dtype=bool)
        mask[self._tokens[self._place]] = True
        return mask

    def accept(self, token):
        assert token == self._tokens[self._place]
        self._place += 1

    def forced(self):
        tokens = self._tokens[self._place : self._place + self._forced]
        self._place += len(tokens)
        return tokens
