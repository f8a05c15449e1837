import struct
import zipfile

import pytest
from office_files import write_zip

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders import safe_zip
from gpt4all_localdocs.loaders.safe_xml import local_name, parse_xml
from gpt4all_localdocs.loaders.safe_zip import SafeZip


def test_members_are_read_by_name_and_folders_are_none(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"b/": "", "b/c.txt": "text", "../../d": "up"})
    with SafeZip(path) as members:
        assert members.names == ("b/c.txt", "../../d")
        assert "b/c.txt" in members
        assert (members.read("b/c.txt"), members.read("../../d")) == (b"text", b"up")
        assert members.size("b/c.txt") == 4


def test_an_archive_inside_of_another_is_read_from_its_bytes(tmp_path):
    inner = write_zip(tmp_path / "inner.zip", {"a": "text"})
    with SafeZip(tmp_path / "outer.zip", content=inner.read_bytes()) as members:
        assert members.read("a") == b"text"


def test_an_archive_of_too_many_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(safe_zip, "MAX_MEMBERS", 3)
    with SafeZip(write_zip(tmp_path / "a.zip", dict.fromkeys("abc", ""))) as members:
        assert len(members.names) == 3
    with pytest.raises(UnreadableDocument, match="is an archive of more than 3 files; split it"):
        SafeZip(write_zip(tmp_path / "b.zip", dict.fromkeys("abcd", "")))


def test_a_member_that_claims_to_be_small_is_not_unpacked_beyond_its_claim(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"a": "x" * 50_000_000})
    claimed = path.read_bytes().replace(struct.pack("<L", 50_000_000), struct.pack("<L", 10))
    path.write_bytes(claimed)
    with SafeZip(path) as members, pytest.raises(UnreadableDocument, match="is damaged"):
        members.read("a")  # ten bytes do not have the checksum of all


def test_all_members_are_bounded_together(tmp_path, monkeypatch):
    monkeypatch.setattr(safe_zip, "MAX_UNPACKED_BYTES", 10)
    with SafeZip(write_zip(tmp_path / "a.zip", {"a": "x" * 6, "b": "y" * 6})) as members:
        assert members.read("a") == b"xxxxxx"
        with pytest.raises(UnreadableDocument, match="unpacks to too much: b grows"):
            members.read("b")


def test_an_encrypted_member_asks_for_its_password_to_be_removed(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"a": "text"})
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(content)
    with SafeZip(path) as members, pytest.raises(UnreadableDocument, match="is encrypted"):
        members.read("a")


def test_a_folder_of_files_that_breaks_off_is_no_archive(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"a": "text"})
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UnreadableDocument, match="is not a book, or is damaged"):
        SafeZip(path, kind="a book")
    assert not zipfile.is_zipfile(path)


LAUGHS = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 1000}">' for n in range(9))


@pytest.mark.parametrize(
    "content",
    [
        "<a>" * 400 + "</a>" * 400,
        "<a",
        "",
        '<?xml version="1.0" encoding="no-such"?><a/>',
        "<a>\0</a>",
        f"<!DOCTYPE a [{LAUGHS}]><a>&e8;</a>",
    ],
)
def test_xml_that_is_none_or_too_deep_is_damaged(tmp_path, content):
    with pytest.raises(UnreadableDocument, match=r"is damaged: x\.xml is not well-formed XML"):
        parse_xml(content.encode(), path=tmp_path, name="x.xml")


def test_entities_of_xml_are_not_expanded(tmp_path):
    root = parse_xml(b'<!DOCTYPE a [<!ENTITY e "x">]><a>b&e;c</a>', path=tmp_path, name="x.xml")
    assert (root.text, [local_name(element) for element in root]) == ("b", [""])
