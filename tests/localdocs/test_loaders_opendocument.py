import pytest
from loader_files import sample, write
from opendocument_files import root, table, write_opendocument

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders import odp, ods, odt
from gpt4all_localdocs.types import Heading, Part

NOTE = (
    '<text:note text:note-class="{}"><text:note-citation>1</text:note-citation>'
    "<text:note-body><text:p>{}</text:p></text:note-body></text:note>"
)
ITEM = "<text:list-item>{}</text:list-item>"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<text:p> a\n  b<text:s text:c='3'/>c<text:tab/>d<text:line-break/>e </text:p>", "a b   c\td\ne"),
        ("<text:p>x</text:p><text:p/><text:p>y</text:p>", "x\n\ny"),
        (
            (
                "<text:p>Bring:</text:p><text:list>"
                + ITEM.format(
                    "<text:p>pen</text:p><text:list>" + ITEM.format("<text:p>blue</text:p>") + "</text:list>"
                )
                + ITEM.format("<text:p>ink</text:p>")
                + "</text:list><text:p>Go.</text:p>"
            ),
            "Bring:\n\npen\nblue\nink\n\nGo.",
        ),
        (table(["a", "b c"], ["d", "<table:covered-table-cell/>"], ["", "e"]), "a | b c\nd\n| e"),
        (table(["one column"], ["of text"]), "one column\n\nof text"),
        (
            "<text:tracked-changes><text:p>gone</text:p></text:tracked-changes><text:p>here</text:p>",
            "here",
        ),
        (
            (
                "<text:p>anchor<draw:frame><svg:desc>A map</svg:desc><draw:text-box>"
                "<text:p>in the box</text:p></draw:text-box></draw:frame></text:p>"
            ),
            "anchor\n\nA map\n\nin the box",
        ),
        ("<text:section><text:p>inside</text:p></text:section>", "inside"),
        ("<text:p>Page <text:page-number>3</text:page-number>.</text:p>", "Page ."),
        (
            (
                "<text:p><text:ruby><text:ruby-base>漢字</text:ruby-base>"
                "<text:ruby-text>かんじ</text:ruby-text></text:ruby></text:p>"
            ),
            "漢字(かんじ)",
        ),
    ],
    ids=["spaces", "paragraphs", "lists", "table", "column", "tracked", "box", "section", "field", "ruby"],
)
def test_odt_text_is_what_stands_in_the_file(tmp_path, body, text):
    assert odt.load(write_opendocument(tmp_path, "text", body)).text == text


def test_odt_headings_have_levels_and_the_title_is_the_titles_paragraph(tmp_path):
    body = (
        '<text:p text:style-name="P1">Staff\n handbook</text:p><text:h text:outline-level="1">Leave</text:h>'
        '<text:h text:outline-level="99999999999">Sick  pay</text:h><text:p>six weeks</text:p>'
    )
    styles = '<style:style style:name="P1" style:parent-style-name="Title"/>'
    document = odt.load(write_opendocument(tmp_path, "text", body, styles=styles))
    assert document.text == "Staff handbook\n\nLeave\n\nSick pay\n\nsix weeks"
    assert document.headings == (Heading(1, "Leave", 16), Heading(1, "Sick pay", 23))
    assert document.title == "Staff handbook"


def test_odt_notes_comments_headers_and_footers_stand_apart(tmp_path):
    body = (
        f"<text:p>Leave{NOTE.format('footnote', 'see the law')} and{NOTE.format('endnote', 'or not')}"
        " pay<office:annotation><dc:creator>Ann</dc:creator>"
        "<text:p>Really?</text:p></office:annotation></text:p>"
    )
    pages = (
        "<office:master-styles><style:master-page>"
        "<style:header><text:p>ACME</text:p></style:header>"
        '<style:header-first style:display="false"><text:p>off</text:p></style:header-first>'
        "<style:footer><text:p>7</text:p></style:footer></style:master-page></office:master-styles>"
    )
    meta = "<office:meta><dc:title>Handbook</dc:title></office:meta>"
    parts = {"styles.xml": root("document-styles", pages), "meta.xml": root("document-meta", meta)}
    document = odt.load(write_opendocument(tmp_path, "text", body, parts=parts))
    assert document.text == (
        "Leave and pay\n\nHeaders\n\nACME\n\nFootnotes\n\nsee the law\n\n"
        "Endnotes\n\nor not\n\nComments\n\nReally?"
    )
    titles = [heading.title for heading in document.headings]
    assert titles == ["Headers", "Footnotes", "Endnotes", "Comments"]
    assert document.title == "Handbook"


