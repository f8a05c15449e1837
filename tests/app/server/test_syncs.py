import asyncio
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from served import Hashed
from shelf import LEAVE, TRAVEL, Shelf, refused, told

from gpt4all_app.server.shared_turn import SharedTurn
from gpt4all_app.server.sync_runs import SyncRuns, ended
from gpt4all_core.errors import IndexBusy
from gpt4all_localdocs.local_docs import LocalDocs
from gpt4all_localdocs.sync_progress import SyncProgress
from gpt4all_localdocs.types import SyncReport

DONE = SyncReport(files=())


class Work:
    """Syncs that go as far as a test lets them."""

    def __init__(self):
        self.begun = threading.Semaphore(0)
        self.may_scan, self.may_end = threading.Semaphore(0), threading.Semaphore(0)
        self.count = 0

    def sync(self, on_progress, stop):
        self.count += 1
        self.begun.release()
        while not (self.may_scan.acquire(timeout=0.01) or stop.is_set()):
            pass
        on_progress(SyncProgress("scan", 0, 0))
        self.begun.release()
        while not (self.may_end.acquire(timeout=0.01) or stop.is_set()):
            pass
        return SyncReport(files=(), is_stopped=stop.is_set())


def reported(runs, run):
    """What a sync made, once it is done; a test that waits in vain fails."""
    return asyncio.run(asyncio.wait_for(runs.report(run), 60))


@pytest.fixture
def work():
    return Work()


@pytest.fixture
def turn(tmp_path):
    return SharedTurn(tmp_path, "sync")


@pytest.fixture
def runs(work, turn):
    runs = SyncRuns(work.sync, turn=turn)
    yield runs
    runs.close()


def test_whoever_asks_before_a_sync_has_looked_joins_it(runs, work):
    first = runs.request()
    assert work.begun.acquire(timeout=60)
    assert runs.request() is first
    work.may_scan.release()
    work.may_end.release()
    assert reported(runs, first) == DONE
    assert work.count == 1
    assert not runs.is_running


def test_whoever_asks_after_it_has_looked_gets_the_next_and_others_join_that(runs, work):
    first = runs.request()
    work.may_scan.release()
    assert work.begun.acquire(timeout=60)
    assert work.begun.acquire(timeout=60)
    second = runs.request()
    assert second is not first
    assert runs.request() is second
    work.may_scan.release()
    work.may_end.release(2)
    assert reported(runs, second) == DONE
    assert ended(first) == DONE
    assert work.count == 2


def test_stopping_ends_a_sync_and_drops_the_next(runs, work):
    first = runs.request()
    work.may_scan.release()
    assert work.begun.acquire(timeout=60)
    assert work.begun.acquire(timeout=60)
    second = runs.request()
    assert runs.stop()
    for run in (first, second):
        assert reported(runs, run).is_stopped
    assert work.count == 1
    assert not runs.stop()


def test_whoever_asks_after_a_stop_gets_a_sync_of_their_own(turn):
    may_end = threading.Event()

    def sync(on_progress, stop):
        on_progress(SyncProgress("scan", 0, 0))
        may_end.wait(60)
        return SyncReport(files=(), is_stopped=stop.is_set())

    runs = SyncRuns(sync, turn=turn)
    stopped = runs.request()
    runs.stop()
    wanted = runs.request()
    may_end.set()
    assert [reported(runs, run).is_stopped for run in (stopped, wanted)] == [True, False]


def test_every_listener_hears_the_newest_and_one_that_leaves_stops_nothing(runs, work):
    run = runs.request()

    async def listen():
        leaving = runs.progress(run)
        assert (await anext(leaving)).phase == "wait"
        await leaving.aclose()
        staying = [asyncio.ensure_future(_phases(runs, run)) for _ in range(50)]
        await asyncio.sleep(0)
        work.may_scan.release()
        await asyncio.to_thread(work.begun.acquire, timeout=60)
        await asyncio.to_thread(work.begun.acquire, timeout=60)
        await asyncio.sleep(0)
        work.may_end.release()
        return await asyncio.gather(*staying)

    heard = asyncio.run(listen())
    assert {phases[-1] for phases in heard} == {"scan"}
    assert ended(run) == DONE


async def _phases(runs, run):
    return [progress.phase async for progress in runs.progress(run)]


def test_an_error_is_told_to_all_and_the_next_sync_is_a_new_one(turn):
    attempts = iter([IndexBusy("busy"), None])

    def sync(_on_progress, _stop):
        if error := next(attempts):
            raise error
        return DONE

    runs = SyncRuns(sync, turn=turn)
    with pytest.raises(IndexBusy):
        reported(runs, runs.request())
    assert reported(runs, runs.request()) == DONE


