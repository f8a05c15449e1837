"""A question that names a document finds the passages of that document first."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workbench import Workbench

from gpt4all_localdocs.database import read_meta
from gpt4all_localdocs.document_names import DocumentNames, name_words
from gpt4all_localdocs.hybrid import Scores, lean_towards
from gpt4all_localdocs.keyword_query import query_words
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.texts import Text

REPORTS = {
    number: f"{company}_{year}_annual_report.pdf"
    for number, (company, year) in enumerate((c, y) for c in ("acme", "bolt", "cord") for y in (2023, 2024))
}


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("What were the sales of Acme in 2024?", ["acme_2024"]),
        ("Did ACME sell more in 2024 than in 2023?", ["acme_2023", "acme_2024"]),
        ("What were the sales of Acme?", []),
        ("What were the sales in 2024?", []),
        ("What does the annual report say?", []),
        ("Acme, Bolt and Cord in 2023 and 2024", []),
        ("What were the sales?", []),
    ],
)
def test_a_document_is_named_by_all_words_that_tell_it_from_others(question: str, named: list[str]) -> None:
    found = DocumentNames.of(REPORTS).named_in(query_words(question))
    assert [REPORTS[number].removesuffix("_annual_report.pdf") for number in found] == named


def test_the_longer_name_is_meant_where_one_is_part_of_another() -> None:
    names = DocumentNames.of({1: "sick leave.md", 2: "sick leave abroad.md", 3: "rent.md", 4: "pay.md"})
    assert names.named_in(query_words("How long is sick leave abroad?")) == [2]
    assert names.named_in(query_words("How long is sick leave?")) == [1]


def test_a_single_word_names_no_document() -> None:
    names = DocumentNames.of({1: "force.md", 2: "construction.md", 3: "rent.md", 4: "pay.md"})
    assert names.named_in(query_words("What does the Air Force use in construction?")) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Sales-Report_2024.final.pdf", {"sale", "report", "2024", "final"}),
        ("the-rules.md", {"rule"}),
        ("北京大学.txt", {"北京", "京大", "大学"}),
        (".txt", {"txt"}),
        ("___.md", set()),
    ],
)
def test_words_of_a_name_are_those_of_questions(name: str, words: set[str]) -> None:
    assert name_words(name) == words


def test_a_single_document_need_not_be_named() -> None:
    assert DocumentNames.of({}).named_in(["acme"]) == []
    assert DocumentNames.of({1: "___"}).named_in(["acme"]) == []


@given(
    st.dictionaries(st.integers(0, 9), st.floats(0, 1)), st.dictionaries(st.integers(0, 9), st.floats(0, 1))
)
def test_leaning_keeps_every_passage_and_scores_from_0_to_1(
    everywhere: dict[int, float], inside: dict[int, float]
) -> None:
    fused = lean_towards(Scores(everywhere, {}, {}), Scores(inside, {}, {})).fused
    assert fused.keys() == everywhere.keys() | inside.keys()
    assert all(0 <= score <= 1 for score in fused.values())


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """Reports that speak of their own sales in other words, and of the others' in those of questions."""
    bench = Workbench(tmp_path)
    for name in REPORTS.values():
        others = [other.split("_") for other in REPORTS.values() if other != name]
        gossip = [f"sales of {company} in {year} were {company} {year}" for company, year, *_ in others]
        bench.write(f"{name}.txt", "\n\n".join(["revenue was 5 million", *gossip]))
    bench.sync()
    return bench


def test_passages_of_the_named_document_come_first_though_others_have_the_words(bench: Workbench) -> None:
    hits = bench.search("sales of acme in 2024", k=3)
    assert {hit.path.name for hit in hits} == {"acme_2024_annual_report.pdf.txt"}
    assert all(0 <= hit.score <= 1 for hit in hits)


def test_only_hybrid_searches_look_for_names(bench: Workbench) -> None:
    hits = bench.search("sales of acme in 2024", k=1, mode="vector")
    assert hits[0].path.name != "acme_2024_annual_report.pdf.txt"


def test_a_filter_holds_for_named_documents_too(bench: Workbench) -> None:
    hits = bench.search("sales of acme in 2024", k=50, where={"file_name": "bolt_2023_annual_report.pdf.txt"})
    assert {hit.path.name for hit in hits} == {"bolt_2023_annual_report.pdf.txt"}


def test_texts_that_a_program_puts_have_no_names_read_again(bench: Workbench) -> None:
    def revision() -> str | None:
        with Store.open(bench.index) as store, store.database.reading() as connection:
            return read_meta(connection, "names_revision")

    before = revision()
    bench.put(Text("a note", "note"))
    bench.delete("note")
    assert revision() == before
    bench.write("new.txt", "beta")
    bench.sync()
    assert revision() != before


def test_a_renamed_document_goes_by_its_new_name_at_once(bench: Workbench) -> None:
    bench.search("sales of acme in 2024", k=1)
    old = bench.docs / "acme_2024_annual_report.pdf.txt"
    old.rename(bench.docs / "delta_1999_annual_report.pdf.txt")
    bench.sync()
    assert bench.search("sales of delta in 1999", k=1)[0].path.name.startswith("delta")
    assert not bench.search("sales of acme in 2024", k=1)[0].path.name.startswith("delta")
