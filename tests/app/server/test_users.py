"""Users of one server: whose collections are, who sees what of whom."""

import time
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from people import API_KEY, People
from served import QUESTION, Script, events
from shelf import LEAVE, TRAVEL, refused, told

from gpt4all_app.server.access_users_file import UserEntry, add_user, key_digest, remove_user
from gpt4all_app.server.localdocs_options import DocumentOptions
from gpt4all_app.server.localdocs_places import DocumentNames
from gpt4all_app.server.shared_turn import SharedTurn
from gpt4all_app.server.sync_json import ProgressWriter
from gpt4all_localdocs import Text
from gpt4all_localdocs.sync_progress import SyncProgress

FALCON = b"Falcon\n\nThe price is 12.\n"
SECRET = b"Salaries\n\nThe director gets 27 days of paid leave and a car.\n"


@pytest.fixture(scope="module")
def people(tmp_path_factory, module_reads_here):
    """Ann has papers and Bob has secrets, in which each has one file of the same words; they stay so."""
    people = People(
        tmp_path_factory.mktemp("people"), models=[Script(["Nobody knows [1]."] * 9, name="base")]
    )
    ann, bob = people.shelf("ann"), people.shelf("bob")
    ann.make("papers")
    bob.make("secrets")
    of_bob = (("salaries.txt", SECRET), ("equal.txt", TRAVEL), ("project_falcon_2025.txt", FALCON))
    bob.upload(*of_bob, name="secrets")
    ann.upload(("leave.txt", LEAVE), ("same.txt", TRAVEL))
    ann.sync()
    yield people
    people.close()


@pytest.fixture
def newcomers(tmp_path, reads_here):
    """The same people, before any of them has anything."""
    people = People(tmp_path, options=DocumentOptions(allowed_folders=(tmp_path,)))
    yield people
    people.close()


def names(answer):
    return [chunk["document"]["doc_metadata"]["file_name"] for chunk in answer.json()["data"]]


def listed(client):
    return [one["id"] for one in client.get("/v1/collections").json()["data"]]


def test_everybody_sees_what_is_theirs_and_an_administrator_all(people):
    assert (listed(people.ann), listed(people.bob), listed(people.cleo)) == (["papers"], ["secrets"], [])
    assert listed(people.owner) == ["papers", "secrets"]


@pytest.mark.parametrize("key", ["dora", "", "ANN", "ann bob"])
def test_whoever_has_no_key_of_a_user_is_not_let_in(people, key):
    assert refused(people.client(key).get("/v1/collections")) == (401, "invalid_api_key")


def test_a_search_finds_what_may_be_read_and_nothing_else(people):
    found = {
        who: set(names(getattr(people, who).post("/v1/chunks", json={"text": "salaries leave planes"})))
        for who in ("ann", "bob", "cleo", "owner")
    }
    mine, his = {"leave.txt", "same.txt"}, {"salaries.txt", "equal.txt", "project_falcon_2025.txt"}
    assert found == {"ann": mine, "bob": his, "cleo": set(), "owner": mine | his}


def test_a_question_that_names_a_file_of_another_does_not_find_it(people):
    asked = {"text": "What does project falcon 2025 cost?"}
    assert names(people.bob.post("/v1/chunks", json=asked))[0] == "project_falcon_2025.txt"
    assert set(names(people.ann.post("/v1/chunks", json=asked))) == {"leave.txt", "same.txt"}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
@pytest.mark.parametrize("asked", [{}, {"collections": ["secrets"]}])
def test_an_answer_rests_on_nothing_of_others(people, path, asked):
    body = {"localdocs": {"answer_mode": "free", **asked}}
    body |= {"messages": QUESTION} if "chat" in path else {"input": "What does the director get?"}
    answer = people.ann.post(path, json=body)
    if asked:
        assert refused(answer) == (404, "collection_not_found")
    else:
        (reference,) = answer.json()["references"]
        assert reference["document"]["filename"] in ("leave.txt", "same.txt")


