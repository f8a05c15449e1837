"""What comes out of a step: the next tokens of its sequences are chosen, and told to who waits for them."""

from collections.abc import Callable
from collections.abc import Sequence as ListOf
from dataclasses import dataclass

from gpt4all_core.engine.backend import Logits, Vocabulary
from gpt4all_core.engine.sampling import Choice, Row, Scores, choose_all
from gpt4all_core.engine.scheduler import Work
from gpt4all_core.engine.sequence import Sequence, Status
from gpt4all_core.protocols import TokenMatcher
from gpt4all_core.types import ChosenLogprob, Completion, FinishReason, TokenLogprob

End = Callable[[Sequence, Completion | BaseException], None]
"""Takes a sequence out of the engine and delivers what came of it."""

_CERTAIN = Scores(0.0)
"""Of tokens that a constraint forced: the model was not asked, and no other could have come."""


@dataclass(slots=True)
class _Place:
    """A sequence whose next token is to be chosen, and the row of logits for it."""

    sequence: Sequence
    row: int


class SamplingStep:
    """Chooses tokens and ends the texts that are finished. For the engine's owner thread alone.

    An error in one sequence, of its matcher for instance, ends that one.
    """

    def __init__(self, vocabulary: Vocabulary, *, end: End) -> None:
        self._vocabulary = vocabulary
        self._spellings: dict[int, tuple[str, bytes]] = {}
        self._end = end

    def run(self, work: ListOf[Work], logits: Logits) -> None:
        """Go on with every sequence of a decoded batch that writes, and whose pending tokens are all decoded.

        logits: rows of these sequences in the order of the work: of the last pending token of each, and
        of what was guessed behind it. A sequence goes on for as long as it was guessed right.
        """
        places: list[_Place] = []
        row = 0
        for part in work:
            if part.completes and part.sequence.scoring is None:
                places.append(_Place(part.sequence, row))
                row += 1 + len(part.guessed)
        while places:
            rows = [_row(place.sequence) for place in places]
            chosen = logits if len(places) == len(logits) else logits[[place.row for place in places]]
            choices = choose_all(rows, chosen)
            places = [
                place for place, choice in zip(places, choices, strict=True) if self._go_on(place, choice)
            ]

    def _go_on(self, place: _Place, choice: Choice | Exception) -> bool:
        """Write what was chosen; whether there are logits for what follows."""
        sequence = place.sequence
        length = len(sequence.tokens)
        if isinstance(choice, Exception):
            self._end(sequence, choice)
            return False
        try:
            self._write(sequence, choice)
        except Exception as error:  # noqa: BLE001 - a matcher may come from anywhere; others go on
            self._end(sequence, error)
        place.row += len(sequence.tokens) - length
        return sequence.status is Status.RUNNING and not sequence.pending

    def _write(self, sequence: Sequence, choice: Choice) -> None:
        """Put down a token that was chosen, and those that must follow it, as many as there may be."""
        matcher = sequence.matcher
        forced: list[int] = []
        if matcher is not None and not self._vocabulary.is_end(choice.token):
            matcher.accept(choice.token)
            forced = matcher.forced()
        room = sequence.left - 1
        if self._ends_with(sequence, choice.token, choice.logprobs):
            return
        if any(self._ends_with(sequence, token, _CERTAIN) for token in forced[:room]):
            return
        if matcher is not None and matcher.is_finished and len(forced) <= room:
            self._finish(sequence, _reason(matcher))
        elif sequence.is_full:
            self._finish(sequence, "length")

    def _ends_with(self, sequence: Sequence, token: int, scores: Scores | None) -> bool:
        """Put down one token; whether it ends the text."""
        logprob = None
        if sequence.params.logprobs and scores is not None:
            logprob = self._logprob(token, scores)
        if self._vocabulary.is_end(token):
            sequence.emit("", logprob)
            self._finish(sequence, _reason(sequence.matcher), ended=1)
            return True
        sequence.append(token)
        piece = self._vocabulary.piece(token, special=token in sequence.shown)
        sequence.emit(sequence.text.push(piece), logprob)
        if sequence.text.is_stopped:
            self._finish(sequence, "stop")
        return sequence.text.is_stopped

    def _logprob(self, token: int, scores: Scores) -> ChosenLogprob:
        top = tuple(
            TokenLogprob(other, text, logprob, data)
            for other, logprob in scores.top
            for text, data in (self._spelled(other),)
        )
        text, data = self._spelled(token)
        return ChosenLogprob(token, text, scores.logprob, data, top)

    def _spelled(self, token: int) -> tuple[str, bytes]:
        """What a token stands for; control tokens as they are written."""
        if token not in self._spellings:  # twenty are asked for with every token of a text
            data = self._vocabulary.piece(token) or self._vocabulary.piece(token, special=True)
            self._spellings[token] = data.decode("utf-8", "replace"), data
        return self._spellings[token]

    def _finish(self, sequence: Sequence, reason: FinishReason, *, ended: int = 0) -> None:
        sequence.emit_rest(sequence.text.finish())
        self._end(sequence, sequence.completion(reason, ended=ended))


def _row(sequence: Sequence) -> Row:
    return Row(sequence.sampler, sequence.tokens, sequence.matcher, sequence.left)


def _reason(matcher: TokenMatcher | None) -> FinishReason:
    return "length" if matcher is not None and matcher.is_cut else "stop"
