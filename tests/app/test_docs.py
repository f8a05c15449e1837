import json
import os
import signal

import pytest
from commandline import finish, start, write_documents
from measured import wait_until

from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs import LocalDocs, Text


@pytest.fixture
def indexed(gpt4all, leave):
    gpt4all("docs", "add", leave)
    gpt4all("docs", "sync")
    return gpt4all


def test_add_remembers_folders_and_says_what_comes_next(gpt4all, leave, tmp_path):
    index = tmp_path / "index"
    found = gpt4all("docs", "add", leave, "--index", index)
    assert (found.code, found.out) == (0, f"{leave}\n")
    assert found.err == f"index it with: gpt4all docs sync --index {index}\n"
    assert gpt4all("docs", "add", leave, "--json").document["folders"] == [str(leave)]


def test_sync_names_each_file_that_is_not_as_it_was(indexed, leave):
    (leave / "leave.txt").write_text("Everybody gets thirty days.", encoding="utf-8")
    (leave / "boats.txt").rename(leave / "ships.txt")
    (leave / "photo.jpeg").write_bytes(b"\xff\xd8")
    (leave / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    found = indexed("docs", "sync")
    lines = found.out.splitlines()
    assert f"moved       ships.txt: from {leave / 'boats.txt'}" in lines
    assert "updated     leave.txt (1 passage)" in lines
    assert "skipped     photo.jpeg: pictures have no text" in lines
    assert any(line.startswith("unreadable  broken.pdf: ") for line in lines)
    assert lines[-1].startswith("1 updated, 1 moved, 1 unreadable, 1 skipped")


def test_sync_as_json_names_every_file(indexed, leave):
    document = indexed("docs", "sync", "--json").document
    assert set(document) == {
        "index",
        "folders",
        "counts",
        "embedded",
        "rebuilt",
        "behind",
        "files",
        "texts",
    }
    assert document["counts"] == {"unchanged": 2}
    assert set(document["files"][0]) == {"path", "outcome", "reason", "chunks", "notes"}
    assert indexed("docs", "sync", "--rebuild", "--json").document["embedded"] == 2


def test_search_shows_passages_best_first(indexed):
    found = indexed("docs", "search", "boats by the river", "--k", 1)
    assert found.out.splitlines()[0].startswith("[1] boats.txt, lines 1-3  ")
    document = indexed("docs", "search", "boats", "--mode", "keyword", "--json").document
    assert set(document) == {"index", "query", "mode", "hits"}
    assert document["mode"] == "keyword"
    assert [hit["path"].rpartition("/")[2] for hit in document["hits"]] == ["boats.txt"]


def test_a_search_without_a_hit_is_no_error(indexed):
    found = indexed("docs", "search", "zeppelin", "--mode", "keyword")
    assert (found.code, found.out) == (0, "")
    assert "nothing found" in found.err


def test_a_search_may_ask_for_relevance_and_for_the_text_around(indexed):
    far = indexed("docs", "search", "zeppelin", "--min-score", 0.9)
    assert (far.code, far.out) == (0, "")
    assert "nothing relevant found" in far.err
    near = indexed("docs", "search", "the boats are in the shed by the river", "--min-score", 0.2, "--json")
    assert [hit["path"].rpartition("/")[2] for hit in near.document["hits"]] == ["boats.txt"]
    assert indexed("docs", "search", "boats", "--mode", "keyword", "--min-score", 0.2).code == 2
    assert indexed("docs", "search", "boats", "--expand", 100).out.startswith("[1] boats.txt")


def test_status_counts_what_is_there(indexed, leave):
    found = indexed("docs", "status")
    assert f"folder    {leave}\nfiles     2\npassages  2\n" in found.out
    document = indexed("docs", "status", "--json").document
    counts = {"files", "unreadable", "texts", "passages", "vectors", "vectors_at", "vectors_pending"}
    assert set(document) == {"index", "folders", "embedder", "embedders", "collections", "choice", *counts}


def test_remove_forgets_a_folder_and_leaves_its_files(indexed, leave):
    found = indexed("docs", "remove", leave, "--json")
    assert (found.document["files"], found.document["folders"]) == (2, [])
    assert (leave / "leave.txt").exists()
    assert indexed("docs", "status").code == 4


def test_a_collection_is_searched_alone_and_its_name_forgotten(indexed, leave, tmp_path):
    other = write_documents(tmp_path / "other", tea="The boats bring tea.")
    indexed("docs", "add", other, "--collection", "kitchen")
    indexed("docs", "sync")
    names = lambda *given: {  # noqa: E731 - one line of this test
        hit["path"].rpartition("/")[2]
        for hit in indexed("docs", "search", "boats", *given, "--json").document["hits"]
    }
    assert "boats.txt" in names()
    assert names("--collection", "kitchen") == {"tea.txt"}
    assert names("--files", "boats*") == {"boats.txt"}
    assert f"folder    {other} (kitchen)" in indexed("docs", "status").out
    unknown = indexed("docs", "search", "boats", "--collection", "cellar").err
    assert unknown == "no folder is in a collection cellar; the index has: kitchen\n"
    assert indexed("docs", "remove", "--collection", "kitchen").code == 0
    assert indexed("docs", "status", "--json").document["collections"] == {}
    assert indexed("docs", "remove", other, "--collection", "kitchen").code == 2


def test_patterns_leave_files_out_and_say_so(indexed, leave):
    found = indexed("docs", "sync", "--exclude", "boats*")
    assert "skipped     boats.txt: left out by 'boats*' of exclude" in found.out.splitlines()
    asked = indexed("ask", "What is in the shed?", "--include", "leave*", "--json").document
    assert {hit["path"].rpartition("/")[2] for hit in asked["hits"]} == {"leave.txt"}
    for rule in (("--exclude", "boats*"), ("--include", "leave*")):
        indexed("docs", "sync", "--every-file")
        told = indexed("ask", "What is in the shed?", *rule).err
        assert told == "index updated: 1 removed, 1 unchanged, 1 skipped\n"
    later = indexed("ask", "What is in the shed?")
    assert later.err == "files are chosen as before: only leave*; --every-file takes that back\n"
    assert indexed("ask", "What is in the shed?", "--every-file").err.startswith("index updated: 1 added")


def test_an_index_of_texts_alone_can_be_searched_and_asked(gpt4all, tmp_path):
    with LocalDocs(tmp_path / "index", embedder=HashEmbedder()) as docs:
        docs.put([Text("There are 27 days of leave.", "rules")])
    at = ("--index", tmp_path / "index")
    assert "texts     1\n" in gpt4all("docs", "status", *at).out
    assert gpt4all("docs", "search", "leave", *at, "--json").document["hits"][0]["text_id"] == "rules"
    assert gpt4all("docs", "list", *at).out == "rules (1 passage)\n"
    assert gpt4all("ask", "How many days?", *at).code == 0


@pytest.mark.skipif(os.name == "nt", reason="signals differ")
def test_watch_tells_of_each_change_until_ctrl_c(home, leave):
    assert finish(start(home, "docs", "add", leave)).code == 0
    process = start(home, "docs", "watch", "--json", "--every", 1, "--polling")
    assert json.loads(process.stdout.readline())["counts"] == {"added": 2}
    (leave / "leave.txt").write_text("Everybody gets thirty days.", encoding="utf-8")
    while not (counts := json.loads(process.stdout.readline())["counts"]).get("updated"):
        assert counts == {"unchanged": 2}
    process.send_signal(signal.SIGINT)
    assert finish(process).code == 130


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("sync",),
        ("watch",),
        ("list",),
        ("search", "leave"),
        ("remove", "somewhere"),
        ("summarise", "a.txt"),
        ("compare", "a.txt", "b.txt"),
        ("export", "x.zip"),
    ],
    ids=lambda a: a[0],
)
def test_without_an_index_commands_say_how_to_make_one_and_make_nothing(gpt4all, arguments):
    found = gpt4all("docs", *arguments)
    assert found.code == 4
    assert "gpt4all docs add FOLDER" in found.err
    assert not (gpt4all.home / "indexes").exists()


