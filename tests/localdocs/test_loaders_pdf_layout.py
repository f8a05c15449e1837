"""Tables of PDFs are rows, and lines in larger or bolder letters are headings; no word is lost."""

import re
from collections import Counter

import pypdfium2
import pytest
from loader_files import sample, sample_files
from pdf_files import lines_at, ruled, set_in, write_pages

from gpt4all_core.errors import ConfigError, UnreadableDocument
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs import IndexOptions, LocalDocs
from gpt4all_localdocs.chunk import ChunkOptions, chunk_document
from gpt4all_localdocs.loaders import pdf
from gpt4all_localdocs.loaders.pdf_layout import reading_layout
from gpt4all_localdocs.loaders.process import LoaderProcess
from gpt4all_localdocs.pipeline import open_pipeline
from gpt4all_localdocs.types import Heading

COLUMNS = (80, 180, 300)
TEXT = "The town paid for what is in the table below"
ROWS = [("Name", "Born in", "Days"), ("Ann Lee", "Paris", "27"), ("Bo Li", "", "30"), ("Cy Ox", "Oslo", "12")]
TABLE = ["Name | Born in | Days", "Ann Lee | Paris | 27", "Bo Li |  | 30", "Cy Ox | Oslo | 12"]


def cells(rows, *, top=700):
    return [
        (x, top - 20 * at, cell)
        for at, row in enumerate(rows)
        for x, cell in zip(COLUMNS, row, strict=True)
        if cell
    ]


def grid(heights, columns=(70, 170, 290, 400)):
    """Lines across at these heights, and down from the first to the last."""
    across = [(columns[0], y, columns[-1], y) for y in heights]
    return [*across, *((x, heights[0], x, heights[-1]) for x in columns)]


def read(folder, content, *, with_layout=True):
    path = write_pages(folder, [content])
    return pdf.read_pdf(path, recogniser=None, with_layout=with_layout)


GRID = ruled(*grid([715, 695, 675, 655, 635]))
PATH = " ".join(f"{x0} {y0} m {x1} {y1} l" for x0, y0, x1, y1 in grid([715, 695, 675, 655, 635])) + " S"
DOUBLED = re.sub(r"\d+", lambda number: str(2 * int(number[0])), PATH)
BOXES = "\n".join(
    f"{x} {y} {width} 20 re S"
    for y in (695, 675, 655, 635)
    for x, width in ((70, 100), (170, 120), (290, 110))
)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(GRID, id="a grid of lines"),
        pytest.param(PATH, id="a grid that is one path"),
        pytest.param(f"q 0.5 0 0 0.5 0 0 cm {DOUBLED} Q", id="a path under a matrix"),
        pytest.param(BOXES, id="a box around each cell"),
        pytest.param(
            ruled(*((70, y, 400, y) for y in (715, 695, 635))), id="three lines across, one below the names"
        ),
        pytest.param("70 635 330 80 re S\n70 695 m 400 695 l S\n70 714 m 400 714 l S", id="a box around all"),
    ],
)
def test_tables_between_lines_are_rows(tmp_path, lines):
    before, after = (80, 740, TEXT), (80, 600, "Nobody else was paid.")
    content = f"{lines}\n{lines_at([before, *cells(ROWS), after])}"
    assert read(tmp_path, content).text.split("\n") == [TEXT, *TABLE, "Nobody else was paid."]


def test_lines_of_one_cell_are_one(tmp_path):
    rows = [
        *cells(ROWS[:2]),
        (80, 660, "Bo Li"),
        (180, 664, "Rome, on the"),
        (180, 652, "seventh hill"),
        (300, 660, "30"),
    ]
    content = f"{ruled(*grid([715, 695, 675, 640]))}\n{lines_at(rows)}"
    assert read(tmp_path, content).text.split("\n")[-1] == "Bo Li | Rome, on the seventh hill | 30"


def test_a_name_over_several_columns_goes_to_the_first_of_them(tmp_path):
    lines = [line for line in grid([735, 715, 695, 675, 655]) if line[0] != 290]
    content = f"{ruled(*lines, (290, 715, 290, 655))}\n{lines_at([(180, 720, 'Stay'), *cells(ROWS[:3])])}"
    assert read(tmp_path, content).text.split("\n")[0] == "Name | Stay Born in | Days"


def test_cells_that_were_written_column_by_column_are_rows(tmp_path):
    content = f"{GRID}\n{lines_at(sorted(cells(ROWS)))}"
    assert read(tmp_path, content).text.split("\n") == TABLE


