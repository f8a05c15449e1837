import pytest
from loader_files import sample, write
from measured import check_growth
from office_files import cell, relationships, sheet, write_xlsx

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders import delimited, sheets, spreadsheet
from gpt4all_localdocs.loaders.cell_extent import largest_sheet_of_xls
from gpt4all_localdocs.loaders.csv_rows import records
from gpt4all_localdocs.loaders.number_format import shown_number
from gpt4all_localdocs.loaders.sheets import SheetsWriter
from gpt4all_localdocs.types import Part


def test_sheets_are_parts_whose_lines_are_rows(tmp_path):
    path = write_xlsx(
        tmp_path,
        {
            "Leave": sheet(
                {1: cell("A1", "Kind") + cell("B1", "Days"), 2: cell("A2", "paid") + cell("B2", 25)}
            ),
            "Empty": sheet({}),
            "Late": sheet({4: cell("C4", "x&#10;y"), 6: cell("B6", "z")}),
        },
        hidden=("Late",),
    )
    document = spreadsheet.load(path)
    assert document.text == "Kind | Days\npaid | 25\n\n\n\n| x y\n\nz"
    assert document.parts == (
        Part(1, 0, 21, "sheet", "Leave", 1),
        Part(2, 23, 23, "sheet", "Empty", 1),
        Part(3, 25, 33, "sheet", "Late", 4),
    )
    assert document.notes == ("sheet 'Late': hidden in the file, and read like the others",)
    last = document.parts[2]
    lines = document.text[last.start : last.end].split("\n")
    assert lines[6 - last.first_row] == "z"


@pytest.mark.parametrize(
    ("value", "style", "text"),
    [
        (25, 0, "25"),
        (0.1 + 0.2, 0, "0.3"),
        (-1234567.5, 0, "-1234567.5"),
        (1e20, 0, "1e+20"),
        (45413, 1, "2024-05-01"),
        (45413.5416666551, 2, "2024-05-01 13:00:00"),
        (0.25, 3, "06:00:00"),
        (0.25, 4, "25%"),
        (-1234.5, 5, "-€ 1,234.50"),
        (True, 0, "TRUE"),
        ("Größe 😀", 0, "Größe 😀"),
    ],
)
def test_values_are_written_as_people_read_them(tmp_path, value, style, text):
    path = write_xlsx(tmp_path, {"a": sheet({1: cell("A1", value, style=style)})})
    assert spreadsheet.load(path).text == text


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (0.257, "0.0%", "25.7%"),
        (1234567.891, '#,##0.00\\ "€"', "1,234,567.89 €"),
        (4.5, '_("$"* #,##0.00_);_("$"* \\(#,##0.00\\)', "$4.50"),
        (-0.5, "0%;[Red]-0%", "-50%"),
        (-0.001, "0.00", "0.00"),
        (5, '0.0" kg"', "5.0 kg"),
        (1234, "00000", "01234"),
        (2, "0.##", "2"),
        (1234, "0,", None),
        (1, "# ?/?", None),
        (3, "General", None),
        (3, "yyyy-mm-dd", None),
        (3, "[>5]0.0", None),
        (7, "0.00E+00", None),
    ],
)
def test_a_number_format_says_what_a_reader_sees_or_nothing(value, code, text):
    assert shown_number(value, code) == text


def test_comments_and_figures_stand_in_the_cells_that_they_belong_to(tmp_path):
    thread = "<comment ref='B2'><text><r><t>[Threaded comment] See elsewhere</t></r></text></comment>"
    legacy = f"<comments>{thread}<comment ref='A2'><text><r><t>see </t></r><r><t>law</t></r></text></comment>"
    anchor = (
        "<anchor><from><col>3</col><row>4</row></from><sp><txBody><p><r><t>boxed</t></r></p></txBody></sp>"
        "<graphicFrame xmlns:r='x'><chart r:id='c'/></graphicFrame>"
        "<pic><cNvPr descr='a bridge'/></pic></anchor>"
    )
    chart = (
        "<chartSpace><title><p><r><t>Sales</t></r></p></title><ser><tx><v>2024</v></tx></ser></chartSpace>"
    )
    related = {
        "a": ("comments", "../legacy.xml"),
        "b": ("threadedComment", "../thread.xml"),
        "c": ("drawing", "../drawings/d.xml"),
    }
    parts: dict[str, str | bytes] = {
        "xl/worksheets/_rels/sheet0.xml.rels": relationships(related),
        "xl/legacy.xml": f"{legacy}</comments>",
        "xl/thread.xml": "<x><threadedComment ref='B2'><text>Why?</text></threadedComment></x>",
        "xl/drawings/d.xml": f"<wsDr>{anchor}</wsDr>",
        "xl/drawings/_rels/d.xml.rels": relationships({"c": ("chart", "chart.xml")}),
        "xl/drawings/chart.xml": chart,
    }
    rows = {1: cell("A1", "Kind") + cell("B1", "Days"), 2: cell("A2", "paid") + cell("B2", 25)}
    document = spreadsheet.load(write_xlsx(tmp_path, {"a": sheet(rows)}, more=parts))
    assert document.text == (
        "Kind | Days\npaid [comment: see law] | 25 [comment: Why?]\n\n\n"
        "|  |  | [text: boxed] [figure: Sales; 2024] [picture: a bridge]"
    )
    assert document.notes == ()


