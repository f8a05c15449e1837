import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt4all_core.engine.backend import Batch
from gpt4all_core.engine.slots import Slots
from gpt4all_core.testing import ScriptedBackend


class Workbench:
    """Slots over a scripted backend, with the decoding that an engine would do in between."""

    def __init__(self, **options):
        self.backend = ScriptedBackend(**options)
        self.slots = Slots(self.backend)

    def admit(self, text):
        """Acquire a slot for a text and decode what is not there yet; (slot, tokens reused)."""
        number, shared = self.slots.acquire(list(text.encode()))
        self.decode(number, text.encode()[shared:])
        return number, shared

    def decode(self, number, tokens):
        start = len(self.backend.tokens_of(number))
        count = len(tokens)
        self.backend.decode(
            Batch([*tokens], [*range(start, start + count)], [number] * count, [False] * count)
        )
        self.slots.extend(number, list(tokens))

    def talk(self, text):
        number, shared = self.admit(text)
        self.slots.release(number)
        return shared

    def check(self):
        self.slots.check_integrity()
        assert self.slots.free_cells == self.backend.cell_count - self.backend.used_cells
        for number, slot in enumerate(self.slots._slots):
            assert slot.tokens == self.backend.tokens_of(number)


def test_the_last_token_is_always_decoded_again():
    bench = Workbench()
    assert bench.talk("hello") == 0
    assert bench.talk("hello") == len("hello") - 1


def test_the_longest_shared_prefix_wins():
    bench = Workbench()
    for text in ("system A", "system B: be kind", "system B"):
        bench.talk(text)
    assert bench.talk("system B: be brief") == len("system B: be ")


def test_interleaved_conversations_both_keep_their_prefixes():
    bench = Workbench(sequences=4)
    first, second = "you: one", "me: two"
    for turn in range(3):
        assert bench.talk(first) == (len(first) - 3 if turn else 0)
        assert bench.talk(second) == (len(second) - 3 if turn else 0)
        first, second = f"{first} {turn}x", f"{second} {turn}x"
    bench.check()


def test_a_prefix_is_found_in_a_busy_slot_too():
    bench = Workbench()
    busy, _ = bench.admit("a long system prompt, question one")
    other, shared = bench.admit("a long system prompt, question two")
    assert other != busy
    assert shared == len("a long system prompt, question ")
    bench.check()


def test_shared_cells_count_once():
    bench = Workbench(cells=100)
    bench.admit("x" * 40)
    bench.admit("x" * 40)
    assert bench.slots.free_cells == 100 - 41
    bench.check()


def test_the_room_beside_a_prompt_counts_what_busy_slots_hold_but_not_what_idle_ones_do():
    bench = Workbench(cells=100)
    bench.admit("b" * 40)
    bench.talk("i" * 20)
    assert bench.slots.room_beside(list(b"n" * 30)) == 100 - 40 - 30
    assert bench.slots.room_beside(list(b"i" * 20 + b"n" * 10)) == 100 - 40 - 30
    assert bench.slots.room_beside(list(b"b" * 40 + b"n" * 10)) == 100 - 40 - 10
    bench.check()


def test_a_prefix_that_went_on_otherwise_is_left_intact():
    bench = Workbench(sequences=3)
    bench.talk("question: red or blue")
    bench.talk("question: yes or no")
    assert bench.talk("question: red or green") == len("question: red or ")


def test_with_one_slot_the_rest_of_the_old_text_is_cut_off():
    bench = Workbench(sequences=1)
    bench.talk("abcdef")
    assert bench.talk("abcxyz") == 3
    bench.check()


def test_the_least_recently_used_slot_is_taken_and_reclaimed_first():
    bench = Workbench(sequences=2, cells=64)
    bench.talk("first")
    bench.talk("second")
    assert bench.slots.reclaim(64 - len("second"))
    assert bench.talk("second!") == len("second")
    assert bench.talk("first!") == 0
    bench.check()


def test_a_new_prompt_takes_the_slot_that_was_used_longest_ago():
    bench = Workbench(sequences=3)
    for text in ("first", "second", "third", "first!", "new"):
        bench.talk(text)
    assert [bench.slots.reusable(list(text.encode())) for text in ("first!?", "second?", "third?")] == [
        6,
        0,
        5,
    ]
    bench.check()


def test_reclaiming_never_takes_from_a_busy_slot():
    bench = Workbench(sequences=2, cells=32)
    bench.admit("busy" * 4)
    bench.talk("idle" * 2)
    assert not bench.slots.reclaim(17)
    assert bench.slots.free_cells == 16 == bench.slots.reclaimable_cells
    bench.check()


def test_a_cache_that_cannot_be_cut_only_goes_on_from_the_end_of_an_idle_sequence():
    bench = Workbench(can_truncate=False)
    assert bench.talk("hello") == 0
    assert bench.talk("help me") == 0
    assert bench.admit("hello world")[1] == len("hello")
    assert bench.admit("hello world")[1] == 0
    assert bench.talk("help me") == 0
    assert bench.talk("help me!") == len("help me")
    bench.check()


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda slots: slots._users.update([7]), "cells are counted"),
        (lambda slots: slots._slots[0].tokens.append(1), "differ in number"),
        (lambda slots: slots._busy_users.update([0]), "cells are counted"),
        (lambda slots: slots._tree.extend(0, [1]), "prefix tree"),
    ],
)
def test_an_account_that_does_not_add_up_is_found(break_it, message):
    bench = Workbench()
    bench.talk("hello")
    break_it(bench.slots)
    with pytest.raises(AssertionError, match=message):
        bench.slots.check_integrity()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("acquire"), st.text("ab", min_size=1, max_size=12)),
        st.tuples(st.just("extend"), st.integers(0, 3)),
        st.tuples(st.just("release"), st.integers(0, 3), st.booleans()),
        st.tuples(st.just("reclaim"), st.integers(1, 60)),
    ),
    max_size=40,
)


@given(steps=STEPS, can_truncate=st.booleans())
def test_the_accounts_always_agree_with_the_cache(steps, can_truncate):
    bench = Workbench(sequences=4, cells=60, can_truncate=can_truncate)
    busy = []
    for step, *arguments in steps:
        if step == "acquire" and bench.slots.has_free_slot:
            if bench.slots.reclaim(len(arguments[0])):
                busy.append(bench.admit(arguments[0])[0])
        elif step == "extend" and busy and bench.slots.free_cells:
            bench.decode(busy[arguments[0] % len(busy)], b"c")
        elif step == "release" and busy:
            bench.slots.release(busy.pop(arguments[0] % len(busy)), keep=arguments[1])
        elif step == "reclaim":
            bench.slots.reclaim(arguments[0])
        bench.check()