def test_a_folder_that_does_not_exist_cannot_be_added(gpt4all, tmp_path):
    found = gpt4all("docs", "add", tmp_path / "nowhere")
    assert found.code == 2
    assert "nowhere does not exist" in found.err


def test_a_folder_of_another_index_cannot_be_removed(indexed, tmp_path):
    found = indexed("docs", "remove", tmp_path)
    assert found.code == 2
    assert "is not a folder of this index; it has:" in found.err


def test_two_syncs_at_once_take_turns(home, tmp_path):
    folder = write_documents(tmp_path / "many", **{f"note{n}": f"Note {n} on rivers." for n in range(4)})
    assert finish(start(home, "docs", "add", folder)).code == 0
    both = [start(home, "docs", "sync", "--json") for _ in range(2)]
    found = [finish(process) for process in both]
    assert [outcome.code for outcome in found] == [0, 0]
    counts = [outcome.document["counts"] for outcome in found]
    assert sorted(counts, key=str) == [{"added": 4}, {"unchanged": 4}]


@pytest.mark.skipif(os.name == "nt", reason="signals differ")
def test_ctrl_c_during_a_sync_leaves_an_index_that_the_next_one_completes(home, tmp_path):
    texts = {f"note{n}": f"Note {n}. " + f"The river rose {n} cm in May. " * 20 for n in range(12)}
    folder = write_documents(tmp_path / "many", **texts)
    assert finish(start(home, "docs", "add", folder)).code == 0
    process = start(home, "docs", "sync")
    wait_until((home / "indexes" / "default" / "writer.json").exists)
    process.send_signal(signal.SIGINT)
    found = finish(process)
    assert found.code == 130
    assert found.err == "gpt4all: stopped; the index is intact, and the same command goes on from here\n"
    assert finish(start(home, "docs", "sync")).code == 0
    status = finish(start(home, "docs", "status", "--json")).document
    assert (status["files"], status["vectors"]) == (12, status["passages"])
