"""What need not be decoded again: earlier turns, also of others, also after a restart."""

import tempfile
from pathlib import Path

from benchmarks.engine import tasks
from benchmarks.engine.bench import Bench, Line, Target, contenders
from benchmarks.engine.child import Child
from benchmarks.engine.contender import Conversation
from benchmarks.engine.conversations import long_conversation, next_turn, passage
from benchmarks.engine.ratios import Ratio

LONG_TOKENS = 1000
ANSWER_TOKENS = 16
ENDINGS = ("First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth")
TARGET = Target("≤", 0.10)
RIVALS = ("xllamacpp_server", "langchain_community_chat")


def second_turn(bench: Bench, threads: int) -> list[Line]:
    """Time to the first token of the second turn ÷ of the first, one conversation after the other."""
    row = "second-turn"
    with contenders(["ours", *RIVALS], bench.setup(threads, width=8)) as (opened, failures):
        lines = []
        for name, child in opened.items():
            values = []
            for seed in range(bench.rounds):
                first, after = _first_turn(child, seed)
                second = _first_token_s(child, after)
                values.append((second / first, second))
            lines.append(_line(row, name, threads, values))
    bound = _new_tokens(bench, threads)
    return [_with_bound(line, bound) for line in lines] + [
        Line(row, "left out", threads, note=failure) for failure in failures
    ]


def taking_turns(bench: Bench, threads: int, *, count: int = 8) -> list[Line]:
    """The same when all of eight conversations had their first turn before any has its second."""
    row = "taking-turns"
    with contenders(["ours", *RIVALS], bench.setup(threads, width=count)) as (opened, failures):
        lines = []
        for name, child in opened.items():
            firsts = [_first_turn(child, seed) for seed in range(count)]
            values = []
            for first_s, after in firsts:
                second_s = _first_token_s(child, after)
                values.append((second_s / first_s, second_s))
            lines.append(_line(row, name, threads, values))
    bound = _new_tokens(bench, threads)
    return [_with_bound(line, bound) for line in lines] + [
        Line(row, "left out", threads, note=failure) for failure in failures
    ]


def after_restart(bench: Bench, threads: int) -> list[Line]:
    """The second turn in a new process that was given the same folder for its cache."""
    row, what = "after-restart", "LocalModel(cache_dir=…), second turn after a restart ÷ first turn"
    with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
        setup = bench.setup(threads, cache_dir=Path(folder))
        with Child("ours", setup) as child:
            firsts = [_first_turn(child, seed) for seed in range(bench.rounds)]
        with Child("ours", setup) as child:
            _first_token_s(child, long_conversation(1_000_000, 64))  # what only the first request pays
            before = child.ask(tasks.call, "reused_tokens")
            seconds = [_first_token_s(child, after) for _, after in firsts]
            reused = child.ask(tasks.call, "reused_tokens") - before
    if reused < LONG_TOKENS // 2 * len(firsts):
        return [Line(row, what, threads, note=f"cache_dir has no effect yet: {reused} tokens reused")]
    ratio = Ratio(tuple(second / first for second, (first, _) in zip(seconds, firsts, strict=True)))
    figure = f"{sorted(seconds)[len(seconds) // 2] * 1000:.0f} ms"
    return [_with_bound(Line(row, what, threads, ratio, TARGET, figure=figure), _new_tokens(bench, threads))]


def shared_prefix(bench: Bench, threads: int) -> list[Line]:
    """Prompt tokens decoded for eight requests with one beginning ÷ for one such request."""
    values, figure = [], ""
    with Child("ours", bench.setup(threads, width=len(ENDINGS))) as child:
        for number in range(bench.rounds):
            alone, together = (
                f"{number}{letter}. {passage(number, LONG_TOKENS)}\n\n" for letter in ("a", "b")
            )
            one, _ = child.ask(tasks.call, "continue_all", [alone + ENDINGS[0]], 8)
            all_eight, _ = child.ask(tasks.call, "continue_all", [together + word for word in ENDINGS], 8)
            values.append(all_eight / one)
            figure = f"{all_eight} of {one} tokens"
    return [
        Line(
            "shared-prefix",
            "prompt tokens decoded for 8 requests with one beginning ÷ for 1",
            threads,
            Ratio(tuple(values)),
            Target("≤", 1.05),
            figure=figure,
            bound="arithmetic: the beginning once, and the last word of each",
        )
    ]


def _first_turn(child: Child, seed: int) -> tuple[float, Conversation]:
    """Seconds to the first token, and the conversation as the second turn will send it."""
    conversation = long_conversation(seed, LONG_TOKENS)
    streamed: tasks.Streamed = child.ask(tasks.stream, conversation, ANSWER_TOKENS)
    return streamed.first_s, next_turn(conversation, streamed.text)


def _first_token_s(child: Child, conversation: Conversation) -> float:
    streamed: tasks.Streamed = child.ask(tasks.stream, conversation, ANSWER_TOKENS)
    return streamed.first_s


def _line(row: str, name: str, threads: int, values: list[tuple[float, float]]) -> Line:
    ratio = Ratio(tuple(value for value, _ in values))
    figure = f"{sorted(second for _, second in values)[len(values) // 2] * 1000:.0f} ms"
    is_ours = name == "ours"
    what = f"{'LocalModel' if is_ours else name}, second turn ÷ first turn"
    return Line(row, what, threads, ratio, TARGET if is_ours else None, figure=figure)


def _new_tokens(bench: Bench, threads: int) -> str:
    """What has to be decoded in a second turn whatever is kept."""
    with Child("ours", bench.setup(threads)) as child:
        conversation = long_conversation(0, LONG_TOKENS)
        answer = child.ask(tasks.call, "answer", conversation, ANSWER_TOKENS).text
        before = child.ask(tasks.call, "prompt_tokens", conversation)
        after = child.ask(tasks.call, "prompt_tokens", next_turn(conversation, answer))
    fresh = after - before - ANSWER_TOKENS
    return f"arithmetic: {fresh} of {after} tokens are new ({fresh / before:.2f})"


def _with_bound(line: Line, bound: str) -> Line:
    return Line(line.row, line.what, line.threads, line.ratio, line.target, figure=line.figure, bound=bound)
