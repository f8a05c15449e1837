from pathlib import Path

import pytest

from gpt4all_localdocs.chunk import ChunkOptions, chunk_document
from gpt4all_localdocs.loaders.registry import load_document
from gpt4all_localdocs.types import Chunk, Document, Heading, Part

TINY = """import os


def one():
    return 1


class Two:
    name = "two"

    def three(self):
        return 3

    def four(self):
        return 4


def five():
    return 5
"""


def count_words(text: str) -> int:
    return len(text.split())


def chunks_of(document: Document, *, target_tokens: int) -> tuple[Chunk, ...]:
    options = ChunkOptions(128, target_tokens=target_tokens, overlap_tokens=0)
    return chunk_document(document, count_tokens=count_words, options=options)


@pytest.fixture
def code(tmp_path: Path) -> Document:
    path = tmp_path / "code.py"
    path.write_text(TINY)
    return load_document(path)


@pytest.mark.parametrize(
    ("kind", "headings"),
    [
        ("page", [("Leave",), ("Leave",), ("Costs",)]),
        ("chapter", [("Leave",), ("Leave",), ("Costs",)]),
        ("cell", [("Leave",), ("Leave",), ("Costs",)]),
        ("slide", [("Leave",), (), ("Costs",)]),
        ("sheet", [("Leave",), (), ("Costs",)]),
        ("message", [("Leave",), (), ("Costs",)]),
        ("file", [("Leave",), (), ("Costs",)]),
    ],
)
def test_a_heading_holds_for_what_goes_on_with_its_text(kind, headings):
    text = "Leave\n25 days\n\nno title\n\nCosts\n9 euros"
    parts = (Part(1, 0, 13, kind), Part(2, 15, 23, kind), Part(3, 25, len(text), kind))
    document = Document(text, parts=parts, headings=(Heading(1, "Leave", 0), Heading(1, "Costs", 25)))
    assert [chunk.headings for chunk in chunks_of(document, target_tokens=64)] == headings


def test_what_follows_an_attached_file_is_not_under_its_headings():
    text = "# Body\nhello\n\n# Inside\ntext\n\nafter"
    headings = (Heading(1, "Body", 0), Heading(1, "Inside", 14))
    document = Document(text, parts=(Part(1, 14, 27, "file", "a.md"),), headings=headings)
    assert [(chunk.text, chunk.headings) for chunk in chunks_of(document, target_tokens=64)] == [
        ("# Body\nhello", ("Body",)),
        ("# Inside\ntext", ("Inside",)),
        ("after", ()),
    ]


@pytest.mark.parametrize(
    ("target_tokens", "expected"),
    [
        (64, [((), "import", "5")]),
        (
            16,
            [
                ((), "import", "1"),
                (("class Two",), "class", "4"),
                (("def five",), "def five():", "5"),
            ],
        ),
        (
            9,
            [
                ((), "import", "1"),
                (("class Two",), "class", "3"),
                (("class Two", "def Two.four"), "def four(self):", "4"),
                (("def five",), "def five():", "5"),
            ],
        ),
    ],
)
def test_small_definitions_share_a_passage_within_their_class(code, target_tokens, expected):
    chunks = chunks_of(code, target_tokens=target_tokens)
    assert [chunk.headings for chunk in chunks] == [headings for headings, _, _ in expected]
    for chunk, (_, begin, end) in zip(chunks, expected, strict=True):
        assert chunk.text.startswith(begin)
        assert chunk.text.endswith(end)


def test_functions_of_one_name_are_joined_or_not_like_others():
    text = "\n".join(f"def f(): return {number}" for number in range(9))
    headings = tuple(Heading(1, "def f", 18 * number, is_definition=True) for number in range(9))
    chunks = chunks_of(Document(text, headings=headings), target_tokens=8)
    assert [chunk.text.count("def") for chunk in chunks] == [2, 2, 2, 2, 1]


def test_a_definition_that_is_large_enough_is_a_passage_of_its_own(code):
    large = TINY.replace("return 1", "return " + " + ".join("1" * 12))
    again = Document(
        large,
        headings=tuple(
            Heading(heading.level, heading.title, large.index(TINY[heading.start :][:12]), is_definition=True)
            for heading in code.headings
        ),
    )
    assert ("def one",) in [chunk.headings for chunk in chunks_of(again, target_tokens=27)]


def test_headings_of_a_text_are_never_joined():
    text = "# A\none\n# B\ntwo"
    document = Document(text, headings=(Heading(1, "A", 0), Heading(1, "B", 8)))
    assert [chunk.headings for chunk in chunks_of(document, target_tokens=64)] == [("A",), ("B",)]
