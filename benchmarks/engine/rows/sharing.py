"""Who else is there: other programs on the cores, another prompt in the batch."""

from functools import partial

from benchmarks.engine import tasks
from benchmarks.engine.bench import Bench, Line, Target, contenders
from benchmarks.engine.busy_cores import busy_cores, fair_share
from benchmarks.engine.child import Child
from benchmarks.engine.conversations import counting_request, long_conversation, story_request, story_requests
from benchmarks.engine.ratios import Ratio, in_turn, median_speed
from benchmarks.engine.tasks import Run

SPINNERS = 2
RIVALS = ("raw_loop", "xllamacpp_server", "langchain_community_chat", "gpt4all_wheel")
RUNNING_TOKENS = 2000
ARRIVING_TOKENS = 3950


def busy_machine(bench: Bench, threads: int) -> list[Line]:
    """Tokens/s beside two computing processes ÷ (tokens/s alone x the fair share of the cores)."""
    row, share = "busy-cores", fair_share(threads, SPINNERS)
    tokens = bench.tokens // 3  # some fall to one token a second
    with contenders(["ours", *RIVALS], bench.setup(threads, width=8)) as (opened, failures):

        def stream(child: Child, number: int) -> Run:
            streamed: tasks.Streamed = child.ask(tasks.stream, story_request(number), tokens)
            return streamed.decoding

        def eight(number: int) -> Run:
            run: Run = opened["ours"].ask(tasks.complete_all, story_requests(8 * number, 8), tokens)
            return run

        titles = {name: f"{'LocalModel' if name == 'ours' else name}, one stream" for name in opened}
        measures = {titles[name]: partial(stream, child) for name, child in opened.items()}
        measures["LocalModel, 8 requests"] = eight
        rounds = max(2, bench.rounds - 2)
        alone = in_turn(measures, rounds)
        with busy_cores(SPINNERS):
            beside = in_turn(measures, rounds)
    lines = [
        Line(
            row,
            f"{title}, beside {SPINNERS} busy processes ÷ fair share",
            threads,
            Ratio(
                tuple(
                    late.per_second / (early.per_second * share)
                    for early, late in zip(alone[title], beside[title], strict=True)
                )
            ),
            Target("≥", 0.7) if title.startswith("LocalModel") else None,
            figure=f"{median_speed(beside[title]):.0f} of {median_speed(alone[title]):.0f} tokens/s",
            bound=f"scheduling: {share:.2f} of the processor time is fair",
        )
        for title in measures
    ]
    return lines + [Line(row, "left out", threads, note=failure) for failure in failures]


def long_arrival(bench: Bench, threads: int) -> list[Line]:
    """The longest gap in a stream while a long prompt is read ÷ the stream's own step.

    Small parts of the prompt keep the gap short and make the prompt wait: both are given.
    """
    row, lines = "long-arrival", []
    names = ["ours", "xllamacpp_server"]
    with contenders(names, bench.setup(threads, width=2, context_size=6144)) as (opened, failures):
        for name, child in opened.items():
            arrivals: list[tasks.Arrival] = []
            alone_s = []
            for seed in range(min(2, bench.rounds)):  # each takes a minute or two
                arriving, alike = (long_conversation(2 * seed + part, ARRIVING_TOKENS) for part in (0, 1))
                alone_s.append(child.ask(tasks.stream, alike, 4).first_s)
                arrivals.append(child.ask(tasks.arrive_beside, counting_request(), arriving, RUNNING_TOKENS))
            is_ours = name == "ours"
            middle = sorted(arrivals, key=lambda arrival: arrival.longest_s)[len(arrivals) // 2]
            lines.append(
                Line(
                    row,
                    f"{'LocalModel' if is_ours else name}, longest gap while 4,000 tokens arrive ÷ its step",
                    threads,
                    Ratio(tuple(arrival.longest_s / arrival.usual_s for arrival in arrivals)),
                    Target("≤", 5) if is_ours else None,
                    figure=f"{middle.longest_s * 1000:.0f} of {middle.usual_s * 1000:.0f} ms;"
                    f" prompt read in {middle.read_s:.0f} s, alone in {min(alone_s):.0f}",
                    bound="arithmetic: the prompt tokens that share a step with the stream",
                )
            )
    return lines + [Line(row, "left out", threads, note=failure) for failure in failures]
