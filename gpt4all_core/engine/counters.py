"""What an engine did, in numbers."""

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """What an engine did since it was opened; each number but `threads` only grows."""

    requests: int = 0
    steps: int = 0
    decoded_tokens: int = 0
    """Rows of all batches: prompts, answers, and what had to be decoded a second time."""
    prompt_tokens: int = 0
    """Rows of them that were the prompts' own: what reuse saves."""
    reused_tokens: int = 0
    """Tokens of prompts whose KV cells were there already, wherever."""
    restored_tokens: int = 0
    """Those of them that came back from host memory or disk."""
    guessed_tokens: int = 0
    """Tokens that were decoded because the text might go on with them."""
    accepted_tokens: int = 0
    """Those of them that it did go on with: each saved a step."""
    preemptions: int = 0
    widest_batch: int = 0
    """Most sequences that had rows in one decode call."""
    threads: int = 0
    """Processor threads that the last step computed with."""
