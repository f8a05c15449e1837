"""Who asked what of which collection, and a function that decides who may."""

import subprocess
import sys

import permissions
import pytest
from people import People, lines
from served import Script, events
from shelf import LEAVE, TRAVEL, refused

from gpt4all_app.server.access_audit import AuditLog
from gpt4all_app.server.access_options import AccessOptions
from gpt4all_app.server.access_policy import load_authorise
from gpt4all_app.server.localdocs_options import DocumentOptions
from gpt4all_core.errors import ConfigError

QUESTION = "How much leave is there?"


@pytest.fixture
def people(tmp_path, reads_here):
    """Makes servers with options for access, on the files of the test."""
    made = []

    def start(**options):
        model = Script(["There are 27 days [1]."] * 9, name="base")
        made.append(People(tmp_path, models=[model], **options))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def log(tmp_path):
    return tmp_path / "logs" / "audit.jsonl"


def asked(stream=False, collections=("papers",)):
    localdocs = {"collections": list(collections), "answer_mode": "free"}
    return {"messages": [{"role": "user", "content": QUESTION}], "localdocs": localdocs, "stream": stream}


def test_the_log_tells_who_asked_what_of_which_collection_and_was_given_what(people, log):
    server = people(audit_log=log)
    ann = server.shelf("ann")
    ann.make(leave_txt=LEAVE)
    (chunk,) = server.ann.post("/v1/chunks", json={"text": QUESTION}).json()["data"]
    server.ann.get(f"/v1/passages/{chunk['id']}")
    answer = server.ann.post("/v1/chat/completions", json=asked())
    server.bob.post("/v1/chat/completions", json=asked())
    server.bob.delete("/v1/collections/papers")
    server.owner.post("/v1/chunks", json={"text": "leave"})
    records = lines(log)
    assert [(one["user"], one["action"], one["status"], one["collections"]) for one in records] == [
        ("ann", "create", 201, ["papers"]),
        ("ann", "write", 200, ["papers"]),
        ("ann", "write", 200, ["papers"]),
        ("ann", "read", 200, ["papers"]),
        ("ann", "read", 200, ["papers"]),
        ("ann", "use_models", 200, ["papers"]),
        ("bob", "use_models", 404, []),
        ("bob", "own", 404, ["papers"]),
        ("administrator", "read", 200, None),
    ]
    assert [one["question"] for one in records[3:6]] == [QUESTION, None, QUESTION]
    assert [one["passages"] for one in records[3:6]] == [[chunk["id"]]] * 3
    assert records[5]["generated_tokens"] == answer.json()["usage"]["completion_tokens"] > 0
    assert len({one["request"] for one in records}) == len(records)
    assert log.stat().st_mode & 0o777 == 0o600


def test_requests_that_find_no_place_are_told_of_too(people, log):
    server = people(audit_log=log, limits={"requests_at_once": 1})
    server.shelf("ann").make()
    server.access.quotas.begin("another", server.access.keys.named("ann"), needs_tokens=False)
    for path in ("/v1/chunks", "/v1/collections/papers/sync"):
        assert refused(server.ann.post(path, json={"text": "x"})) == (429, "rate_limit_exceeded")
    assert [(one["action"], one["status"]) for one in lines(log)[-2:]] == [("read", 429), ("write", 429)]


def test_a_stream_is_told_of_before_it_begins_and_at_its_end(people, log):
    server = people(audit_log=log)
    server.shelf("ann").make(leave_txt=LEAVE)
    before = len(lines(log))
    assert events(server.ann.post("/v1/chat/completions", json=asked(stream=True)))
    begun, ended = lines(log)[before:]
    assert (begun["question"], len(begun["passages"]), begun["status"]) == (QUESTION, 1, 200)
    assert (ended["action"], ended["request"], ended["is_whole"]) == ("stream_ended", begun["request"], True)
    assert ended["generated_tokens"] > 0


def test_questions_stay_out_where_nobody_wants_them(people, log):
    server = people(audit_log=log, audit_questions=False)
    server.shelf("ann").make(leave_txt=LEAVE)
    server.ann.post("/v1/chunks", json={"text": QUESTION})
    assert lines(log)[-1]["question"] is None
    assert QUESTION not in log.read_text()


