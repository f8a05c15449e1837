import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from gpt4all_app.output import printable
from gpt4all_app.passages import WordWrap, excerpt
from gpt4all_app.paths import index_for, shown_path
from gpt4all_app.progress import shortened

texts = st.text(alphabet="ab 日\n", max_size=60)


def wrapped(pieces, width):
    wrap = WordWrap(width)
    return "".join(map(wrap.push, pieces)) + wrap.finish()


@given(text=texts, cuts=st.sets(st.integers(0, 60)), width=st.integers(4, 20))
def test_wrapping_keeps_all_words_and_the_width(text, cuts, width):
    edges = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    shown = wrapped([text[a:b] for a, b in itertools.pairwise(edges)], width)
    assert re.sub(r"\s", "", shown) == re.sub(r"\s", "", text)
    for line in shown.split("\n"):
        assert cell_len(line.strip()) <= width or max(map(cell_len, line.split())) > width // 2


def test_wrapping_breaks_between_words_that_come_in_pieces():
    assert wrapped(["The ri", "ver ros", "e in ", "May."], 10) == "The river\nrose in\nMay."


def test_wrapping_does_not_wait_for_the_end_of_a_word_that_fills_the_line():
    assert WordWrap(4).push("日本語") == "日本語"


@given(text=texts, bounds=st.tuples(st.integers(0, 60), st.integers(0, 60)), limit=st.integers(1, 50))
def test_an_excerpt_is_short_and_holds_a_short_quote(text, bounds, limit):
    start, end = sorted(min(bound, len(text)) for bound in bounds)
    shown = excerpt(text, start, end, limit=limit).plain
    assert len(shown) <= limit + len("… ") + len(" …") + 2
    if end - start <= limit:
        assert " ".join(text[start:end].split()) in shown


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (99, "The river rose by two metres in May and fell in June."),
        (26, "… rose by two metres in May …"),
        (10, "… two metres …"),
        (4, "… two …"),
    ],
)
def test_an_excerpt_leaves_out_whole_words_around_the_quote(limit, expected):
    text = "The river rose by\ntwo metres in May and fell in June."
    start = text.index("two")
    assert excerpt(text, start, start + len("two metres"), limit=limit).plain == expected


def test_only_a_quote_within_a_passage_is_bold():
    assert [span.style for span in excerpt("a b c", 2, 3).spans] == ["bold"]
    assert not excerpt("a b c").spans


@pytest.mark.parametrize(
    ("folders", "shown"),
    [
        (["/a/b"], "c/d.txt"),
        (["/a/b", "/x"], "b/c/d.txt"),
        (["/a", "/a/b"], "b/c/d.txt"),
        (["/x"], "/a/b/c/d.txt"),
        (["/a/b/c/d.txt"], "d.txt"),
    ],
)
def test_files_are_named_from_their_folder_on(folders, shown):
    assert shown_path(Path("/a/b/c/d.txt"), [Path(folder) for folder in folders]) == str(Path(shown))


def test_the_name_of_an_index_tells_its_folder_and_is_unique(home):
    one, other = index_for([Path("/a/My Papers!")]), index_for([Path("/b/My Papers!")])
    assert one.name.startswith("my-papers-")
    assert one != other
    assert index_for([Path("/")]).name.startswith("folder-")


def test_names_are_shortened_in_the_middle():
    assert shortened("staff-handbook.pdf", 11) == "staff…k.pdf"
    assert shortened("short.pdf", 11) == "short.pdf"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\r\nb", "a\nb"), ("a\tb\n", "a\tb\n"), ("\x1b[1m\x00\x9b", "\ufffd[1m\ufffd\ufffd")],
)
def test_control_characters_are_replaced(text, shown):
    assert printable(text) == shown


def test_a_line_end_in_a_file_name_cannot_pass_for_a_line_of_ours():
    name = shown_path(Path("/a/b\n[2] forged.txt"), [Path("/a")])
    assert "\n" not in name
    assert name.endswith("[2] forged.txt")


@pytest.mark.parametrize("mark", ["\u202e", "\u2066"])
def test_a_mark_in_a_file_name_cannot_turn_what_is_shown_beside_it(mark):
    name = shown_path(Path(f"/a/bill{mark}fdp.exe"), [Path("/a")])
    assert name == "bill\ufffdfdp.exe"
