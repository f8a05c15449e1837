"""Words as sparse vectors: the ranking that FTS5 makes of the same passages."""

import math
from pathlib import Path

import pytest
from workbench import Workbench

from gpt4all_localdocs.keyword_query import query_words
from gpt4all_localdocs.keyword_table import word_weights
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.vector_index.word_weights import (
    SparseWords,
    count_words,
    weigh_passages,
    weigh_question,
    word_number,
)

TEXTS = {
    "foxes.txt": "The quick brown foxes were running over lazy dogs.\n\nRunning, they ran; a runner runs.",
    "café.txt": "Un café naïf à Orléans\n\nÜBER straße STRASSE",
    "北京.txt": "北京大学 is a university\n\nno fox here, but a dog in 京 and 3.14 ٣ digits",
    "code.md": "def snake_case(self): return CamelCase\n\nemail@example.org, it's e.g. A.B.C. — “quoted”",
}


@pytest.fixture
def store(tmp_path: Path):
    bench = Workbench(tmp_path)
    for name, text in TEXTS.items():
        bench.write(name, text)
    bench.sync()
    with Store.open(bench.index) as store:
        yield store


def dot(question: SparseWords, passage: SparseWords, rarity: dict[int, float]) -> float:
    weights = dict(zip(passage.indices, passage.values, strict=True))
    pairs = zip(question.indices, question.values, strict=True)
    return sum(value * weights.get(index, 0.0) * rarity[index] for index, value in pairs)


@pytest.mark.parametrize(
    "question",
    [
        "running foxes",
        "dog dog dogs fox",
        "Cafe Orleans uber strasse straße",
        "北京大学 京",
        "camelcase quoted e.g. 3.14 example",
        "foxes.txt",
        "nothing of this",
    ],
)
def test_with_the_rarity_of_fts5_the_scores_are_those_of_fts5(store: Store, question: str) -> None:
    with store.database.reading() as connection:
        rows = connection.execute("SELECT id, text, label FROM chunks ORDER BY id").fetchall()
    counted = count_words([row[1:] for row in rows])
    average = sum(counts.total() for counts in counted) / len(counted)
    words = query_words(question)
    stems = {stem for counts in count_words([(word, "") for word in words]) for stem in counts}
    held = {stem: sum(stem in counts for counts in counted) for stem in stems}
    rarity = {word_number(stem): weight for stem, weight in word_weights(held, len(rows)).items()}
    passages = weigh_passages([row[1:] for row in rows], average_length=average)
    scores = {
        row[0]: dot(weigh_question(words), passage, rarity)
        for row, passage in zip(rows, passages, strict=True)
    }
    expected = store.keywords.rank(words, limit=100)
    assert {row: score for row, score in scores.items() if score} == pytest.approx(expected, rel=1e-6)


def test_a_word_that_is_cut_in_two_weighs_as_much_as_another() -> None:
    question = weigh_question(["snake_case", "fox", "fox"])
    weights = dict(zip(question.indices, question.values, strict=True))
    assert weights == {word_number("snake"): 0.5, word_number("case"): 0.5, word_number("fox"): 2.0}


def test_words_of_one_number_are_one() -> None:
    assert word_number("plumless") == word_number("buckeroo")  # a known collision of CRC-32
    (both,) = weigh_passages([("plumless buckeroo", "")], average_length=2)
    (one,) = weigh_passages([("plumless fox", "")], average_length=2)
    assert len(both.indices) == 1
    assert both.values[0] == pytest.approx(sum(one.values))


def test_longer_passages_weigh_a_word_less_and_repeated_ones_ever_less_more() -> None:
    once, twice, thrice, long = (
        dict(zip(words.indices, words.values, strict=True))[word_number("fox")]
        for words in weigh_passages(
            [("fox a a a", ""), ("fox fox a a", ""), ("fox fox fox a", ""), ("fox a a a a a a a", "")],
            average_length=4,
        )
    )
    assert long < once < twice < thrice
    assert twice - once > thrice - twice
    assert math.isclose(once, 1.0)


def test_a_passage_without_words_has_an_empty_vector() -> None:
    assert list(weigh_passages([("— !?", "")], average_length=3)) == [SparseWords([], [])]