WIDE = [
    [f"{word} of the {word}" for word in row] for row in (("sum", "end", "way"), ("sea", "air", "sun"))
] * 2
PROSE = [
    (
        80,
        700 - 12 * at,
        "that was to be paid by the others in spite of the weather at the time of its signing",
    )
    for at in range(6)
]


@pytest.mark.parametrize(
    ("lines", "texts"),
    [
        pytest.param("70 620 400 100 re S", PROSE, id="a box around text"),
        pytest.param(ruled(*((70, y, 480, y) for y in (715, 670, 620))), PROSE, id="text between lines"),
        pytest.param(
            ruled(*((70, y, 400, y) for y in (715, 695, 635))), cells(WIDE), id="columns of running text"
        ),
        pytest.param(
            ruled(*grid([715, 695, 675, 655, 635], (70, 170, 290, 400, 420, 440, 460, 480))),
            cells(ROWS[:2]),
            id="a grid that is nearly empty",
        ),
        pytest.param(GRID, [(80, 700, "alone")], id="a grid with one word"),
    ],
)
def test_what_is_no_table_stays_as_it_is(tmp_path, lines, texts):
    text = read(tmp_path, f"{lines}\n{lines_at(texts)}").text
    assert "|" not in text
    assert text == read(tmp_path, lines_at(texts), with_layout=False).text.replace(" | ", " ")


def test_tables_of_a_page_with_wide_gaps_are_found_without_being_asked_for(tmp_path):
    assert read(tmp_path, lines_at(cells(ROWS * 2)), with_layout=False).text.split("\n") == TABLE * 2
    content = f"{GRID}\n{lines_at([(80, 740, TEXT), *cells(ROWS)])}"
    assert "|" not in read(tmp_path, content, with_layout=False).text


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_tables_on_turned_pages_are_left_alone(tmp_path, rotation):
    path = write_pages(tmp_path, [f"{GRID}\n{lines_at(cells(ROWS))}"], pages={0: f"/Rotate {rotation}"})
    assert "|" not in pdf.read_pdf(path, recogniser=None, with_layout=True).text


def test_passages_of_a_long_table_know_its_columns(tmp_path):
    rows = [ROWS[0], *((f"Name{at}", f"Place{at}", str(at)) for at in range(30))]
    heights = [715 - 20 * at for at in range(len(rows) + 1)]
    document = read(tmp_path, f"{ruled(*grid(heights))}\n{lines_at(cells(rows))}")
    count_tokens = HashEmbedder().count_tokens
    chunks = chunk_document(document, count_tokens=count_tokens, options=ChunkOptions(64))
    assert {chunk.columns for chunk in chunks[1:]} == {"Name | Born in | Days"}


def paragraph(*, lines=8):
    return [
        ("F1", 10, "the town hall was repaired in spite of protests, and paid for by all of them")
    ] * lines


def headings_of(folder, *pages, **settings):
    path = write_pages(folder, [set_in(lines) for lines in pages], **settings)
    document = pdf.read_pdf(path, recogniser=None, with_layout=True)
    assert all(
        document.text.startswith(heading.title.split()[0], heading.start) for heading in document.headings
    )
    return [(heading.level, heading.title) for heading in document.headings]


def test_lines_in_larger_or_bolder_letters_are_headings(tmp_path):
    first = [("F1", 18, "Repairs"), *paragraph(), ("F2", 14, "1 The hall"), *paragraph()]
    second = [
        ("F2", 10, "1.1 Its roof"),
        *paragraph(),
        ("F2", 14, "2 What it cost the"),
        ("F2", 14, "people of the town"),
        *paragraph(),
    ]
    assert headings_of(tmp_path, first, second) == [
        (1, "Repairs"),
        (2, "1 The hall"),
        (3, "1.1 Its roof"),
        (2, "2 What it cost the people of the town"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(("F1", 11, "Slightly larger"), id="hardly larger"),
        pytest.param(("F2", 8, "Small print"), id="bold and smaller"),
        pytest.param(("F2", 10, "and what is said in passing"), id="in the middle of a sentence"),
        pytest.param(("F1", 16, "27 %"), id="a number"),
        pytest.param(("F2", 10, "Roof . . . . . . . . 3"), id="a table of contents"),
        pytest.param(("F2", 10, "Roof"), id="bold as all others are"),
    ],
)
def test_other_lines_are_no_headings(tmp_path, line, request):
    text = paragraph()
    if "all others" in request.node.name:
        text = [("F2", size, words) for _, size, words in text]
    assert headings_of(tmp_path, [*text, line, *text]) == []


def test_headers_and_footers_are_no_headings(tmp_path):
    pages = [[("F2", 12, f"Annual report {number}"), *paragraph()] for number in range(5)]
    assert headings_of(tmp_path, *pages, [("F2", 12, "Roof"), *paragraph()]) == [(1, "Roof")]


