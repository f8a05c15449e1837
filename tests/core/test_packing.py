from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from gpt4all_core.engine.packing import PackJob, take_pack

LENGTHS = st.lists(st.integers(1, 40), max_size=12)


def job(*lengths):
    return PackJob([[0] * length for length in lengths])


def drain(jobs, **limits):
    """All packs, one after the other."""
    queue = deque(jobs)
    packs = []
    while queue:
        packs.append(take_pack(queue, **limits))
    return packs


def lengths_of(pack):
    return [len(job.sequences[number]) for job, number in pack]


@given(st.lists(LENGTHS, max_size=6), st.integers(1, 64), st.integers(1, 8))
def test_every_sequence_is_in_exactly_one_pack_and_no_pack_is_too_large(lists, most_tokens, most_sequences):
    jobs = [job(*lengths) for lengths in lists]
    packs = drain(jobs, most_tokens=most_tokens, most_sequences=most_sequences)
    packed = [entry for pack in packs for entry in pack]
    expected = {(id(one), number) for one in jobs for number in range(len(one.sequences))}
    assert len(packed) == len(expected)
    assert {(id(one), number) for one, number in packed} == expected
    for pack in packs:
        assert len(pack) <= most_sequences
        assert sum(lengths_of(pack)) <= most_tokens or len(pack) == 1


@given(st.lists(LENGTHS.filter(bool), min_size=2, max_size=6), st.integers(1, 64))
def test_each_of_n_jobs_has_its_turn_within_n_packs(lists, most_tokens):
    jobs = [job(*lengths) for lengths in lists]
    queue = deque(jobs)
    seen = set()
    for _ in jobs:
        seen |= {id(one) for one, _ in take_pack(queue, most_tokens=most_tokens, most_sequences=64)}
    assert seen == {id(one) for one in jobs}


def test_a_list_gives_its_longest_first_and_ends_in_small_packs():
    packs = drain([job(1, 9, 4, 7, 2)], most_tokens=10, most_sequences=64)
    assert [lengths_of(pack) for pack in packs] == [[9], [7], [4, 2, 1]]


def test_short_texts_of_several_callers_go_into_one_pack():
    (pack,) = drain([job(5) for _ in range(10)], most_tokens=64, most_sequences=64)
    assert len(pack) == 10


def test_a_query_waits_for_one_pack_of_a_list_at_most():
    documents, query = job(*[30] * 100), job(5)
    queue = deque([documents])
    take_pack(queue, most_tokens=64, most_sequences=64)
    queue.append(query)
    packs = [take_pack(queue, most_tokens=64, most_sequences=64) for _ in range(2)]
    assert [lengths_of(pack) for pack in packs] == [[30, 30], [5, 30]]


def test_what_did_not_fit_is_first_in_the_next_pack():
    queue = deque([job(20, 20, 20), job(50), job(4)])
    assert lengths_of(take_pack(queue, most_tokens=64, most_sequences=64)) == [20, 20, 20, 4]
    assert lengths_of(take_pack(queue, most_tokens=64, most_sequences=64)) == [50]
    assert not queue
