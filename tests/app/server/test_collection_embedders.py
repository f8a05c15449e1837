import pytest
from served import Hashed, Script, served
from shelf import LEAVE, TRAVEL, Shelf, refused
from starlette.testclient import TestClient

from gpt4all_app.server.app import create_app
from gpt4all_app.server.localdocs import ServedDocuments


class Narrow(Hashed):
    name = "narrow"

    def __init__(self):
        super().__init__(dimensions=32, name="narrow")


@pytest.fixture
def papers(tmp_path, reads_here):
    """A server of two embedders, with a collection of each."""
    models = served(Script(["27 days [1]."]), Hashed(), Narrow())
    documents = ServedDocuments(
        tmp_path / "index", embedder=lambda: models.embedder(None), embedders=models.embedder
    )
    documents.maps.after_sync = lambda: None
    with TestClient(create_app(models, documents=documents), "http://127.0.0.1") as client:
        papers = Shelf(client, documents)
        papers.make("travel", travel_txt=TRAVEL)
        made = client.post("/v1/collections", json={"id": "staff", "embedder": "narrow"})
        assert (made.status_code, made.json()["embedder"], made.json()["status"]) == (201, "narrow", "new")
        papers.upload(("leave.txt", LEAVE), name="staff")
        assert papers.sync("staff")["added"] == 1
        yield papers


def test_a_collection_is_embedded_by_the_embedder_that_it_was_made_with(papers):
    facts = {one["id"]: one for one in papers.client.get("/v1/collections").json()["data"]}
    assert [(one, facts[one]["embedder"]) for one in facts] == [("staff", "narrow"), ("travel", None)]
    assert {(one["documents"], one["status"]) for one in facts.values()} == {(1, "ready")}
    assert papers.documents.docs.of("staff").search("leave")[0].path.name == "leave.txt"
    assert [document.path.name for document in papers.documents.docs.main.documents()] == ["travel.txt"]


@pytest.mark.parametrize(
    ("text", "collections", "found"),
    [
        ("paid leave", ["staff"], ["leave.txt"]),
        ("paid leave", ["travel"], ["travel.txt"]),
        ("paid leave", ["staff", "travel"], ["leave.txt", "travel.txt"]),
        ("trains and planes", [], ["travel.txt", "leave.txt"]),
    ],
)
def test_searches_and_answers_go_over_all_that_are_named(papers, text, collections, found):
    assert papers.found(text, collections=collections) == found


def test_a_conversation_refers_to_a_collection_with_an_embedder(papers):
    body = {
        "messages": [{"role": "user", "content": "How many days of paid leave?"}],
        "localdocs": {"answer_mode": "free"},
    }
    answer = papers.client.post("/v1/chat/completions", json=body).json()
    [reference] = answer["references"]
    assert reference["document"]["filename"] == "leave.txt"
    passage = papers.client.get(f"/v1/passages/{reference['passage_id']}").json()
    assert passage["document"]["filename"] == "leave.txt"


def test_files_and_maps_of_it_are_as_of_others(papers):
    assert [(file["filename"], file["status"]) for file in papers.files("staff")] == [
        ("leave.txt", "indexed")
    ]
    assert papers.client.post("/v1/collections/staff/map").json()["collection"] == "staff"
    assert papers.client.get("/v1/collections/staff").json()["map"] == "ready"


def test_deleting_it_deletes_its_index(papers, tmp_path):
    assert list((tmp_path / "index" / "collections").iterdir())
    assert papers.client.delete("/v1/collections/staff").status_code == 200
    assert not list((tmp_path / "index" / "collections").iterdir())
    assert papers.found("paid leave") == ["travel.txt"]
    assert papers.client.get("/v1/collections/staff").status_code == 404
    papers.make("staff", leave_txt=LEAVE)
    assert papers.client.get("/v1/collections/staff").json()["embedder"] is None


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"id": "new", "embedder": "unknown"}, 404, "model_not_found"),
        ({"id": "new", "embedder": "/etc/passwd"}, 404, "model_not_found"),
        ({"id": "new", "embedder": "scripted"}, 400, None),
        ({"id": "staff", "embedder": "hash"}, 409, "collection_exists"),
        ({"id": "travel", "embedder": "narrow"}, 409, "collection_exists"),
    ],
)
def test_an_embedder_that_cannot_be_had_leaves_everything_as_it_was(papers, body, status, code):
    found = papers.client.post("/v1/collections", json=body)
    assert found.status_code == status, found.text
    assert code is None or refused(found) == (status, code)
    assert [one["id"] for one in papers.client.get("/v1/collections").json()["data"]] == ["staff", "travel"]


def test_a_server_that_lets_nobody_choose_says_so(shelf):
    body = {"id": "new", "embedder": "hash"}
    assert refused(shelf().client.post("/v1/collections", json=body)) == (400, "unsupported_value")