def test_a_charts_values_are_read_and_other_objects_are_named(tmp_path):
    frame = '<text:p><draw:frame><draw:object xlink:href="./{}"/></draw:frame></text:p>'
    chart = (
        "<office:body><office:chart><chart:chart><chart:title><text:p>Sales</text:p></chart:title>"
        f"{table(['', '2024'], ['North', '5'])}</chart:chart></office:chart></office:body>"
    )
    parts = {"Object 1/content.xml": root("document-content", chart)}
    body = "<text:p>See</text:p>" + frame.format("Object 1") + frame.format("../../etc/passwd") * 2
    document = odt.load(write_opendocument(tmp_path, "text", body, parts=parts))
    assert document.text == "See\n\nSales\n\n| 2024\nNorth | 5"
    assert document.notes == ("an embedded object is not read",)


def test_odp_slides_have_titles_notes_and_comments(tmp_path):
    def frame(text, kind="outline"):
        box = f"<draw:text-box><text:p>{text}</text:p></draw:text-box>"
        return f'<draw:frame presentation:class="{kind}">{box}</draw:frame>'

    page = "<draw:page {}>{}</draw:page>"
    body = (
        page.format(
            "",
            "<office:annotation><text:p>Really?</text:p></office:annotation>"
            + frame("25 days")
            + frame("Annual leave", "title")
            + f"<presentation:notes>{frame('Say hello.')}</presentation:notes>",
        )
        + page.format("", "")
        + page.format('draw:style-name="dp2"', f"<draw:g>{table(['a', 'b'])}</draw:g>")
    )
    styles = (
        '<style:style style:name="dp2"><style:drawing-page-properties presentation:visibility="hidden"/>'
        "</style:style>"
    )
    document = odp.load(write_opendocument(tmp_path, "presentation", body, styles=styles))
    first = "Annual leave\n\n25 days\n\nSpeaker notes:\nSay hello.\n\nComment: Really?"
    assert document.text == f"{first}\n\n\n\na | b"
    assert document.parts == (
        Part(1, 0, len(first), "slide", "Annual leave"),
        Part(2, len(first) + 2, len(first) + 2, "slide"),
        Part(3, len(first) + 4, len(first) + 9, "slide"),
    )
    assert document.headings == (Heading(1, "Annual leave", 0),)
    assert document.notes == (
        "slide 3: hidden in the file, and read like the others",
        "slide 2: no text; pictures are not read",
    )


def cell(text, attributes=""):
    return f"<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>"


EMPTY_ROWS = "<table:table-row table:number-rows-repeated='{}'><table:table-cell/></table:table-row>"
MANY_EMPTY = '<table:table-cell table:number-columns-repeated="16380"/>'


BOX = "<draw:frame><draw:text-box><text:p>box</text:p></draw:text-box></draw:frame>"


@pytest.mark.parametrize(
    ("cells", "line"),
    [
        (cell("Growth") + cell("25 %", 'office:value="0.25"'), "Growth | 25 %"),
        ('<table:table-cell office:date-value="2024-05-01"/>', "2024-05-01"),
        (cell("a<text:line-break/>b") + MANY_EMPTY, "a b"),
        ("<table:table-cell/>" + cell("<text:span>b</text:span>"), "| b"),
        (cell("x<office:annotation><text:p>why?</text:p></office:annotation>"), "x [comment: why?]"),
        (
            f"<table:table-cell>{BOX}</table:table-cell>",
            "[figure: box]",
        ),
    ],
)
def test_ods_cells_are_as_shown(tmp_path, cells, line):
    body = f"<table:table><table:table-row>{cells}</table:table-row></table:table>"
    document = ods.load(write_opendocument(tmp_path, "spreadsheet", body))
    assert document.text == line
    assert document.notes == ()


