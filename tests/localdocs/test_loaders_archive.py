import gzip
import io
import tarfile
import zipfile

import pytest
from loader_files import paragraph as word_paragraph
from loader_files import sample, write, write_docx, write_pdf

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders import archive, packed
from gpt4all_localdocs.loaders.registry import load_document
from gpt4all_localdocs.types import Heading, Part


def zipped(*files, compression=zipfile.ZIP_DEFLATED):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as target:
        for name, data in files:
            target.writestr(name, data)
    return content.getvalue()


def tarred(*files, mode="w"):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as target:
        for name, data in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            target.addfile(entry, io.BytesIO(data))
    return content.getvalue()


FILES = (("handbook/leave.md", b"# Leave\n25 days"), ("sick.txt", b"six weeks"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.zip", zipped(*FILES)),
        ("a.tar", tarred(*FILES)),
        ("a.tar.gz", tarred(*FILES, mode="w:gz")),
        ("a.tgz", tarred(*FILES, mode="w:gz")),
        ("a.tar.bz2", tarred(*FILES, mode="w:bz2")),
        ("a.tar.xz", tarred(*FILES, mode="w:xz")),
        ("a.txt", tarred(*FILES, mode="w:gz")),
    ],
)
def test_the_files_of_an_archive_are_parts_with_their_names(tmp_path, name, content):
    document = load_document(write(tmp_path, name, content))
    assert document.text == "# Leave\n25 days\n\nsix weeks"
    assert document.parts == (
        Part(1, 0, 15, "file", "handbook/leave.md"),
        Part(2, 17, 26, "file", "sick.txt"),
    )
    assert document.headings == (
        Heading(1, "handbook/leave.md", 0),
        Heading(2, "Leave", 0),
        Heading(1, "sick.txt", 17),
    )
    assert document.notes == ()


def test_a_single_packed_file_is_read_by_the_name_inside(tmp_path):
    document = load_document(write(tmp_path, "leave.md.gz", gzip.compress(b"# Leave")))
    assert document.parts == (Part(1, 0, 7, "file", "leave.md"),)
    assert document.headings[1].title == "Leave"


def test_places_in_packed_files_name_all_that_is_around_them(tmp_path):
    pdf = write_pdf(tmp_path, ["one", "two"]).read_bytes()
    word = write_docx(tmp_path, word_paragraph("three")).read_bytes()
    inner = zipped(("b.pdf", pdf), ("c.docx", word), ("d.csv", b"x,y\n1,2\n"))
    document = load_document(write(tmp_path, "a.zip", zipped(("inner.zip", inner))))
    assert [part.label for part in document.parts] == [
        "inner.zip, b.pdf, page 1",
        "inner.zip, b.pdf, page 2",
        "inner.zip, c.docx",
        "inner.zip, d.csv, sheet 1",
    ]
    assert document.parts[3].first_row == 1


def test_archives_in_archives_come_to_an_end(tmp_path):
    content = b"text"
    for depth in range(6):
        content = zipped((f"{depth}.zip" if depth else "a.txt", content), ("b.txt", b"%d" % depth))
    document = load_document(write(tmp_path, "a.zip", content))
    assert document.text == "3\n\n4\n\n5"
    assert document.notes == ("5.zip: 4.zip: 3.zip was left out: is packed too deep",)


def test_hidden_files_links_and_what_cannot_be_read_are_left_out(tmp_path):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as target:
        for name, kind, link in (
            ("link.txt", tarfile.SYMTYPE, "/etc/passwd"),
            ("pipe", tarfile.FIFOTYPE, ""),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, link
            target.addfile(entry)
        for name, data in (
            (".hidden/a.txt", b"x"),
            ("__MACOSX/b.txt", b"x"),
            ("c.txt", b"yes"),
            ("d.png", b"x"),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            target.addfile(entry, io.BytesIO(data))
    document = load_document(write(tmp_path, "a.tar", content.getvalue()))
    assert document.text == "yes"
    assert document.notes == (
        "link.txt was left out: is a link or a device",
        "pipe was left out: is a link or a device",
        "d.png was left out: pictures have no text",
    )


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("../../../etc/cron.d/x.txt", "../../../etc/cron.d/x.txt"),
        ("/absolute.txt", "/absolute.txt"),
        ("C:\\windows\\x.txt", "C:\\windows\\x.txt"),
        ("a\nb\r\u2028.txt", "a b .txt"),
        ("\u202etxt.exe.txt", "txt.exe.txt"),
        ("a[1](x) | y.txt", "a[1](x) | y.txt"),
    ],
)
def test_no_name_in_an_archive_reaches_the_disk_or_breaks_a_line(tmp_path, name, label):
    document = load_document(write(tmp_path, "a.zip", zipped((name, b"text"))))
    assert [part.label for part in document.parts] == [label]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip"]


