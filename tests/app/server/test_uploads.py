import errno
import os
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shelf import LEAVE, TRAVEL, refused

from gpt4all_app.server.options import ServerOptions
from gpt4all_app.server.uploads_form import UploadForm
from gpt4all_app.server.uploads_names import other_name, safe_name

BOUNDARY = "limit"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def part(name, data, *, field="files"):
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    return head.encode() + data + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def kept(papers):
    """Everything that is kept of uploads, the collection's own facts aside."""
    found = papers.documents.uploads.root.rglob("*")
    return sorted(path.name for path in found if path.is_file() and path.name != "collection.json")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("leave.txt", "leave.txt"),
        ("../../leave.txt", "leave.txt"),
        ("/etc/passwd.txt", "passwd.txt"),
        ("C:\\temp\\leave.txt", "leave.txt"),
        ("..\\..\\leave.txt", "leave.txt"),
        ("a\0b.txt", "ab.txt"),
        ("a\r\nb\u2028.txt", "ab.txt"),
        ("evil\u202etxt.exe", "eviltxt.exe"),
        ("\ufeffa\u200b.txt", "a.txt"),
        (".hidden.txt", "hidden.txt"),
        ("a.txt. . ", "a.txt"),
        ("\u2002 .\u2002a.txt", "a.txt"),
        ('a<b>:"|?*.txt', "a_b______.txt"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1.tar.gz", "_com1.tar.gz"),
        ("console.txt", "console.txt"),
        ("A\u030angstro\u0308m.txt", "\u00c5ngstr\u00f6m.txt"),
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.txt",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.txt",
        ),
        ("", ""),
        ("..", ""),
        ("../", ""),
        ("\u202e", ""),
    ],
)
def test_a_name_keeps_what_is_safe_of_it(given, name):
    assert safe_name(given) == name


@given(st.text())
def test_no_name_leads_anywhere_or_is_hidden(given):
    name = safe_name(given)
    assert not set(name) & set("/\\\0\n\u202e")
    assert not name.startswith((".", " "))
    assert len(name.encode()) <= 200
    assert safe_name(name) == name


@pytest.mark.parametrize("letter", ["a", "\u00fc", "\U0001f4d5"])
def test_a_long_name_keeps_its_ending_and_whole_characters(letter):
    name = safe_name(letter * 500 + ".txt")
    assert len(name.encode()) <= 200
    assert name.strip(letter) == ".txt"


def test_a_name_that_is_taken_gets_a_number():
    assert other_name("a.txt", {"b.txt"}) == "a.txt"
    assert other_name("A.txt", {"a.txt", "a (2).txt"}) == "A (3).txt"
    assert other_name("README", {"readme"}) == "README (2)"


def test_files_of_one_form_do_not_replace_each_other_and_later_ones_do(shelf):
    papers = shelf()
    papers.make()
    sent = papers.upload(("one/leave.txt", LEAVE), ("two/LEAVE.txt", TRAVEL))
    assert [file["filename"] for file in sent] == ["leave.txt", "LEAVE (2).txt"]
    [again] = papers.upload(("leave.txt", TRAVEL))
    assert again["id"] == sent[0]["id"]
    assert kept(papers) == ["LEAVE (2).txt", "leave.txt"]


def test_a_file_waits_until_a_sync_and_is_gone_with_the_next(shelf):
    papers = shelf()
    place = papers.make()
    [sent] = papers.upload(("leave.txt", LEAVE))
    [waiting] = papers.files()
    assert (waiting["id"], waiting["status"], waiting["passages"]) == (sent["id"], "waiting", 0)
    assert papers.found("leave") == []
    papers.sync()
    [indexed] = papers.files()
    assert indexed == waiting | {"status": "indexed", "passages": 1}
    assert papers.client.delete(f"{place}/files/{sent['id']}").json()["deleted"] is True
    papers.sync()  # the one that the deletion began is done before
    assert (papers.files(), papers.found("leave")) == ([], [])
    assert refused(papers.client.delete(f"{place}/files/{sent['id']}")) == (404, "file_not_found")