def test_ods_labels_merged_over_rows_stand_in_each_of_them(tmp_path):
    covered = "<table:covered-table-cell/>"
    body = table(
        [cell("North", 'table:number-rows-spanned="3"'), cell("1")],
        [covered, cell("2")],
        [covered, cell("3")],
        [covered, cell("4")],
        [cell("wide", 'table:number-rows-spanned="2" table:number-columns-spanned="2"'), covered],
        [covered, covered, cell("5")],
    )
    document = ods.load(write_opendocument(tmp_path, "spreadsheet", body))
    assert document.text == "North | 1\nNorth | 2\nNorth | 3\n| 4\nwide\n|  | 5"


def test_ods_repeats_cost_what_they_hold(tmp_path):
    repeated = '<table:table-row table:number-rows-repeated="{}">{}</table:table-row>'
    body = (
        f'<table:table table:name="x" table:style-name="ta1">{EMPTY_ROWS.format(4)}'
        + repeated.format(2, cell("a", 'table:number-columns-repeated="3"') + MANY_EMPTY)
        + EMPTY_ROWS.format(3)
        + repeated.format(1, cell("b"))
        + EMPTY_ROWS.format(1_048_566)
        + repeated.format(999_999_999, cell("beyond every sheet"))
        + "</table:table>"
    )
    styles = (
        '<style:style style:name="ta1" style:family="table"><style:table-properties table:display="false"/>'
        "</style:style>"
    )
    document = ods.load(write_opendocument(tmp_path, "spreadsheet", body, styles=styles))
    assert document.text == "a | a | a\na | a | a\n\n\n\nb"
    assert document.parts == (Part(1, 0, 24, "sheet", "x", 5),)
    assert document.notes == ("sheet 'x': hidden in the file, and read like the others",)


@pytest.mark.parametrize(
    ("kind", "loader", "name"),
    [("text", odt, "ODT"), ("presentation", odp, "ODP"), ("spreadsheet", ods, "ODS")],
)
def test_an_opendocument_file_that_is_none_says_why(tmp_path, kind, loader, name):
    path = write_opendocument(tmp_path, kind, "")
    with pytest.raises(UnreadableDocument, match="holds no text"):
        loader.load(path)
    locked = "<manifest><file-entry><encryption-data/></file-entry></manifest>"
    encrypted = write_opendocument(tmp_path, kind, "", parts={"META-INF/manifest.xml": locked})
    with pytest.raises(UnreadableDocument, match="is encrypted; remove its password"):
        loader.load(encrypted)
    with pytest.raises(UnreadableDocument, match=f"is an OpenDocument file, but no {name} file"):
        loader.load(write_opendocument(tmp_path, "drawing", ""))
    with pytest.raises(UnreadableDocument, match=f"is not an {name} file, or is damaged"):
        loader.load(write(tmp_path, "a.odt", "no archive"))


@pytest.mark.parametrize(
    ("name", "phrase", "heading"),
    [
        ("odt/footnote.odt", "Some text with a footnote.\n\nFootnotes\n\nFootnote text", "Footnotes"),
        ("odt/headers.odt", "Another header (Lv 2)\n\nAnother paragraph", "Another header (Lv 2)"),
        ("odt/listBlocks.odt", "This is a numbered block.\nIt contains several", None),
        ("odt/table.odt", "Table header | Another header\nContent | More content", None),
        ("odt/unicode.odt", "“”’çӨ©¼вбФШöÉµ", None),  # noqa: RUF001 - the file's own letters
        ("documents/fake.odt", "Leader | Sarah | Mark | Ryan", None),
        ("documents/simple.odt", "Hockey\n\nAnalysis", "These are a few of my favorite things:"),
    ],
)
def test_a_sample_odt_has_its_phrases_and_headings(name, phrase, heading):
    document = odt.load(sample(name))
    assert phrase in document.text
    assert heading is None or heading in [found.title for found in document.headings]
