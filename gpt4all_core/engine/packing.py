"""Which of the waiting sequences go into the next pack: a rule over data, without clock or thread."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar


@dataclass(slots=True, eq=False)
class PackJob:
    """One caller's token sequences. `waiting` has the numbers of those in no pack yet, shortest first."""

    sequences: Sequence[Sequence[int]]
    waiting: list[int] = field(init=False)

    def __post_init__(self) -> None:
        numbers = range(len(self.sequences))
        self.waiting = sorted(numbers, key=lambda number: len(self.sequences[number]))


J = TypeVar("J", bound=PackJob)


def take_pack(jobs: deque[J], *, most_tokens: int, most_sequences: int) -> list[tuple[J, int]]:
    """Take the next pack out of what waits: pairs of a job and the number of its sequence.

    The first job gives what fits, its longest sequences first, so that contexts that share a list
    come to its end together; the room that is left goes to the jobs behind it. A job that gave and
    has more goes to the end of the queue, so each of n jobs has its turn within n packs, however
    long their lists are. Jobs that have no more leave the queue. A sequence longer than
    `most_tokens` is a pack of its own.
    """
    pack: list[tuple[J, int]] = []
    room = most_tokens
    passed_over: list[J] = []
    gave: list[J] = []
    while jobs and len(pack) < most_sequences:
        job = jobs.popleft()
        before = len(pack)
        while job.waiting and len(pack) < most_sequences:
            length = len(job.sequences[job.waiting[-1]])
            if pack and length > room:
                break
            pack.append((job, job.waiting.pop()))
            room -= length
        if job.waiting:
            (passed_over if len(pack) == before else gave).append(job)
    jobs.extendleft(reversed(passed_over))
    jobs.extend(gave)
    return pack
