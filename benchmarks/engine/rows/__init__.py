"""The table: every row by name, with the thread counts it is measured at."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.engine.bench import Bench, Line
from benchmarks.engine.rows import answers, embedding, reuse, sharing, speed


@dataclass(frozen=True, slots=True)
class Row:
    """measure: all lines of the row at one number of threads."""

    measure: Callable[[Bench, int], list[Line]]
    threads: tuple[int, ...] = (2,)


ROWS = {
    "one-stream": Row(speed.one_stream, (2, 1)),
    "batch-gain": Row(speed.batch_gain, (2, 1)),
    "eight-requests": Row(speed.eight_requests, (2, 1)),
    "sixteen-requests": Row(speed.sixteen_requests, (2,)),
    "other-engines": Row(speed.other_engines, (2, 1)),
    "second-turn": Row(reuse.second_turn),
    "taking-turns": Row(reuse.taking_turns),
    "after-restart": Row(reuse.after_restart),
    "shared-prefix": Row(reuse.shared_prefix),
    "busy-cores": Row(sharing.busy_machine, (2, 1)),
    "long-arrival": Row(sharing.long_arrival),
    "json-object": Row(answers.json_object),
    "prompt-lookup": Row(answers.prompt_lookup),
    "logprobs": Row(answers.logprobs),
    "eight-schemas": Row(answers.eight_schemas),
    "embedding-short": Row(embedding.short_texts, (2, 1)),
    "embedding-passages": Row(embedding.passages, (2, 1)),
}
