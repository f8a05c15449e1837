"""How many tokens a second, alone and together, against the limit and against others."""

from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.engine import tasks
from benchmarks.engine.bench import Bench, Line, Target, contenders
from benchmarks.engine.bounds import decoding_bound
from benchmarks.engine.child import Child
from benchmarks.engine.conversations import story_request, story_requests
from benchmarks.engine.ratios import Ratio, cpu_ratio, in_turn, median_speed, speed_ratio
from benchmarks.engine.tasks import Run

PROMPT_TOKENS = 55
"""Of a story request, template included."""

OTHERS = ("langchain_community_chat", "llama_index_llamacpp", "gpt4all_wheel")


def one_stream(bench: Bench, threads: int) -> list[Line]:
    """Decoding one answer, prompt not counted."""
    names = ["raw_loop", "ours", "ours_langchain"]
    with contenders(names, bench.setup(threads)) as (opened, failures):

        def decode(child: Child, number: int) -> Run:
            streamed: tasks.Streamed = child.ask(tasks.stream, story_request(number), bench.tokens)
            return streamed.decoding

        measures = {name: partial(decode, child) for name, child in opened.items()}
        runs = in_turn(measures, 3 * bench.rounds)  # cheap, and a few percent are at stake
    pairs = [
        ("LocalModel ÷ raw loop", "ours", "raw_loop", Target("≥", 0.97)),
        ("ChatGPT4All.stream ÷ raw loop", "ours_langchain", "raw_loop", Target("≥", 0.95)),
    ]
    return _lines("one-stream", bench, threads, runs, pairs, width=1) + _notes(
        "one-stream", threads, failures
    )


def eight_requests(bench: Bench, threads: int) -> list[Line]:
    return _requests("eight-requests", bench, threads, 8)


def sixteen_requests(bench: Bench, threads: int) -> list[Line]:
    return _requests("sixteen-requests", bench, threads, 16)


def other_engines(bench: Bench, threads: int) -> list[Line]:
    """Eight requests at once, or one by one for those that cannot."""
    row, width = "other-engines", 8
    with contenders(["ours", "xllamacpp_server", *OTHERS], bench.setup(threads, width=width)) as (
        opened,
        failures,
    ):
        runs = in_turn(_together(opened, bench, width), bench.rounds)
    present = [name for name in OTHERS if name in runs]
    pairs = []
    if "xllamacpp_server" in runs:
        pairs.append(("LocalModel ÷ xllamacpp", "ours", "xllamacpp_server", Target("≥", 1.05)))
    best = max(present, key=lambda name: median_speed(runs[name]), default=None)
    for name in present:
        target = Target("≥", 1.8) if name == best else None
        pairs.append((f"LocalModel ÷ {name}, one by one", "ours", name, target))
    return _lines(row, bench, threads, runs, pairs, width=width) + _notes(row, threads, failures)


def batch_gain(bench: Bench, threads: int) -> list[Line]:
    """What batching gains at all here: the raw loop's tokens/s together ÷ one after the other.

    Depends on the processor and the quantisation, and bounds what any engine can gain. Below 1,
    several small calls are faster than one batch.
    """
    widths = (2, 4, 8, 16)
    lines = []
    with Child("raw_loop", bench.setup(threads, width=max(widths))) as child:

        def step_s(width: int, number: int) -> float:
            seconds: float = child.ask(tasks.call, "step_s", story_requests(width * number, width), 16)
            return seconds

        alone = [step_s(1, number) for number in range(bench.rounds)]
        for width in widths:
            together = [step_s(width, number) for number in range(bench.rounds)]
            ratio = Ratio(tuple(width * one / all_ for one, all_ in zip(alone, together, strict=True)))
            figure = f"{min(together) * 1000:.1f} ms a step, {min(alone) * 1000:.1f} alone"
            what = f"raw loop, {width} sequences in a batch ÷ one after the other"
            lines.append(Line("batch-gain", what, threads, ratio, figure=figure))
    return lines


def _requests(row: str, bench: Bench, threads: int, width: int) -> list[Line]:
    """Requests at once, prompts counted, against the raw loop of that width."""
    names = ["raw_loop", "raw_loop_split", "ours", "ours_langchain"]
    with contenders(names, bench.setup(threads, width=width)) as (opened, failures):
        measures = _together(opened, bench, width)
        measures["streams"] = lambda number: opened["ours"].ask(
            tasks.stream_all, story_requests(100_000 + width * number, width), bench.tokens
        )
        runs = in_turn(measures, bench.rounds)
    target = Target("≥", 0.95)
    pairs = [
        (f"{width} threads on LocalModel ÷ raw loop of {width}", "ours", "raw_loop", target),
        (f"{width} threads, read token by token ÷ raw loop of {width}", "streams", "raw_loop", None),
        (f"ChatGPT4All.batch of {width} ÷ raw loop of {width}", "ours_langchain", "raw_loop", None),
        (f"{width} threads on LocalModel ÷ raw loop, a cache for each", "ours", "raw_loop_split", None),
    ]
    return _lines(row, bench, threads, runs, pairs, width=width) + _notes(row, threads, failures)


def _together(opened: dict[str, Child], bench: Bench, width: int) -> dict[str, Callable[[int], Run]]:
    def complete(child: Child, number: int) -> Run:
        run: Run = child.ask(tasks.complete_all, story_requests(width * number, width), bench.tokens)
        return run

    return {name: partial(complete, child) for name, child in opened.items()}


def _lines(
    row: str,
    bench: Bench,
    threads: int,
    runs: dict[str, list[Run]],
    pairs: Sequence[tuple[str, str, str, Target | None]],
    *,
    width: int,
) -> list[Line]:
    cells = PROMPT_TOKENS + bench.tokens // 2
    bound = decoding_bound(bench.machine(threads), bench.cost, width=width, cells=cells)
    return [
        Line(
            row,
            what,
            threads,
            speed_ratio(runs[ours], runs[theirs]),
            target,
            cpu_ratio(runs[ours], runs[theirs]),
            figure=f"{median_speed(runs[ours]):.0f} tokens/s",
            bound=f"{bound.by}: {median_speed(runs[ours]) / bound.per_second:.0%} of {bound.per_second:.0f}",
        )
        for what, ours, theirs, target in pairs
        if ours in runs and theirs in runs
    ]


def _notes(row: str, threads: int, failures: Sequence[str]) -> list[Line]:
    return [Line(row, "left out", threads, note=failure) for failure in failures]
