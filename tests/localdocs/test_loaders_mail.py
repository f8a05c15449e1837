import pytest
from loader_files import sample, write, write_pdf

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.registry import load_document
from gpt4all_localdocs.loaders.unpack_rtf import unpack_rtf
from gpt4all_localdocs.types import Heading, Part

HEAD = "Subject: Leave\nFrom: Ada <a@b.c>\nTo: b@b.c\nDate: Mon, 1 Jan 2024 12:00:00 +0000\n"
BODY = 'Content-Type: multipart/{kind}; boundary="X"\n\n'


def multipart(*parts: str | bytes, kind: str = "mixed", head: str = HEAD) -> bytes:
    message = (head + BODY.format(kind=kind)).encode()
    for part in parts:
        message += b"--X\n" + (part.encode() if isinstance(part, str) else part) + b"\n"
    return message + b"--X--\n"


def attached(name: str, content: bytes, kind: str = "application/octet-stream") -> bytes:
    disposition = f'Content-Type: {kind}\nContent-Disposition: attachment; filename="{name}"'
    return f"{disposition}\nContent-Transfer-Encoding: 8bit\n\n".encode() + content


def test_a_mail_is_its_headers_and_its_text(tmp_path):
    document = load_document(write(tmp_path, "a.eml", f"Received: x\n{HEAD}\n25 days,\r\nyours\n"))
    assert document.text == f"{HEAD}\n25 days,\nyours"
    assert (document.title, document.parts, document.headings) == ("Leave", (), ())


@pytest.mark.parametrize(
    ("header", "title"),
    [
        ("Subject: =?utf-8?B?R3LDtsOfZQ==?= =?iso-8859-1?Q?f=FCr_alle?=", "Größefür alle"),
        ("Subject: Größe", "Größe"),
        ("Subject: =?no-such-charset?Q?Leave?=", "Leave"),
        ("Subject: =?utf-8?B?broken", "=?utf-8?B?broken"),
        ("Subject: folded\n over two", "folded over two"),
        ("subject: a\nSubject: b", "a, b"),
    ],
)
def test_a_subject_is_read_however_it_is_written(tmp_path, header, title):
    assert load_document(write(tmp_path, "a.eml", f"{header}\n\ntext")).title == title


def test_a_latin_1_header_and_a_body_with_a_wrong_label_are_read(tmp_path):
    source = "Subject: Größe\nContent-Type: text/plain; charset=no-such\n\nschöne Grüße".encode("cp1252")
    document = load_document(write(tmp_path, "a.eml", source))
    assert document.text == "Subject: Größe\n\nschöne Grüße"


PLAIN = "Content-Type: text/plain\n\n25 days of leave for everybody"
PAGE = "Content-Type: text/html\n\n<h1>Leave</h1><p>25 days of leave for everybody</p>"


@pytest.mark.parametrize(
    ("parts", "kind", "body"),
    [
        ((PLAIN, PAGE), "alternative", "25 days of leave for everybody"),
        (
            ("Content-Type: text/plain\n\nNo HTML?", PAGE),
            "alternative",
            "Leave\n\n25 days of leave for everybody",
        ),
        ((PAGE,), "alternative", "Leave\n\n25 days of leave for everybody"),
        (
            (PLAIN, "Content-Type: text/html\n\n<p>footer</p>"),
            "mixed",
            "25 days of leave for everybody\n\nfooter",
        ),
    ],
)
def test_of_forms_of_one_text_the_best_is_taken_and_of_several_texts_all(tmp_path, parts, kind, body):
    document = load_document(write(tmp_path, "a.eml", multipart(*parts, kind=kind)))
    assert document.text == f"{HEAD}\n{body}"
    assert [heading.title for heading in document.headings] == (["Leave"] if body.startswith("Leave") else [])
    assert all(document.text[heading.start :].startswith(heading.title) for heading in document.headings)


def test_attached_files_are_parts_with_their_own_places(tmp_path):
    pdf = write_pdf(tmp_path, ["Leave", "25 days"]).read_bytes()
    source = multipart(PLAIN, attached("report.pdf", pdf), attached("notes.md", b"# Sick\npay"))
    document = load_document(write(tmp_path, "a.eml", source))
    parts = [(p.kind, p.number, p.label, document.text[p.start : p.end]) for p in document.parts]
    assert parts == [
        ("message", 1, "Leave", f"{HEAD}\n25 days of leave for everybody"),
        ("file", 1, "report.pdf, page 1", "Leave"),
        ("file", 1, "report.pdf, page 2", "25 days"),
        ("file", 2, "notes.md", "# Sick\npay"),
    ]
    start = document.text.index("# Sick")
    assert document.headings[-2:] == (Heading(1, "notes.md", start), Heading(2, "Sick", start))


def test_what_is_attached_and_has_no_text_is_noted(tmp_path):
    source = multipart(
        PLAIN,
        attached("photo.png", b"\x89PNG\r\n\x1a\n123"),
        attached("program", bytes(50)),
        attached("bad.pdf", b"%PDF-1.4 nothing"),
        "Content-Type: image/gif\n\nGIF89a",
    )
    document = load_document(write(tmp_path, "a.eml", source))
    assert document.text == f"{HEAD}\n25 days of leave for everybody"
    assert document.parts == ()
    assert document.notes[:2] == (
        "photo.png was left out: pictures have no text",
        "program was left out: there is no loader for a name without an ending, and it is no plain text",
    )
    assert document.notes[2].startswith("bad.pdf was left out: is damaged or not a PDF")
    assert document.notes[3] == "image gif without a name was left out: pictures have no text"