def test_bombs_are_left_out_with_a_note_and_the_others_read(tmp_path):
    document = load_document(
        write(tmp_path, "a.zip", zipped(("bomb.txt", bytes(20_000_000)), ("b.txt", b"yes")))
    )
    assert document.text == "yes"
    assert document.notes[0].startswith("bomb.txt was left out: unpacks to too much")


def test_a_stream_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(UnreadableDocument, match="unpacks to more than 1,000 bytes"):
        load_document(write(tmp_path, "a.gz", gzip.compress(b"x" * 5000)))


@pytest.mark.parametrize(
    ("limit", "value", "note"),
    [
        ("MAX_PACKED_FILES", 1, "1.txt was left out: only the first 1 packed files are read"),
        ("MAX_PACKED_BYTES", 3, "1.txt was left out: only 3 bytes are unpacked"),
        ("MAX_CHARACTERS", 1, "1.txt was left out: the text is longer than 1 characters"),
    ],
)
def test_the_whole_of_an_archive_is_bounded(tmp_path, monkeypatch, limit, value, note):
    monkeypatch.setattr(packed, limit, value)
    document = load_document(write(tmp_path, "a.zip", zipped(("0.txt", b"one"), ("1.txt", b"two"))))
    assert (document.text, document.notes) == ("one", (note,))


def test_very_many_notes_are_counted(tmp_path):
    files = [(f"{index}.png", b"x") for index in range(150)]
    document = load_document(write(tmp_path, "a.zip", zipped(("a.txt", b"yes"), *files)))
    assert len(document.notes) == 101
    assert document.notes[-1] == "and 50 more"


def test_a_protected_file_is_noted(tmp_path):
    content = bytearray(
        zipped(("secret.txt", b"x" * 40), ("open.txt", b"yes"), compression=zipfile.ZIP_STORED)
    )
    content[6] |= 1
    directory = content.index(b"PK\1\2")
    content[directory + 8] |= 1
    document = load_document(write(tmp_path, "a.zip", bytes(content)))
    assert document.text == "yes"
    assert document.notes == ("secret.txt was left out: is encrypted; remove its password",)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (
            "a.zip",
            zipped(("x.png", b"x")),
            "holds no file with text: x.png was left out: pictures have no text",
        ),
        ("a.zip", zipped(), "holds no file with text"),
        ("a.zip", zipped(*FILES)[:60], "is not a zip archive, or is damaged"),
        ("a.tgz", tarred(*FILES, mode="w:gz")[:60], "is damaged: it cannot be unpacked"),
        ("a.tar", tarred(*FILES)[:300], "is no archive, or is damaged"),
        ("a.tar", bytes(2000), "holds no file with text"),
    ],
    ids=["pictures", "empty", "cut-zip", "cut-tgz", "cut-tar", "zeros"],
)
def test_an_archive_without_text_says_why(tmp_path, name, content, reason):
    with pytest.raises(UnreadableDocument) as raised:
        load_document(write(tmp_path, name, content))
    assert raised.value.reason.startswith(reason)


def test_a_tar_whose_entries_go_in_circles_comes_to_an_end(tmp_path):
    entry = tarfile.TarInfo("a.txt")
    entry.size = -1024
    header = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(UnreadableDocument):
        load_document(write(tmp_path, "a.tar", bytes(header) * 4))


def test_samples_in_an_archive_are_read_as_beside_it(tmp_path):
    names = (
        "email/fake_email.eml",
        "web/sinthgunt.html",
        "spreadsheets/stanley_cups.csv",
        "pdf/multi_page.pdf",
    )
    content = zipped(*((name, sample(name).read_bytes()) for name in names))
    document = load_document(write(tmp_path, "a.zip", content))
    assert document.text == "\n\n".join(load_document(sample(name)).text for name in names)
    page = next(part for part in document.parts if part.label == "pdf/multi_page.pdf, page 5")
    assert "What began as a tool to simply replace" in " ".join(document.text[page.start : page.end].split())
