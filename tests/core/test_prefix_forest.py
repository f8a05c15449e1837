import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt4all_core.engine.prefix_forest import PrefixForest

changes = st.lists(
    st.tuples(
        st.sampled_from(["set", "extend", "cut", "remove"]),
        st.integers(0, 4),
        st.lists(st.integers(0, 2), min_size=1, max_size=6),
        st.sampled_from(["", "one", "two"]),
    ),
    max_size=30,
)


@given(changes, st.lists(st.integers(0, 2), max_size=8))
def test_it_finds_what_comparing_all_sequences_of_the_same_adapters_would(changes, prompt):
    forest, known = PrefixForest(), {}
    for what, key, tokens, adapters in changes:
        if what == "set" or (what == "extend" and key not in known):
            forest.set(key, tokens, adapters=adapters)
            known[key] = (tokens, adapters)
        elif what == "extend":
            before, own = known[key]
            forest.extend(key, tokens, adapters=own)
            known[key] = (before + tokens, own)
        elif what == "cut" and key in known and len(known[key][0]) > 1:
            before, own = known[key]
            forest.cut(key, 1)
            known[key] = (before[:-1], own)
        elif what == "remove":
            forest.remove(key)
            known.pop(key, None)
        forest.check_integrity()
    assert {key: (forest.tokens_of(key), forest.adapters_of(key)) for key in known} == known
    assert len(forest) == len(known)
    for adapters in ("", "one", "two", "three"):
        shared = {
            key: next(
                (at for at, pair in enumerate(zip(own, prompt, strict=False)) if pair[0] != pair[1]), None
            )
            for key, (own, of) in known.items()
            if of == adapters
        }
        lengths = {
            key: min(len(known[key][0]), len(prompt)) if at is None else at for key, at in shared.items()
        }
        best = max(lengths.values(), default=0)
        match = forest.longest(prompt, adapters=adapters)
        assert match.length == best
        assert match.keys == {key for key, length in lengths.items() if best and length == best}


def test_a_sequence_does_not_go_on_with_other_adapters():
    forest = PrefixForest()
    forest.set("talk", [1, 2], adapters="one")
    with pytest.raises(AssertionError, match="other adapters"):
        forest.extend("talk", [3], adapters="two")
