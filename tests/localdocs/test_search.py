"""Search ranks by meaning, by words, or by both; fusion is a pure function."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workbench import Workbench

from gpt4all_core.errors import ConfigError
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs.fuse import fuse_scores, over_best
from gpt4all_localdocs.keyword_query import keyword_query
from gpt4all_localdocs.store import Store

_EMPTY = tempfile.TemporaryDirectory()
RANKINGS = st.dictionaries(st.integers(0, 20), st.floats(-1e3, 1e3), max_size=12)


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    bench = Workbench(tmp_path)
    bench.write("hr.txt", "employees get 25 days of annual leave\n\nsick pay lasts six weeks")
    bench.write("travel.txt", "trains are booked second class\n\nleave the hotel invoice with finance")
    bench.write("copy.txt", "employees get 25 days of annual leave")
    bench.sync()
    return bench


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
@pytest.mark.parametrize("k", [1, 2, 3, 100])
def test_hits_come_best_first_with_scores_from_0_to_1_and_never_more_than_k(
    bench: Workbench, mode: str, k: int
) -> None:
    hits = bench.search("days of annual leave", k=k, mode=mode)
    scores = [hit.score for hit in hits]
    assert len(hits) == min(k, {"hybrid": 5, "vector": 5, "keyword": 3}[mode])
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert hits[0].text == "employees get 25 days of annual leave"


def test_a_hit_says_where_it_stands_and_how_each_index_scored_it(bench: Workbench) -> None:
    (hit,) = bench.search("sick pay", k=1)
    assert hit.path == bench.docs / "hr.txt"
    assert hit.path.read_text(encoding="utf-8")[slice(*hit.span)] == hit.text
    assert hit.place == "line 3"
    assert hit.vector_score == pytest.approx(
        float(bench.embedder.embed_query("sick pay") @ bench.embedder.embed_query(hit.text)), abs=1e-5
    )
    assert hit.keyword_score is not None
    assert hit.keyword_score > 0
    assert bench.search("sick pay", k=1, mode="keyword")[0].vector_score is None


def test_copies_are_told_apart_by_path_in_a_fixed_order(bench: Workbench) -> None:
    hits = bench.search("annual leave", k=2)
    assert [hit.path.name for hit in hits] == ["copy.txt", "hr.txt"]
    assert hits[0].score == hits[1].score


@pytest.mark.parametrize(
    "query",
    [
        "leave",
        "what is the leave",
        'leave" OR "',
        "leave AND NOT (",
        "NEAR(leave, 2)",
        "text: leave*",
        "^leave - +",
    ],
)
def test_no_query_is_an_expression_of_the_query_language(bench: Workbench, query: str) -> None:
    assert bench.search(query, mode="keyword")


@given(st.text(max_size=60))
def test_any_text_makes_a_valid_keyword_query(text: str) -> None:
    match = keyword_query(text)
    with Store.open(Path(_EMPTY.name)) as store:
        assert not match or store.keywords.match(match, limit=1) == []


def test_a_very_long_query_is_searched(bench: Workbench) -> None:
    assert bench.search(
        "leave " * 5_000 + " ".join(f"word{number}" for number in range(5_000)), mode="keyword"
    )


def test_signs_alone_match_no_keywords(bench: Workbench) -> None:
    assert bench.search("?!", mode="keyword") == []
    assert len(bench.search("?!", k=3)) == 3


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("What is the annual leave?", '"annual" OR "leave"'),
        ("to be or not to be", '"to" OR "be" OR "or" OR "not" OR "to" OR "be"'),
        ("pay, pay, pay", '"pay" OR "pay" OR "pay"'),
        ("…", ""),
    ],
)
def test_keyword_queries(text: str, match: str) -> None:
    assert keyword_query(text) == match


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"query": "  "}, "query is empty"),
        ({"query": "x", "k": 0}, "k is 0"),
        ({"query": "x", "k": "x"}, "k is 'x'"),
        ({"query": "x", "mode": "fuzzy"}, "mode must be one of hybrid, vector, keyword"),
    ],
)
def test_impossible_questions_are_refused(bench: Workbench, choices: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        bench.search(**choices)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
def test_an_empty_index_has_no_hits(tmp_path: Path, mode: str) -> None:
    bench = Workbench(tmp_path)
    assert bench.search("anything", mode=mode) == []
    bench.sync()
    assert bench.search("anything", mode=mode) == []


def test_keyword_search_needs_no_matching_embedder(bench: Workbench) -> None:
    bench.embedder = HashEmbedder(dimensions=8, name="other")
    assert bench.search("leave", mode="keyword")


def test_fusion_is_half_spread_cosine_and_half_bm25_over_its_best() -> None:
    fused = fuse_scores({"a": 0.9, "b": 0.7, "c": 0.5}, {"b": 8.0, "d": 2.0})
    assert fused == pytest.approx({"b": 0.75, "a": 0.5, "d": 0.125, "c": 0.0})


def test_a_cosine_below_the_floor_counts_as_the_floor() -> None:
    assert fuse_scores({"a": 0.9, "b": 0.5, "c": 0.1}, {}, floor=0.5) == {"a": 0.5, "b": 0.0, "c": 0.0}


@given(RANKINGS, RANKINGS)
def test_fused_scores_lie_between_0_and_1_and_miss_nothing(
    vector: dict[int, float], keyword: dict[int, float]
) -> None:
    fused = fuse_scores(vector, keyword)
    assert fused.keys() == vector.keys() | keyword.keys()
    assert all(0 <= score <= 1 for score in fused.values())


@given(RANKINGS)
def test_without_keywords_fusion_keeps_the_order_of_cosines(vector: dict[int, float]) -> None:
    fused = fuse_scores(vector, {})
    by_fused = sorted(vector, key=lambda id_: -fused[id_])
    assert [vector[id_] for id_ in by_fused] == pytest.approx(sorted(vector.values(), reverse=True))


def test_nothing_good_is_divided_by_nothing() -> None:
    assert over_best({"a": 0.0}) == {"a": 0.0}
