"""What an answer took, in a line."""

from gpt4all_app.output import counted
from gpt4all_core.types import Timing, Usage


def stats_line(usage: Usage, timing: Timing | None) -> str:
    """Tokens of the answer and of the prompt, how many of these were remembered, and the times of both."""
    read = f"{counted(usage.prompt_tokens, 'token')} of prompt, {usage.cached_tokens:,} of them remembered"
    thought = f", {usage.reasoning_tokens:,} of them thought" if usage.reasoning_tokens else ""
    written = f"{counted(usage.completion_tokens, 'token')} written{thought}"
    if timing is None:
        return f"{written}; {read}"
    first_s = timing.waited_s + timing.prompt_s
    speed = f" at {usage.completion_tokens / timing.answer_s:.1f} a second" if timing.answer_s > 0 else ""
    return f"{written}{speed}; {read}; {first_s:.2f} s until the first"
