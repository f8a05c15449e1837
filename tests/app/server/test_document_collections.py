import subprocess
import sys

import pytest
from served import Hashed, Script
from shelf import LEAVE, TRAVEL, refused

from gpt4all_app.server.localdocs_options import DocumentOptions
from gpt4all_core.errors import ConfigError
from gpt4all_localdocs import LocalDocs
from gpt4all_localdocs.writer_lock import WriterLock


def test_a_server_without_an_index_has_no_collections_and_makes_none_by_being_asked(shelf, tmp_path):
    client = shelf().client
    assert client.get("/v1/collections").json() == {"object": "list", "data": []}
    assert client.post("/v1/chunks", json={"text": "leave"}).json()["data"] == []
    assert refused(client.get("/v1/passages/none")) == (404, "passage_not_found")
    assert list(tmp_path.iterdir()) == []


def test_a_server_without_documents_has_no_addresses_for_them(client):
    assert client.get("/v1/collections").status_code == 404
    asked = {"messages": [{"role": "user", "content": "Leave?"}], "localdocs": {}}
    assert refused(client.post("/v1/chat/completions", json=asked)) == (400, "no_documents")


def test_a_collection_goes_from_new_to_ready(shelf):
    papers = shelf()
    place = papers.make()
    new = papers.client.get(place).json()
    assert new == {
        "id": "papers",
        "object": "collection",
        "folders": [{"name": "uploads", "kind": "uploads"}],
        "documents": 0,
        "passages": 0,
        "status": "new",
        "map": "missing",
        "embedder": None,
    }
    papers.upload(("leave.txt", LEAVE))
    papers.sync()
    ready = papers.client.get(place).json()
    assert ready == new | {"documents": 1, "passages": 1, "status": "ready", "map": ready["map"]}
    assert papers.client.get("/v1/collections").json()["data"] == [ready]


def test_a_search_keeps_to_its_collections(shelf):
    papers = shelf()
    papers.make("staff", leave_txt=LEAVE)
    papers.make("office", travel_txt=TRAVEL)
    assert set(papers.found("paid leave and trains")) == {"leave.txt", "travel.txt"}
    assert papers.found("paid leave and trains", collections=["office"]) == ["travel.txt"]
    both = papers.found("paid leave and trains", collections=["office", "staff"])
    assert set(both) == {"leave.txt", "travel.txt"}
    unknown = papers.client.post("/v1/chunks", json={"text": "leave", "collections": ["nowhere"]})
    assert refused(unknown) == (404, "collection_not_found")
    assert "office, staff" in unknown.json()["error"]["message"]


@pytest.mark.parametrize(
    "name", ["Ann's papers", "A", "a", "\u00dcbersicht", "\u6587\u66f8", "...", "a" * 64, "con"]
)
def test_a_name_may_be_what_people_call_things(shelf, name):
    papers = shelf()
    papers.make(name, leave_txt=LEAVE)
    assert papers.client.get("/v1/collections").json()["data"][0]["id"] == name
    assert papers.client.delete(f"/v1/collections/{name}").status_code == 200
    assert list(papers.documents.uploads.root.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["", " ", ".", "..", "a/b", "../a", "a\\b", "a\nb", "a\0b", " a", "a ", "\u202ea", "a" * 65]
)
def test_a_name_that_leads_elsewhere_or_is_not_seen_is_refused(shelf, name):
    papers = shelf()
    assert refused(papers.client.post("/v1/collections", json={"id": name})) == (400, "invalid_value")
    assert not papers.documents.uploads.root.exists()


def test_names_that_differ_in_case_alone_are_two_collections(shelf):
    papers = shelf()
    papers.make("Staff", leave_txt=LEAVE)
    papers.make("staff", travel_txt=TRAVEL)
    assert papers.found("leave trains", collections=["staff"]) == ["travel.txt"]


def test_a_name_that_is_taken_is_refused(shelf):
    papers = shelf()
    papers.make()
    again = papers.client.post("/v1/collections", json={"id": "papers"})
    assert refused(again) == (409, "collection_exists")


