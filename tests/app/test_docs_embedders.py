import pytest
from commandline import write_documents

from gpt4all_core.testing import HashEmbedder


class Opened(HashEmbedder):
    """What a reference leads to; whoever opened it closes it."""

    def close(self):
        pass


@pytest.fixture
def harbour(gpt4all, home, monkeypatch):
    """The office in the index for all, the harbour in one of its own."""
    monkeypatch.setattr("gpt4all_localdocs.local_docs.chosen_embedder", lambda name: Opened(name=name))
    office = write_documents(home / "office", leave="annual leave is twenty seven days a year")
    harbour = write_documents(home / "harbour", boats="a sail and a mast on the keel")
    assert gpt4all("docs", "add", office).code == 0
    found = gpt4all("docs", "add", harbour, "--collection", "boats", "--embedder", "sailor")
    assert found.code == 0, found.err
    assert gpt4all("docs", "sync").code == 0
    return harbour


def test_a_collection_with_an_embedder_is_synced_searched_and_shown_with_the_others(gpt4all, harbour):
    hits = gpt4all("docs", "search", "a mast", "--json").document["hits"]
    assert [hit["path"].rsplit("/")[-1] for hit in hits] == ["boats.txt", "leave.txt"]
    found = gpt4all("docs", "search", "a mast", "--collection", "boats", "--json").document["hits"]
    assert len(found) == 1
    status = gpt4all("docs", "status", "--json").document
    assert (status["files"], status["embedders"]) == (2, {"boats": "sailor"})
    assert "embedder of  boats: sailor" in gpt4all("docs", "status").out
    assert gpt4all("docs", "list", "--json").document["count"] == 2


def test_an_export_says_which_collections_it_leaves_out(gpt4all, harbour, home):
    assert "left out: boats" in gpt4all("docs", "export", home / "all.zip").err


def test_forgetting_it_says_what_is_forgotten(gpt4all, harbour):
    assert "forgot the index of boats" in gpt4all("docs", "remove", "--collection", "boats").out
    assert gpt4all("docs", "status", "--json").document["embedders"] == {}
    assert (harbour / "boats.txt").exists()


def test_an_embedder_is_for_a_collection(gpt4all, home):
    folder = write_documents(home / "office", leave="leave")
    found = gpt4all("docs", "add", folder, "--embedder", "sailor")
    assert found.code == 2
    assert "give its name, too" in found.err