def test_what_cannot_be_written_down_is_not_answered(people, log, monkeypatch):
    server = people(audit_log=log)
    server.shelf("ann").make(leave_txt=LEAVE)

    def full(_file, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gpt4all_app.server.access_audit.os.write", full)
    for path, body in (("/v1/chunks", {"text": QUESTION}), ("/v1/chat/completions", asked(stream=True))):
        answer = server.ann.post(path, json=body)
        assert refused(answer) == (503, "audit_failed")
        assert "27" not in answer.text
    assert server.ann.get("/v1/models").status_code == 200  # of which the log does not tell
    monkeypatch.undo()
    assert server.ann.post("/v1/chunks", json={"text": QUESTION}).status_code == 200


def test_a_line_that_was_cut_off_spoils_none_after_it_of_any_worker(log, monkeypatch):
    audit, worker = AuditLog(log), AuditLog(log)
    write = __import__("os").write
    for follower in (worker, audit):
        monkeypatch.setattr(
            "gpt4all_app.server.access_audit.os.write", lambda file, data: write(file, data[:5])
        )
        with pytest.raises(OSError, match="only 5 of"):
            audit._append({"a": 1})
        monkeypatch.undo()
        follower._append({"a": 2})
    audit.close()
    worker.close()
    assert log.read_text().splitlines() == ['{"a"', '{"a":2}'] * 2


def test_a_log_that_was_moved_away_is_made_anew(log):
    audit = AuditLog(log)
    audit._append({"a": 1})
    log.rename(log.with_suffix(".1"))
    audit._append({"a": "2\n\u2028"})
    audit.close()
    assert lines(log.with_suffix(".1")) == [{"a": 1}]
    assert lines(log) == [{"a": "2\n\u2028"}]


WRITER = """
import sys
from pathlib import Path
from gpt4all_app.server.access_audit import AuditLog

audit = AuditLog(Path(sys.argv[1]))
for number in range(200):
    audit._append({"writer": sys.argv[2], "number": number, "text": "x" * 9000})
"""


def test_lines_of_several_processes_do_not_mix(log):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, log, str(number)]) for number in range(2)]
    try:
        assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    found = lines(log)
    assert len(found) == 400
    for number in "01":
        assert [one["number"] for one in found if one["writer"] == number] == list(range(200))


def test_a_log_that_cannot_be_written_stops_the_start(tmp_path):
    with pytest.raises(ConfigError, match="cannot be written"):
        AuditLog(tmp_path)


def test_options_without_what_they_belong_to_are_refused():
    for options in ({"authorise_alone": True}, {"audit_questions": False}):
        with pytest.raises(ConfigError):
            AccessOptions(**options)


def listed(client):
    return [one["id"] for one in client.get("/v1/collections").json()["data"]]


def test_a_function_takes_rights_away_also_from_owners_and_administrators(people):
    for name in ("papers", "secrets"):
        people().shelf("bob").make(name)
    server = people(authorise="permissions:nothing_called_secret")
    permissions.asked.clear()
    assert listed(server.bob) == listed(server.owner) == ["papers"]
    assert server.bob.get("/v1/collections/secrets").status_code == 404
    assert listed(server.ann) == []
    server.shelf("cleo").make("more")
    assert ("cleo", "create", "collection", "more") in permissions.asked
    assert ("ann", "read", "collection", "papers") not in permissions.asked  # the owners' rule said no


def test_a_function_keeps_folders_out_of_a_collection_too(people, log, tmp_path):
    people().shelf("bob").make("secrets")
    folder = tmp_path / "folder"
    folder.mkdir()
    options = DocumentOptions(allowed_folders=(folder,))
    server = people(authorise="permissions:nothing_called_secret", options=options, audit_log=log)
    asked = {"id": "secrets", "folder": str(folder)}
    assert refused(server.owner.post("/v1/collections", json=asked)) == (409, "collection_exists")
    assert lines(log)[-1]["collections"] == ["secrets"]
    assert not server.documents.has_index


def test_a_function_alone_decides_against_the_rule_of_owners(people):
    server = people(authorise="permissions:readers_of_all", authorise_alone=True)
    server.shelf("bob").make("papers", leave_txt=LEAVE)
    assert listed(server.ann) == ["papers"]
    assert server.shelf("ann").found("leave") == ["leave.txt"]
    upload = {"files": {"files": ("new.txt", TRAVEL)}}
    assert refused(server.ann.post("/v1/collections/papers/files", **upload)) == (403, "not_permitted")
    assert refused(server.ann.post("/v1/completions", json={"prompt": "x"})) == (403, "not_permitted")


def test_a_function_may_be_a_coroutine(people):
    server = people(authorise="permissions:everything")
    server.shelf("ann").make()
    assert listed(server.ann) == ["papers"]
    assert listed(server.bob) == []


@pytest.mark.parametrize("name", ["broken", "says_yes"])
def test_a_function_that_fails_has_said_no(people, caplog, name):
    server = people(authorise=f"permissions:{name}")
    assert refused(server.owner.post("/v1/collections", json={"id": "new"})) == (403, "not_permitted")
    assert "authorise" in caplog.text


@pytest.mark.parametrize(
    "name", ["permissions", "permissions:none", "nowhere:at_all", ":x", "permissions:no_function"]
)
def test_a_function_that_is_none_is_refused_by_name(name):
    with pytest.raises(ConfigError, match=name):
        load_authorise(name)
