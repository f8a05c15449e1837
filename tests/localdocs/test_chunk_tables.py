from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt4all_localdocs.chunk import ChunkOptions, chunk_document
from gpt4all_localdocs.embedding_text import embedding_text
from gpt4all_localdocs.types import Chunk, Document, Part


def count_words(text: str) -> int:
    return len(text.split())


def rows(count: int, first: int = 1) -> str:
    return "\n".join(f"Item {number} | {number}0 | Paid. Late" for number in range(first, first + count))


def chunks_of(document: Document, max_tokens: int = 48) -> tuple[Chunk, ...]:
    return chunk_document(document, count_tokens=count_words, options=ChunkOptions(max_tokens))


def sheet(text: str) -> Document:
    return Document(text, parts=(Part(1, 0, len(text), "sheet", "Costs", 1),))


def test_a_sheet_that_is_cut_keeps_its_rows_and_repeats_none():
    text = "Name | Cost | State\n" + rows(30)
    chunks = chunks_of(sheet(text))
    assert len(chunks) > 2
    assert "\n".join(chunk.text for chunk in chunks) == text
    assert [chunk.lines[0] for chunk in chunks[1:]] == [chunk.lines[1] + 1 for chunk in chunks[:-1]]


def test_passages_after_the_first_of_a_sheet_know_the_names_of_its_columns():
    first, *later = chunks_of(sheet("Name | Cost | State\n" + rows(30)))
    assert first.columns == ""
    assert {chunk.columns for chunk in later} == {"Name | Cost | State"}
    assert not any("Name" in chunk.text for chunk in later)


def test_the_names_are_the_first_of_the_widest_rows_at_the_top():
    text = "Report of 2024\n\nName | Cost | State\n" + rows(30)
    assert chunks_of(sheet(text))[-1].columns == "Name | Cost | State"


@pytest.mark.parametrize(
    "header", ["| Name | Cost | State |\n| --- | --- | --- |", "Name | Cost | State"], ids=["bars", "plain"]
)
def test_a_table_in_a_text_is_cut_between_rows_and_knows_its_columns_too(header):
    text = f"Some words before.\n\n{header}\n{rows(30)}\n\nSome words after."
    chunks = chunks_of(Document(text))
    starts = [text.rindex("\n", 0, chunk.span[0]) + 1 for chunk in chunks[1:]]
    assert starts == [chunk.span[0] for chunk in chunks[1:]]
    goes_on = [chunk.columns for chunk in chunks if chunk.text.startswith("Item")]
    assert len(goes_on) > 2
    assert set(goes_on) == {"Name | Cost | State"}
    assert {chunk.columns for chunk in chunks if not chunk.text.startswith("Item")} <= {""}


def test_code_has_no_columns():
    text = "```\na = b | c\n" + "\n".join(f"call(a | {number})" for number in range(60)) + "\n```"
    assert {chunk.columns for chunk in chunks_of(Document(text))} == {""}


def test_the_names_of_columns_are_embedded_before_the_rows_and_within_the_window():
    options = ChunkOptions(64)
    document = sheet("Name | Cost | State\n" + rows(60))
    later = chunk_document(document, count_tokens=count_words, options=options)[1]
    text = embedding_text(later, title="Costs", count_tokens=count_words, options=options)
    assert text == f"Costs\nName | Cost | State\n{later.text}"
    assert count_words(text) <= options.max_tokens


@given(st.integers(1, 40), st.integers(1, 30), st.integers(8, 40))
def test_wide_sheets_are_covered_within_the_cap(columns, lines, max_tokens):
    text = "\n".join(" | ".join(f"c{row}.{column}" for column in range(columns)) for row in range(lines))
    options = ChunkOptions(max_tokens)
    chunks = chunk_document(sheet(text), count_tokens=count_words, options=options)
    for chunk in chunks:
        assert chunk.text == text[slice(*chunk.span)]
        assert count_words(chunk.text) <= options.max_tokens
        embedded = embedding_text(chunk, title=None, count_tokens=count_words, options=options)
        assert count_words(embedded) <= options.max_tokens
    for before, after in pairwise(chunks):
        assert not text[before.span[1] : after.span[0]].strip()
    assert (chunks[0].span[0], chunks[-1].span[1]) == (0, len(text))


def test_a_header_of_many_passages_is_shown_in_part_once_it_is_over():
    text = "name | " * 2_000 + "\n" + rows(30)
    chunks = chunks_of(sheet(text))
    assert {chunk.columns for chunk in chunks if chunk.text.startswith(("name", "|"))} == {""}
    assert 400 < len(chunks[-1].columns) < 600