def test_a_folder_of_the_machine_needs_leave(shelf, tmp_path):
    (tmp_path / "own" / "deep").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (tmp_path / "own" / "way-out").symlink_to(tmp_path / "secret")
    papers = shelf(allowed_folders=(tmp_path / "own",))
    for folder in ("secret", "own/way-out", "own/../secret", "nowhere", ""):
        asked = {"id": "papers", "folder": str(tmp_path / folder)}
        assert refused(papers.client.post("/v1/collections", json=asked)) == (403, "folder_not_allowed")
    for folder in ("own", str(tmp_path / "own" / "\0")):
        asked = {"id": "papers", "folder": folder}
        assert refused(papers.client.post("/v1/collections", json=asked))[0] == 400
    assert papers.client.get("/v1/collections").json()["data"] == []
    for folder in ("own", "own/deep"):
        asked = {"id": "papers", "folder": str(tmp_path / folder)}
        assert papers.client.post("/v1/collections", json=asked).status_code == 201


def test_without_allowed_folders_none_is(shelf, tmp_path):
    asked = {"id": "papers", "folder": str(tmp_path)}
    assert refused(shelf().client.post("/v1/collections", json=asked)) == (403, "folder_not_allowed")


def test_limits_that_let_nothing_in_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="file_bytes"):
        DocumentOptions(file_bytes=0)
    with pytest.raises(ConfigError, match="--allow-folder"):
        DocumentOptions(allowed_folders=(tmp_path / "nowhere",))


def test_deleting_takes_uploads_and_leaves_folders_of_the_machine(shelf, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "travel.txt").write_bytes(TRAVEL)
    papers = shelf(allowed_folders=(folder,))
    place = papers.make(leave_txt=LEAVE)
    papers.client.post("/v1/collections", json={"id": "papers", "folder": str(folder)})
    papers.sync()
    assert set(papers.found("leave trains")) == {"leave.txt", "travel.txt"}
    kinds = [(one["name"], one["kind"]) for one in papers.client.get(place).json()["folders"]]
    assert sorted(kinds) == [("own", "folder"), ("uploads", "uploads")]
    [kept] = [file for file in papers.files() if file["kind"] == "folder"]
    assert refused(papers.client.delete(f"{place}/files/{kept['id']}")) == (403, "file_not_uploaded")
    assert papers.client.delete(place).json()["deleted"] is True
    assert (folder / "travel.txt").read_bytes() == TRAVEL
    assert papers.found("leave trains") == []
    assert papers.client.get(place).status_code == 404
    assert list(papers.documents.uploads.root.iterdir()) == []


def test_a_folder_of_another_collection_stays_in_that(shelf, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "travel.txt").write_bytes(TRAVEL)
    papers = shelf(allowed_folders=(tmp_path,))
    for name in ("one", "two"):
        asked = {"id": name, "folder": str(tmp_path / "own")}
        assert papers.client.post("/v1/collections", json=asked).status_code == 201
    papers.sync("one")
    assert papers.client.delete("/v1/collections/one").status_code == 200
    assert papers.found("trains", collections=["two"]) == ["travel.txt"]


def test_another_program_that_writes_is_told_of_and_nothing_is_lost(shelf, tmp_path):
    papers = shelf(lock_timeout_s=0)
    place = papers.make(leave_txt=LEAVE)
    with WriterLock(tmp_path / "index", timeout_s=0):
        for method, path in (("DELETE", place), ("POST", f"{place}/sync")):
            found = papers.client.request(method, path)
            assert refused(found) == (409, "index_busy")
            assert str(tmp_path) not in found.text
    assert papers.found("leave") == ["leave.txt"]
    assert papers.client.delete(place).status_code == 200


class Other(Hashed):
    name = "other"

    def __init__(self):
        super().__init__(name="other")


def test_an_index_of_another_embedder_is_told_with_both_names_and_no_path(shelf, tmp_path):
    with LocalDocs(tmp_path / "index", embedder=Other()) as docs:
        (tmp_path / "own").mkdir()
        (tmp_path / "own" / "leave.txt").write_bytes(LEAVE)
        docs.add(tmp_path / "own", collection="papers")
        docs.sync()
    papers = shelf()
    message = [{"role": "user", "content": "How long is the annual leave?"}]
    for path, body in (
        ("/v1/chunks", {"text": "leave"}),
        ("/v1/collections/papers/sync", {}),
        ("/v1/collections/papers/map", {}),
        ("/v1/chat/completions", {"messages": message, "localdocs": {}}),
    ):
        found = papers.client.post(path, json=body)
        assert refused(found) == (409, "embedder_mismatch")
        assert "'other-64'" in found.text
        assert "'hash-64'" in found.text
        assert str(tmp_path) not in found.text
    assert papers.client.get("/v1/collections/papers").json()["documents"] == 1


