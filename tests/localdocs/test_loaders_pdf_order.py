import random

import pypdfium2
import pytest
from loader_files import sample
from pdf_files import lines_at, write_pages

from gpt4all_localdocs.loaders import pdf

COLUMN = [
    "The first committee met on the",
    "last Tuesday of every month and",
    "approved what had been asked by",
    "those who were to pay for the",
    "repairs of the old town hall in",
    "spite of protests in the streets.",
]


def column(name, *, x, top=700, lines=COLUMN):
    return [(x, top - 12 * number, f"{name}{number} {line}") for number, line in enumerate(lines)]


def across(*columns):
    """The columns' lines, row by row: how some programs write them."""
    return [line for row in zip(*columns, strict=True) for line in row]


def text_of(folder, lines):
    return pdf.load(write_pages(folder, [lines_at(lines)])).text.split("\n")


def texts(lines):
    return [text for _, _, text in lines]


LEFT, RIGHT = column("L", x=72), column("R", x=320)
NARROW = [" ".join(line.split()[:4]) for line in COLUMN]
THREE = [column(name, x=x, lines=NARROW) for name, x in (("A", 50), ("B", 230), ("C", 410))]
TITLE = [(72, 740, "A title that stands across both of the columns of this page, as titles often do")]
FIGURE = [(72, 620, "Figure 1: the caption of something shown across both of the columns of this page")]
LOWER_LEFT, LOWER_RIGHT = column("l", x=72, top=600), column("r", x=320, top=600)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        pytest.param(across(LEFT, RIGHT), LEFT + RIGHT, id="two columns"),
        pytest.param(across(*THREE), [*THREE[0], *THREE[1], *THREE[2]], id="three columns"),
        pytest.param(TITLE + across(LEFT, RIGHT), TITLE + LEFT + RIGHT, id="below a title"),
        pytest.param(
            across(LEFT, RIGHT) + FIGURE + across(LOWER_LEFT, LOWER_RIGHT),
            LEFT + RIGHT + FIGURE + LOWER_LEFT + LOWER_RIGHT,
            id="parted by a figure",
        ),
        pytest.param(across(LEFT[:4], RIGHT[:4]) + LEFT[4:], LEFT + RIGHT[:4], id="of different length"),
        pytest.param(RIGHT + LEFT, LEFT + RIGHT, id="the right one first"),
        pytest.param(LEFT[3:] + RIGHT + LEFT[:3], LEFT + RIGHT, id="in pieces"),
        pytest.param(LEFT[::-1], LEFT, id="from the bottom to the top"),
        pytest.param(random.Random(0).sample(LEFT + RIGHT, k=12), LEFT + RIGHT, id="shuffled"),
    ],
)
def test_columns_are_read_one_after_the_other(tmp_path, written, read):
    assert text_of(tmp_path, written) == texts(read)


ROWS = [("Ann Lee", "27", "Paris"), ("Bo Li", "30", "Rome"), ("Cy Ox", "12", "Oslo"), ("Di Wu", "19", "Bern")]
TABLE = [
    (x, 700 - 12 * at, cell)
    for at, row in enumerate(ROWS * 2)
    for x, cell in zip((72, 250, 400), row, strict=True)
]
SIGNATURES = across(
    *(
        [(x, 100 - 12 * at, f"{name} line {at} of it") for at in range(3)]
        for name, x in (("a", 72), ("b", 320))
    )
)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        pytest.param(TABLE, [" | ".join(row) for row in ROWS * 2], id="the rows of a table"),
        pytest.param(
            LEFT + SIGNATURES,
            texts(LEFT) + [f"a line {at} of it b line {at} of it" for at in range(3)],
            id="two signatures",
        ),
        pytest.param(LEFT + RIGHT, texts(LEFT + RIGHT), id="columns that are in order"),
        pytest.param(
            [(72, 30, "Page 1 of all 7"), *LEFT],
            ["Page 1 of all 7", *texts(LEFT)],
            id="a footer that comes first",
        ),
        pytest.param(
            [*LEFT, (72, 750, "Report on the hall")],
            [*texts(LEFT), "Report on the hall"],
            id="a header that comes last",
        ),
    ],
)
def test_what_is_in_order_stays(tmp_path, written, read):
    assert text_of(tmp_path, written) == read


def test_words_that_columns_break_are_joined(tmp_path):
    left = [
        *LEFT[:2],
        (72, 676, "approved what had been asked by the com-"),
        (72, 664, "mittee of the old town and by others"),
    ]
    text = text_of(tmp_path, across(left, RIGHT[:4]))
    assert text[2] == "approved what had been asked by the committee of the old town and by others"
    assert text[3:] == texts(RIGHT[:4])


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_pages_that_are_turned_stay_as_they_are(tmp_path, rotation):
    path = write_pages(tmp_path, [lines_at(RIGHT + LEFT)], pages={0: f"/Rotate {rotation}"})
    with pypdfium2.PdfDocument(path) as bare:
        assert pdf.load(path).text == bare[0].get_textpage().get_text_range().replace("\r\n", "\n")


def test_a_table_that_goes_on_at_the_top_of_a_sample_page_comes_before_the_text_below_it():
    document = pdf.load(sample("pdf/5_level_paging_and_5_level_ept_intel_revision_1_1_may_2017.pdf"))
    part = document.parts[17]
    page = document.text[part.start : part.end]
    assert page.startswith(
        "Table 2-1. Format of a PML5 Entry (PML5E) that References a PML4 Table (Continued)"
    )
    assert page.index("63 If IA32_EFER.NXE = 1") < page.index("The next step of the translation process")
