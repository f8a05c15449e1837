"""What comes out of a step: the next tokens of its sequences are chosen, and told to who waits for them."""

from collections.abc import Callable
from collections.abc import Sequence as ListOf

from gpt4all_core.engine.backend import Logits, Vocabulary
from gpt4all_core.engine.scheduler import Work
from gpt4all_core.engine.sequence import Sequence
from gpt4all_core.protocols import TokenMatcher
from gpt4all_core.types import Completion, FinishReason

End = Callable[[Sequence, Completion | BaseException], None]
"""Takes a sequence out of the engine and delivers what came of it."""


class SamplingStep:
    """Chooses tokens and ends the texts that are finished. For the engine's owner thread alone.

    An error in one sequence, of its matcher for instance, ends that one.
    """

    def __init__(self, vocabulary: Vocabulary, *, end: End) -> None:
        self._vocabulary = vocabulary
        self._end = end

    def run(self, work: ListOf[Work], logits: Logits) -> None:
        """Go on with every sequence of a decoded batch whose pending tokens are all decoded.

        logits: rows of these sequences in the order of the work.
        """
        complete = [part.sequence for part in work if part.completes]
        for sequence, row in zip(complete, logits, strict=True):
            try:
                self._sample(sequence, row)
            except Exception as error:  # noqa: BLE001 - a constraint may come from anywhere; others go on
                self._end(sequence, error)

    def _sample(self, sequence: Sequence, logits: Logits) -> None:
        matcher = sequence.matcher
        allowed = matcher.allowed() if matcher is not None else None
        token = sequence.sampler.choose(logits, recent=sequence.tokens, allowed=allowed)
        self._write(sequence, token)

    def _write(self, sequence: Sequence, token: int) -> None:
        """Put down a token that was chosen, and those that must follow it, as many as there may be."""
        matcher = sequence.matcher
        written = [token]
        if matcher is not None and not self._vocabulary.is_end(token):
            matcher.accept(token)
            written += matcher.forced()
        room = sequence.left
        if any(self._ends_with(sequence, token) for token in written[:room]):
            return
        if matcher is not None and matcher.is_finished and len(written) <= room:
            self._finish(sequence, _reason(matcher))
        elif sequence.is_full:
            self._finish(sequence, "length")

    def _ends_with(self, sequence: Sequence, token: int) -> bool:
        """Put down one token; whether it ends the text."""
        if self._vocabulary.is_end(token):
            sequence.emit("")
            self._finish(sequence, _reason(sequence.matcher), ended=1)
            return True
        sequence.append(token)
        piece = self._vocabulary.piece(token, special=token in sequence.shown)
        sequence.emit(sequence.text.push(piece))
        if sequence.text.is_stopped:
            self._finish(sequence, "stop")
        return sequence.text.is_stopped

    def _finish(self, sequence: Sequence, reason: FinishReason, *, ended: int = 0) -> None:
        sequence.emit_rest(sequence.text.finish())
        self._end(sequence, sequence.completion(reason, ended=ended))


def _reason(matcher: TokenMatcher | None) -> FinishReason:
    return "length" if matcher is not None and matcher.is_cut else "stop"
