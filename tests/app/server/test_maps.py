import threading

import pytest
from served import Script, served
from starlette.testclient import TestClient

from gpt4all_app.server.app import create_app
from gpt4all_app.server.errors import RequestRefused
from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_core.errors import LocalDocsError
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs.map import make_map

LETTERS = {
    "bees.txt": "the hive has honey and a queen",
    "boats.txt": "a sail and a mast on the keel",
    "copy.txt": "a sail and a mast on the keel",
}


@pytest.fixture
def documents(tmp_path):
    return ServedDocuments(tmp_path / "index", embedder=HashEmbedder)


@pytest.fixture
def client(documents):
    with TestClient(create_app(served(Script()), documents=documents), "http://127.0.0.1") as client:
        assert client.post("/v1/collections", json={"id": "letters"}).status_code == 201
        for name, text in LETTERS.items():
            client.post("/v1/collections/letters/files", files={"files": (name, text.encode())})
        yield client


@pytest.fixture
def no_maps_after_syncs(documents, client, monkeypatch):
    monkeypatch.setattr(documents.maps, "after_sync", lambda: None)


def test_there_is_no_map_before_one_was_made(client, no_maps_after_syncs):
    missing = client.get("/v1/collections/letters/map")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "map_missing")
    unsynced = client.post("/v1/collections/letters/map")
    assert (unsynced.status_code, unsynced.json()["error"]["code"]) == (409, "nothing_indexed")
    client.post("/v1/collections/letters/sync")
    assert client.get("/v1/collections/letters").json()["map"] == "missing"
    unknown = client.post("/v1/collections/notes/map")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "collection_not_found")


def test_a_map_tells_of_points_that_are_passages_and_of_no_path(client, no_maps_after_syncs, tmp_path):
    client.post("/v1/collections/letters/sync")
    answer = client.post("/v1/collections/letters/map")
    made = answer.json()
    assert str(tmp_path) not in answer.text
    points = made["points"]
    assert {len(column) for column in points.values()} == {3}
    names = [made["documents"][number]["filename"] for number in points["document"]]
    assert names == sorted(LETTERS)
    passage = client.get(f"/v1/passages/{points['passage_id'][0]}").json()
    assert passage["text"] == LETTERS[names[0]]
    assert passage["document"] == made["documents"][points["document"][0]]
    assert made["near_duplicates"] == [{"a": 1, "b": 2, "similarity": 1.0}]
    assert sum(topic["size"] for topic in made["topics"]) == 3
    assert client.get("/v1/collections/letters/map").json() == made
    assert client.get("/v1/collections/letters").json()["map"] == "ready"


def test_a_map_is_outdated_once_documents_changed(client, no_maps_after_syncs):
    client.post("/v1/collections/letters/sync")
    client.post("/v1/collections/letters/map")
    client.post("/v1/collections/letters/files", files={"files": ("new.txt", b"a third kind of letter")})
    client.post("/v1/collections/letters/sync")
    assert client.get("/v1/collections/letters").json()["map"] == "outdated"
    assert client.get("/v1/collections/letters/map").json()["state"] == "outdated"
    assert client.post("/v1/collections/letters/map").json()["state"] == "ready"


def test_a_sync_is_followed_by_the_maps_of_all_collections(client):
    client.post("/v1/collections", json={"id": "empty"})
    client.post("/v1/collections/letters/sync")
    for thread in threading.enumerate():
        if thread.name == "gpt4all-maps":
            thread.join()
    assert client.get("/v1/collections/letters").json()["map"] == "ready"
    assert client.get("/v1/collections/empty").json()["map"] == "missing"


def test_a_map_that_follows_a_sync_is_being_drawn_until_it_is_there(client, monkeypatch):
    may_go_on = threading.Event()
    lay_out = make_map.lay_out_apart
    monkeypatch.setattr(make_map, "lay_out_apart", lambda *a, **k: may_go_on.wait(60) and lay_out(*a, **k))
    client.post("/v1/collections/letters/sync")
    assert client.get("/v1/collections/letters").json()["map"] == "drawing"
    may_go_on.set()
    for thread in threading.enumerate():
        if thread.name == "gpt4all-maps":
            thread.join()
    assert client.get("/v1/collections/letters").json()["map"] == "ready"


def test_the_end_of_a_server_stops_the_map_that_is_drawn(documents, client, monkeypatch, caplog):
    is_begun = threading.Event()

    def lay_out(_vectors, *, stop, **_how):
        is_begun.set()
        assert stop.wait(60)
        raise LocalDocsError("it was stopped")

    monkeypatch.setattr("gpt4all_localdocs.map.make_map.lay_out_apart", lay_out)
    client.post("/v1/collections/letters/sync")
    assert is_begun.wait(60)
    documents.close()
    assert "not stopped in time" not in caplog.text
    with pytest.raises(RequestRefused, match="ending"):
        documents.maps.make("letters")


def test_a_deleted_collection_leaves_no_map(client, no_maps_after_syncs, tmp_path):
    client.post("/v1/collections/letters/sync")
    client.post("/v1/collections/letters/map")
    assert client.delete("/v1/collections/letters").status_code == 200
    assert list((tmp_path / "index" / "maps").iterdir()) == []
