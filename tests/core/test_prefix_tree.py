import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt4all_core.engine.prefix_tree import PrefixTree, common_prefix


def tree_of(**texts):
    tree = PrefixTree()
    for key, text in texts.items():
        tree.set(key, list(text.encode()))
    return tree


@pytest.mark.parametrize(
    ("prompt", "length", "keys"),
    [
        ("system: be kind", 15, {"a"}),
        ("system: be brief", 11, {"a"}),
        ("system", 6, {"a", "b"}),
        ("sys", 3, {"a", "b"}),
        ("system! yes, and", 11, {"b"}),
        ("other", 0, set()),
        ("", 0, set()),
    ],
)
def test_a_prompt_may_part_in_the_middle_of_an_edge(prompt, length, keys):
    match = tree_of(a="system: be kind", b="system! yes").longest(list(prompt.encode()))
    assert (match.length, match.keys) == (length, keys)


@pytest.mark.parametrize(
    ("prompt", "length", "keys"),
    [("abcdef", 4, {"b"}), ("abcx", 2, {"a"}), ("abcd", 4, {"b"}), ("a", 0, set())],
)
def test_a_whole_sequence_is_found_only_where_the_prompt_goes_on_from_its_end(prompt, length, keys):
    match = tree_of(a="ab", b="abcd", c="abcdefgh").longest_whole(list(prompt.encode()))
    assert (match.length, match.keys) == (length, keys)


def test_sequences_that_end_alike_are_both_found():
    tree = tree_of(a="same", b="same")
    tree.extend("a", list(b"!"))
    assert tree.longest(list(b"same")).keys == {"a", "b"}
    assert tree.longest(list(b"same!")).keys == {"a"}


def test_growing_token_by_token_makes_one_edge():
    tree = tree_of(a="x")
    for token in range(1000):
        tree.extend("a", [token])
    assert len(tree._root.children) == 1
    assert not next(iter(tree._root.children.values())).children


TEXTS = st.lists(st.integers(0, 2), max_size=9)
STEPS = st.lists(
    st.tuples(st.sampled_from(["set", "extend", "remove"]), st.integers(0, 5), TEXTS), max_size=40
)


@given(steps=STEPS, prompts=st.lists(TEXTS, min_size=1, max_size=5))
def test_the_tree_answers_as_a_comparison_with_every_sequence_does(steps, prompts):
    tree, known = PrefixTree(), {}
    for step, key, tokens in steps:
        if step == "set":
            tree.set(key, tokens)
            known[key] = tokens
        elif step == "extend":
            tree.extend(key, tokens)
            known[key] = known.get(key, []) + tokens
        else:
            tree.remove(key)
            known.pop(key, None)
        tree.check_integrity()
    assert {key: tree.tokens_of(key) for key in known} == known
    for prompt in prompts:
        shared = {key: common_prefix(tokens, prompt) for key, tokens in known.items()}
        best = max(shared.values(), default=0)
        match = tree.longest(prompt)
        assert match.length == best
        assert match.keys == ({key for key, length in shared.items() if length == best} if best else set())
        whole = max((len(tokens) for key, tokens in known.items() if shared[key] == len(tokens)), default=0)
        match = tree.longest_whole(prompt)
        assert match.length == whole
        if whole:
            assert match.keys == {key for key, tokens in known.items() if tokens == prompt[:whole]}