def test_a_workbook_with_a_damaged_part_is_read_with_a_note(tmp_path):
    parts: dict[str, str | bytes] = {
        "xl/worksheets/_rels/sheet0.xml.rels": relationships({"a": ("comments", "../comments.xml")}),
        "xl/comments.xml": "<comments",
    }
    document = spreadsheet.load(write_xlsx(tmp_path, {"a": sheet({1: cell("A1", 0.25)})}, more=parts))
    assert document.text == "0.25"
    assert document.notes[0].startswith(
        "number formats, comments and figures are left out: the file is damaged"
    )


def test_a_label_merged_over_rows_stands_in_each_of_them(tmp_path):
    rows = {
        1: cell("A1", "Title"),
        2: cell("A2", "North") + cell("B2", 1),
        3: cell("B3", 2),
        4: cell("B4", 3),
        5: cell("A5", "wide") + cell("C5", 4),
        6: cell("C6", 5),
    }
    path = write_xlsx(tmp_path, {"a": sheet(rows, merged=("A1:C1", "A2:A3", "A5:B6", "Z1:Z9"))})
    assert spreadsheet.load(path).text == "Title\nNorth | 1\nNorth | 2\n| 3\nwide |  | 4\n|  | 5"


def test_columns_count_from_the_first_that_is_filled(tmp_path):
    rows = {3: cell("C3", "South") + cell("D3", 1), 4: cell("D4", 2)}
    path = write_xlsx(tmp_path, {"a": sheet(rows, merged=("A1:A9", "C3:C4"))})
    assert spreadsheet.load(path).text == "South | 1\nSouth | 2"


@pytest.mark.parametrize(
    ("limits", "text", "notes"),
    [
        ({"MAX_ROWS": 2}, "a | b\nc | d", ("sheet 'x': rows from 3 on are left out (more than 2 rows)",)),
        ({"MAX_COLUMNS": 1}, "a\nc\ne", ("sheet 'x': columns after 1 are left out",)),
        (
            {"MAX_CHARACTERS": 11},
            "a | b",
            ("sheet 'x': rows from 2 on are left out (more than 11 characters)",),
        ),
        ({"MAX_CHARACTERS": 18}, "a | b\nc | d\ne | f", ()),
    ],
)
def test_sheets_beyond_the_limits_are_cut_with_a_note(monkeypatch, limits, text, notes):
    for name, limit in limits.items():
        monkeypatch.setattr(sheets, name, limit)
    writer = SheetsWriter()
    writer.add_sheet("x", enumerate([["a", "b"], ["c", "d"], ["e", "f"]], start=1))
    document = writer.document()
    assert (document.text, document.notes) == (text, notes)


def test_no_more_rows_are_asked_for_than_are_written(monkeypatch):
    monkeypatch.setattr(sheets, "MAX_ROWS", 3)
    rows = enumerate([["x"]] * 10, start=1)
    SheetsWriter().add_sheet("", rows)
    assert len(list(rows)) == 6


FAR = {1: cell("A1", 1), 1_048_576: cell("XFD1048576", 2)}
FAR_BUT_EMPTY = {1: cell("A1", 1), 1_048_576: '<c r="XFD1048576" s="1"/>'}


def test_two_cells_far_apart_are_refused_before_they_take_memory(tmp_path):
    with pytest.raises(UnreadableDocument, match="a sheet that spans 17,179,869,184 cells"):
        spreadsheet.load(write_xlsx(tmp_path, {"a": sheet(FAR)}))
    assert spreadsheet.load(write_xlsx(tmp_path, {"a": sheet(FAR_BUT_EMPTY)})).text == "1"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"just text", "is not an Excel workbook, or is damaged"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "is damaged: its OLE container cannot be read"),
    ],
)
def test_a_workbook_that_is_none_says_why(tmp_path, content, reason):
    with pytest.raises(UnreadableDocument, match=reason):
        spreadsheet.load(write(tmp_path, "a.xlsx", content))


