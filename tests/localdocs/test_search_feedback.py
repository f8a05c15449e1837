"""The second look of a search asks for what is like the best of the first, and never for less."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from workbench import Workbench

from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs import LocalDocs, Text
from gpt4all_localdocs.feedback import blend_scores, move_query, score_terms, telling_terms
from gpt4all_localdocs.keyword_table import require_essential, word_weights
from gpt4all_localdocs.store import Store

_ALIKE = {"common": 0.1, "wing": 3.0, "lift": 3.0, "unknown": 0.0}


def weights_of(words: object) -> dict[str, float]:
    return {word: _ALIKE.get(word, 1.0) for word in words}  # type: ignore[attr-defined]


def test_a_query_moves_towards_its_feedback_but_stays_nearer_to_itself() -> None:
    query, other = np.eye(2, dtype=np.float32)
    moved = move_query(query, np.stack([other, other]))
    assert np.linalg.norm(moved) == pytest.approx(1.0)
    assert moved @ query > moved @ other > 0


def test_terms_are_those_that_are_frequent_there_and_rare_elsewhere() -> None:
    shares = telling_terms(["wing lift common common", "wing common unknown"], weights_of=weights_of)
    assert list(shares) == ["wing", "lift", "common"]
    assert sum(shares.values()) == pytest.approx(1.0)


def test_a_long_passage_has_no_more_say_in_the_terms_than_a_short_one() -> None:
    shares = telling_terms(["wing", "lift " * 50], weights_of=weights_of)
    assert shares["wing"] == pytest.approx(shares["lift"])


@pytest.mark.parametrize("texts", [[], ["", "?!"], ["unknown"]])
def test_texts_that_tell_nothing_have_no_terms(texts: list[str]) -> None:
    assert telling_terms(texts, weights_of=weights_of) == {}


def test_a_text_scores_by_the_terms_it_holds_and_by_its_length() -> None:
    shares, texts = {"wing": 1.0}, ["Wing of a bird", "wing wing of it", "a wing " + "and more " * 9, "none"]
    short, twice, long, none = score_terms(texts, shares, {"wing": 2.0})
    assert twice > short > long > none == 0


def test_the_question_outweighs_the_terms() -> None:
    blended = blend_scores({1: 8.0}, {1: 0.0, 2: 8.0}, words=2)
    assert blended[1] > 5 * blended[2] > 0


@given(
    st.lists(st.sampled_from("abcdef"), min_size=1, max_size=12),
    st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 1_000)),
)
def test_essential_words_have_most_of_the_weight_and_none_is_lost(
    words: list[str], held: dict[str, int]
) -> None:
    held = {word: held.get(word, 0) for word in words}
    weights = word_weights(held, 1_000)
    match, scale = require_essential(words, weights, held=held, most_held=None, wanted=1)
    alive = [word for word in words if weights[word]]
    needed, _, _ = match.partition(") AND (")
    if scale == 1.0:
        assert sorted(match.replace('"', "").split(" OR ")) == sorted(alive or words)
        return
    essential = {word for word in words if f'"{word}"' in needed}
    for word in alive:  # each is named twice in all, so that halving the score gives BM25 again
        assert match.count(f'"{word}"') == 2 * words.count(word)
    total = sum(weights[word] for word in alive)
    assert sum(weights[word] for word in alive if word in essential) >= 0.7 * total - 1e-9
    assert max(weights[word] for word in alive if word not in essential) <= min(
        weights[word] for word in essential
    )


@pytest.mark.parametrize(
    ("held", "essential"),
    [
        ({"a": 20, "b": 30, "c": 40, "d": 50}, ["a", "b", "c"]),
        ({"a": 20, "b": 30, "c": 60, "d": 70}, ["a", "b"]),  # with c they would have more than 100
        ({"a": 200, "b": 300, "c": 400, "d": 500}, ["a"]),
        ({"a": 1, "b": 2, "c": 200, "d": 200}, ["a", "b", "c"]),  # a and b alone have less than is wanted
    ],
)
def test_words_that_too_many_passages_hold_are_not_essential_once_enough_are_found(
    held: dict[str, int], essential: list[str]
) -> None:
    weights = dict.fromkeys(held, 1.0)
    match, _ = require_essential(list(held), weights, held=held, most_held=100, wanted=10)
    assert match.partition(")")[0].strip('("').split('" OR "') == essential


def test_pruned_keyword_scores_are_those_of_bm25(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Workbench(tmp_path)
    bench.write(
        "a.txt", "\n\n".join(f"common words {'rare' if n % 7 == 0 else 'plain'} n{n}" for n in range(60))
    )
    bench.sync()
    words = ["rare", "common", "n7", "n8", "words", "n7"]
    with Store.open(bench.index) as store:
        whole = store.keywords.rank(words, limit=100)
        monkeypatch.setattr("gpt4all_localdocs.keyword_table._PRUNED_FROM", 10)
        pruned = store.keywords.rank(words, limit=100)
    assert len(whole) == 60
    assert 2 <= len(pruned) < 20
    best = {row: score for row, score in whole.items() if row in pruned}
    assert pruned == pytest.approx(best)
    assert list(pruned)[:2] == list(whole)[:2]


def test_a_word_that_every_passage_holds_is_worth_next_to_nothing() -> None:
    weights = word_weights({"all": 10, "one": 1, "none": 0}, 10)
    assert weights["all"] == pytest.approx(1e-6)
    assert weights["one"] == pytest.approx(math.log(9.5 / 1.5))
    assert weights["none"] == 0


def test_what_is_worded_like_the_best_passages_moves_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Workbench(tmp_path)
    told = [f"the gearbox of tractor t{n} needs lubricant grease" for n in range(6)]
    noise = [f"minutes of meeting {n} on budget item {n * 7}" for n in range(80)]
    kin = "lubricant grease goes where cogs turn"
    bench.write("a.txt", "\n\n".join([*told, *noise, kin]))
    bench.sync()
    led = [hit.text for hit in bench.search("gearbox", k=100)]
    monkeypatch.setattr("gpt4all_localdocs.hybrid.FEEDBACK_PASSAGES", 0)
    alone = [hit.text for hit in bench.search("gearbox", k=100)]
    assert set(led[:6]) == set(alone[:6]) == set(told)
    assert led.index(kin) < 20
    assert alone.index(kin) > 40


def test_passages_are_scored_by_their_cosine_whichever_ranking_found_them(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    bench.write("a.txt", "\n\n".join(f"text {n} about thing{n}" for n in range(300)))
    bench.sync()
    query = bench.embedder.embed_query("thing7")
    hits = bench.search("thing7", k=300)
    assert len(hits) >= 200
    for hit in hits:
        expected = float(query @ bench.embedder.embed_query(hit.text))
        assert hit.vector_score == pytest.approx(expected, abs=1e-5)


def test_counts_of_words_are_remembered_until_a_passage_comes_or_goes(tmp_path: Path) -> None:
    with LocalDocs(tmp_path / "index", embedder=HashEmbedder()) as docs:
        docs.put([Text("annual leave", id="a"), Text("annual report", id="b")])
        with Store.open(tmp_path / "index") as store:
            table = store.keywords
            assert (table.count_holding(["annual", "leave"]), table.count_passages()) == (
                {"annual": 2, "leave": 1},
                2,
            )
            counts = table._known
            table.count_holding(["annual"])
            assert table._known is counts
            docs.put([Text("annual fair", id="c")])
            assert (table.count_holding(["annual"]), table.count_passages()) == ({"annual": 3}, 3)
            docs.delete(["a"])
            assert (table.count_holding(["annual", "leave"]), table.count_passages()) == (
                {"annual": 2, "leave": 0},
                2,
            )