def test_what_was_refused_is_deleted_beside_the_event_loop(shelf, monkeypatch):
    papers = shelf(upload_bytes=100)
    place = papers.make()
    deleting = []
    monkeypatch.setattr(
        "gpt4all_app.server.uploads_folders.shutil.rmtree",
        lambda *_arguments, **_how: deleting.append(threading.current_thread().name),
    )
    found = papers.client.post(f"{place}/files", content=part("a.txt", b"x" * 200) + END, headers=FORM)
    assert refused(found) == (413, "upload_too_large")
    assert deleting == ["gpt4all-off-loop"]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("tool.exe", b"MZ\0\0\1\2", "not a document"),
        ("..", LEAVE, "no name"),
        ("large.txt", b"x" * 1001, "larger than"),
        ("empty", b"", "empty"),
    ],
)
def test_a_file_that_is_refused_leaves_the_others(shelf, name, data, reason):
    papers = shelf(file_bytes=1000)
    papers.make()
    bad, good = papers.upload((name, data), ("leave.txt", LEAVE))
    assert (bad["status"], bad["id"], good["status"]) == ("refused", None, "uploaded")
    assert reason in bad["reason"]
    assert kept(papers) == ["leave.txt"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed_upload"),
        (END, 400, "malformed_upload"),
        (b"nothing like a form", 400, "malformed_upload"),
        (part("leave.txt", LEAVE), 400, "malformed_upload"),
        (part("leave.txt", LEAVE)[:-30], 400, "malformed_upload"),
        (part("leave.txt", LEAVE).replace(b"limit", b"other") + END, 400, "malformed_upload"),
        (part("leave.txt", LEAVE, field="other") + END, 400, "malformed_upload"),
        (b"--limit\r\nX: " + b"y" * 100_000 + b"\r\n\r\n" + END, 400, "malformed_upload"),
        (b"--limit\r\n" + b"X: y\r\n" * 100 + b"\r\n" + END, 400, "malformed_upload"),
        (b"--limit\r\n\xff\xfe: y\r\n\r\n" + END, 400, "malformed_upload"),
        (part("a.txt", b"a") * 4 + END, 413, "too_many_files"),
        (part("a", b"", field="other") * 1000 + END, 413, "too_many_files"),
        (part("a.txt", b"a" * 200_001) + END, 413, "upload_too_large"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_malformed_or_oversized_form_leaves_nothing(shelf, body, status, code):
    papers = shelf(files=3, upload_bytes=200_000)
    place = papers.make()
    found = papers.client.post(f"{place}/files", content=body, headers=FORM)
    assert refused(found) == (status, code)
    assert kept(papers) == []


@pytest.mark.parametrize(
    "kind", ["", "application/json", "multipart/form-data", "text/plain", "multipart/mixed; boundary=limit"]
)
def test_what_is_no_form_is_refused(shelf, kind):
    papers = shelf()
    place = papers.make()
    body = part("leave.txt", LEAVE) + END
    found = papers.client.post(f"{place}/files", content=body, headers={"Content-Type": kind})
    assert refused(found) == (415, "unsupported_media_type")


def test_a_boundary_that_is_too_long_is_refused(shelf):
    papers = shelf()
    place = papers.make()
    kind = f"multipart/form-data; boundary={'x' * 5000}"
    found = papers.client.post(f"{place}/files", content=b"x", headers={"Content-Type": kind})
    assert refused(found) == (400, "malformed_upload")


def test_no_more_is_kept_of_an_upload_than_may_come(running, open_documents, monkeypatch):
    fed, feed = [], UploadForm.feed

    def counted(form, piece):
        fed.append(len(piece))
        feed(form, piece)

    monkeypatch.setattr(UploadForm, "feed", counted)
    server = running(documents=open_documents(upload_bytes=1_000_000))
    server.client.post("/v1/collections", json={"id": "papers"})
    place = "/v1/collections/papers/files"

    def long():
        yield part("a.txt", b"").removesuffix(b"\r\n")
        for _ in range(50):
            yield b"x" * 100_000

    assert refused(server.client.post(place, content=long(), headers=FORM)) == (413, "upload_too_large")
    assert sum(fed[:-1]) <= 1_000_000
    fed.clear()
    declared = server.client.post(place, content=b"x" * 3_000_000, headers=FORM)
    assert refused(declared) == (413, "body_too_large")
    assert fed == []


def test_whoever_hangs_up_in_an_upload_leaves_nothing(running, open_documents):
    documents = open_documents()
    server = running(documents=documents)
    server.client.post("/v1/collections", json={"id": "papers"})

    def broken():
        yield part("a.txt", b"x" * 100_000)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        server.client.post("/v1/collections/papers/files", content=broken(), headers=FORM)
    while list(documents.uploads.root.glob(".incoming-*")):
        time.sleep(0.01)
    assert server.client.get("/v1/collections/papers/files").json()["data"] == []


def test_a_form_knows_its_files_however_the_body_is_cut(shelf, tmp_path):
    body = part("a.txt", LEAVE) + part("note", b"", field="title") + part("b.txt", b"\r\n--limi") + END
    documents = shelf().documents
    for step in (1, 7, 64):
        folder = tmp_path / str(step)
        folder.mkdir()
        form = UploadForm(FORM["Content-Type"], folder, options=documents.options)
        for start in range(0, len(body), step):
            form.feed(body[start : start + step])
        assert [(file.given, file.place.read_bytes()) for file in form.finish()] == [
            ("a.txt", LEAVE),
            ("b.txt", b"\r\n--limi"),
        ]
        assert list(form.ignored) == ["title"]


@pytest.mark.parametrize(
    ("number", "status", "code"),
    [
        (errno.ENOSPC, 507, "disk_full"),
        (errno.EDQUOT, 507, "disk_full"),
        (errno.EROFS, 500, "uploads_unwritable"),
        (errno.EIO, 500, "internal_error"),
    ],
)
def test_a_disk_that_takes_no_more_is_told_and_leaves_nothing(shelf, monkeypatch, number, status, code):
    papers = shelf()
    place = papers.make()

    def full(*_arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(UploadForm, "_take_data", full)
    body = part("leave.txt", LEAVE) + END
    assert refused(papers.client.post(f"{place}/files", content=body, headers=FORM)) == (status, code)
    assert kept(papers) == []


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(shelf, tmp_path):
    papers = shelf()
    place = papers.make()
    outside = tmp_path / "outside.txt"
    outside.write_bytes(TRAVEL)
    link = papers.documents.uploads.of("papers") / "leave.txt"
    link.symlink_to(outside)
    (link.parent / "deep").symlink_to(tmp_path)
    assert papers.files() == []
    papers.upload(("leave.txt", LEAVE))
    assert outside.read_bytes() == TRAVEL
    assert papers.client.delete(place).status_code == 200
    assert outside.exists()


def test_a_form_of_another_page_is_refused(shelf):
    papers = shelf(options=ServerOptions(cors_origins=("http://localhost:3000",)))
    place = papers.make()
    body = part("leave.txt", LEAVE) + END
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        found = papers.client.post(f"{place}/files", content=body, headers=FORM | headers)
        assert found.status_code == 403, headers
    assert kept(papers) == []
    for headers in (
        {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"},
        {},
    ):
        found = papers.client.post(f"{place}/files", content=body, headers=FORM | headers)
        assert found.status_code == 200, headers


def test_what_a_form_calls_its_fields_adds_no_header(shelf):
    papers = shelf()
    place = papers.make()
    forged = part("b", b"", field="mood%0D%0ASet-Cookie: a=b") + part("c", b"", field="tone")
    body = part("a.txt", LEAVE) + forged + END
    found = papers.client.post(f"{place}/files", content=body, headers=FORM)
    assert found.status_code == 200
    assert "set-cookie" not in found.headers
    assert found.headers["x-ignored-parameters"] == "tone"


def test_what_an_ended_server_left_of_an_upload_is_swept(shelf):
    papers = shelf()
    papers.make()
    uploads = papers.documents.uploads.root
    for name, age in ((".incoming-old", 2 * 86400), (".incoming-new", 60)):
        (uploads / name).mkdir()
        (uploads / name / "0").write_bytes(LEAVE)
        os.utime(uploads / name, (time.time() - age,) * 2)
    papers.upload(("leave.txt", LEAVE))
    assert [path.name for path in uploads.glob(".incoming-*")] == [".incoming-new"]