def test_what_follows_a_sync_does_not_follow_one_that_was_stopped(work, turn, caplog):
    followed = []

    def follow():
        followed.append(work.count)
        raise ValueError("odd")

    runs = SyncRuns(work.sync, after=follow, turn=turn)
    run = runs.request()
    runs.stop()
    assert reported(runs, run).is_stopped
    work.may_scan.release()
    work.may_end.release()
    assert not reported(runs, runs.request()).is_stopped
    assert followed == [work.count]
    assert "odd" in caplog.text


def test_a_sync_that_does_not_stop_holds_up_no_end(turn, monkeypatch, caplog):
    monkeypatch.setattr("gpt4all_app.server.sync_runs._LAST_MOMENTS_S", 0.01)
    may_end = threading.Event()

    def sync(_on_progress, _stop):
        may_end.wait(60)
        return DONE

    runs = SyncRuns(sync, turn=turn)
    run = runs.request()
    runs.close()
    assert not run.is_done
    assert "did not stop in time" in caplog.text
    may_end.set()
    assert reported(runs, run) == DONE


class Gated(Hashed):
    """Embeds when it is let."""

    def __init__(self):
        super().__init__()
        self.is_asked, self.may_go_on = threading.Event(), threading.Event()

    def embed_documents(self, texts):
        self.is_asked.set()
        self.may_go_on.wait(60)
        return super().embed_documents(texts)


@pytest.fixture
def gated(running, open_documents, reads_here):
    """A server whose first sync waits in the middle, and the gate."""
    gate = Gated()
    documents = open_documents(lambda: gate)
    server = running(documents=documents)
    documents.maps.after_sync = lambda: None
    papers = Shelf(server.client, documents)
    papers.make()
    papers.upload(("leave.txt", LEAVE))
    yield papers, gate
    gate.may_go_on.set()


def test_progress_comes_as_events_and_the_report_last(shelf):
    papers = shelf()
    place = papers.make()
    papers.upload(("leave.txt", LEAVE), ("travel.txt", TRAVEL), ("broken.pdf", b"%PDF-1.4 nothing"))
    found = papers.client.post(f"{place}/sync", json={"stream": True})
    assert found.headers["content-type"].startswith("text/event-stream")
    *progress, (name, report) = told(found)
    assert {kind for kind, _ in progress} == {"progress"}
    assert progress[-1][1].keys() == {
        "phase", "files_done", "files_total", "passages_done", "passages_total", "file",
    }  # fmt: skip
    assert name == "report"
    assert (report["added"], report["unreadable"], report["stopped"]) == (2, 1, False)
    assert report["behind"] is False
    [broken] = [file for file in report["files"] if file["outcome"] == "unreadable"]
    assert (broken["filename"], bool(broken["reason"])) == ("broken.pdf", True)
    again = papers.sync()
    assert (again["added"], again["unreadable"], again["unchanged"]) == (0, 1, 2)


def test_a_report_is_of_its_collection_alone(shelf):
    papers = shelf()
    papers.make("staff")
    papers.make("office")
    papers.upload(("leave.txt", LEAVE), name="staff")
    papers.upload(("travel.txt", TRAVEL), name="office")
    report = papers.sync("office")
    assert (report["added"], [file["filename"] for file in report["files"]]) == (1, ["travel.txt"])
    assert papers.found("leave", collections=["staff"]) == ["leave.txt"]


def test_an_error_after_the_start_is_the_last_event(shelf, monkeypatch):
    papers = shelf()
    place = papers.make(leave_txt=LEAVE)

    def fail(*_arguments, **_options):
        raise IndexBusy("the index at /home/ann is being written")

    monkeypatch.setattr("gpt4all_localdocs.local_docs.sync", fail)
    name, data = told(papers.client.post(f"{place}/sync", json={"stream": True}))[-1]
    assert (name, data["error"]["code"]) == ("error", "index_busy")
    assert refused(papers.client.post(f"{place}/sync")) == (409, "index_busy")


def test_an_error_before_any_progress_is_an_event_by_its_name(shelf, monkeypatch):
    papers = shelf()
    place = papers.make(leave_txt=LEAVE)

    def fail(_names):
        raise IndexBusy("busy")

    monkeypatch.setattr("gpt4all_app.server.sync_router.ProgressWriter", fail)
    [(name, data)] = told(papers.client.post(f"{place}/sync", json={"stream": True}))
    assert (name, data["error"]["code"]) == ("error", "index_busy")


