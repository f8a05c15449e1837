import pytest
from loader_files import sample
from office_files import body, graphic, part, shape, slide, write_pptx, write_zip

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders import pptx
from gpt4all_localdocs.types import Heading, Part

DESCRIBED = '<p:nvGraphicFramePr><p:cNvPr descr="What&#10;sold"/></p:nvGraphicFramePr>'
CELL = "<a:tc{}><a:txBody><a:p><a:r><a:t>{}</a:t></a:r></a:p></a:txBody></a:tc>"


def test_slides_are_parts_in_the_order_shown_with_their_titles_first(tmp_path):
    slides = [
        slide(shape("25 days", "or more"), shape("Annual|leave", placeholder="title")),
        slide(shape("Six weeks")),
        slide(shape("Contact", placeholder="ctrTitle")),
    ]
    document = pptx.load(write_pptx(tmp_path, slides))
    assert document.text == "Annual leave\n\n25 days\nor more\n\nSix weeks\n\nContact"
    assert document.parts == (
        Part(1, 0, 29, "slide", "Annual leave"),
        Part(2, 31, 40, "slide", ""),
        Part(3, 42, 49, "slide", "Contact"),
    )
    assert document.headings == (Heading(1, "Annual leave", 0), Heading(1, "Contact", 42))
    assert document.notes == ()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (shape("one|two", "three"), "one\ntwo\nthree"),
        (f"<p:grpSp>{shape('in')}<p:grpSp>{shape('deep')}</p:grpSp></p:grpSp>", "in\n\ndeep"),
        (
            graphic(
                "<a:tbl><a:tr>"
                + CELL.format(' gridSpan="2"', "Leave")
                + CELL.format(' hMerge="1"', "")
                + "</a:tr><a:tr>"
                + CELL.format("", "paid")
                + CELL.format("", "25")
                + "</a:tr></a:tbl>"
            ),
            "Leave\npaid | 25",
        ),
        (
            (
                "<mc:AlternateContent><mc:Choice>"
                + shape("new")
                + "</mc:Choice><mc:Fallback>"
                + shape("old")
                + "</mc:Fallback></mc:AlternateContent>"
            ),
            "new",
        ),
        ('<p:pic><p:nvPicPr><p:cNvPr descr="A red&#10;bridge"/></p:nvPicPr></p:pic>', "A red bridge"),
        (
            (
                "<p:sp><p:txBody><a:p><a:r><a:t>Page </a:t></a:r><a:fld type='slidenum'><a:t>7</a:t></a:fld>"
                "<a:fld type='datetime1'><a:t>May</a:t></a:fld></a:p></p:txBody></p:sp>"
            ),
            "Page May",
        ),
    ],
    ids=["lines", "groups", "table", "alternatives", "picture", "fields"],
)
def test_a_slides_text_is_what_its_shapes_say(tmp_path, content, text):
    assert pptx.load(write_pptx(tmp_path, [slide(content)])).text == text


def test_charts_diagrams_notes_and_comments_belong_to_their_slide(tmp_path):
    def points(name, *values):
        inside = "".join(f'<c:pt idx="{n}"><c:v>{value}</c:v></c:pt>' for n, value in enumerate(values))
        return f"<c:{name}><c:strRef><c:strCache>{inside}</c:strCache></c:strRef></c:{name}>"

    chart = (
        f"<c:chart><c:title><c:tx>{body('Sales')}</c:tx></c:title><c:plotArea><c:barChart>"
        f"<c:ser>{points('tx', '2023')}{points('cat', 'North', 'South')}{points('val', '4.3', '2')}</c:ser>"
        f"<c:ser>{points('tx', '2024')}{points('val', '5')}</c:ser></c:barChart></c:plotArea></c:chart>"
    )
    points_of_diagram = "".join(f"<dgm:pt>{body(text)}</dgm:pt>" for text in ("plan", "do"))
    related = {
        "chart": ("chart", part("c:chartSpace", chart)),
        "data": ("diagramData", part("dgm:dataModel", f"<dgm:ptLst>{points_of_diagram}</dgm:ptLst>")),
        "notes": (
            "notesSlide",
            slide(shape("4", placeholder="sldNum"), shape("Say hello.", placeholder="body")),
        ),
        "comment": ("comments", part("p:cmLst", "<p:cm><p:text>Really?</p:text></p:cm>")),
        "away": ("image", "no XML at all"),
    }
    content = slide(
        graphic('<c:chart r:id="chart"/>'),
        graphic('<dgm:relIds r:dm="data"/>'),
        graphic('<p:oleObj progId="Excel.Sheet.12"/>'),
        f"<p:graphicFrame>{DESCRIBED}</p:graphicFrame>",
    )
    document = pptx.load(write_pptx(tmp_path, [content], related=related))
    assert document.text == (
        "Sales\n| 2023 | 2024\nNorth | 4.3 | 5\nSouth | 2 |\n\n"
        "plan\ndo\n\nWhat sold\n\nSpeaker notes:\nSay hello.\n\nComment: Really?"
    )
    assert document.notes == ("slide 1: an embedded object of kind 'Excel.Sheet.12' is not read",)


def test_what_is_hidden_repeated_or_without_text_is_told(tmp_path):
    footer = shape("ACME", placeholder="ftr")
    slides = [slide(shape("a"), footer), slide(footer), slide(), slide(shape("b"), attributes='show="0"')]
    document = pptx.load(write_pptx(tmp_path, slides))
    assert [document.text[part.start : part.end] for part in document.parts] == ["a\n\nACME", "", "", "b"]
    assert document.notes == (
        "slide 4: hidden in the file, and read like the others",
        "slides 2-3: no text; pictures are not read",
    )


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"readme.txt": "x"}, "is a zip archive without a presentation in it"),
        ({"ppt/presentation.xml": "<p"}, "is damaged: ppt/presentation.xml is not well-formed XML"),
        ({"ppt/presentation.xml": "<presentation/>"}, "holds no text"),
    ],
)
def test_a_presentation_that_is_none_says_why(tmp_path, files, reason):
    with pytest.raises(UnreadableDocument, match=reason):
        pptx.load(write_zip(tmp_path / "a.pptx", files))


@pytest.mark.parametrize(
    ("name", "number", "label", "phrase"),
    [
        ("powerpoint_sample.pptx", 1, "Test Table Slide", "R1 | True | False |  | False | True | True"),
        ("powerpoint_sample.pptx", 2, "Second slide title", "Some notes on the second slide."),
        ("powerpoint_sample.pptx", 3, "", "Some info:\nItem A\nItem B"),
        ("simple.pptx", 2, "Things to think about", "What were you thinking?"),
        ("powerpoint_with_image.pptx", 1, "Docling", "Image test"),
    ],
)
def test_a_phrase_of_a_sample_presentation_stands_on_its_slide(name, number, label, phrase):
    document = pptx.load(sample(f"presentations/{name}"))
    slide_part = document.parts[number - 1]
    assert (slide_part.number, slide_part.label) == (number, label)
    assert phrase in document.text[slide_part.start : slide_part.end]
