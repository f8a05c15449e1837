import pytest
from loader_files import sample, write
from measured import check_growth

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders import rtf
from gpt4all_localdocs.types import Heading

FONTS = r"{\fonttbl{\f0\fcharset0 Times;}{\f1\fcharset204 Times Cyr;}{\f2\fcharset128{\*\panose 02}Mincho;}}"
STYLES = (
    r"{\stylesheet{\ql Normal;}{\s1\sbasedon0\outlinelevel0 Kapitel;}{\s2\sbasedon1 Own;}{\s3 heading 3;}"
    r"{\s4 Title;}{\*\cs10 Default Font;}{\s5\sbasedon6 A;}{\s6\sbasedon5 B;}}"
)


def rtf_of(body: str) -> str:
    return r"{\rtf1\ansi\ansicpg1252\deff0" + FONTS + STYLES + body + "}"


def load(folder, body):
    return rtf.load(write(folder, "a.rtf", rtf_of(body)))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r"one\par two\line three\par\par four", "one\n\ntwo\nthree\n\nfour"),
        ("no\nword\r\nends here", "noword" + "ends here"),
        (r"caf\'e9 \{x\} a\\b\~c\_d\-e\emdash f", "café {x} a\\b\u00a0c-de—f"),
        (r"\u8216\'91a\u8217? {\uc2\u228\'E8b}c {\uc0\u228 d}", "‘a’ äc äd"),  # noqa: RUF001
        (r"\u-10179?\u-8704? \u-3913?", "😀 •"),
        (r"{\f1\'cf\'f0} {\f2\'93\'fa\'96\'7b} \'fc", "Пр 日本 ü"),
        (r"a{\*\unknown b}{\pict ffd8}{\object{\*\objdata 00}{\result c}}d", "acd"),
        (r"a{\*\bkmkstart x}b\bin5 }{}\\c", "abc"),
        (r'{\field{\*\fldinst HYPERLINK "http://x"}{\fldrslt link}}', "link"),
        (r"new {\deleted old\tab\u228?}text", "new text"),
        (
            r"\pard anchor{\shp{\*\shpinst{\sp{\sn a}}{\shptxt in the box\par}}{\shprslt again}}\par x",
            "anchor\n\nin the box\n\nx",
        ),
        (
            r"\pard Bring:\par\ls1{\listtext\'95\tab}pen\par{\listtext 2.\tab}ink\par\pard Go.",
            "Bring:\n\npen\n2. ink\n\nGo.",
        ),
    ],
    ids=[
        "paragraphs",
        "line-ends",
        "symbols",
        "unicode",
        "pairs",
        "fonts",
        "destinations",
        "binary",
        "field",
        "tracked",
        "box",
        "list",
    ],
)
def test_rtf_text_is_what_a_reader_shows(tmp_path, body, text):
    document = load(tmp_path, body)
    assert document.text == text
    assert document.notes == ()


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (r"\trowd\intbl a\cell b\par c\cell\row\trowd\intbl d\cell\cell\row", "a | b c\nd"),
        (r"{\trowd{\intbl{a\par}\cell}{\intbl{b\par}\cell}\row}", "a | b"),
        (r"\trowd\intbl one column\cell\row\intbl of text\cell\row", "one column\n\nof text"),
        (r"\trowd\intbl a\cell b\cell\pard", "a | b"),
        (r"\intbl a\cell{\*\nesttableprops x}\itap2 b\nestcell c\nestrow\pard\intbl d\cell\row", "a | b c d"),
    ],
    ids=["rows", "groups", "column", "unfinished", "nested"],
)
def test_rtf_rows_are_lines(tmp_path, rows, text):
    document = load(tmp_path, rf"\pard before\par {rows}\pard after")
    assert document.text == f"before\n\n{text}\n\nafter"


@pytest.mark.parametrize(
    ("properties", "level"),
    [
        (r"\s1", 1),
        (r"\s2", 1),
        (r"\s3", 3),
        (r"\outlinelevel1", 2),
        (r"\s1\outlinelevel9", 1),
        (r"\s4", None),
        (r"\s5", None),
        (r"\s77", None),
    ],
)
def test_rtf_headings_are_known_by_style_and_outline_level(tmp_path, properties, level):
    document = load(tmp_path, rf"\pard{properties} Leave\par\pard 25 days")
    assert document.text == "Leave\n\n25 days"
    assert document.headings == (() if level is None else (Heading(level, "Leave", 0),))
    assert document.title == ("Leave" if properties == r"\s4" else None)


