import pytest


@pytest.fixture
def indexed(gpt4all, leave):
    (leave / "copy.txt").write_text((leave / "leave.txt").read_text())
    gpt4all("docs", "add", leave, "--collection", "papers")
    gpt4all("docs", "sync")
    return gpt4all


def test_topics_and_passages_that_repeat_another_are_shown(indexed):
    found = indexed("docs", "map")
    assert found.code == 0
    assert "nearly the same (1.00)\n  copy.txt, " in found.out
    assert "3 passages of 3 documents, drawn with PCA" in found.err


def test_all_points_of_a_collections_map_are_in_the_document(indexed):
    document = indexed("docs", "map", "--collection", "papers", "--json").document
    assert len(document["x"]) == len(document["y"]) == len(document["passage_ids"]) == 3
    assert [document["documents"][number]["name"] for number in document["document_of"]] == [
        "boats.txt",
        "copy.txt",
        "leave.txt",
    ]
    unknown = indexed("docs", "map", "--collection", "letters")
    assert (unknown.code, unknown.out) == (2, "")
    assert "no collection 'letters'; it has: 'papers'" in unknown.err
