"""Files of Word and PowerPoint as of 1997; `old_office.zip` has one of each, written by LibreOffice."""

import random
import struct
import zipfile
from pathlib import Path

import pytest
from loader_files import write

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders import doc, ppt
from gpt4all_localdocs.loaders.registry import load_document
from gpt4all_localdocs.loaders.word97 import Word97Text, WordFileDamageError
from gpt4all_localdocs.types import Part

_SAVED = Path(__file__).with_name("old_office.zip")
_WORD_HEADER = bytes.fromhex("eca50101")
_PLAIN, _LOCKED = bytes.fromhex("5fc091e3"), bytes.fromhex("dfc4d1f3")


def saved(name: str) -> bytes:
    with zipfile.ZipFile(_SAVED) as archive:
        return archive.read(name)


def test_a_word_file_is_read_with_its_structure_and_without_what_was_deleted(tmp_path):
    content = saved("leave.doc")
    document = doc.load(write(tmp_path, "a.doc", content))
    assert document.text == (
        "Leave\n\nEveryone has 27 days of café leave 😀, see the portal.\n\npens\npaper\n\nGröße\n\n"
        "Kind | Days\nsick or hurt |\n\nThe end.\n\n"
        "Headers and footers\n\nACME handbook\n\nFootnotes\n\nsee the law\n\nComments\n\nReally?"
    )
    assert "twenty-five".encode("utf-16-le") in content
    assert [(heading.level, heading.title) for heading in document.headings][:2] == [
        (1, "Leave"),
        (2, "Größe"),
    ]
    assert document.title == "Größe der Abteilung"


def test_slides_of_an_old_presentation_have_their_titles_notes_and_comments(tmp_path):
    document = ppt.load(write(tmp_path, "a.ppt", saved("slides.ppt")))
    assert document.text == (
        "Annual leave\n\n27 days\ncafé Äöü\n\nin a box\n\nSpeaker notes:\nSay hello.\n\nComment: Really?"
        "\n\n\n\nkept back"
    )
    assert document.parts == (
        Part(1, 0, 85, "slide", "Annual leave"),
        Part(2, 87, 87, "slide"),
        Part(3, 89, 98, "slide"),
    )
    assert document.notes == (
        "slide 3: hidden in the file, and read like the others",
        "slide 2: no text; pictures are not read",
    )


def test_old_files_are_known_without_their_endings(tmp_path):
    assert load_document(write(tmp_path, "a", saved("leave.doc"))).headings[0].title == "Leave"
    assert load_document(write(tmp_path, "b.doc", saved("slides.ppt"))).parts[0].kind == "slide"


@pytest.mark.parametrize(
    ("name", "old", "new", "reason"),
    [
        (
            "leave.doc",
            _WORD_HEADER,
            bytes.fromhex("eca56800"),
            "is a Word file of before 1997; save it as .docx",
        ),
        ("slides.ppt", _PLAIN, _LOCKED, "is encrypted; remove its password"),
    ],
)
def test_old_files_that_are_not_read_say_why(tmp_path, name, old, new, reason):
    content = saved(name)
    assert content.count(old) == 1
    with pytest.raises(UnreadableDocument, match=reason):
        load_document(write(tmp_path, name, content.replace(old, new)))


def test_an_encrypted_word_file_says_so(tmp_path):
    content = bytearray(saved("leave.doc"))
    content[content.index(_WORD_HEADER) + 11] |= 0x01
    with pytest.raises(UnreadableDocument, match="is encrypted; remove its password"):
        doc.load(write(tmp_path, "a.doc", bytes(content)))


@pytest.mark.parametrize("name", ["leave.doc", "slides.ppt"])
def test_damaged_old_files_are_read_or_refused(tmp_path, name):
    content, chance = saved(name), random.Random(7)
    begin = content.index(_WORD_HEADER if name == "leave.doc" else _PLAIN) // 512 * 512
    read = 0
    for _ in range(60):
        damaged = bytearray(content)
        for _ in range(8):
            damaged[begin + chance.randrange(min(16_000, len(content) - begin))] = chance.randrange(256)
        try:
            document = load_document(write(tmp_path, name, bytes(damaged)))
        except UnreadableDocument:
            continue
        assert len(document.text) < 10 * len(content)
        read += 1
    assert read


def test_pieces_of_text_that_claim_more_than_there_is_are_refused():
    def header(pieces: bytes) -> bytes:
        return struct.pack("<418xII600x", 0, len(pieces))

    one = b"\2" + struct.pack("<III", 16, 0, 4) + struct.pack("<HIH", 0, 0x40000000 + 2 * 300, 0)
    assert Word97Text(header(one), one).text == "\0" * 4
    for end in (5_000, 4_000_000_000):
        claimed = one[:9] + struct.pack("<I", end) + one[13:]
        with pytest.raises(WordFileDamageError, match="lies outside"):
            Word97Text(header(claimed), claimed)
