"""An index in one file: what comes out elsewhere, and what is refused."""

import hashlib
import json
import struct
import zipfile

import pytest

from gpt4all_core.errors import ConfigError, IndexCorrupt, LocalDocsError
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs import LocalDocs, Text, import_index
from gpt4all_localdocs.export_format import CHUNKS, FILES, KEYS, MANIFEST, VECTORS

WORDS = ("alpha", "beta", "gamma")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Two folders of one name, one within another, a collection and a text, with their export."""
    root = tmp_path_factory.mktemp("source")
    for place in ("docs", "docs/deep", "other/docs"):
        (root / place).mkdir(parents=True)
        (root / place / "näme\n[1].md").write_text(f"# Title\n\nalpha {place}\n\nbeta more")
    with LocalDocs(root / "index", embedder=HashEmbedder()) as docs:
        for place in ("docs", "docs/deep", "other/docs"):
            docs.add(root / place, collection="handbooks" if place == "docs/deep" else None)
        docs.sync()
        docs.put([Text("gamma put", "put", {"year": 2024})])
        docs.export(root / "index.zip")
        yield root, docs


def found(docs, **choices):
    """What searches find, by name: everything but the paths."""
    return {
        word: sorted(
            (hit.text_id or hit.path.name, hit.text, hit.span, hit.chunk_id, hit.headings)
            for hit in docs.search(word, k=50, **choices)
        )
        for word in WORDS
    }


def open_copy(root, target, **choices):
    return LocalDocs.from_export(root / "index.zip", target, embedder=HashEmbedder(), **choices)


def test_an_export_opens_elsewhere_with_its_folders_where_they_are_there(source, tmp_path):
    root, docs = source
    places = {"docs": tmp_path / "a", "deep": tmp_path / "a" / "deep", "docs-2": tmp_path / "b"}
    places["deep"].mkdir(parents=True)
    places["docs-2"].mkdir()
    for name, old in (("docs", "docs"), ("deep", "docs/deep"), ("docs-2", "other/docs")):
        (places[name] / "näme\n[1].md").write_bytes((root / old / "näme\n[1].md").read_bytes())
    with open_copy(root, tmp_path / "index", folders=places) as copy:
        assert set(copy.folders) == set(places.values())
        assert copy.collections == {"handbooks": (places["deep"],)}
        for mode in ("vector", "keyword", "hybrid"):
            assert found(copy, mode=mode) == found(docs, mode=mode)
        (hit,) = copy.search("alpha", where={"collection": "handbooks"})
        assert hit.path.parent == places["deep"]
        assert [text.metadata for text in copy.texts()] == [{"year": 2024}]
        report = copy.sync()
        assert (report.counts, report.embedded) == ({"unchanged": 3}, 0)
        assert found(copy) == found(docs)


def test_an_export_holds_no_path_of_the_machine(source):
    root, _docs = source
    with zipfile.ZipFile(root / "index.zip") as archive:
        assert not [name for name in archive.namelist() if str(root).encode() in archive.read(name)]


def test_folders_with_line_ends_and_marks_in_their_names_come_back(tmp_path):
    names = ["a\n\u202eb", "a\\_b", "a__b"]
    with LocalDocs(tmp_path / "index", embedder=HashEmbedder()) as docs:
        for name in names:
            (tmp_path / name).mkdir()
            (tmp_path / name / "note.txt").write_text("alpha")
            docs.add(tmp_path / name)
        docs.sync()
        docs.export(tmp_path / "index.zip")
    with open_copy(tmp_path, tmp_path / "copy", folders={"a__b-2": tmp_path / names[0]}) as copy:
        assert {folder.name for folder in copy.folders} == {names[0], "a__b", "a__b-3"}
        assert len(copy.search("alpha")) == 3


def test_folders_that_are_not_here_are_found_and_kept(source, tmp_path):
    root, docs = source
    rewrite(root / "index.zip", tmp_path / "index.zip")  # what others write is taken, if it is sound
    with open_copy(tmp_path, tmp_path / "index") as copy:
        assert copy.sync().counts == {"skipped": 6}  # three folders, three files
        assert found(copy) == found(docs)


def test_equal_indexes_give_equal_files(source, tmp_path):
    root, docs = source
    docs.export(tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (root / "index.zip").read_bytes()


def test_an_export_replaces_nothing_and_leaves_nothing_half_written(source, tmp_path, monkeypatch):
    root, docs = source
    with pytest.raises(ConfigError, match="exists"):
        docs.export(root / "index.zip")

    def fail(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(LocalDocsError, match="No space left"):
        docs.export(tmp_path / "new.zip")
    assert list(tmp_path.iterdir()) == []


def test_an_import_that_is_stopped_leaves_nothing_and_can_be_done_again(source, tmp_path, monkeypatch):
    root, docs = source
    with monkeypatch.context() as patch:
        patch.setattr(import_index, "_import_vectors", lambda *_arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            open_copy(root, tmp_path / "index")
    assert not (tmp_path / "index").exists()
    with open_copy(root, tmp_path / "index") as copy:
        assert found(copy) == found(docs)


def test_only_an_empty_index_is_filled_and_only_known_folders_are_placed(source, tmp_path):
    root, docs = source
    with pytest.raises(ConfigError, match="not empty"):
        open_copy(root, docs.path)
    with pytest.raises(ConfigError, match=r"no folder 'x'; it has: 'docs', 'deep', 'docs-2'"):
        open_copy(root, tmp_path / "index", folders={"x": tmp_path})
    with pytest.raises(ConfigError, match="one place"):
        open_copy(root, tmp_path / "index", folders={"docs": tmp_path, "deep": tmp_path})
    with pytest.raises(ConfigError, match="there is no file"):
        LocalDocs.from_export(tmp_path / "none.zip", tmp_path / "index")


def rewrite(source, target, *, change=None, drop=(), extra=None, sign=True):
    """The export with members changed; signed again, so that only what they hold can be wrong."""
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if name not in drop}
    manifest = json.loads(members[MANIFEST])
    for name, edit in (change or {}).items():
        if name == MANIFEST:
            edit(manifest)
        elif name in (FILES, CHUNKS, KEYS):
            rows = [json.loads(line) for line in members[name].splitlines()]
            columns = manifest["columns"].get(name.removesuffix(".jsonl"), ["key"])
            column, value = edit
            rows[0][columns.index(column)] = value
            members[name] = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        else:
            members[name] = edit(members[name])
        if sign and name != MANIFEST:
            packed = members[name]
            manifest["members"][name] = {"size": len(packed), "sha256": hashlib.sha256(packed).hexdigest()}
    members[MANIFEST] = json.dumps(manifest).encode()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, packed in {**members, **(extra or {})}.items():
            archive.writestr(name, packed)


DEEP = b"[" * 100_000 + b"\n"
NAN = struct.pack("<f", float("nan"))


@pytest.mark.parametrize(
    "damage",
    [
        *({"change": {FILES: ("path", path)}} for path in ("0/../../x", "0//x", "9/x", "/etc/x", "0")),
        *({"change": {FILES: ("path", path)}} for path in ("0/a\0b", "-1/x", "²/x", "")),
        {"change": {FILES: ("size", True)}},
        {"change": {FILES: ("size", 1 << 80)}},
        {"change": {FILES: ("title", 7)}},
        {"change": {FILES: ("title", "\ud800")}},
        {"change": {FILES: ("metadata", "[]")}},
        {"change": {FILES: ("kind", "view")}},
        {"change": {FILES: ("kind", "text")}},
        {"change": {FILES: ("id", 2)}},
        {"change": {CHUNKS: ("file_id", 99)}},
        {"change": {CHUNKS: ("headings", "[1]")}},
        {"change": {CHUNKS: ("headings", "x")}},
        {"change": {CHUNKS: ("part_kind", "page'")}},
        {"change": {CHUNKS: ("span_end", -1)}},
        {"change": {CHUNKS: ("first_line", None)}},
        {"change": {CHUNKS: ("vector_key", "x")}},
        {"change": {KEYS: ("key", "../x")}},
        {"change": {VECTORS: lambda packed: NAN + packed[4:]}},
        {"change": {VECTORS: lambda packed: packed[:-4]}},
        {"change": {VECTORS: lambda packed: packed + packed}},
        {"change": {VECTORS: lambda packed: packed[:-1] + b"\0"}, "sign": False},
        {"change": {FILES: ("title", "other")}, "sign": False},
        {"change": {MANIFEST: lambda manifest: manifest.update(dimensions=1 << 40)}},
        {"change": {MANIFEST: lambda manifest: manifest.update(folders=["..", "a", "b"])}},
        {"change": {MANIFEST: lambda manifest: manifest.update(collections={"x": [9]})}},
        {"change": {MANIFEST: lambda manifest: manifest.update(collections={"x\n": [0]})}},
        {"change": {MANIFEST: lambda manifest: manifest["columns"]["files"].reverse()}},
        {"change": {MANIFEST: lambda manifest: manifest.update(more=1)}},
        {"drop": (KEYS,)},
        {"extra": {"../../evil": b"x"}},
        {"extra": {"localdocs.sqlite": b"x"}},
    ],
)  # fmt: skip
def test_a_file_that_is_no_sound_export_is_refused_whole(source, tmp_path, damage):
    root, _docs = source
    rewrite(root / "index.zip", tmp_path / "bad.zip", **damage)
    with pytest.raises(IndexCorrupt, match=r"bad\.zip"):
        LocalDocs.from_export(tmp_path / "bad.zip", tmp_path / "index")
    with LocalDocs(tmp_path / "index") as docs:
        assert (docs.status().files, docs.status().vectors, docs.folders) == (0, 0, ())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.zip", "index"]


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_vectors_are_read_some_at_a_time(source, tmp_path, monkeypatch, rows):
    root, docs = source
    monkeypatch.setattr(import_index, "_ROWS", rows)
    with open_copy(root, tmp_path / "index") as copy:
        assert copy.status().vectors == docs.status().vectors > 3
        assert found(copy, mode="vector") == found(docs, mode="vector")


@pytest.mark.parametrize("packed", [b"", b"PK\5\6", b"no zip", DEEP])
def test_what_is_no_zip_is_refused(tmp_path, packed):
    (tmp_path / "bad.zip").write_bytes(packed)
    with pytest.raises(IndexCorrupt, match=r"bad\.zip"):
        LocalDocs.from_export(tmp_path / "bad.zip", tmp_path / "index")


@pytest.mark.parametrize("length", [10, 200, -1])
def test_a_file_that_was_cut_off_is_refused(source, tmp_path, length):
    root, _docs = source
    (tmp_path / "bad.zip").write_bytes((root / "index.zip").read_bytes()[:length])
    with pytest.raises(IndexCorrupt, match=r"bad\.zip"):
        LocalDocs.from_export(tmp_path / "bad.zip", tmp_path / "index")


def test_an_export_of_another_release_is_named(source, tmp_path):
    root, _docs = source
    change = {MANIFEST: lambda manifest: manifest.update(version=9)}
    rewrite(root / "index.zip", tmp_path / "later.zip", change=change)
    with pytest.raises(LocalDocsError, match="version 9 and schema version"):
        LocalDocs.from_export(tmp_path / "later.zip", tmp_path / "index")


def test_rows_that_nest_without_end_are_refused(source, tmp_path):
    root, _docs = source
    rewrite(root / "index.zip", tmp_path / "bad.zip", change={CHUNKS: ("headings", "[" * 100_000)})
    with pytest.raises(IndexCorrupt, match=r"bad\.zip"):
        LocalDocs.from_export(tmp_path / "bad.zip", tmp_path / "index")


@pytest.mark.parametrize("fault", ["no file", "no zip", "cut off", "unknown folder"])
def test_an_import_that_is_refused_leaves_no_index_behind(source, tmp_path, fault):
    root, _docs = source
    packed = (root / "index.zip").read_bytes()
    file = tmp_path / "copy.zip"
    if fault != "no file":
        file.write_bytes({"no zip": b"PK", "cut off": packed[:-30]}.get(fault, packed))
    folders = {"elsewhere": tmp_path} if fault == "unknown folder" else {}
    with pytest.raises((ConfigError, LocalDocsError, OSError)):
        LocalDocs.from_export(file, tmp_path / "index", folders=folders, embedder=HashEmbedder())
    assert not (tmp_path / "index").exists()
