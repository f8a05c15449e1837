"""Collections: names for groups of folders, by which searches find them."""

import pytest

from gpt4all_core.errors import ConfigError
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs import LocalDocs, Text


@pytest.fixture(scope="module")
def docs(tmp_path_factory):
    """Folders a, a/deep, ab and c; a is in two collections, a/deep and c in one, ab in none."""
    root = tmp_path_factory.mktemp("collections")
    for name in ("a", "a/deep", "ab", "c"):
        (root / name).mkdir()
        (root / name / f"{name.replace('/', '-')}.txt").write_text(f"alpha in {name}")
    with LocalDocs(root / "index", embedder=HashEmbedder()) as docs:
        for name, collection in (
            ("a", "one"),
            ("a", "two"),
            ("a/deep", "O'Hara"),
            ("c", "two"),
            ("ab", None),
        ):
            docs.add(root / name, collection=collection)
        docs.sync()
        docs.put([Text("alpha put", "put", {"collection": "two"}), Text("alpha bare", "bare")])
        yield docs


DEEP = {"a-deep"}
ONE = {"a", *DEEP}
TWO = {"a", *DEEP, "c", "put"}
ALL = {*TWO, "ab", "bare"}


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("one", ONE),
        ("two", TWO),
        ("O'Hara", DEEP),
        ("none", set()),
        ({"$in": ["one", "O'Hara"]}, ONE),
        ({"$ne": "two"}, ALL - TWO),
        ({"$nin": ["one", "none"]}, ALL - ONE),
        ({"$contains": "one"}, ONE),
        ({"$exists": True}, TWO),
        ({"$exists": False}, ALL - TWO),
        ({"$gt": "a"}, {"put"}),
    ],
)
@pytest.mark.parametrize("mode", ["vector", "keyword"])
def test_searches_see_the_files_below_the_folders_of_a_collection(docs, where, found, mode):
    hits = docs.search("alpha", k=20, mode=mode, where={"collection": where})
    assert {hit.text_id or hit.path.stem for hit in hits} == found


def test_collections_are_listed_and_outlive_a_sync(docs):
    docs.sync()
    names = {name: [folder.name for folder in folders] for name, folders in docs.collections.items()}
    assert names == {"O'Hara": ["deep"], "one": ["a"], "two": ["a", "c"]}


def test_a_removed_collection_leaves_its_folders_and_a_removed_folder_its_collection(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "text.txt").write_text(f"alpha {name}")
    with LocalDocs(tmp_path / "index", embedder=HashEmbedder()) as docs:
        assert docs.collections == {}
        docs.add(tmp_path / "a", collection="x")
        docs.add(tmp_path / "b", collection="y")
        docs.sync()
        docs.remove_collection("x")
        docs.remove(tmp_path / "b")
        assert docs.collections == {}
        assert [hit.path.parent.name for hit in docs.search("alpha")] == ["a"]
        with pytest.raises(ConfigError, match=r"no collection 'x'; it has: none"):
            docs.remove_collection("x")


@pytest.mark.parametrize("name", ["", " ", "a\nb", 7])
def test_what_is_no_name_of_a_collection_is_refused_before_the_folder_is_added(tmp_path, name):
    with LocalDocs(tmp_path / "index", embedder=HashEmbedder()) as docs:
        with pytest.raises(ConfigError, match="names no collection"):
            docs.add(tmp_path, collection=name)
        assert docs.folders == ()


def test_a_passage_of_equal_files_is_got_of_the_one_that_a_filter_lets_through(tmp_path):
    with LocalDocs(tmp_path / "index", embedder=HashEmbedder()) as docs:
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "same.txt").write_text("the same in both")
            docs.add(tmp_path / name, collection=name)
        docs.sync()
        docs.put([Text("put", "a text", {"collection": "one"})])
        ids = [docs.search("same", k=1)[0].chunk_id, "a text"]
        found = {
            name: [str(hit.path) for hit in docs.get(ids, where={"collection": name})]
            for name in ("one", "two", "none")
        }
    assert found == {
        "one": [str(tmp_path / "one/same.txt"), "a text"],
        "two": [str(tmp_path / "two/same.txt")],
        "none": [],
    }
