"""Guesses how a text goes on from how it went on before. Pure: tokens in, tokens out.

Prompt lookup decoding (Saxena, https://github.com/apoorvumang/prompt-lookup-decoding, 2023): where an
answer quotes its prompt, or repeats itself, its last few tokens were there before, and what followed
them there is likely to follow again.

How likely depends on how long it has been so: who has copied forty words copies the next one too. Let
`run` be the number of tokens that the text has had in common with its source. That it has `more` in
common still is taken to have the chance

    ((run + 1) / (run + 1 + more)) ** shape

(a Lomax distribution, for shape 1 the rule of succession). The shape is the maximum-likelihood one of
the runs that this text has had, the running one counted as not yet ended: large for texts that only
happen to repeat three tokens, small for those that copy. Nothing has to be decoded to learn it, since
every token that is chosen shows whether the guess would have been right.
"""

import math

SHORTEST = 3
"""Tokens that must be the same before anything is guessed. Two agree too often by chance."""

_LONGEST_LOOK = 64
"""Tokens back to which a new source is compared: a run so long says no more than one twice as long."""

_AT_FIRST = (2.0, 1.0)
"""Runs that count as ended before the first, and their lengths' logarithms: shape 2. Replayed with answers
of a small model, free ones lost nothing and quoting ones won as much as with shape 1, which cost 2 %."""

_FORGET = 0.9
"""What a run counts for when another has ended: texts change from free words to quotes and back."""


class PromptLookup:
    """What one text may go on with. For one thread at a time.

    tokens: the text so far; the list that its owner appends to, and otherwise leaves as it is.
    Memory: about 200 bytes a token. Each new token takes constant time.
    """

    def __init__(self, tokens: list[int]) -> None:
        self._tokens = tokens
        # All but the last token: that one is looked up before it is noted.
        self._seen = max(len(tokens) - 1, 0)
        ends = range(SHORTEST, self._seen + 1)
        self._ends: dict[tuple[int, ...], int] = dict(
            zip(zip(tokens, tokens[1:], tokens[2:], strict=False), ends, strict=False)
        )
        """Where each three tokens were last, as the place behind them."""
        self._source: int | None = None
        self._run = 0
        self._began_with = 0
        self._ended, self._exposure = _AT_FIRST

    def follow(self) -> None:
        """Take note of the tokens that were added."""
        for place in range(self._seen, len(self._tokens)):
            self._note(place)
        self._seen = len(self._tokens)

    @property
    def has_guess(self) -> bool:
        """Whether there is anything that the text may go on with."""
        return self._source is not None

    def guess(self, count: int) -> list[int]:
        """The next `count` tokens; a text that repeats itself is taken to go on repeating."""
        if self._source is None:
            return []
        period = self._seen - self._source
        guessed = self._tokens[self._source : self._source + count]
        while len(guessed) < count:
            guessed.append(guessed[len(guessed) - period])
        return guessed

    def chances(self, count: int) -> list[float]:
        """How likely it is that the first, the first two, … the first `count` guessed tokens are right."""
        if self._source is None:
            return [0.0] * count
        length = self._run + 1
        running = math.log(length / (self._began_with + 1))
        shape = self._ended / (self._exposure + running)
        return [(length / (length + more)) ** shape for more in range(1, count + 1)]

    def _note(self, place: int) -> None:
        token = self._tokens[place]
        if self._source is not None:
            if self._tokens[self._source] == token:
                self._source += 1
                self._run += 1
            else:
                self._end_run()
        if place + 1 < SHORTEST:
            return
        key = tuple(self._tokens[place + 1 - SHORTEST : place + 1])
        earlier = self._ends.get(key)
        self._ends[key] = place + 1
        if self._source is None and earlier is not None:
            self._source = earlier
            self._run = self._began_with = self._in_common(earlier, place + 1)

    def _end_run(self) -> None:
        self._ended = _FORGET * self._ended + 1
        self._exposure = _FORGET * self._exposure + math.log((self._run + 1) / (self._began_with + 1))
        self._source = None

    def _in_common(self, earlier: int, end: int) -> int:
        """How many tokens before these two places are the same, as far as that is looked at."""
        length = SHORTEST
        most = min(earlier, _LONGEST_LOOK)
        while length < most and self._tokens[earlier - 1 - length] == self._tokens[end - 1 - length]:
            length += 1
        return length
