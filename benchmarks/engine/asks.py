"""Requests that ask for more than free text, and what a contender does with them."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks.engine.contender import Conversation
from benchmarks.engine.tasks import Run, Stopwatch


@dataclass(frozen=True, slots=True)
class Ask:
    """conversation: to answer; or text: to continue as it stands. tokens: at most.

    schema: of the JSON that the answer has to be. top_logprobs: of so many tokens in each place.
    prompt_lookup: whether the engine may guess from the prompt.
    """

    tokens: int
    conversation: Conversation = ()
    text: str = ""
    schema: Mapping[str, Any] | None = None
    top_logprobs: int = 0
    prompt_lookup: bool = True


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of an ask. first_s: until the first text; total_s: until the end, both from the start."""

    text: str
    tokens: int
    first_s: float
    total_s: float


class AskedContender(Protocol):
    def ask(self, ask: Ask) -> Answered:
        """Answer it, streaming."""


def one(contender: AskedContender, ask: Ask) -> tuple[Run, str]:
    """Decoding one answer, the prompt and the first token not counted; and its text."""
    started = time.process_time()
    answered = contender.ask(ask)
    cpu = time.process_time() - started
    share = 1 - answered.first_s / answered.total_s
    return Run(answered.tokens - 1, answered.total_s - answered.first_s, cpu * share), answered.text


def together(contender: AskedContender, asks: Sequence[Ask]) -> Run:
    """All at once, prompts included, each from a thread of its own."""
    watch = Stopwatch()
    with ThreadPoolExecutor(len(asks)) as threads:
        return watch.run(sum(answered.tokens for answered in threads.map(contender.ask, asks)))
