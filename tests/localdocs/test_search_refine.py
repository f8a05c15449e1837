"""What was found may be thinned, ordered again and spread; by default it stays as it is."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt4all_core.errors import ConfigError
from gpt4all_core.testing import HashEmbedder
from gpt4all_core.types import RankedDocument
from gpt4all_localdocs import Hit, LocalDocs, Refine, Text
from gpt4all_localdocs.refine import MOST_RERANKED, drop_repeats, refine_hits, spread_hits

LONG = "the quick brown fox jumps over the lazy dog while nobody looks and " * 5


def hit(text: str, score: float = 0.5) -> Hit:
    return Hit(Path("a.txt"), text, score, None, (1, 1), (0, len(text)))


class Lengths:
    """Prefers long texts, and remembers how many it was shown."""

    def __init__(self) -> None:
        self.shown = 0

    def rerank(
        self, query: str, documents: Sequence[str], *, top_n: int | None = None
    ) -> list[RankedDocument]:
        self.shown += len(documents)
        order = sorted(range(len(documents)), key=lambda place: -len(documents[place]))
        return [RankedDocument(place, 1 / (1 + rank)) for rank, place in enumerate(order)]


@pytest.mark.parametrize(
    ("second", "is_kept"),
    [
        (LONG, False),
        (LONG.upper() + "!", False),
        (LONG + "indeed", False),
        (LONG + "2024", True),
        ("dog lazy the over jumps fox brown quick the", True),
        ("", True),
    ],
)
def test_a_passage_that_repeats_a_better_one_is_dropped(second: str, is_kept: bool) -> None:
    assert [each.text for each in drop_repeats([hit(LONG), hit(second)])] == [LONG, *[second] * is_kept]


def test_prices_of_another_year_are_no_repetition() -> None:
    hits = [hit(f"{LONG} in {year}") for year in (2023, 2024, 2023)]
    assert drop_repeats(hits) == hits[:2]


@given(st.lists(st.text(alphabet="ab 1", max_size=12)))
def test_what_is_kept_keeps_its_order_and_has_no_repetition(texts: list[str]) -> None:
    hits = [hit(text) for text in texts]
    kept = drop_repeats(hits)
    assert [id(each) for each in hits if any(each is one for one in kept)] == [id(each) for each in kept]
    assert drop_repeats(kept) == kept
    assert bool(kept) == bool(hits)


@pytest.mark.parametrize(
    ("diversity", "expected"), [(0.0, ["a", "b", "c"]), (0.5, ["a", "c", "b"]), (1.0, ["a", "c", "b"])]
)
def test_diversity_takes_what_is_unlike_the_hits_before(diversity: float, expected: list[str]) -> None:
    hits = [hit("a", 1.0), hit("b", 0.9), hit("c", 0.5)]
    vectors = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    assert [each.text for each in spread_hits(hits, vectors, k=3, diversity=diversity)] == expected


def test_a_reranker_sees_the_best_with_their_headings_and_gives_the_scores() -> None:
    reranker = Lengths()
    hits = [hit("x" * length) for length in range(1, 31)]
    found = refine_hits(hits, "?", Refine(reranker=reranker), k=2, vectors_of=lambda _hits: np.zeros((0, 0)))
    assert reranker.shown == MOST_RERANKED
    assert [(len(each.text), each.score) for each in found] == [(20, 1.0), (19, 0.5)]


def test_search_refines_what_it_finds_and_never_gives_more_than_k(tmp_path: Path) -> None:
    with LocalDocs(tmp_path / "index", embedder=HashEmbedder()) as docs:
        docs.put([Text("annual leave is long", id=f"copy {n}") for n in range(4)])
        docs.put([Text(f"annual leave rule {'abcdef'[n]}", id=f"rule {n}") for n in range(6)])
        plain = docs.search("long annual leave", k=6)
        refined = docs.search("long annual leave", k=6, refine=Refine(drop_repeats=True, diversity=0.3))
        assert docs.search("long annual leave", k=6, refine=Refine()) == plain
        assert len(plain) == len(refined) == 6
        assert len({each.text for each in plain}) < len({each.text for each in refined}) == 6
        assert docs.search("nothing", k=1, mode="keyword", refine=Refine(reranker=Lengths())) == []
        with pytest.raises(ConfigError, match="k is 0"):
            docs.search("annual", k=0, refine=Refine(drop_repeats=True))


def test_what_is_far_from_the_query_is_not_found(tmp_path: Path) -> None:
    with LocalDocs(tmp_path / "index", embedder=HashEmbedder()) as docs:
        docs.put([Text("annual leave is long", id="leave"), Text("roses bloom in june", id="roses")])
        for mode in ("hybrid", "vector"):
            near = docs.search("annual leave", mode=mode, refine=Refine(min_score=0.5))  # type: ignore[arg-type]
            assert [each.text_id for each in near] == ["leave"]
            assert docs.search("annual roses", mode=mode, refine=Refine(min_score=0.9)) == []  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="compares no vectors"):
            docs.search("annual", mode="keyword", refine=Refine(min_score=0.5))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("diversity", -0.1),
        ("diversity", 1.1),
        ("diversity", float("nan")),
        ("min_score", 1.1),
        ("min_score", float("nan")),
        ("expand_tokens", -1),
        ("diversity", "high"),
        ("diversity", True),
        ("min_score", "high"),
        ("expand_tokens", 1.5),
        ("expand_tokens", "many"),
        ("drop_repeats", "yes"),
        ("reranker", "a model"),
        ("count_tokens", 4),
    ],
)
def test_options_out_of_their_range_or_kind_are_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"{name} is"):
        Refine(**{name: value})  # type: ignore[arg-type]  # one of its names
