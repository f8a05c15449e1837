import numpy as np
import pytest
from loader_files import sample
from pdf_files import page_of, write_pages
from PIL import Image

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders import picture, process
from gpt4all_localdocs.loaders.ocr import RecognisedLine, page_text
from gpt4all_localdocs.loaders.pdf import read_pdf
from gpt4all_localdocs.loaders.process import LoaderProcess
from gpt4all_localdocs.loaders.still_reading import listening
from gpt4all_localdocs.types import Part

RECTANGLE = "0 0 10 10 re f"


class ScriptedRecogniser:
    """Reads these texts, a picture each, and keeps the pictures."""

    def __init__(self, *texts):
        self.texts = list(texts)
        self.pictures = []

    def read(self, picture):
        self.pictures.append(picture)
        text = self.texts.pop(0)
        return [RecognisedLine(text, 10, 10, 200, 30)] if text else []


def test_pages_without_text_are_recognised_and_others_are_not(tmp_path):
    recogniser = ScriptedRecogniser("Leave is 27 days", "Sick pay")
    path = write_pages(tmp_path, [RECTANGLE, page_of("printed"), "", RECTANGLE])
    document = read_pdf(path, recogniser=recogniser)
    assert document.text == "Leave is 27 days\nprinted\n\nSick pay"
    assert document.parts == (Part(1, 0, 16), Part(2, 17, 24), Part(3, 25, 25), Part(4, 26, 34))
    assert document.notes == ("pages 1, 4: read by OCR",)


def test_pages_are_drawn_upright_in_colour_and_bounded(tmp_path):
    recogniser = ScriptedRecogniser("a", "b")
    large = "/MediaBox [0 0 14400 7200]"
    path = write_pages(tmp_path, ["1 0 0 rg 0 0 306 792 re f", RECTANGLE], pages={0: "/Rotate 90", 1: large})
    read_pdf(path, recogniser=recogniser)
    first, second = recogniser.pictures
    assert first.shape == pytest.approx((1275, 1650, 3), abs=1)
    assert tuple(first[10, 800]) == (255, 0, 0)  # the left half stands at the top of a page turned clockwise
    assert max(second.shape) == pytest.approx(2_000, abs=1)


def test_pages_on_which_no_letters_are_found_are_noted(tmp_path):
    path = write_pages(tmp_path, [page_of("printed"), RECTANGLE])
    notes = read_pdf(path, recogniser=ScriptedRecogniser("")).notes
    assert notes == ("page 2: no text layer, and OCR found no text",)


@pytest.mark.parametrize(
    ("recogniser", "reason"),
    [
        (None, r"holds no text layer \(scanned pages\?\); needs OCR: pip install 'gpt4all-adapters\[ocr\]'"),
        (ScriptedRecogniser(""), "holds no text layer .*; OCR found no text either"),
    ],
)
def test_a_scan_without_any_text_is_unreadable_and_says_what_helps(tmp_path, recogniser, reason):
    with pytest.raises(UnreadableDocument, match=reason):
        read_pdf(write_pages(tmp_path, [RECTANGLE]), recogniser=recogniser)


def test_each_recognised_page_is_a_sign_of_life(tmp_path):
    signs = []
    with listening(lambda: signs.append("page")):
        path = write_pages(tmp_path, [RECTANGLE, page_of("printed"), RECTANGLE])
        read_pdf(path, recogniser=ScriptedRecogniser("a", "b"))
    assert signs == ["page", "page"]


def test_signs_of_life_are_not_taken_for_documents(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "_WORKER", "beating_worker")
    with LoaderProcess() as loaders:
        assert loaders.load(tmp_path / "a").text == "all of it"
        monkeypatch.setattr(process, "_MOST_PARTS", 2)
        with pytest.raises(UnreadableDocument, match="took longer than"):
            loaders.load(tmp_path / "b")
        monkeypatch.setattr(process, "_MOST_PARTS", 3)
        assert loaders.load(tmp_path / "c").text == "all of it"


def test_a_picture_is_a_document(tmp_path):
    Image.new("L", (4_000, 1_000)).save(tmp_path / "a.png")
    recogniser = ScriptedRecogniser("No parking")
    document = picture.read_picture(tmp_path / "a.png", recogniser)
    assert (document.text, document.parts, document.notes) == ("No parking", (), ("read by OCR",))
    assert recogniser.pictures[0].shape == (500, 2_000, 3)


def test_the_pictures_of_a_tiff_are_pages(tmp_path):
    frames = [Image.new("L", (20, 20)) for _ in range(3)]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    document = picture.read_picture(tmp_path / "a.tif", ScriptedRecogniser("one", "", "three"))
    assert document.text == "one\n\nthree"
    assert document.parts == (Part(1, 0, 3), Part(2, 4, 4), Part(3, 5, 10))


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "OCR found no text"), (b"\x89PNG\r\n\x1a\nx", "is a damaged picture")]
)
def test_pictures_without_text_and_damaged_ones_are_unreadable(tmp_path, content, reason):
    path = tmp_path / "a.png"
    if content is None:
        Image.new("L", (20, 20)).save(path)
    else:
        path.write_bytes(content)
    with pytest.raises(UnreadableDocument, match=reason):
        picture.read_picture(path, ScriptedRecogniser(""))


def lines_at(*lines):
    return [RecognisedLine(text, x, y, x + 8 * len(text), y + 14) for x, y, text in lines]


LEFT = [(0, 20 * at, f"left {at} of the running text") for at in range(5)]
RIGHT = [(300, 20 * at, f"right {at} of the running text") for at in range(5)]


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ([], ""),
        ([(0, 40, "second"), (0, 0, "first")], "first\nsecond"),
        ([(200, 3, "27 days"), (0, 0, "Annual leave")], "Annual leave 27 days"),
        (LEFT + RIGHT, "\n".join(line for _, _, line in LEFT + RIGHT)),
    ],
)
def test_recognised_lines_are_put_into_reading_order(found, text):
    assert page_text(lines_at(*found)) == text


def test_the_engine_reads_a_scan_whichever_way_it_lies():
    pytest.importorskip("rapidocr")
    from gpt4all_localdocs.loaders.ocr_rapid import RapidRecogniser  # noqa: PLC0415 - of an extra

    recogniser = RapidRecogniser()
    for name in ("ocr_test", "ocr_test_rotated_90", "ocr_test_rotated_180", "ocr_test_rotated_270"):
        text = read_pdf(sample(f"pdf/{name}.pdf"), recogniser=recogniser).text
        assert text.startswith("Docling bundles PDF document conversion to\nJSON and Markdown")
    assert page_text(recogniser.read(np.full((100, 100, 3), 255, np.uint8))) == ""
