import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt4all_core.engine.detokenize import TextStream
from gpt4all_core.engine.handle import Mailbox
from gpt4all_core.engine.image_rows import ImageRows
from gpt4all_core.engine.sampling import Sampler
from gpt4all_core.engine.scheduler import Limits, plan_step
from gpt4all_core.engine.score_tree import ScoredText, ScoreTree
from gpt4all_core.engine.sequence import Sequence
from gpt4all_core.types import GenerationParams

LIMITS = Limits(batch_tokens=32, prefill_tokens=8, scored_tokens=4)
ALONE = Limits(batch_tokens=32, prefill_tokens=32, scored_tokens=4)


def sequence(number, *, computed, pending, images=None):
    params = GenerationParams()
    return Sequence(
        number=number,
        tokens=[0] * (computed + pending),
        params=params,
        limit=10_000,
        mailbox=Mailbox(lambda: None),
        sampler=Sampler(params),
        text=TextStream(),
        computed=computed,
        images=images or {},
    )


def sequences(*pairs):
    return [sequence(number, computed=done, pending=left) for number, (done, left) in enumerate(pairs)]


def rows(plan):
    return [(work.sequence.number, work.count, work.completes) for work in plan.work]


def test_nothing_to_do_is_an_empty_plan():
    assert plan_step([], limits=LIMITS, free_cells=10).work == ()


def test_a_prompt_alone_fills_the_batch_if_it_may():
    assert rows(plan_step(sequences((0, 100)), limits=ALONE, free_cells=200)) == [(0, 32, False)]
    assert rows(plan_step(sequences((0, 100)), limits=LIMITS, free_cells=200)) == [(0, 8, False)]


def test_beside_a_stream_a_prompt_gets_a_bounded_chunk():
    plan = plan_step(sequences((50, 1), (0, 100)), limits=LIMITS, free_cells=200)
    assert rows(plan) == [(0, 1, True), (1, 8, False)]


def test_every_stream_gets_a_row_whoever_came_first():
    plan = plan_step(sequences((0, 100), (9, 1), (9, 1), (0, 100)), limits=LIMITS, free_cells=200)
    assert rows(plan) == [(1, 1, True), (2, 1, True), (0, 8, False)]


def test_rows_to_be_scored_are_bounded_by_the_memory_of_their_logits():
    scored = sequence(1, computed=0, pending=29)
    scored.scoring = ScoreTree([ScoredText(tuple(range(30)), 20)])
    assert rows(plan_step([scored], limits=ALONE, free_cells=99)) == [(1, 19 + 4, False)]
    scored.computed = 27
    assert rows(plan_step([scored], limits=ALONE, free_cells=99)) == [(1, 2, True)]


def test_short_prompts_share_a_batch_oldest_first():
    plan = plan_step(sequences((0, 10), (0, 20), (0, 30)), limits=ALONE, free_cells=200)
    assert rows(plan) == [(0, 10, True), (1, 20, True), (2, 2, False)]


def test_when_cells_run_out_the_youngest_goes():
    running = sequences((20, 1), (20, 1), (20, 1))
    plan = plan_step(running, limits=LIMITS, free_cells=1)
    assert [victim.number for victim in plan.preempted] == [2]
    assert rows(plan) == [(0, 1, True), (1, 1, True)]


def test_streams_do_not_starve_the_oldest_prompt_of_its_last_cell():
    plan = plan_step(sequences((5, 50), (20, 1), (20, 1)), limits=LIMITS, free_cells=2)
    assert [victim.number for victim in plan.preempted] == [2]
    assert (0, 8, False) in rows(plan)


@given(
    pairs=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 60)), min_size=1, max_size=12),
    batch=st.integers(1, 40),
    prefill=st.integers(1, 40),
    free=st.integers(0, 80),
)
def test_every_plan_keeps_the_rules(pairs, batch, prefill, free):
    running = sequences(*pairs)
    limits = Limits(batch, min(prefill, batch), scored_tokens=4)
    plan = plan_step(running, limits=limits, free_cells=free)
    staying = [one for one in running if one not in plan.preempted]
    free += sum(victim.computed for victim in plan.preempted)
    planned = {work.sequence.number: work for work in plan.work}

    assert len(planned) == len(plan.work)
    assert sum(work.count for work in plan.work) <= min(free, batch)
    assert all(work.sequence in staying for work in plan.work)
    assert all(1 <= work.count <= work.sequence.pending for work in plan.work)
    assert all(work.completes == (work.count == work.sequence.pending) for work in plan.work)
    assert staying == running[: len(staying)], "the youngest go first"
    assert plan.preempted == tuple(reversed(running[len(staying) :]))
    if free:
        assert running[0].number in planned, "the oldest comes forward in every step"
    streams = [one for one in staying if one.pending == 1]
    if free > len(streams) and batch > len(streams):
        assert all(one.number in planned for one in streams)
    if streams and any(one.number in planned for one in streams):
        prompts = [work.count for work in plan.work if work.sequence.pending > 1]
        assert sum(prompts) <= limits.prefill_tokens


def picture(count, *, is_causal=True):
    return ImageRows(np.zeros((count, 1), dtype=np.float32), is_causal=is_causal, span=count)


@pytest.mark.parametrize(
    ("computed", "is_causal", "expected"),
    [
        (0, True, (1, 10)),  # the text before it
        (4, True, (1, 6)),
        (10, True, (1, 20)),
        (25, True, (1, 5)),
        (30, True, (1, 10)),  # the text after it
        (39, True, (1, 1)),
        (0, False, (1, 10)),
        (10, False, (20, 20)),
        (30, False, (1, 10)),
    ],
)
def test_text_and_pictures_are_never_in_one_call(computed, is_causal, expected):
    images = {10: picture(20, is_causal=is_causal)}
    assert sequence(0, computed=computed, pending=40 - computed, images=images).at_once == expected


def test_a_picture_comes_in_chunks_unless_its_rows_see_each_other():
    for is_causal, count in ((True, 8), (False, 20)):
        looking = sequence(1, computed=10, pending=30, images={10: picture(20, is_causal=is_causal)})
        streaming = sequence(0, computed=50, pending=1)
        plan = plan_step([streaming, looking], limits=LIMITS, free_cells=200)
        assert rows(plan) == [(0, 1, True), (1, count, False)]


def test_a_picture_that_does_not_fit_waits_behind_older_requests_and_takes_from_younger_ones():
    seen_whole = {10: picture(20, is_causal=False)}
    older, younger = sequence(0, computed=5, pending=30), sequence(2, computed=12, pending=3)
    looking = sequence(1, computed=10, pending=25, images=seen_whole)
    plan = plan_step([older, looking], limits=LIMITS, free_cells=19)
    assert rows(plan) == [(0, 8, False)]
    plan = plan_step([looking, younger], limits=LIMITS, free_cells=19)
    assert rows(plan) == [(1, 20, False)]
    assert [sequence.number for sequence in plan.preempted] == [2]
