import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from loader_files import sample, sample_files, write, write_docx, write_pdf

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders import registry
from gpt4all_localdocs.loaders.registry import (
    CONTAINERS,
    LOADERS,
    load_document,
    loader_for,
    loaders_version,
    supported_suffixes,
)


def test_every_loader_has_the_same_three_names():
    for loader in (*LOADERS, *CONTAINERS):
        assert all(re.fullmatch(r"\.[a-z0-9_]+", suffix) for suffix in loader.SUFFIXES)
        assert loader.VERSION >= 1
        assert callable(loader.load)


def test_no_two_loaders_claim_the_same_suffix():
    suffixes = [suffix for loader in (*LOADERS, *CONTAINERS) for suffix in loader.SUFFIXES]
    assert sorted(suffixes) == list(supported_suffixes())


@pytest.mark.parametrize("name", ["a.pdf", "A.PDF", "a.b.Pdf"])
def test_the_loader_is_found_by_suffix_in_any_case(name):
    loader = loader_for(Path(name))
    assert loader is not None
    assert ".pdf" in loader.SUFFIXES


@pytest.mark.parametrize("name", ["a.exe", "pdf", ".pdf"])
def test_a_file_of_another_format_has_no_loader(name):
    assert loader_for(Path(name)) is None


def test_the_version_changes_when_any_loader_does(monkeypatch):
    before = loaders_version()
    for loader in (*LOADERS, *CONTAINERS):
        with monkeypatch.context() as patch:
            patch.setattr(loader, "VERSION", loader.VERSION + 1)
            assert loaders_version() != before


def test_listing_the_suffixes_loads_no_parser():
    program = (
        "import sys, gpt4all_localdocs.loaders.registry as registry; registry.supported_suffixes();"
        "heavy = {'pypdfium2', 'lxml', 'selectolax', 'charset_normalizer', 'numpy', 'llama_cpp', 'chromadb'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.txt", "", "holds no text"),
        ("blank.md", " \n\t\n", "holds no text"),
        ("blank.html", "<html><head><title>x</title></head><body><script>1</script></body>", "holds no text"),
        ("binary.txt", b"\x7fELF\x00\x01\x02\x00\x00\xff\xfe\xfd\x00\x01", "is a binary file, not text"),
        ("broken.pdf", b"%PDF-1.7 nothing else", "is damaged or not a PDF"),
        ("zeros.docx", bytes(100), "is not a DOCX file, or is damaged"),
        ("old.docx", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "is encrypted or an old .doc file"),
        ("a.xyz", bytes(100), "there is no loader for .xyz, and it is no plain text"),
        ("nameless", bytes(100), "there is no loader for a name without an ending"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path, name, content, reason):
    path = write(tmp_path, name, content)
    with pytest.raises(UnreadableDocument) as raised:
        load_document(path)
    assert raised.value.reason.startswith(reason)
    assert raised.value.path == path


def test_a_missing_file_is_unreadable_with_the_systems_reason(tmp_path):
    with pytest.raises(UnreadableDocument, match="cannot be opened: No such file"):
        load_document(tmp_path / "gone.txt")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_rather_than_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(UnreadableDocument, match="is not a file"):
        load_document(tmp_path / "pipe.txt")


def test_a_text_beyond_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "MAX_CHARACTERS", 10)
    assert load_document(write(tmp_path, "a.txt", "x" * 10)).text == "x" * 10
    with pytest.raises(UnreadableDocument, match="holds more than 10 characters; split it"):
        load_document(write(tmp_path, "a.txt", "x" * 11))


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: write(folder, "a.txt", "Leave\nis 25 days"),
        lambda folder: write(folder, "a.md", "# Leave\nis 25 days"),
        lambda folder: write(folder, "a.html", "<h1>Leave</h1>is 25 days"),
        lambda folder: write_pdf(folder, ["Leave", "is 25 days"]),
        lambda folder: write_docx(folder, "<w:p><w:r><w:t>Leave is 25 days</w:t></w:r></w:p>"),
    ],
    ids=["text", "markdown", "html", "pdf", "docx"],
)
def test_the_same_file_always_gives_the_same_document(tmp_path, make):
    path = make(tmp_path)
    assert load_document(path) == load_document(path)


WITHOUT_TEXT = {"tables.org_metadata.json", "image.rtf"}


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_sample_document_loads_with_true_places_or_says_why(path):
    try:
        document = load_document(path)
    except UnreadableDocument as error:
        reasons = ("holds no text layer (scanned pages?); needs OCR", "there is no loader for")
        assert error.reason.startswith(reasons) or path.name in WITHOUT_TEXT  # noqa: PT017 - both are right
        return
    assert document.text.strip()
    assert "\0" not in document.text
    assert "\r" not in document.text
    part_starts = {part.start for part in document.parts}
    for heading in document.headings:
        after = document.text[heading.start : heading.start + 600]
        assert re.findall(r"\w+", heading.title)[0] in after or heading.start in part_starts
    ends = [0, *(part.end for part in document.parts)]
    assert all(end <= part.start <= part.end for end, part in zip(ends, document.parts, strict=False))
    assert ends[-1] <= len(document.text)


@pytest.mark.parametrize(
    ("name", "page", "phrase"),
    [
        ("pdf/multi_page.pdf", 2, "word processing software had become more sophisticated"),
        ("pdf/multi_page.pdf", 5, "What began as a tool to simply replace"),
        ("pdf/test_article.pdf", 28, "MARISCAL, G. (1991): Contradictory"),
        ("pdf/sample_contract.pdf", 3, "if CONSULTANT breaches any term(s) or violates any provision(s)"),
        (
            "pdf/a_comparison_of_programming_languages_in_economics_16_jun_2014.pdf",
            2,
            "dynamic equilibrium models",
        ),
        ("pdf/program_design_in_the_unix_environment.pdf", 1, "assembly language"),
        ("pdf/fake_memo.pdf", 1, "May 5, 2023"),
    ],
)
def test_a_phrase_of_a_sample_pdf_stands_on_its_page(name, page, phrase):
    document = load_document(sample(name))
    span = document.parts[page - 1]
    assert phrase in " ".join(document.text[span.start : span.end].split())


@pytest.mark.parametrize(
    ("name", "phrase", "heading", "title"),
    [
        ("documents/word_tables.docx", "Cell 1.0 | Merged Cell 1.1 1.2", "Test with tables", None),
        ("documents/word_sample.docx", "Leaves | Ash, Elm, Maple | 50", "Let’s eat", "Swimming in the lake"),  # noqa: RUF001 - the file's own apostrophe
        ("documents/textbox.docx", "Suggested Reportable Symptoms", None, "傳染病通報作業流程"),
        ("documents/unit_test_headers.docx", "Paragraph 2.1.1.1", "Section 2.1.1", "Test Document"),
        (
            "web/complex_table.html",
            "Canada | $45 | $52 | $48 | $60 | $205",
            "Performance Metrics",
            "Complex Table Test",
        ),
        ("web/sinthgunt.html", "Second Merseburg Charm", "References", "Sinthgunt - Wikipedia"),
        (
            "epub/wasteland-content.xhtml",
            "April is the cruellest month, breeding\nLilacs",
            "II. A GAME OF CHESS",
            "The Waste Land",
        ),
        ("text/wkey_am.md", "WKEY", "Programming", "WKEY (AM)"),
        ("text/french_text.txt", "é", None, None),
    ],
)
def test_a_sample_document_has_its_phrases_headings_and_title(name, phrase, heading, title):
    document = load_document(sample(name))
    assert phrase in document.text
    assert heading is None or heading in [found.title for found in document.headings]
    assert document.title == title
