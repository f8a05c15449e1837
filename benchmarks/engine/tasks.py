"""What a contender is asked to do in its own process, and what is read off the clock meanwhile."""

import itertools
import statistics
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.engine.contender import Contender, Conversation, EmbeddingContender


@dataclass(frozen=True, slots=True)
class Run:
    """Work done in wall time, and the processor time that all threads of the process took for it."""

    amount: int
    wall_s: float
    cpu_s: float

    @property
    def per_second(self) -> float:
        return self.amount / self.wall_s


@dataclass(frozen=True, slots=True)
class Streamed:
    """One streamed answer: the wait for its first piece and the gaps between all others."""

    text: str
    first_s: float
    gaps_s: tuple[float, ...]
    cpu_s: float

    @property
    def decoding(self) -> Run:
        """Without the prompt: pieces after the first."""
        return Run(len(self.gaps_s), sum(self.gaps_s), self.cpu_s)


class Stopwatch:
    """Wall and processor time of this process since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def run(self, amount: int) -> Run:
        return Run(amount, time.perf_counter() - self._wall, time.process_time() - self._cpu)


def complete_all(contender: Contender, conversations: Sequence[Conversation], tokens: int) -> Run:
    """All answers, prompts included, in the fastest way the contender has."""
    watch = Stopwatch()
    run = watch.run(contender.complete_all(conversations, tokens))
    if run.amount < 0.95 * tokens * len(conversations):
        raise RuntimeError(f"answers ended early: {run.amount} tokens of {len(conversations)} x {tokens}")
    return run


def stream_all(contender: Contender, conversations: Sequence[Conversation], tokens: int) -> Run:
    """The same, each answer read piece by piece by a thread of its own; amount is pieces."""
    watch = Stopwatch()
    with ThreadPoolExecutor(len(conversations)) as threads:
        pieces = threads.map(
            lambda conversation: sum(1 for _ in contender.stream(conversation, tokens)), conversations
        )
        return watch.run(sum(pieces))


def stream(contender: Contender, conversation: Conversation, tokens: int) -> Streamed:
    """One answer, alone."""
    pieces, times = [], [time.perf_counter()]
    cpu = 0.0
    for piece in contender.stream(conversation, tokens):
        pieces.append(piece)
        times.append(time.perf_counter())
        cpu = cpu or time.process_time()
    if len(pieces) < 2:
        raise RuntimeError(f"the answer came in {len(pieces)} pieces instead of about {tokens}")
    gaps = tuple(after - before for before, after in itertools.pairwise(times))
    return Streamed("".join(pieces), gaps[0], gaps[1:], time.process_time() - cpu)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a long prompt did to a stream: its median gap before, its longest gap until the prompt
    was read; and how long the prompt took to its own first piece.
    """

    usual_s: float
    longest_s: float
    read_s: float


def arrive_beside(
    contender: Contender, running: Conversation, arriving: Conversation, tokens: int
) -> Arrival:
    """Stream at most `tokens` of one answer, and send another prompt after 32 pieces of it."""
    times: list[float] = []
    span: list[float] = []

    def answer_other() -> None:
        span.append(time.perf_counter())
        span.extend(time.perf_counter() for _ in contender.stream(arriving, 4))

    other = threading.Thread(target=answer_other)
    for number, _ in enumerate(contender.stream(running, tokens)):
        times.append(time.perf_counter())
        if number == 32:
            other.start()
        if number > 32 and not other.is_alive():
            break
    other.join()
    sent, read = span[:2]
    if times[-1] < read:
        raise RuntimeError(f"the stream of {tokens} tokens ended before the other prompt was read")
    before = [late - early for early, late in itertools.pairwise(times[8:33])]
    during = [late - early for early, late in itertools.pairwise(times) if late > sent and early < read]
    return Arrival(statistics.median(before), max(during), read - sent)


def embed(contender: EmbeddingContender, texts: Sequence[str]) -> Run:
    """Vectors of all texts in one call."""
    watch = Stopwatch()
    return watch.run(len(contender.embed(texts)))


def vectors(contender: EmbeddingContender, texts: Sequence[str]) -> list[list[float]]:
    """The vectors themselves, to see that all do the same work."""
    return contender.embed(texts)


def call(contender: object, method: str, *arguments: object) -> object:
    """A method that only this contender has."""
    return getattr(contender, method)(*arguments)