def test_collections_of_the_command_line_are_those_of_the_server(shelf, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "leave.txt").write_bytes(LEAVE)
    papers = shelf()
    with LocalDocs(tmp_path / "index", embedder=Hashed()) as docs:
        docs.add(tmp_path / "own", collection="mine")
        docs.sync()
    assert papers.found("leave", collections=["mine"]) == ["leave.txt"]
    papers.upload(("travel.txt", TRAVEL), name="mine")
    assert papers.sync("mine")["added"] == 1
    assert set(papers.found("leave trains", collections=["mine"])) == {"leave.txt", "travel.txt"}


def test_two_servers_share_an_index(shelf):
    one, two = shelf(), shelf()
    one.make(leave_txt=LEAVE)
    assert two.found("leave") == ["leave.txt"]
    two.upload(("travel.txt", TRAVEL))
    assert one.sync()["added"] == 1
    assert two.found("trains", collections=["papers"])[0] == "travel.txt"
    assert one.client.delete("/v1/collections/papers").status_code == 200
    assert two.client.get("/v1/collections").json()["data"] == []


def test_uploads_outlive_an_index_that_is_thrown_away(shelf, tmp_path):
    first = shelf()
    first.make(leave_txt=LEAVE)
    first.documents.close()
    subprocess.run(
        [sys.executable, "-c", f"import shutil; shutil.rmtree({str(tmp_path / 'index')!r})"], check=True
    )
    again = shelf()
    assert again.client.get("/v1/collections/papers").json()["status"] == "new"
    again.sync()
    assert again.found("leave") == ["leave.txt"]


def test_the_document_describes_every_address_of_documents(shelf):
    paths = shelf(Script()).client.get("/openapi.json").json()["paths"]
    form = paths["/v1/collections/{collection}/files"]["post"]["requestBody"]["content"]
    assert list(form) == ["multipart/form-data"]
    for path in paths:
        if path.startswith(("/v1/collections", "/v1/chunks", "/v1/passages")):
            for operation in paths[path].values():
                assert {"401", "403", "404", "409"} <= operation["responses"].keys()
                good = next(answer for status, answer in operation["responses"].items() if status < "300")
                assert good["content"]["application/json"]["schema"]


def test_a_directory_of_uploads_that_is_not_understood_is_passed_over(shelf):
    papers = shelf()
    papers.make()
    for number, facts in enumerate(("", "[]", "{}", '{"id": "papers"}')):
        folder = papers.documents.uploads.root / str(number)
        folder.mkdir()
        (folder / "collection.json").write_text(facts)
    assert [one["id"] for one in papers.client.get("/v1/collections").json()["data"]] == ["papers"]


def test_options_of_the_command_that_let_nothing_in_are_refused(gpt4all, tmp_path):
    for options in (["--allow-folder", tmp_path / "nowhere"], ["--max-upload", "0"]):
        found = gpt4all("serve", "--model", "smollm2-135m-instruct", *options)
        assert found.code == 2
        assert options[0] in found.err


def test_a_collection_that_is_named_a_million_times_is_looked_for_once(shelf, monkeypatch):
    papers = shelf()
    papers.make(leave_txt=LEAVE)
    looked, listed = [], type(papers.documents).collections
    monkeypatch.setattr(
        type(papers.documents), "collections", lambda documents: looked.append(1) or listed(documents)
    )
    assert papers.found("leave", collections=["papers"]) == ["leave.txt"]
    once, looked[:] = len(looked), []
    assert papers.found("leave", collections=["papers"] * 1_000_000) == ["leave.txt"]
    assert len(looked) == once


def test_there_are_no_more_collections_than_may_be(shelf):
    papers = shelf(collections=2)
    papers.make("a")
    papers.make("b")
    one_more = papers.client.post("/v1/collections", json={"id": "c"})
    assert refused(one_more) == (409, "too_many_collections")
    assert papers.client.delete("/v1/collections/a").status_code == 200
    papers.make("c")


def test_a_message_lists_some_collections_and_not_hundreds(shelf):
    papers = shelf()
    for number in range(30):
        papers.documents.uploads.make(f"c{number:02}")
    message = papers.client.get("/v1/collections/none").json()["error"]["message"]
    assert message.endswith("c18, c19, …")