def test_a_mail_in_a_mail_is_read_with_what_is_attached_to_it(tmp_path):
    inner = multipart(PLAIN, attached("a.txt", b"inner text"), head="Subject: Inner\n").replace(b"X", b"Y")
    source = multipart(PLAIN, b"Content-Type: message/rfc822\n\n" + inner)
    document = load_document(write(tmp_path, "a.eml", source))
    assert [(part.kind, part.label) for part in document.parts] == [
        ("message", "Leave"),
        ("file", "Inner.eml, message 1: Inner"),
        ("file", "Inner.eml, a.txt"),
    ]
    assert document.text.endswith("Subject: Inner\n\n25 days of leave for everybody\n\ninner text")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd.txt", "../../etc/passwd.txt"),
        ("a[b](c).txt", "a[b](c).txt"),
        ("\u202egpj.txt", "gpj.txt"),
        ("n" * 300 + ".txt", "n" * 120 + "…"),
    ],
)
def test_names_of_attached_files_are_shown_and_nothing_else(tmp_path, name, shown):
    source = multipart(PLAIN, attached(name, b"text", kind="text/plain"))
    document = load_document(write(tmp_path, "a.eml", source))
    assert document.parts[1].label == shown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.eml"]


def test_a_mail_of_endless_parts_is_cut_with_a_note(tmp_path):
    deep = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(60))
    document = load_document(write(tmp_path, "a.eml", HEAD.encode() + deep + b"\n\ndeep"))
    assert document.notes == ("some of its parts were left out: there are too many, or too deep",)


@pytest.mark.parametrize("source", [b"", b"\n\n", bytes(100)])
def test_what_is_no_mail_is_refused(tmp_path, source):
    with pytest.raises(UnreadableDocument):
        load_document(write(tmp_path, "a.eml", source))


def test_messages_of_a_mailbox_are_parts_with_their_subjects(tmp_path):
    file = multipart(PLAIN, attached("a.txt", b"attached"), head="Subject: Two\n").replace(b"X", b"Y")
    source = (
        b"From a@b.c Mon Jan  1 12:00:00 2024\nSubject: One\n\nfirst\n>From here on\nFrom nobody\n\n"
        b"From a@b.c Mon Jan  1 13:00:00 2024\n" + file
    )
    document = load_document(write(tmp_path, "a.mbox", source))
    first = "Subject: One\n\nfirst\nFrom here on\nFrom nobody"
    assert document.parts[0] == Part(1, 0, len(first), "message", "One")
    assert document.text.startswith(first)
    assert [(part.kind, part.number, part.label) for part in document.parts[1:]] == [
        ("message", 2, "Two"),
        ("file", 2, "message 2, a.txt"),
    ]
    assert [heading.title for heading in document.headings] == ["One", "Two", "a.txt"]


def test_a_mailbox_without_messages_is_refused(tmp_path):
    with pytest.raises(UnreadableDocument, match="holds no message"):
        load_document(write(tmp_path, "a.mbox", "just text"))


@pytest.mark.parametrize(
    ("name", "title", "phrases"),
    [
        ("fake_email.eml", "Test Email", ["From: Matthew Robinson <mr", "   - Violets are blue"]),
        (
            "complex_headers.eml",
            "Complex Email with Multiple Recipients",
            ["Cc: cc@example.com", "custom headers."],
        ),
        ("html_only.eml", "HTML Only Email", ['entities: <, >, &, "', "© 2024 Example Company"]),
        (
            "mixed_content_types.eml",
            "Test Email with Multiple Attachments",
            ["Test Sender\n\nThis is the HTML"],
        ),
        ("fake_email.msg", "Test Email", ["Date: 2023-03-28 17:00 UTC", "   - Roses are red"]),
        (
            "fake_email_attachment.msg",
            "Fake email with attachment",
            ["Mallori\n\nHey this is a fake attachment!"],
        ),
        ("simple_msg.msg", "This is the subject", ["To: crocodile@neverland.com", "This is a message"]),
    ],
)
def test_a_sample_mail_has_its_title_and_phrases(name, title, phrases):
    document = load_document(sample(f"email/{name}"))
    assert document.title == title
    assert all(phrase in document.text for phrase in phrases)


@pytest.mark.parametrize(
    ("name", "notes"),
    [
        ("msg_with_png_attachment.msg", ["canvas.png was left out: pictures have no text"]),
        ("thunderbird_png_attachment.eml", ["test_image.png was left out: pictures have no text"]),
        ("mailgun_pdf_attachment.eml", ["test.pdf was left out: its encoding is damaged"]),
    ],
)
def test_a_sample_mail_says_what_was_left_out(name, notes):
    assert list(load_document(sample(f"email/{name}")).notes) == notes


def test_an_outlook_message_names_its_attached_file():
    document = load_document(sample("email/fake_email_attachment.msg"))
    part = document.parts[1]
    assert (part.kind, part.label) == ("file", "fake-attachment.txt")
    assert document.text[part.start : part.end] == "Hey this is a fake attachment!"


@pytest.mark.parametrize(
    ("packed", "rtf"),
    [  # the two examples of MS-OXRTFCP, section 4
        (
            "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0",
            b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n",
        ),
        ("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0", b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"),
    ],
)
def test_the_packed_rtf_of_outlook_is_unpacked(packed, rtf):
    assert unpack_rtf(bytes.fromhex(packed)) == rtf


@pytest.mark.parametrize("packed", [b"", bytes(20), b"\0\0\0\0\xff\xff\xff\xffLZFu\0\0\0\0"])
def test_what_is_no_packed_rtf_is_refused(packed):
    with pytest.raises(ValueError, match="RTF"):
        unpack_rtf(packed)
