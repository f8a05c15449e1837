"""How long an answer took, in the words that programs for local models know."""

from gpt4all_core.types import Completion


def durations(completion: Completion) -> dict[str, int]:
    """The fields that Ollama has for it (docs/api.md there): durations in nanoseconds, counts of tokens.

    total_duration: from the asking to the end, the wait for a place included. prompt_eval_duration: of the
    prompt, whose `prompt_eval_count` tokens are all counted, those of the cache too. eval_duration: of
    the `eval_count` tokens of the answer. Empty where no time was taken.
    """
    timing, usage = completion.timing, completion.usage
    if timing is None:
        return {}
    return {
        "total_duration": _nanoseconds(timing.waited_s + timing.prompt_s + timing.answer_s),
        "prompt_eval_count": usage.prompt_tokens,
        "prompt_eval_duration": _nanoseconds(timing.prompt_s),
        "eval_count": usage.completion_tokens,
        "eval_duration": _nanoseconds(timing.answer_s),
    }


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)
