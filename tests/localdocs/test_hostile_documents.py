"""Files made to harm who reads them cost a sync nothing but themselves, and its report says what they are."""

import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from loader_files import write

from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs import IndexOptions, LocalDocs
from gpt4all_localdocs.types import FileOutcome

SECRET = "the secret of another folder"
LAUGHS = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
LAUGHING = f'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY e0 "ha">{LAUGHS}]><l><p>Leave</p><p>&e11;</p></l>'
DEEP = 20_000


def packed(files: dict[str, str | bytes]) -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, inside in files.items():
            archive.writestr(name, inside)
    return content.getvalue()


def packed_again(times: int) -> bytes:
    content = packed({"leave.txt": "innermost"})
    for _ in range(times):
        content = packed({"leave.txt": "Leave", "inner.zip": content})
    return content


def deep_odt() -> bytes:
    sections = "<text:section>" * DEEP + "<text:p>Leave</text:p>" + "</text:section>" * DEEP
    root = '<office:document-content xmlns:office="o" xmlns:text="t">'
    body = f"<office:body><office:text>{sections}</office:text></office:body>"
    return packed({"content.xml": f"{root}{body}</office:document-content>"})


HOSTILE: dict[str, tuple[bytes, str, str]] = {
    "bomb.zip": (packed({"a.txt": bytes(5_000_000)}), "unreadable", "unpacks to too much: a.txt grows"),
    "bomb.docx": (packed({"word/document.xml": bytes(5_000_000)}), "unreadable", "unpacks to too much"),
    "nested.zip": (packed_again(30), "added", "was left out: is packed too deep"),
    "crowd.zip": (
        packed({str(n): b"" for n in range(20_001)}),
        "unreadable",
        "more than 20,000 files; split it",
    ),
    "climbing.zip": (packed({"../../outside.txt": "Leave", "/outside.txt": "Leave"}), "added", ""),
    "laughs.docx": (packed({"word/document.xml": LAUGHING}), "unreadable", "is damaged: word/document.xml"),
    "laughs.xml": (LAUGHING.encode(), "added", "some of it may be missing: Maximum entity amplification"),
    "deep.json": (b"[" * DEEP + b"]" * DEEP, "unreadable", "is nested too deeply to be read"),
    "deep.odt": (deep_odt(), "unreadable", "is damaged: content.xml is not well-formed XML"),
    "deep.rtf": (b"{\\rtf1 " + b"{" * DEEP + b"Leave" + b"}" * DEEP, "unreadable", "nested too deeply"),
    "line\nbreak [1](x) \u202egpj.md": (b"# Leave", "added", ""),
}


@pytest.fixture(scope="module")
def synced(tmp_path_factory) -> tuple[Path, dict[str, FileOutcome], list[str]]:
    """The folder, the outcomes by name, and all texts of the index."""
    root = tmp_path_factory.mktemp("hostile")
    folder = root / "above" / "documents"
    folder.mkdir(parents=True)
    secret = write(root, "secret.txt", SECRET)
    for name, (content, _, _) in HOSTILE.items():
        write(folder, name, content)
    entity = (
        f'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY e SYSTEM "{secret.as_uri()}">]><l><p>Leave &e;</p></l>'
    )
    write(folder, "entity.xml", entity)
    options = IndexOptions(vector_index="exact")
    with LocalDocs(root / "index", folders=[folder], embedder=HashEmbedder(), options=options) as docs:
        outcomes = {file.path.name: file for file in docs.sync().files}
        return root, outcomes, [hit.text for hit in docs.passages()]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_read_as_far_as_it_is_harmless_or_refused(synced, name):
    _, outcome, reason = HOSTILE[name]
    file = synced[1][name]
    assert file.outcome == outcome
    assert reason in " ".join([file.reason, *file.notes])


def test_nothing_outside_of_a_hostile_file_is_read_or_written(synced):
    root, outcomes, texts = synced
    assert outcomes["entity.xml"].notes == ("entities are not expanded: e",)
    assert not any(SECRET in text for text in texts)
    assert not list(root.rglob("outside.txt"))
    assert len(texts) < 100