def test_passages_of_others_are_not_there_by_their_ids_either(people):
    (secret,) = people.bob.post("/v1/chunks", json={"text": "director", "limit": 1}).json()["data"]
    place = f"/v1/passages/{secret['id']}"
    assert people.bob.get(place).status_code == 200
    found = people.ann.get(place)
    assert refused(found) == (404, "passage_not_found")
    gone = people.ann.get("/v1/passages/none")
    assert gone.json()["error"]["message"].replace("none", secret["id"]) == found.json()["error"]["message"]


def test_a_passage_that_two_have_is_told_to_each_as_theirs(people):
    for who, name in (("ann", "same.txt"), ("bob", "equal.txt")):
        client = getattr(people, who)
        (chunk,) = client.post("/v1/chunks", json={"text": "trains planes", "limit": 1}).json()["data"]
        assert client.get(f"/v1/passages/{chunk['id']}").json()["document"]["filename"] == name


def test_what_is_in_no_collection_is_an_administrators(newcomers, tmp_path):
    ann, owner = newcomers.shelf("ann"), newcomers.shelf("owner")
    ann.make(leave_txt=LEAVE)
    (tmp_path / "loose").mkdir()
    (tmp_path / "loose" / "plans.txt").write_text("The plans of the vault.")
    docs = newcomers.documents.docs.main
    docs.add(tmp_path / "loose")
    docs.put([Text("The vault opens at noon.", "vault")])
    newcomers.shelf("bob").make("secrets")
    newcomers.shelf("bob").upload(("bob.txt", b"bob" * 99), name="secrets")
    synced = newcomers.ann.post("/v1/collections/papers/sync", json={"stream": True})
    files = {facts["file"] for event, facts in told(synced) if event == "progress"}
    assert files <= {None, "leave.txt"}
    assert "bob" not in synced.text
    assert "plans" not in synced.text
    assert {"plans.txt", "vault"} < set(owner.found("vault plans"))
    assert set(ann.found("vault plans")) == {"leave.txt"}
    assert owner.client.get("/v1/passages/vault").status_code == 200
    assert ann.client.get("/v1/passages/vault").status_code == 404


def test_progress_names_files_of_ones_own_collections(tmp_path):
    mine, others = tmp_path / "mine" / "a.txt", tmp_path / "others" / "b.txt"
    for tells_all, shown in ((False, ["a.txt", None]), (True, ["a.txt", "b.txt"])):
        names = DocumentNames({"mine": (mine.parent,)}, (mine.parent, others.parent), tells_all=tells_all)
        writer = ProgressWriter(names)
        assert [writer.write(SyncProgress("load", 1, 2, path))["file"] for path in (mine, others)] == shown


def test_a_name_that_is_taken_is_a_conflict_that_tells_nothing(people):
    answer = people.ann.post("/v1/collections", json={"id": "secrets"})
    assert refused(answer) == (409, "collection_exists")
    assert "bob" not in answer.text


@pytest.mark.parametrize("name", ["secrets", "none"])
@pytest.mark.parametrize("method", ["get", "delete"])
def test_what_one_may_not_see_is_as_what_is_not_there(people, method, name):
    answer = people.ann.request(method, f"/v1/collections/{name}")
    assert answer.status_code == 404
    message = answer.json()["error"]["message"]
    assert message == f"there is no collection {name!r}; GET /v1/collections lists yours"