def test_a_workbook_whose_sheets_are_empty_holds_no_text(tmp_path):
    path = write_xlsx(tmp_path, {"a": sheet({})}, more={"xl/comments1.xml": "<comments/>"})
    with pytest.raises(UnreadableDocument, match=r"holds no text$"):
        spreadsheet.load(path)


def test_a_sheet_that_unpacks_to_too_much_is_refused(tmp_path):
    path = write_xlsx(tmp_path, {"a": sheet({1: cell("A1", "x" * 20_000_000)})})
    with pytest.raises(UnreadableDocument, match="unpacks to too much"):
        spreadsheet.load(path)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a,b\n1,2\n", "a | b\n1 | 2"),
        ("a;b\n1,5;2,5\n3,5;4,5\n", "a | b\n1,5 | 2,5\n3,5 | 4,5"),
        ("a\tb, c\nd\te\n", "a | b, c\nd | e"),
        ("sep=|\na,b|c\n", "a,b | c"),
        ('a,b\n"x\r\ny ""z""",2\n3,4', 'a | b\nx y "z" | 2\n3 | 4'),
        ('a,5" disk\nb,"c"d\n', 'a | 5" disk\nb | "c"d'),
        ('a,b\n"never closed,1\n2,3\n', 'a | b\n"never closed | 1\n2 | 3'),
        ("a,,c\n,,\n,x,\n", "a |  | c\n\n| x"),
        ("one column\nof text\n", "one column\nof text"),
        ("größe,ä\n".encode("cp1252"), "größe | ä"),
        ("größe,ä\n".encode("utf-16"), "größe | ä"),
    ],
)
def test_csv_is_cut_as_its_writer_meant(tmp_path, source, text):
    document = delimited.load(write(tmp_path, "a.csv", source))
    assert document.text == text
    assert document.parts == (Part(1, 0, len(text), "sheet", "", 1),)


def test_in_a_tsv_file_commas_are_text(tmp_path):
    path = write(tmp_path, "a.tsv", "a, b, c\tx\nd, e, f\ty\n")
    assert delimited.load(path).text == "a, b, c | x\nd, e, f | y"


@pytest.mark.parametrize("piece", ['"a\n', '"', '""a', '"a"b', 'a,"', "\n", '"' + "x" * 200 + "\n"])
def test_quotes_cost_time_in_proportion_to_the_text(piece):
    def cut(count):
        return lambda: sum(1 for _ in records(piece * count))

    check_growth(cut(20_000), cut(40_000))


@pytest.mark.parametrize(
    ("name", "number", "label", "row", "line"),
    [
        ("stanley_cups.xlsx", 2, "Stanley Cups Since 67", 5, "Maple Leafs | TOR | 0"),
        ("stanley_cups.csv", 1, "", 5, "Maple Leafs | TOR | 13"),
        ("excel_multi_sheet.xlsx", 2, "second_sheet", 4, "Beetroot | 2"),
        ("test_01.xlsx", 3, "Sheet3", 5, "3 | 6 | 7"),
        ("tests_example.xls", 2, "Format Abbr.", 9, "MC | Multiple Choice"),
        ("test_excel.xls", 1, "Sheet1", 3, "AD Premium P1 | 31200 | 31200 | 31200 | 31200 | 31200 | 31200"),
    ],
)
def test_a_row_of_a_sample_sheet_stands_on_its_line(name, number, label, row, line):
    loader = delimited if name.endswith(".csv") else spreadsheet
    document = loader.load(sample(f"spreadsheets/{name}"))
    part = document.parts[number - 1]
    assert (part.number, part.label) == (number, label)
    lines = document.text[part.start : part.end].split("\n")
    assert lines[row - part.first_row].startswith(line)


@pytest.mark.parametrize(("name", "cells"), [("test_excel.xls", 8 * 15), ("tests_example.xls", 7 * 9)])
def test_the_extent_of_a_sample_xls_is_that_of_its_largest_sheet(name, cells, monkeypatch):
    path = sample(f"spreadsheets/{name}")
    assert largest_sheet_of_xls(path.read_bytes(), path=path) == (cells, False)
    monkeypatch.setattr(spreadsheet, "MAX_CELLS", cells - 1)
    with pytest.raises(UnreadableDocument, match=f"a sheet that spans {cells} cells"):
        spreadsheet.load(path)