def test_rtf_notes_headers_footers_and_comments_stand_apart(tmp_path):
    body = (
        r"{\info{\title Staff\~handbook}{\author Ann}}{\header ACME\par}{\footer\pard 7\par}"
        r"Leave{\footnote\pard see the law} is{\footnote\ftnalt or not}"
        r"{\*\annotation{\*\atnid x}Really?} paid"
    )
    document = load(tmp_path, body)
    assert document.text == (
        "Leave is paid\n\nHeaders\n\nACME\n\nFootnotes\n\nsee the law\n\n"
        "Endnotes\n\nor not\n\nComments\n\nReally?"
    )
    assert [heading.title for heading in document.headings] == [
        "Headers",
        "Footnotes",
        "Endnotes",
        "Comments",
    ]
    assert document.title == "Staff handbook"


def test_rtf_that_breaks_off_is_read_as_far_as_it_goes(tmp_path):
    document = rtf.load(write(tmp_path, "a.rtf", r"{\rtf1 whole {\footnote half a no"))
    assert document.text == "whole\n\nFootnotes\n\nhalf a no"
    assert document.notes == ("the file breaks off; what would follow is not in the text",)


def test_a_fragment_of_rtf_is_read_too(tmp_path):
    document = rtf.load(write(tmp_path, "a.rtf", r"{\pard\s1 one\par}{\pard two\par}"))
    assert (document.text, document.notes) == ("one\n\ntwo", ())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("plain text", "is not an RTF file, or is damaged"),
        (r"{\rtf1{\pict ffd8}}", "holds no text"),
        (r"{\rtf1" + "{" * 20_000, "is nested too deeply"),
    ],
)
def test_rtf_without_text_says_why(tmp_path, content, reason):
    with pytest.raises(UnreadableDocument, match=reason):
        rtf.load(write(tmp_path, "a.rtf", content))


@pytest.mark.parametrize(
    "piece", [r"\u8217?", "{}", r"\cell", r"{\footnote a}", r"\bin99999999 ", "\\", r"\par a"]
)
def test_rtf_costs_time_in_proportion_to_the_file(tmp_path, piece):
    small = write(tmp_path, "small.rtf", rtf_of("x" + piece * 4_000))
    large = write(tmp_path, "large.rtf", rtf_of("x" + piece * 8_000))
    check_growth(lambda: rtf.load(small), lambda: rtf.load(large))


@pytest.mark.parametrize(
    ("name", "phrase", "heading"),
    [
        ("../markdown/tables.rtf", "Right | Left | Center | Default\n12 | 12 | 12 | 12\n", None),
        ("accent.rtf", "le café où on ne fume pas", None),
        ("extraction_test.rtf", "Apple | $1.00 | 10\nBanana | $0.50 | 20", "Subsection 3.1"),
        ("footnote.rtf", "A complete bibliography will be found at the end of this chapter.", "Footnotes"),
        ("heading.rtf", "Heading 1\n\nHeading 2\n\nHeading 3\n\nParagraph", "Heading 2"),
        ("list_complex.rtf", "7. Seven Start\n8. Eight Continue", None),
        ("table_error_codes.rtf", "Code | Error\n3 | PandocFailOnWarningError\n", None),
        ("unicode.rtf", "“hi”‘hi’•αä", None),  # noqa: RUF001 - the file's own quotes
        ("word_sample.rtf", "Leaves | Ash, Elm, Maple | 50\n", "Let’s eat"),  # noqa: RUF001 - the file's own quote
    ],
)
def test_a_sample_rtf_has_its_phrases_and_headings(name, phrase, heading):
    document = rtf.load(sample(f"rtf/{name}"))
    assert phrase in document.text
    assert heading is None or heading in [found.title for found in document.headings]


def test_a_sample_rtf_of_a_picture_holds_no_text():
    with pytest.raises(UnreadableDocument, match="holds no text"):
        rtf.load(sample("rtf/image.rtf"))
