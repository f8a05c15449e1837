"""What users may have: counted exactly over workers and restarts, and refused with what to do."""

import asyncio
import subprocess
import sys

import pytest
from people import People
from served import QUESTION, Endless
from shelf import refused

from gpt4all_app.server.access_principals import Principal
from gpt4all_app.server.access_quotas import LEASE_S, Quotas, QuotaSpent
from gpt4all_app.server.access_store import AccessStore
from gpt4all_app.server.access_users_file import UserLimits
from gpt4all_core.types import Usage

DAY_S = 24 * 3600
NOON = 1_800_000_000 // DAY_S * DAY_S + DAY_S // 2


@pytest.fixture
def people(tmp_path, reads_here):
    """Makes servers whose users have these limits, on the files of the test."""
    made = []

    def start(**limits):
        others = {name: limits.pop(name) for name in ("models",) if name in limits}
        made.append(People(tmp_path, limits=limits, **others))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def store(tmp_path):
    store = AccessStore(tmp_path / "users.sqlite")
    yield store
    store.close()


def ann(**limits):
    return Principal("ann", limits=UserLimits(**limits))


def test_tokens_of_a_day_are_told_and_refused_when_they_are_spent(people):
    server = people(tokens_per_day=5)
    answer = server.ann.post("/v1/completions", json={"prompt": "x"})
    assert answer.headers["x-ratelimit-limit-tokens"] == "5"
    assert answer.headers["x-ratelimit-remaining-tokens"] == "5"
    answer = server.ann.post("/v1/completions", json={"prompt": ["x", "y"]})
    assert answer.headers["x-ratelimit-remaining-tokens"] == "1"
    spent = server.ann.post("/v1/completions", json={"prompt": "x"})
    assert refused(spent) == (429, "insufficient_quota")
    assert 0 < int(spent.headers["retry-after"]) <= DAY_S
    # A path that ends with a line end reaches the same address.
    assert refused(server.ann.post("/v1/completions%0A", json={"prompt": "x"})) == (429, "insufficient_quota")
    assert server.bob.post("/v1/completions", json={"prompt": "x"}).status_code == 200
    assert server.ann.get("/v1/collections").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "tokens"),
    [
        ("/v1/chat/completions", {"messages": QUESTION}, None),
        ("/v1/chat/completions", {"messages": QUESTION, "stream": True, "n": 2}, 4),
        ("/v1/responses", {"input": "Hello"}, None),
        ("/v1/completions", {"prompt": "x", "stream": True}, 4),
        ("/v1/embeddings", {"input": ["one two", "three"]}, 3),
    ],
)
def test_what_models_do_counts_for_whoever_asks(people, path, body, tokens):
    server = people()
    answer = server.ann.post(path, json=body)
    own = server.ann.get("/v1/usage").json()
    assert own == server.owner.get("/v1/usage/ann").json()
    counted = own["prompt_tokens"] + own["generated_tokens"]
    assert counted == (tokens or answer.json()["usage"]["total_tokens"]) > 0
    assert (own["requests"], own["requests_running"]) == (1, 0)
    assert server.bob.get("/v1/usage").json()["prompt_tokens"] == 0


def test_counts_outlive_the_server(people):
    people(tokens_per_day=4).ann.post("/v1/completions", json={"prompt": "x"})
    again = people(tokens_per_day=4)
    assert refused(again.ann.post("/v1/completions", json={"prompt": "x"})) == (429, "insufficient_quota")


def test_uploads_are_bounded_by_files_and_bytes_and_replaced_ones_count_once(people):
    server = people(upload_files=2, upload_bytes=20)
    shelf = server.shelf("ann")
    shelf.make()
    shelf.upload(("a.txt", b"x" * 10), ("b.txt", b"x" * 8))
    shelf.upload(("a.txt", b"x" * 12))

    def code(*files):
        form = [("files", each) for each in files]
        return refused(server.ann.post("/v1/collections/papers/files", files=form))

    assert code(("c.txt", b"x")) == (413, "upload_files_exceeded")
    assert code(("a.txt", b"x" * 13)) == (413, "upload_bytes_exceeded")
    assert {file["filename"]: file["bytes"] for file in shelf.files()} == {"a.txt": 12, "b.txt": 8}
    own = server.ann.get("/v1/usage").json()
    assert (own["upload_files"], own["upload_bytes"]) == (2, 20)
    server.ann.delete(f"/v1/collections/papers/files/{shelf.files()[0]['id']}")
    assert server.ann.get("/v1/usage").json()["upload_bytes"] == 8
    shelf.sync()  # that of the deletion is done then
    assert server.ann.delete("/v1/collections/papers").status_code == 200
    assert server.ann.get("/v1/usage").json()["upload_files"] == 0


