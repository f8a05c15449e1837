from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loader_files import sample
from measured import cpu_seconds

from gpt4all_core.errors import ConfigError
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs.chunk import ChunkOptions, chunk_document
from gpt4all_localdocs.embedding_text import embedding_text
from gpt4all_localdocs.loaders.registry import load_document
from gpt4all_localdocs.types import Chunk, Document, Heading, Part, describe_place

count_hash_tokens = HashEmbedder().count_tokens


def count_words(text: str) -> int:
    return len(text.split())


def count_pairs_of_characters(text: str) -> int:
    """Unlike words, counts white space and more for texts put together than for their parts."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // 2)


def chunks_of(
    document: Document | str, max_tokens: int = 16, count_tokens=count_words, **options
) -> tuple[Chunk, ...]:
    document = Document(document) if isinstance(document, str) else document
    options = {"target_tokens": max_tokens - max_tokens // 8, **options}
    return chunk_document(document, count_tokens=count_tokens, options=ChunkOptions(max_tokens, **options))


def texts_of(document: Document | str, max_tokens: int = 16, **options) -> list[str]:
    return [chunk.text for chunk in chunks_of(document, max_tokens, **{"overlap_tokens": 0, **options})]


words = st.text(st.sampled_from("abcäß漢。.!?😀|`#"), min_size=1, max_size=60)
gaps = st.sampled_from(
    [" ", "  ", "\n", "\n\n", "\n \n", "\t", "\f", ". ", "\n```\n", "\n| a | b |\n| c | d |\n"]
)


@st.composite
def documents(draw) -> Document:
    text = "".join(draw(st.lists(st.one_of(words, gaps), max_size=80)))
    offsets = st.integers(0, max(0, len(text) - 1))
    starts = sorted(draw(st.sets(offsets, max_size=6))) if text else []
    headings = tuple(Heading(draw(st.integers(1, 3)), f"heading {start}", start) for start in starts)
    cuts = sorted({0, len(text), *(draw(st.sets(offsets, max_size=4)) if draw(st.booleans()) else ())})
    pages = tuple(Part(number, start, end) for number, (start, end) in enumerate(pairwise(cuts), start=1))
    return Document(text, parts=pages if draw(st.booleans()) else (), headings=headings)


counters = st.sampled_from([count_words, count_hash_tokens, count_pairs_of_characters])
choices = st.builds(
    lambda window, overlap: ChunkOptions(window, overlap_tokens=overlap),
    st.integers(8, 60),
    st.integers(0, 3),
)


@given(documents(), counters, choices)
@settings(max_examples=300)
def test_chunks_are_spans_that_cover_the_text_within_the_cap(document, count_tokens, options):
    chunks = chunk_document(document, count_tokens=count_tokens, options=options)
    covered = set()
    for ordinal, chunk in enumerate(chunks):
        start, end = chunk.span
        assert chunk.ordinal == ordinal
        assert chunk.text == document.text[start:end]
        assert chunk.text.strip()
        assert count_tokens(chunk.text) <= options.max_tokens
        covered.update(range(start, end))
    assert all(character.isspace() or offset in covered for offset, character in enumerate(document.text))
    for before, after in pairwise(chunks):
        assert before.span[0] < after.span[0]
        assert before.span[1] < after.span[1]


@given(documents(), counters, choices)
def test_chunks_know_their_page_or_lines_and_cross_no_border(document, count_tokens, options):
    for chunk in chunk_document(document, count_tokens=count_tokens, options=options):
        start, end = chunk.span
        if document.parts:
            page = next(page for page in document.parts if page.start <= start < page.end)
            assert chunk.page == page.number
            assert chunk.lines is None
            assert end <= page.end
        else:
            first, last = chunk.lines
            assert chunk.page is None
            assert first == document.text[:start].count("\n") + 1
            assert last == document.text[:end].count("\n") + 1
        crossed = [heading for heading in document.headings if start < heading.start < end]
        if crossed:  # only headings with nothing under them are put in front of the deeper next one
            assert len(document.text[start : crossed[-1].start].strip().split("\n")) <= 2 * len(crossed)
            assert [heading.level for heading in crossed] == sorted({heading.level for heading in crossed})


@given(documents(), counters, choices)
def test_the_same_document_gives_the_same_chunks(document, count_tokens, options):
    def chunk() -> tuple[Chunk, ...]:
        return chunk_document(document, count_tokens=count_tokens, options=options)

    assert chunk() == chunk()


@given(documents(), counters, choices, st.text(max_size=40), st.text(max_size=40))
def test_what_is_embedded_fits_the_window_and_ends_with_the_passage(
    document, count_tokens, options, title, name
):
    for chunk in chunk_document(document, count_tokens=count_tokens, options=options):
        text = embedding_text(chunk, title=title, file_name=name, count_tokens=count_tokens, options=options)
        assert text.endswith(chunk.text)
        assert count_tokens(text) <= options.max_tokens


SENTENCES = "The first one ends here. The second one ends here. The third one ends here."


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        (
            "one two three\nfour five\n\nsix seven eight nine",
            ["one two three\nfour five", "six seven eight nine"],
        ),
        (
            "one two three four\n\nfive. Six seven eight nine",
            ["one two three four", "five. Six seven eight nine"],
        ),
        (
            "One two three four. Five six seven eight nine",
            ["One two three four.", "Five six seven eight nine"],
        ),
        (
            "one two three four\nfive six seven eight nine",
            ["one two three four", "five six seven eight nine"],
        ),
        ("one two three four five six seven eight", ["one two three four five six seven", "eight"]),
        (
            "we met Dr. Who at e.g. Home and at\nNo. 5 Main",
            ["we met Dr. Who at e.g. Home", "and at\nNo. 5 Main"],
        ),
        ("short text", ["short text"]),
        ("   \n\n  ", []),
        ("", []),
    ],
)
def test_cuts_fall_at_the_best_boundary(text, texts):
    assert texts_of(text, 8) == texts


def test_a_sentence_end_without_a_space_is_a_boundary():
    text = "これは一つ目の文です。これは二つ目の文です。これは三つ目の文です。"
    options = ChunkOptions(24, target_tokens=21, overlap_tokens=0)
    chunks = chunk_document(Document(text), count_tokens=len, options=options)
    assert [chunk.text for chunk in chunks] == [sentence + "。" for sentence in text.split("。")[:-1]]


def test_the_next_passage_repeats_the_end_of_the_one_before():
    chunks = chunks_of(" ".join(f"w{number}" for number in range(40)), 16, target_tokens=12, overlap_tokens=4)
    for before, after in pairwise(chunks):
        assert after.text.split()[:4] == before.text.split()[-4:]


def test_the_repeated_part_begins_at_a_sentence_where_it_can():
    chunks = chunks_of(SENTENCES, 12, target_tokens=11, overlap_tokens=5)
    assert [chunk.text for chunk in chunks] == [
        "The first one ends here. The second one ends here.",
        "The second one ends here. The third one ends here.",
    ]


def test_nothing_is_repeated_across_a_heading():
    document = Document("# A\nalpha beta\n# B\ngamma", headings=(Heading(1, "A", 0), Heading(1, "B", 15)))
    assert [(chunk.text, chunk.headings) for chunk in chunks_of(document)] == [
        ("# A\nalpha beta", ("A",)),
        ("# B\ngamma", ("B",)),
    ]


def test_headings_are_the_path_to_the_section():
    titles = [(1, "Leave"), (2, "Sick pay"), (3, "Proof"), (2, "Holidays")]
    text, headings = "before\n", []
    for level, title in titles:
        headings.append(Heading(level, title, len(text)))
        text += f"{'#' * level} {title}\nsome text\n"
    assert [chunk.headings for chunk in chunks_of(Document(text, headings=tuple(headings)))] == [
        (),
        ("Leave",),
        ("Leave", "Sick pay"),
        ("Leave", "Sick pay", "Proof"),
        ("Leave", "Holidays"),
    ]


def test_a_heading_without_text_begins_the_deeper_section_after_it():
    text = "# Handbook\n\n## Leave\n\n25 days\n\n## Empty\n\n## Sick pay\n\nsix weeks"
    headings = tuple(
        Heading(level, title, text.index(f"# {title}") - level + 1)
        for level, title in [(1, "Handbook"), (2, "Leave"), (2, "Empty"), (2, "Sick pay")]
    )
    assert [chunk.text for chunk in chunks_of(Document(text, headings=headings))] == [
        "# Handbook\n\n## Leave\n\n25 days",
        "## Empty",
        "## Sick pay\n\nsix weeks",
    ]


def test_a_heading_at_the_end_of_a_page_stays_on_its_page():
    text = "# Leave\n## Sick pay\nsix weeks"
    headings = (Heading(1, "Leave", 0), Heading(2, "Sick pay", 8))
    pages = (Part(1, 0, 8), Part(2, 8, len(text)))
    chunks = chunks_of(Document(text, parts=pages, headings=headings))
    assert [(chunk.text, chunk.page) for chunk in chunks] == [("# Leave", 1), ("## Sick pay\nsix weeks", 2)]


def test_pages_are_cited_by_their_numbers():
    document = Document("page one\n\npage three", parts=(Part(1, 0, 8), Part(2, 9, 9), Part(3, 10, 20)))
    assert [(chunk.text, chunk.page, chunk.lines) for chunk in chunks_of(document)] == [
        ("page one", 1, None),
        ("page three", 3, None),
    ]


@pytest.mark.parametrize(
    ("kind", "label", "first_row", "places"),
    [
        ("page", "", None, ["page 1", "page 2"]),
        ("page", "iv", None, ["page iv", "page iv"]),
        ("slide", "Leave", None, ["slide 1", "slide 2"]),
        ("chapter", "Leave", None, ["chapter 1", "chapter 2"]),
        ("sheet", "Costs", 3, ["sheet Costs, rows 3-4", "sheet Costs, row 3"]),
        ("cell", "", None, ["cell 1, lines 1-2", "cell 2, line 1"]),
        ("file", "a.pdf, page 2", None, ["a.pdf, page 2, lines 1-2", "a.pdf, page 2, line 1"]),
    ],
)
def test_a_passage_is_cited_by_its_part_and_by_lines_where_they_count(kind, label, first_row, places):
    parts = (Part(1, 0, 9, kind, label, first_row), Part(2, 11, 16, kind, label, first_row))
    chunks = chunks_of(Document("one 1\ntwo\n\nthree", parts=parts))
    assert [describe_place(chunk.page, chunk.lines, chunk.part) for chunk in chunks] == places


def test_text_outside_of_parts_is_cited_by_the_lines_of_the_document():
    chunks = chunks_of(Document("body\n\ninside\n\nafter", parts=(Part(1, 6, 12, "file", "a.txt"),)))
    assert [describe_place(chunk.page, chunk.lines, chunk.part) for chunk in chunks] == [
        "line 1",
        "a.txt, line 1",
        "line 5",
    ]


@pytest.mark.parametrize(
    "block",
    [
        "```python\ndef one():\n    return 1\n\n\ndef two():\n    return 2\n```",
        "| a | b |\n| - | - |\n| 1. One | 2 |",
        "North | 5\nSouth | 6\nEast | 7",
    ],
)
@pytest.mark.parametrize("words_before", range(12))
def test_code_and_tables_that_fit_stay_whole(block, words_before):
    text = "word " * words_before + f"\n{block}\n" + "word " * 20
    chunks = chunks_of(text, 20, count_words, overlap_tokens=3)
    assert any(block in chunk.text for chunk in chunks)


def test_the_repeated_part_begins_outside_of_a_table():
    text = "word " * 6 + "\na | b\nc | d\n" + "end. " + "more " * 12
    chunks = chunks_of(text, 20, target_tokens=13, overlap_tokens=4)
    assert chunks[1].text.startswith("end. more")


def test_code_that_does_not_fit_is_cut_at_lines():
    code = "```\n" + "\n".join(f"call number {number}" for number in range(20)) + "\n```"
    for text in texts_of(code, 16)[1:-1]:
        assert text.startswith("call")
        assert text[-1].isdigit()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"max_tokens": 254}, (254, 250, 62, 31)),
        ({"max_tokens": 510}, (510, 250, 62, 32)),
        ({"max_tokens": 128}, (128, 128, 32, 16)),
        ({"max_tokens": 8}, (8, 8, 2, 1)),
        ({"max_tokens": 128, "target_tokens": 60, "overlap_tokens": 0, "header_tokens": 0}, (128, 60, 0, 0)),
    ],
)
def test_options_follow_from_the_window(options, expected):
    chosen = ChunkOptions(**options)
    assert (chosen.max_tokens, chosen.target_tokens, chosen.overlap_tokens, chosen.header_tokens) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_tokens": 7}, "max_tokens is 7"),
        ({"max_tokens": 128, "target_tokens": 129}, "target_tokens is 129; choose 4 to 128"),
        ({"max_tokens": 128, "overlap_tokens": 65}, "overlap_tokens is 65; choose 0 to 64"),
        ({"max_tokens": 128, "header_tokens": 65}, "header_tokens is 65; choose 0 to 64"),
        ({"max_tokens": "128"}, "max_tokens is '128'; give a whole number"),
        ({"max_tokens": None}, "max_tokens is None; give a whole number"),
        ({"max_tokens": 128, "target_tokens": True}, "target_tokens is True; give a whole number"),
        ({"max_tokens": 128, "header_tokens": 1.5}, "header_tokens is 1.5; give a whole number"),
    ],
)
def test_options_that_cannot_be_kept_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        ChunkOptions(**options)


def test_a_character_larger_than_a_passage_is_an_error():
    with pytest.raises(ConfigError, match="the single character 'x' has 100 tokens"):
        chunks_of("x", count_tokens=lambda text: 100 * len(text))


@pytest.mark.parametrize(
    ("title", "file_name", "headings", "header"),
    [
        (None, "staff_handbook.pdf", (), "staff handbook"),
        ("Handbook", "a.pdf", ("Leave", "Sick pay"), "a > Handbook > Leave > Sick pay"),
        ("Leave", "a.md", ("Leave", "Sick pay"), "a > Leave > Sick pay"),
        ("Handbook", "", ("Leave",), "Handbook > Leave"),
        ("Handbook", "a.md", ("one two three four", "five six"), "a > Handbook > five six"),
        ("the title has six words here", "a.md", ("Sick pay",), "a > Sick pay"),
        (
            None,
            "one two three four five six seven eight nine.txt",
            (),
            "one two three four five six seven eight",
        ),
    ],
)
def test_what_is_embedded_begins_with_where_the_passage_stands(title, file_name, headings, header):
    chunk = Chunk(0, "six weeks", (0, 9), None, (1, 1), headings)
    options = ChunkOptions(64)
    assert options.header_tokens == 8
    text = embedding_text(chunk, title=title, file_name=file_name, count_tokens=count_words, options=options)
    assert text == f"{header}\nsix weeks"


def test_names_give_way_where_the_whole_has_more_tokens_than_its_parts():
    options = ChunkOptions(64)
    text = "x" * 2 * (options.max_tokens - options.header_tokens)
    chunk = Chunk(0, text, (0, len(text)), None, (1, 1), ("y" * (2 * options.header_tokens - 3) + " of",))
    embedded = embedding_text(chunk, title=None, count_tokens=count_pairs_of_characters, options=options)
    assert embedded == f"{'y' * (2 * options.header_tokens - 3)}\n{text}"


def test_a_passage_without_names_is_embedded_as_it_is():
    chunk = Chunk(0, "six weeks", (0, 9), None, (1, 1))
    assert (
        embedding_text(chunk, title=None, count_tokens=count_words, options=ChunkOptions(64)) == "six weeks"
    )


@pytest.mark.parametrize(
    "text",
    [
        "word and other words. " * 45_000,
        "x" * 1_000_000,
        "漢" * 300_000,
        "a" + " " * 1_000_000 + "b",
        "a\n" * 300_000,
    ],
    ids=["prose", "one-word", "han", "white-space", "lines"],
)
def test_a_megabyte_takes_seconds_and_few_counts(text):
    calls = 0

    def count(part: str) -> int:
        nonlocal calls
        calls += 1
        return count_pairs_of_characters(part)

    seconds, chunks = cpu_seconds(lambda: chunks_of(text, 256, count))
    assert seconds < 10  # a quadratic cut would take minutes
    assert calls < 4 * len(chunks) + 1000


@pytest.mark.parametrize(("title", "room"), [(None, 0), ("Leave", 1), ("of the staff " * 9, 8)])
def test_only_what_stands_in_front_of_passages_is_taken_off_the_window(title, room):
    options = ChunkOptions(64, overlap_tokens=0)
    document = Document(" ".join(f"w{number}" for number in range(200)), title=title)
    first = chunk_document(document, count_tokens=count_words, options=options)[0]
    assert count_words(first.text) == 64 - room
    text = embedding_text(first, title=title, count_tokens=count_words, options=options)
    assert count_words(text) == 64


@pytest.mark.parametrize(
    "name",
    ["text/birth_control.md", "pdf/test_article.pdf", "documents/word_sample.docx", "web/wkey_am.html"],
)
def test_sample_documents_are_cut_within_the_window(name):
    document = load_document(sample(name))
    options = ChunkOptions(128)
    chunks = chunk_document(document, count_tokens=count_hash_tokens, options=options)
    assert max(count_hash_tokens(chunk.text) for chunk in chunks) <= options.max_tokens
    assert {word for chunk in chunks for word in chunk.text.split()} >= {
        word for word in document.text.split() if len(word) < 49
    }