def test_the_outline_goes_before_letters(tmp_path):
    more = [
        "<< /First 9 0 R /Last 10 0 R /Count 2 >>",
        "<< /Title (Hall) /Parent 8 0 R /Next 10 0 R /Dest [4 0 R /Fit] >>",
        "<< /Title (Roof) /Parent 8 0 R /Prev 9 0 R /Dest [6 0 R /Fit] >>",
    ]
    pages = [[("F1", 10, "Hall"), *paragraph()], [("F1", 10, "Roof"), ("F1", 18, "Large"), *paragraph()]]
    assert headings_of(tmp_path, *pages, catalog="/Outlines 8 0 R", more=more) == [(1, "Hall"), (1, "Roof")]


@pytest.mark.parametrize("between", [0, 1])
def test_pages_of_many_large_lines_have_no_headings(tmp_path, between):
    text = paragraph(lines=1)
    slide = [line for name in "abcdefgh" for line in (*text * between, ("F1", 24, f"Point {name}"))]
    assert headings_of(tmp_path, [*text, *slide]) == []


def characters(text):
    return Counter(
        character for character in text if not character.isspace() and character not in "-|\ufffe\u00ad"
    )


def test_no_character_of_a_sample_page_is_lost():
    for path in (path for path in sample_files() if path.suffix == ".pdf"):
        try:
            document = pdf.read_pdf(path, recogniser=None, with_layout=True)
        except UnreadableDocument:
            continue
        plain = pdf.read_pdf(path, recogniser=None)
        with pypdfium2.PdfDocument(path) as bare:
            for part, same, page in zip(document.parts, plain.parts, bare, strict=True):
                text = document.text[part.start : part.end]
                words = Counter(word for word in text.split() if word != "|")
                expected = Counter(word for word in plain.text[same.start : same.end].split() if word != "|")
                assert words == expected, (path.name, part.number)
                printed = characters("".join(filter(str.isprintable, page.get_textpage().get_text_range())))
                assert not printed - characters(text), (path.name, part.number)


@pytest.mark.parametrize(
    ("name", "page", "row"),
    [
        ("embedded_images_tables", 1, "4 | 0.0163 | 0.2369 | 0.8825 | 0.0001 | 42.121 | 0.9476"),
        ("google_doc_document", 1, "Capital | Jakarta | Berlin | Vienna | Paris | Vatican City"),
        (
            "5_level_paging_and_5_level_ept_intel_revision_1_1_may_2017",
            18,
            "7 (PS) | Reserved (must be 0).",
        ),
    ],
)
def test_rows_of_sample_tables_are_lines(name, page, row):
    with reading_layout():
        document = pdf.load(sample(f"pdf/{name}.pdf"))
    part = document.parts[page - 1]
    assert row in document.text[part.start : part.end].split("\n")


def test_sections_of_a_sample_without_an_outline_are_its_headings():
    with reading_layout():
        headings = pdf.load(sample("pdf/the_hideous_name_1985_pike85hideous.pdf")).headings
    assert [heading.title for heading in headings[-3:]] == [
        "What happens in practice?",
        "Standards?",
        "Conclusions",
    ]


def test_processes_that_read_files_are_told_to_read_the_layout(tmp_path):
    path = write_pages(tmp_path, [set_in([("F2", 18, "Roof"), *paragraph()])])
    with LoaderProcess(pdf_layout=True) as with_layout, LoaderProcess() as without:
        assert with_layout.load(path).headings == (Heading(1, "Roof", 0),)
        assert without.load(path).headings == ()


def test_another_choice_has_files_read_anew():
    settings = set()
    for options in (IndexOptions(), IndexOptions(pdf_layout=True)):
        with open_pipeline(HashEmbedder(), ChunkOptions(64), options=options) as pipeline:
            settings.add(pipeline.settings)
    assert len(settings) == 2


def test_an_index_goes_on_reading_as_it_was_told_once(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    write_pages(folder, [set_in([("F2", 18, "Roof"), *paragraph()])])
    headings = []
    for layout in (True, None, False, None):
        options = IndexOptions(pdf_layout=layout, vector_index="exact")
        with LocalDocs(
            tmp_path / "index", folders=[folder], embedder=HashEmbedder(), options=options
        ) as docs:
            docs.sync()
            headings.append(docs.search("Roof", k=1)[0].headings)
    assert headings == [("Roof",), ("Roof",), (), ()]


def test_the_choice_is_true_or_false():
    with pytest.raises(ConfigError, match="pdf_layout is 'yes'; give True, False or None"):
        IndexOptions(pdf_layout="yes")