def test_collections_that_a_user_owns_are_bounded(people):
    server = people(collections=1)
    server.shelf("ann").make("one")
    second = server.ann.post("/v1/collections", json={"id": "two"})
    assert refused(second) == (409, "too_many_collections")
    assert "as many collections as you may (1)" in second.json()["error"]["message"]
    server.shelf("bob").make("two")
    server.ann.delete("/v1/collections/one")
    server.shelf("ann").make("one")


def test_places_are_taken_by_what_is_answered_and_freed_when_it_is_left(people):
    endless = Endless(name="base")
    server = people(models=[endless], requests_at_once=1)

    async def ask_and_leave():
        caller = {"type": "http", "method": "POST", "path": "/v1/chat/completions"}
        body = b'{"messages": [{"role": "user", "content": "Hello"}], "stream": true}'
        headers = [
            (b"host", b"127.0.0.1"),
            (b"authorization", b"Bearer ann"),
            (b"content-type", b"application/json"),
        ]
        has_begun, is_left, told = asyncio.Event(), asyncio.Event(), [{"type": "http.request", "body": body}]

        async def receive():
            if told:
                return told.pop()
            await is_left.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            if message["type"] == "http.response.body":
                has_begun.set()

        scope = {**caller, "headers": headers, "query_string": b"", "raw_path": caller["path"].encode()}
        answering = asyncio.create_task(server.app(scope, receive, send))
        await has_begun.wait()
        second = await asyncio.to_thread(server.ann.post, "/v1/chat/completions", json={"messages": QUESTION})
        own = await asyncio.to_thread(server.ann.get, "/v1/usage")
        is_left.set()
        await answering
        return second, own.json()

    second, own = asyncio.run(ask_and_leave())
    assert refused(second) == (429, "rate_limit_exceeded")
    assert "at once (1)" in second.json()["error"]["message"]
    assert second.headers["retry-after"] == "1"
    assert own["requests_running"] == 1
    assert endless.left.acquire(timeout=60)
    after = server.ann.get("/v1/usage").json()
    assert (after["requests_running"], after["generated_tokens"]) == (0, 1)


def test_a_place_that_a_killed_worker_held_is_free_after_a_while(store):
    now = [NOON]
    quotas = Quotas(store, clock=lambda: now[0])
    quotas.begin("one", ann(requests_at_once=1), needs_tokens=True)
    now[0] += LEASE_S / 2
    quotas.renew("one")
    now[0] += LEASE_S * 0.9
    with pytest.raises(QuotaSpent):
        quotas.begin("two", ann(requests_at_once=1), needs_tokens=True)
    now[0] += LEASE_S
    quotas.begin("two", ann(requests_at_once=1), needs_tokens=True)


def test_a_new_day_has_its_own_tokens(store):
    now = [NOON]
    quotas = Quotas(store, clock=lambda: now[0])
    quotas.end("one", "ann", Usage(3, 4))
    with pytest.raises(QuotaSpent) as spent:
        quotas.begin("two", ann(tokens_per_day=7), needs_tokens=True)
    assert spent.value.headers == {"Retry-After": str(DAY_S // 2)}
    now[0] += DAY_S / 2
    assert quotas.begin("two", ann(tokens_per_day=7), needs_tokens=True) == 7


WORKER = """
import sys
from pathlib import Path
from gpt4all_app.server.access_principals import Principal
from gpt4all_app.server.access_quotas import Quotas, QuotaSpent
from gpt4all_app.server.access_store import AccessStore
from gpt4all_app.server.access_users_file import UserLimits
from gpt4all_core.types import Usage

quotas = Quotas(AccessStore(Path(sys.argv[1])))
ann = Principal("ann", limits=UserLimits(upload_files=30, requests_at_once=30, tokens_per_day=10**6))
kept = begun = 0
print("ready", flush=True)
sys.stdin.readline()
for number in range(200):
    quotas.end(f"{sys.argv[2]}-{number}", "ann", Usage(2, 1))
    try:
        quotas.admit_uploads(ann, "papers", {f"{sys.argv[2]}-{number}": 1})
        kept += 1
    except QuotaSpent:
        pass
    try:
        quotas.begin(f"{sys.argv[2]}-place-{number}", ann, needs_tokens=True)
        begun += 1
    except QuotaSpent:
        pass
print(kept, begun)
"""


def test_workers_that_count_at_once_lose_nothing_and_let_nothing_slip(store):
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, store.path, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    try:
        assert [worker.stdout.readline() for worker in workers] == ["ready\n"] * 2
        for worker in workers:
            worker.stdin.write("\n")
            worker.stdin.flush()
        told = [map(int, worker.communicate(timeout=120)[0].split()) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
            worker.stdin.close()
            worker.stdout.close()
    spent = Quotas(store).spent("ann")
    assert (spent.prompt_tokens, spent.generated_tokens) == (800, 400)
    assert (spent.upload_files, spent.requests_running, spent.requests) == (30, 30, 30)
    assert [sum(counts) for counts in zip(*told, strict=True)] == [30, 30]