def test_sharing_lets_read_or_write_and_only_the_owner_share(newcomers):
    place = newcomers.shelf("ann").make()
    shared = newcomers.ann.put(f"{place}/sharing", json={"readers": ["bob"], "writers": ["cleo"]}).json()
    assert (shared["owner"], shared["readers"], shared["writers"]) == ("ann", ["bob"], ["cleo"])
    assert listed(newcomers.bob) == ["papers"]
    upload = {"files": {"files": ("new.txt", b"new")}}
    assert newcomers.bob.get(f"{place}/files").status_code == 200
    assert refused(newcomers.bob.post(f"{place}/files", **upload)) == (403, "not_permitted")
    assert refused(newcomers.bob.post(f"{place}/sync", json={})) == (403, "not_permitted")
    assert newcomers.cleo.post(f"{place}/files", **upload).status_code == 200
    assert newcomers.cleo.post(f"{place}/sync", json={}).status_code == 200
    for client in (newcomers.bob, newcomers.cleo):
        assert refused(client.get(f"{place}/sharing")) == (403, "not_permitted")
        assert refused(client.delete(place)) == (403, "not_permitted")
    newcomers.ann.put(f"{place}/sharing", json={})
    assert listed(newcomers.bob) == []


def test_sharing_shares_no_collection_that_another_made_meanwhile(newcomers, tmp_path, monkeypatch):
    newcomers.shelf("ann").make("notes")
    worker, keys = People(tmp_path), newcomers.access.keys
    named = keys.named

    def replaced_meanwhile(name):
        monkeypatch.undo()
        assert worker.ann.delete("/v1/collections/notes").status_code == 200
        assert worker.bob.post("/v1/collections", json={"id": "notes"}).status_code == 201
        return named(name)

    monkeypatch.setattr(keys, "named", replaced_meanwhile)
    answer = newcomers.ann.put("/v1/collections/notes/sharing", json={"readers": ["cleo"]})
    assert refused(answer) == (404, "collection_not_found")
    found = worker.owner.get("/v1/collections/notes/sharing").json()
    worker.close()
    assert (found["owner"], found["readers"]) == ("bob", [])


def test_everyone_stands_for_all_users(newcomers):
    newcomers.shelf("bob").make("secrets")
    newcomers.share("secrets", readers=["everyone"])
    assert listed(newcomers.cleo) == ["secrets"]
    assert newcomers.owner.get("/v1/collections/secrets/sharing").json()["owner"] == "bob"


def test_only_an_administrator_gives_a_collection_away(newcomers):
    place = f"{newcomers.shelf('ann').make()}/sharing"
    assert refused(newcomers.ann.put(place, json={"owner": "bob"})) == (403, "not_permitted")
    assert refused(newcomers.owner.put(place, json={"owner": "dora"})) == (400, "invalid_value")
    assert refused(newcomers.ann.put(place, json={"readers": ["dora"]})) == (400, "invalid_value")
    newcomers.share("papers", owner="bob")
    assert (listed(newcomers.ann), listed(newcomers.bob)) == ([], ["papers"])


def test_folders_of_the_machine_are_for_administrators(newcomers, tmp_path):
    (tmp_path / "open").mkdir()
    asked = {"id": "folder", "folder": str(tmp_path / "open")}
    assert refused(newcomers.ann.post("/v1/collections", json=asked)) == (403, "folder_not_allowed")
    assert listed(newcomers.owner) == []
    assert newcomers.owner.post("/v1/collections", json=asked).status_code == 201
    assert listed(newcomers.ann) == []


def test_a_deleted_collection_leaves_nothing_to_who_takes_its_name(newcomers):
    newcomers.shelf("bob").make("secrets")
    newcomers.share("secrets", readers=["cleo"])
    assert newcomers.bob.delete("/v1/collections/secrets").status_code == 200
    newcomers.shelf("ann").make("secrets")
    assert (listed(newcomers.bob), listed(newcomers.cleo)) == ([], [])


def test_a_collection_that_another_program_deleted_leaves_its_name_to_who_takes_it(newcomers):
    newcomers.shelf("bob").make("empty")
    newcomers.share("empty", readers=["cleo"])
    newcomers.documents.uploads.delete("empty")
    assert newcomers.ann.post("/v1/collections", json={"id": "empty"}).status_code == 201
    assert (listed(newcomers.ann), listed(newcomers.cleo)) == (["empty"], [])


