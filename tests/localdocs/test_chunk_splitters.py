from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt4all_core.errors import ConfigError
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs import IndexOptions, LocalDocs
from gpt4all_localdocs.chunk import ChunkOptions
from gpt4all_localdocs.splitter import locate_passages, split_document
from gpt4all_localdocs.types import Document, Heading, Part


class Pieces:
    """A splitter whose passages are given, or made by a function of the text."""

    def __init__(self, *pieces: str, cut=None, identity: str = "pieces"):
        self.identity = identity
        self._cut = cut or (lambda _text: list(pieces))

    def split(self, text: str) -> list[str]:
        return self._cut(text)


def count_words(text: str) -> int:
    return len(text.split())


def windows(text: str, *, size: int, step: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), step)]


@pytest.mark.parametrize(
    ("text", "pieces", "found"),
    [
        ("one two. three", ["one two.", "three"], [(0, 8), (9, 14)]),
        ("one two three", ["one two", "two three"], [(0, 7), (4, 13)]),
        ("aaaa", ["aa", "aa"], [(0, 2), (2, 4)]),
        ("ab ab ab", ["ab", "ab", "ab"], [(0, 2), (3, 5), (6, 8)]),
        ("one  two\nthree", ["one two", "three"], [(0, 8), (9, 14)]),
        ("one two three", ["one two three", "one", "two three"], [(0, 3), (0, 13), (4, 13)]),
        ("one two", ["  one \n", "", " ", "two"], [(0, 3), (4, 7)]),
        ("über alles", ["über al\ufffd", "les"], [(0, 7), (7, 10)]),
        ("one two", ["one", "one"], [(0, 3)]),
    ],
)
def test_passages_are_found_where_they_stand(text, pieces, found):
    assert locate_passages(text, Pieces(*pieces)) == found


@given(st.text("ab \n.", max_size=60), st.integers(1, 12), st.integers(1, 12))
def test_every_passage_that_is_words_of_the_text_is_found_in_it(text, size, step):
    pieces = windows(text, size=size, step=min(size, step))
    spans = locate_passages(text, Pieces(*pieces))
    assert {text[start:end] for start, end in spans} == {piece.strip() for piece in pieces} - {""}


@pytest.mark.parametrize("pieces", [["ONE"], ["one", "three"], ["two one"]])
def test_a_passage_that_is_not_in_the_text_is_refused_by_name(pieces):
    with pytest.raises(ConfigError, match=r"the splitter 'mine' made a passage that is not in the text: '"):
        locate_passages("one two", Pieces(*pieces, identity="mine"))


def test_passages_know_their_headings_pages_and_lines():
    text = "# A\none\ntwo\n# B\nthree"
    headings = (Heading(1, "A", 0), Heading(1, "B", 12))
    splitter = Pieces(cut=lambda text: text.split("\n"))
    options = ChunkOptions(16)
    chunks = split_document(
        Document(text, headings=headings), splitter, count_tokens=count_words, options=options
    )
    assert [(chunk.text, chunk.lines, chunk.headings) for chunk in chunks] == [
        ("# A", (1, 1), ("A",)),
        ("one", (2, 2), ("A",)),
        ("two", (3, 3), ("A",)),
        ("# B", (4, 4), ("B",)),
        ("three", (5, 5), ("B",)),
    ]
    paged = Document(text, parts=(Part(1, 0, 11), Part(2, 12, len(text))))
    whole = split_document(paged, Pieces(cut=lambda text: [text]), count_tokens=count_words, options=options)
    assert [(chunk.text, chunk.page) for chunk in whole] == [("# A\none\ntwo", 1), ("# B\nthree", 2)]


def test_a_passage_beyond_the_window_is_cut_further():
    text = " ".join(f"w{number}" for number in range(40))
    chunks = split_document(Document(text), Pieces(text), count_tokens=count_words, options=ChunkOptions(16))
    assert [count_words(chunk.text) for chunk in chunks] == [16, 16, 8]
    assert " ".join(chunk.text for chunk in chunks) == text


def test_an_index_is_cut_by_a_splitter_and_anew_by_another(tmp_path: Path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("one\ntwo\nthree")

    def passages(splitter) -> list[tuple[str, tuple[int, int]]]:
        with LocalDocs(
            tmp_path / "index",
            folders=[tmp_path / "notes"],
            embedder=HashEmbedder(),
            options=IndexOptions(splitter=splitter, vector_index="exact"),
        ) as docs:
            docs.sync()
            return [(hit.text, hit.span) for hit in docs.passages()]

    whole = [("one\ntwo\nthree", (0, 13))]
    assert passages(None) == whole
    lines = Pieces(cut=lambda text: text.split("\n"), identity="lines")
    assert passages(lines) == [("one", (0, 3)), ("two", (4, 7)), ("three", (8, 13))]
    assert passages(None) == whole


def test_what_does_not_split_is_refused():
    with pytest.raises(ConfigError, match="has no identity and split"):
        IndexOptions(splitter="recursive")
