"""Documents that somebody made to do harm, uploaded and indexed: refused or inert."""

import io
import zipfile

import pytest
from shelf import LEAVE


def test_pages_and_scripts_in_documents_stay_text(shelf):
    papers = shelf()
    script = "<script>alert(1)</script> paid leave"
    papers.make()
    [sent] = papers.upload(("<img src=x onerror=alert(1)>.txt", script.encode()))
    assert sent["filename"] == "_img src=x onerror=alert(1)_.txt"
    papers.sync()
    found = papers.client.post("/v1/chunks", json={"text": "paid leave"})
    assert found.json()["data"][0]["text"] == script
    passage = papers.client.get(f"/v1/passages/{found.json()['data'][0]['id']}")
    for answer in (
        found,
        passage,
        papers.client.get("/v1/collections/papers/files"),
        papers.client.get("/no"),
    ):
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"


def packed(**files):
    """A zip archive of files, each given in pieces; `__` stands for a slash."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, pieces in files.items():
            with archive.open(name.replace("__", "/").replace("_", "."), "w") as inside:
                for piece in pieces:
                    inside.write(piece)
    return made.getvalue()


def word(*, entities=b"", text=b""):
    """A word processor's file."""
    space = b"http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    document = (
        b"<!DOCTYPE d [%s]><w:document xmlns:w='%s'><w:body><w:p><w:r><w:t>paid leave %s</w:t></w:r></w:p>"
    )
    return packed(word__document_xml=[document % (entities, space, text), b"</w:body></w:document>"])


def nested(levels):
    """Four archives in each of the four archives in each …"""
    made = packed(a_txt=[b" " * 1_000_000] * 10)
    for _ in range(levels):
        made = packed(**{name: [made] for name in ("a_zip", "b_zip", "c_zip", "d_zip")})
    return made


LAUGHS = b"".join(b"<!ENTITY a%d '%s'>" % (level, b"&a%d;" % (level - 1) * 10) for level in range(1, 12))


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("bomb.docx", packed(word__document_xml=[b" " * 1_000_000] * 200), "unpacks to too much"),
        ("laughs.docx", word(entities=b"<!ENTITY a0 'ha'>" + LAUGHS, text=b"&a11;"), "amplification"),
        (
            "many.docx",
            packed(**{f"word__{number}_xml": () for number in range(20_001)}),
            "archive of more than",
        ),
        ("nested.zip", nested(4), "left out"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_file_that_unfolds_without_end_is_unreadable_and_harms_nothing(shelf, name, data, reason):
    papers = shelf()
    papers.make()
    papers.upload((name, data), ("leave.txt", LEAVE))
    report = papers.sync()
    assert (report["added"], report["unreadable"]) == (1, 1)
    [file] = [file for file in papers.files() if file["filename"] == name]
    assert file["status"] == "unreadable"
    assert reason in file["reason"]


def test_a_document_brings_no_file_of_the_machine_with_it(shelf, tmp_path):
    papers = shelf()
    papers.make()
    (tmp_path / "secret.txt").write_text("xylophone")
    outside = b"<!ENTITY x SYSTEM 'file://%s/secret.txt'>" % str(tmp_path).encode()
    papers.upload(("leave.docx", word(entities=outside, text=b"&x;")))
    papers.sync()
    found = papers.client.post("/v1/chunks", json={"text": "paid leave xylophone"}).json()["data"]
    [text] = [chunk["text"] for chunk in found]
    assert "paid leave" in text
    assert "xylophone" not in text
