import zipfile
from io import BytesIO

import pytest
from loader_files import paragraph, sample, write, write_docx, write_pdf

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.recognise import recognise
from gpt4all_localdocs.loaders.registry import load_document, loader_for

PAGE = "<!-- saved -->\n<!DOCTYPE html><html><body><h1>Leave</h1><p>25 days</p></body></html>"
MAIL = "Received: from here\n\tby there\nFrom: a@b.c\nSubject: Leave\n\n25 days"
NOTEBOOK = '{"cells": [{"cell_type": "markdown", "source": "# Leave"}], "nbformat": 4}'


@pytest.mark.parametrize("name", ["a.txt", "a", "a.md", "a.html", "a.doc", "a.zip", "a.xyz", "a.py"])
def test_a_pdf_and_a_word_file_are_read_under_any_name(tmp_path, name):
    pdf = write_pdf(tmp_path, ["Leave", "25 days"]).read_bytes()
    assert load_document(write(tmp_path, name, pdf)).parts[1].number == 2
    word = write_docx(tmp_path, paragraph("Leave")).read_bytes()
    assert load_document(write(tmp_path, name, word)).text == "Leave"


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.md", PAGE, "Leave\n\n25 days"),
        ("a.xls", PAGE, "Leave\n\n25 days"),
        ("a.doc", PAGE, "Leave\n\n25 days"),
        ("a", PAGE, "Leave\n\n25 days"),
        ("a.php", PAGE, PAGE),
        ("a.xls", "Region,Sum\nNorth,5\n", "Region | Sum\nNorth | 5"),
        ("a.docx", "just text", "just text"),
        ("a.pdf", "just text", "just text"),
        ("a", "just text", "just text"),
        ("a.xyz", "just text", "just text"),
        ("a.msg", MAIL, "Subject: Leave\nFrom: a@b.c\n\n25 days"),
        ("a", NOTEBOOK, "# Leave"),
        ("a", '{"leave": 25}', "leave: 25"),
        ("a.txt", '{"leave": 25}', '{"leave": 25}'),
        ("a.txt", MAIL, MAIL),
        ("a", '<?xml version="1.0"?><leave><days>25</days></leave>', "days: 25"),
        ("a.xml", '<?xml version="1.0"?>\n<html><body><p>25 days</p></body></html>', "25 days"),
    ],
)
def test_a_text_is_read_as_what_it_is_where_its_name_cannot_be_true(tmp_path, name, content, text):
    assert load_document(write(tmp_path, name, content)).text == text


def test_an_archive_of_no_known_kind_is_what_its_name_says(tmp_path):
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("notes.txt", "25 days")
    assert load_document(write(tmp_path, "a.bin", packed.getvalue())).text == "25 days"
    with pytest.raises(UnreadableDocument, match="is a zip archive without a Word document in it"):
        load_document(write(tmp_path, "a.docx", packed.getvalue()))


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("spreadsheets/stanley_cups.xlsx", ".xlsx"),
        ("spreadsheets/test_excel.xls", ".xls"),
        ("documents/fake.odt", ".odt"),
        ("epub/wasteland.epub", ".epub"),
        ("presentations/simple.pptx", ".pptx"),
        ("rtf/unicode.rtf", ".rtf"),
        ("email/fake_email.msg", ".msg"),
        ("email/fake_email.eml", ".eml"),
        ("jupyter/mime.ipynb", ".ipynb"),
        ("text/report.txt", ".txt"),
    ],
)
def test_sample_documents_are_known_without_their_names(tmp_path, name, suffix):
    nameless = write(tmp_path, "nameless", sample(name).read_bytes())
    assert recognise(nameless, is_known=False) == suffix


def test_old_office_files_say_what_to_do(tmp_path):
    renamed = write(tmp_path, "a.doc", sample("spreadsheets/test_excel.xls").read_bytes())
    assert load_document(renamed).parts[0].kind == "sheet"
    with pytest.raises(UnreadableDocument, match="is damaged"):
        load_document(write(tmp_path, "b.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)))
    with pytest.raises(UnreadableDocument, match="is no Office file, or is damaged"):
        load_document(write(tmp_path, "c.doc", b"\xec\xa5\0\1" + bytes(600)))


def test_comments_before_a_page_do_not_keep_the_recogniser_busy(tmp_path):
    comments = write(tmp_path, "a", "<!-- -->" * 500 + "x")
    assert recognise(comments, is_known=False) == ".txt"


def test_a_format_is_found_by_name_without_opening_the_file(tmp_path):
    assert loader_for(tmp_path / "missing.pdf") is not None