def test_a_collection_that_was_not_made_is_nobodys(newcomers):
    add_user(newcomers.file, "dora", UserEntry(key_sha256=key_digest("dora"), administrator=True))
    asked = {"id": "new", "folder": "/"}
    assert refused(newcomers.dora.post("/v1/collections", json=asked)) == (403, "folder_not_allowed")
    assert newcomers.dora.get("/v1/usage").json()["collections"] == 0
    assert newcomers.ann.post("/v1/collections", json={"id": "new"}).status_code == 201
    assert newcomers.owner.get("/v1/collections/new/sharing").json()["owner"] == "ann"


def test_of_many_who_want_a_name_at_once_one_has_it(newcomers, monkeypatch):
    uploads = newcomers.documents.uploads
    make = uploads.make

    def make_slowly(name):
        time.sleep(0.05)  # until all others have looked for the name
        return make(name)

    monkeypatch.setattr(uploads, "make", make_slowly)

    def ask(name):
        return name, getattr(newcomers, name).post("/v1/collections", json={"id": "new"}).status_code

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(ask, ["ann", "bob", "cleo"] * 2))
    (winner,) = [name for name, status in answers if status == 201]
    assert {status for _name, status in answers} == {201, 409}
    assert newcomers.owner.get("/v1/collections/new/sharing").json()["owner"] == winner


@pytest.mark.parametrize("moment", ["before its turn", "at its end"])
def test_deleting_takes_no_collection_that_another_made_meanwhile(newcomers, tmp_path, monkeypatch, moment):
    newcomers.shelf("ann").make("notes")
    worker = People(tmp_path)
    uploads = newcomers.documents.uploads
    taken, delete = SharedTurn.taken, uploads.delete
    made = []

    def delete_twice(turn, **how):
        monkeypatch.undo()
        assert worker.ann.delete("/v1/collections/notes").status_code == 200
        made.append(worker.bob.post("/v1/collections", json={"id": "notes"}).status_code)
        return taken(turn, **how)

    with ThreadPoolExecutor(1) as threads:

        def delete_and_let_make(name):
            delete(name)
            asked = threads.submit(worker.bob.post, "/v1/collections", json={"id": name})
            wait([asked], timeout=0.3)  # it has to wait for this request
            asked.add_done_callback(lambda answer: made.append(answer.result().status_code))

        if moment == "before its turn":
            monkeypatch.setattr(SharedTurn, "taken", delete_twice)
        else:
            monkeypatch.setattr(uploads, "delete", delete_and_let_make)
        status = newcomers.ann.delete("/v1/collections/notes").status_code
    worker.close()
    assert (status, made) == (404 if moment == "before its turn" else 200, [201])
    assert (listed(newcomers.ann), listed(newcomers.bob)) == ([], ["notes"])


def test_users_come_and_go_while_the_server_runs(newcomers):
    assert newcomers.bob.get("/v1/collections").status_code == 200
    remove_user(newcomers.file, "bob")
    assert newcomers.bob.get("/v1/collections").status_code == 401
    assert newcomers.ann.get("/v1/collections").status_code == 200


def test_a_users_file_that_is_broken_leaves_the_users_as_they_were(newcomers, caplog):
    newcomers.file.write_text("[users.ann\n")
    assert newcomers.ann.get("/v1/collections").status_code == 200
    assert "the users stay as they were" in caplog.text
    newcomers.file.unlink()
    assert newcomers.ann.get("/v1/collections").status_code == 401
    assert newcomers.client(API_KEY).get("/v1/collections").status_code == 200


def test_streams_are_as_they_were(newcomers):
    answer = newcomers.ann.post("/v1/completions", json={"prompt": "x", "stream": True})
    assert "".join(event["choices"][0]["text"] for event in events(answer)) == " and on"