def test_what_is_uploaded_during_a_sync_is_in_the_next_which_who_asks_then_gets(gated):
    papers, gate = gated
    with ThreadPoolExecutor() as threads:
        first = threads.submit(papers.sync)
        assert gate.is_asked.wait(60)
        assert papers.client.get("/v1/collections/papers").json()["status"] == "syncing"
        papers.upload(("travel.txt", TRAVEL))
        second = threads.submit(papers.sync)
        while papers.documents.syncs._next is None:
            time.sleep(0.01)
        gate.may_go_on.set()
        assert first.result()["added"] == 1
        assert second.result()["added"] == 1
    assert set(papers.found("leave trains")) == {"leave.txt", "travel.txt"}


def test_a_sync_says_that_it_looks_before_it_does(shelf):
    papers = shelf()
    papers.make()
    known = []
    papers.documents._sync_all(lambda _told: known.append(papers.documents.has_index), threading.Event())
    assert known[0] is False  # a collection that is made from now on may be missed
    assert papers.documents.has_index


def test_hanging_up_stops_no_sync(gated):
    papers, gate = gated
    with papers.client.stream("POST", "/v1/collections/papers/sync", json={"stream": True}) as answer:
        next(answer.iter_lines())
        assert gate.is_asked.wait(60)
    with pytest.raises(httpx.ReadTimeout):
        papers.client.post("/v1/collections/papers/sync", timeout=0.1)
    while papers.documents.syncs._listeners:
        time.sleep(0.01)
    gate.may_go_on.set()
    while papers.documents.syncs.is_running:
        time.sleep(0.01)
    assert papers.found("leave") == ["leave.txt"]


def test_a_collection_stays_while_it_is_synced_and_the_sync_can_be_stopped(gated):
    papers, gate = gated
    place = "/v1/collections/papers"
    with ThreadPoolExecutor() as threads:
        syncing = threads.submit(papers.sync)
        assert gate.is_asked.wait(60)
        found = papers.client.delete(place)
        assert refused(found) == (409, "index_busy")
        assert "DELETE /v1/collections/papers/sync" in found.json()["error"]["message"]
        assert papers.client.delete(f"{place}/sync").json()["stopped"] is True
        gate.may_go_on.set()
        assert syncing.result()["stopped"] is True
    assert papers.client.delete(f"{place}/sync").json()["stopped"] is False
    assert papers.client.delete(place).status_code == 200


def test_a_sync_that_begins_while_a_collection_is_deleted_does_not_bring_it_back(shelf, monkeypatch):
    papers = shelf()
    place = papers.make(leave_txt=LEAVE)
    remove = LocalDocs.remove

    def remove_while_somebody_syncs(docs, folder):
        removed = remove(docs, folder)
        papers.documents.syncs.request()
        for _ in range(20):  # as long as a sync takes to look what there is
            if docs.folders:
                break
            time.sleep(0.01)
        return removed

    monkeypatch.setattr(LocalDocs, "remove", remove_while_somebody_syncs)
    assert papers.client.delete(place).status_code == 200
    while papers.documents.syncs.is_running:
        time.sleep(0.01)
    assert papers.documents.docs.folders == ()
    assert papers.client.get("/v1/collections").json()["data"] == []


def test_the_end_of_a_server_ends_its_sync(gated):
    papers, gate = gated
    run = papers.documents.syncs.request()
    assert gate.is_asked.wait(60)
    closing = threading.Thread(target=papers.documents.close)
    closing.start()
    while not run.stop.is_set():
        time.sleep(0.01)
    gate.may_go_on.set()
    closing.join()
    assert ended(run).is_stopped
    assert refused(papers.client.post("/v1/collections/papers/sync"))[0] == 503


PROGRAM = """
import sys
from pathlib import Path
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs import LocalDocs
with LocalDocs(Path(sys.argv[1]), embedder=HashEmbedder()) as docs:
    print(docs.sync().counts.get("added", 0))
"""


def test_another_program_may_sync_the_same_index_meanwhile(shelf, tmp_path):
    papers = shelf()
    papers.make(leave_txt=LEAVE)
    papers.upload(("travel.txt", TRAVEL))
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "index")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        here = papers.sync()["added"]
        there, _ = other.communicate(timeout=100)
    assert other.returncode == 0
    assert here + int(there) == 1
    assert set(papers.found("leave trains", collections=["papers"])) == {"leave.txt", "travel.txt"}
    assert json.dumps(papers.files()).count("indexed") == 2
