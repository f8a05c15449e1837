"""Files without an ending, or with one that no loader has, are documents if their content is one."""

import gzip
import os
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from loader_files import write, write_pdf

from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs import IndexOptions, LocalDocs, scan
from gpt4all_localdocs.loaders.recognise import reason_against

BINARY = "not a document: it is neither of a known format nor plain text"


def packed() -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("notes.txt", "25 days")
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("LICENSE", b"You may.", ""),
        ("notes.bak", "Größe".encode(), ""),
        ("notes.v2", "Größe".encode("utf-16"), ""),
        ("page", b"<!doctype html><p>Leave", ""),
        ("saved", b"%PDF-1.7", ""),
        ("packed", packed(), ""),
        ("program.jar", packed(), "not a document: an archive that is called .jar"),
        ("disk.img", gzip.compress(b"x", mtime=0), "not a document: an archive that is called .img"),
        ("photo.jpeg", b"anything", "pictures have no text"),
        ("core", bytes(100), BINARY),
        ("table.npy", b"head of plain text\n" * 500 + bytes(100), BINARY),
        ("lock", b"", "it is empty"),
    ],
)
def test_a_file_of_unknown_ending_is_judged_by_its_first_and_last_bytes(tmp_path, name, content, reason):
    assert reason_against(write(tmp_path, name, content)) == reason


def test_a_file_that_cannot_be_opened_is_left_to_who_reads_it(tmp_path):
    assert reason_against(tmp_path / "gone") == ""


def test_a_sync_finds_documents_without_endings_and_looks_at_others_once(tmp_path, monkeypatch):
    looked_at = []

    def count(path: Path) -> str:
        looked_at.append(path.name)
        return reason_against(path)

    monkeypatch.setattr(scan, "reason_against", count)
    folder = tmp_path / "documents"
    folder.mkdir()
    write(folder, "LICENSE", "You may copy boats.")
    write(folder, "core", bytes(5_000))
    write_pdf(folder, ["Annual leave"], name="saved")
    for path in folder.iterdir():
        os.utime(path, (1_000_000_000, 1_000_000_000))
    options = IndexOptions(vector_index="exact")
    with LocalDocs(tmp_path / "index", folders=[folder], embedder=HashEmbedder(), options=options) as docs:
        first = {file.path.name: (file.outcome, file.reason) for file in docs.sync().files}
        assert first == {"LICENSE": ("added", ""), "saved": ("added", ""), "core": ("skipped", BINARY)}
        assert sorted(looked_at) == ["LICENSE", "core", "saved"]
        looked_at.clear()
        again = {file.path.name: (file.outcome, file.reason) for file in docs.sync().files}
        assert again == {
            "LICENSE": ("unchanged", ""),
            "saved": ("unchanged", ""),
            "core": ("skipped", BINARY),
        }
        assert looked_at == []
        assert [hit.page for hit in docs.search("annual leave", k=1)] == [1]
