import pytest
from commandline import write_documents

from gpt4all_core.testing import ScriptedChatModel


@pytest.fixture
def indexed(gpt4all, leave):
    gpt4all("docs", "add", leave)
    gpt4all("docs", "sync")
    return gpt4all


def test_documents_are_listed_and_counted(indexed, leave):
    found = indexed("docs", "list")
    assert found.out == "boats.txt (1 passage)\nleave.txt (1 passage)\n"
    document = indexed("docs", "list", "--files", "leave*", "--json").document
    assert (document["count"], document["documents"][0]["path"]) == (1, str(leave / "leave.txt"))


def test_a_file_is_summarised_from_the_index(indexed, leave, monkeypatch):
    indexed.model = ScriptedChatModel(["All about leave."])
    monkeypatch.chdir(leave)
    assert indexed("docs", "summarise", "leave.txt").out == "All about leave.\n"
    indexed.model = ScriptedChatModel(["All about leave."])
    document = indexed("docs", "summarise", leave / "leave.txt", "--json").document
    assert (document["text"], document["share"]) == ("All about leave.", 1.0)
    unknown = indexed("docs", "summarise", "nothing.txt")
    assert (unknown.code, unknown.out) == (4, "")
    assert "nothing.txt; gpt4all docs list shows" in unknown.err


def test_two_files_are_compared_without_a_model(indexed, leave, tmp_path):
    indexed.model = None
    found = indexed("docs", "compare", leave / "leave.txt", leave / "boats.txt")
    assert found.out.splitlines()[0] == "only in the first"
    assert "  boats.txt, lines 1-3" in found.out.splitlines()
    same = indexed("docs", "compare", leave / "leave.txt", leave / "leave.txt", "--json").document
    assert (len(same["same"]), same["only_left"]) == (1, [])


def test_an_index_goes_into_a_file_and_comes_out_of_it(indexed, leave, tmp_path):
    assert indexed("docs", "export", tmp_path / "all.zip").out == f"{tmp_path / 'all.zip'}\n"
    elsewhere = write_documents(tmp_path / "elsewhere")
    at = ("--index", tmp_path / "copy")
    moved = indexed(
        "docs", "import", tmp_path / "all.zip", "--folder", f"{leave.name}={elsewhere}", *at, "--json"
    ).document
    assert (moved["folders"], moved["passages"]) == ([str(elsewhere)], 2)
    assert "[1] boats.txt" in indexed("docs", "search", "boats", *at).out
    again = indexed("docs", "import", tmp_path / "all.zip", *at)
    assert (again.code, again.out) == (2, "")
    assert indexed("docs", "import", tmp_path / "all.zip", "--folder", "handbook").code == 2
    assert indexed("docs", "export", tmp_path / "all.zip").code == 2


def test_collections_of_gpt4all_are_only_taken_from_its_database(gpt4all, tmp_path):
    found = gpt4all("docs", "import-gpt4all", tmp_path / "nothing.db")
    assert found.code == 2
    assert "nothing.db" in found.err
