import pytest
from loader_files import sample
from pdf_files import page_of, write_pages

from gpt4all_localdocs.loaders import pdf
from gpt4all_localdocs.loaders.parts import listed
from gpt4all_localdocs.loaders.pdf_outline import OutlineEntry, find_headings
from gpt4all_localdocs.types import Heading, Part

RECTANGLE = "0 0 10 10 re f"


def test_pages_keep_the_labels_that_differ_from_their_numbers(tmp_path):
    labels = "/PageLabels << /Nums [0 << /S /D >> 1 << /S /r /St 4 >> 2 << /P (A-) /S /D >>] >>"
    document = pdf.load(write_pages(tmp_path, [page_of("a"), page_of("b"), page_of("c")], catalog=labels))
    assert document.parts == (Part(1, 0, 1), Part(2, 2, 3, label="iv"), Part(3, 4, 5, label="A-1"))


def test_what_people_wrote_onto_a_page_stands_at_its_end(tmp_path):
    contents = [page_of("Name"), page_of("next")]
    first = 4 + 2 * len(contents)
    field = "<< /Type /Annot /Subtype /Widget /Rect [0 0 9 9] {} >>"
    note = "<< /Type /Annot /Subtype /{} /Rect [0 0 9 9] /Contents ({}) >>"
    more = [
        field.format("/FT /Tx /T (full name) /V (Ann\\nLee)"),
        field.format("/FT /Btn /T (agreed) /V /Yes /AS /Yes /AP << /N << /Yes 3 0 R >> >>"),
        field.format("/FT /Btn /T (refused) /V /Off /AS /Off /AP << /N << /Yes 3 0 R >> >>"),
        field.format("/FT /Tx /T (empty)"),
        note.format("FreeText", "Approved"),
        note.format("Highlight", "Check this"),
        note.format("Link", "no text"),
    ]
    numbers = " ".join(f"{first + index} 0 R" for index in range(len(more)))
    path = write_pages(
        tmp_path,
        contents,
        catalog=f"/AcroForm << /Fields [{numbers}] >>",
        pages={0: f"/Annots [{numbers}]"},
        more=more,
    )
    document = pdf.load(path)
    assert document.text == "Name\nfull name: Ann Lee\nagreed: checked\nApproved\nCheck this\nnext"
    assert document.parts == (Part(1, 0, 59), Part(2, 60, 64))


def test_pages_that_show_something_but_no_text_are_noted_and_blank_ones_are_not(tmp_path):
    contents = [RECTANGLE, page_of("text"), "", RECTANGLE, RECTANGLE]
    document = pdf.read_pdf(write_pages(tmp_path, contents), recogniser=None)
    assert document.text == "\ntext\n\n\n"
    assert document.notes == ("pages 1, 4-5: no text layer; need OCR (pip install 'gpt4all-adapters[ocr]')",)


def test_a_damaged_page_costs_itself(tmp_path):
    document = pdf.load(write_pages(tmp_path, [page_of("a"), None, page_of("c")]))
    assert document.text == "a\n\nc"
    assert document.notes == ("page 2: damaged, and not in the text",)


def test_the_outline_gives_the_headings(tmp_path):
    contents = [page_of("1 Leave"), page_of("Sick pay"), page_of("x")]
    more = [
        "<< /First 11 0 R /Last 13 0 R /Count 3 >>",
        "<< /Title (Leave) /Parent 10 0 R /Next 12 0 R /Dest [4 0 R /Fit] /First 13 0 R >>",
        "<< /Title (Nowhere) /Parent 10 0 R /Prev 11 0 R >>",
        "<< /Title (SICK  Pay) /Parent 11 0 R /A << /S /GoTo /D [6 0 R /Fit] >> >>",
    ]
    document = pdf.load(write_pages(tmp_path, contents, catalog="/Outlines 10 0 R", more=more))
    assert document.text == "1 Leave\nSick pay\nx"
    assert document.headings == (Heading(1, "Leave", 2), Heading(2, "Sick pay", 8))


TEXT = "Contents\nLeave\n2.1 Leave\nLeave is paid.\nSick pay of all\nkinds is full.\nLeave"
PAGES = (Part(1, 0, 14), Part(2, 15, len(TEXT)))


@pytest.mark.parametrize(
    ("entries", "headings"),
    [
        ([(1, "Leave", 1)], [(1, "Leave", 19)]),
        (
            [(1, "Leave", 0), (1, "Leave", 1), (2, "Leave", 1)],
            [(1, "Leave", 9), (1, "Leave", 19), (2, "Leave", 71)],
        ),
        ([(3, "sick  PAY of", 1)], [(3, "Sick pay of", 40)]),
        ([(1, "Sick pay of all kinds", 1)], [(1, "Sick pay of all kinds", 40)]),
        ([(1, "Sick", 1), (1, "kinds", 1), (1, "paid. Sick pay", 1)], []),
        ([(1, "Leave", 1), (2, "2.1 Leave", 1)], [(1, "Leave", 19)]),
        ([(1, "(", 1), (1, "[a-z]+", 1)], []),
    ],
)
def test_outline_entries_are_headings_where_their_titles_begin_a_line(entries, headings):
    found = find_headings([OutlineEntry(*entry) for entry in entries], text=TEXT, pages=PAGES)
    assert found == tuple(Heading(*heading) for heading in headings)


@pytest.mark.parametrize(
    ("numbers", "words"), [([3], "page 3"), ([1, 2, 3, 5, 7, 8], "pages 1-3, 5, 7-8"), ([2, 4], "pages 2, 4")]
)
def test_numbers_are_listed_in_runs(numbers, words):
    assert listed("page", numbers) == words


def test_all_titles_of_a_sample_outline_are_found_on_their_pages():
    document = pdf.load(sample("pdf/5_level_paging_and_5_level_ept_intel_revision_1_1_may_2017.pdf"))
    assert len(document.headings) == 28
    heading = next(heading for heading in document.headings if heading.title == "2.2.1 Enumeration by CPUID")
    page = document.parts[14]
    assert heading.level == 3
    assert page.start <= heading.start < page.end


def test_arabic_ligatures_of_a_sample_are_in_reading_order():
    text = pdf.load(sample("pdf/right_to_left_01.pdf")).text
    assert "تحسين الإنتاجية وحل المشكلات من خلال البرمجة" in text
    assert "إلى" in text  # the same two letters, apart on the paper


def test_the_printed_number_of_a_sample_page_is_its_label():
    document = pdf.load(sample("pdf/embedded_images_tables.pdf"))
    assert [part.label for part in document.parts] == ["4"]
