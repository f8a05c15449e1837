"""Every address of the server says who may call it, and strangers are refused at each."""

import pytest
from people import People
from shelf import LEAVE
from starlette.routing import Route

from gpt4all_app.server.access_rules import RULES


@pytest.fixture(scope="module")
def people(tmp_path_factory, module_reads_here):
    """Bob has a collection and is the only one who does."""
    people = People(tmp_path_factory.mktemp("rules"))
    people.shelf("bob").make("secrets", salaries_txt=LEAVE)
    yield people
    people.close()


def places(routes):
    """Methods and paths of routes, and of the routers among them; of what is neither nothing is known."""
    for route in routes:
        if isinstance(route, Route):
            yield from ((method, route.path) for method in route.methods)
        else:
            yield from places(route.original_router.routes)


def placed(people, path):
    """An address of Bob's things."""
    file = people.shelf("bob").files("secrets")[0]["id"]
    (chunk,) = people.bob.post("/v1/chunks", json={"text": "leave", "limit": 1}).json()["data"]
    known = {
        "collection": "secrets",
        "file": file,
        "passage": chunk["id"],
        "user": "bob",
        "model:path": "none",
    }
    for name, value in known.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def test_every_address_has_a_rule_and_every_rule_an_address(people):
    assert set(places(people.app.routes)) == set(RULES)


def test_an_address_without_a_rule_lets_nobody_in(people):
    @people.app.get("/v1/new")
    async def new():
        return "secret"

    for client in (people.ann, people.owner):
        answer = client.get("/v1/new")
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_permitted")
    people.app.router.routes.pop()


OF_COLLECTIONS = sorted(place for place, rule in RULES.items() if "{collection}" in place[1])
FOR_ADMINISTRATORS = sorted(place for place, rule in RULES.items() if rule.need == "administrator")
GUARDED = sorted(place for place, rule in RULES.items() if rule.need != "open")


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_whoever_has_no_key_is_refused(people, method, path):
    answer = people.client("none").request(method, path.replace("{collection}", "secrets"))
    assert answer.status_code == 401


@pytest.mark.parametrize(("method", "path"), OF_COLLECTIONS)
def test_a_collection_of_others_is_not_there(people, method, path):
    before = people.bob.get("/v1/collections/secrets/files").json()
    answer = people.ann.request(method, placed(people, path), json=None if method == "GET" else {})
    is_everybodys = RULES[method, path].need == "administrator"
    assert answer.status_code == (403 if is_everybodys else 404)
    assert "salaries" not in answer.text
    assert people.bob.get("/v1/collections/secrets/files").json() == before


@pytest.mark.parametrize(("method", "path"), FOR_ADMINISTRATORS)
def test_what_concerns_all_is_for_administrators(people, method, path):
    place = placed(people, path)
    assert people.ann.request(method, place).status_code == 403
    assert people.owner.request(method, place).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"), sorted(place for place, rule in RULES.items() if rule.need == "searched")
)
def test_what_is_searched_gives_strangers_nothing_of_others(people, method, path):
    body = {"text": "salaries leave", "id": "own"} if method == "POST" else None
    answer = people.ann.request(method, placed(people, path), json=body)
    assert "salaries" not in answer.text
    assert "secrets" not in answer.text
