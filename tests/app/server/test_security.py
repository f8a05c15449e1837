import re

import pytest

from gpt4all_app.server.options import ServerOptions, is_loopback
from gpt4all_core.errors import ConfigError

KEYED = ServerOptions(api_key="a secret", body_bytes=1000)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.8.0.1"])
def test_this_machines_own_addresses_need_no_key(host):
    assert is_loopback(host)
    ServerOptions(host=host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "", "my-machine", "127.0.0.1.evil.example"])
def test_another_host_needs_a_key(host):
    with pytest.raises(ConfigError, match="--api-key"):
        ServerOptions(host=host)
    ServerOptions(host=host, api_key="a secret")


@pytest.mark.parametrize(
    "bad", [{"api_key": ""}, {"api_key": " "}, {"api_key": "ä"}, {"cors_origins": ("*",)}]
)
def test_options_that_open_too_much_are_refused(bad):
    with pytest.raises(ConfigError):
        ServerOptions(**bad)


def test_a_key_is_not_shown():
    assert "secret" not in repr(KEYED)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:4891", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1", 200),
        ("[::1]:80", 200),
        ("192.168.1.5:4891", 200),
        ("known.example", 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example:4891", 403),
        ("evil.example@localhost", 403),
        ("localhost/@evil.example", 403),
        ("[::1", 403),
        ("[::1].evil.example", 403),
        ("[::1]evil.example", 403),
        ("[fe80::1%evil.example]", 403),
        ("localhost:80:evil.example", 403),
        ("localhost,evil.example", 403),
        ("localhost\tevil.example", 403),
        ("localhost.", 403),
        ("2130706433", 403),
        ("0x7f.1", 403),
        ("", 403),
        ("\uff4cocalhost".encode(), 403),
    ],
)
def test_a_forged_host_is_refused(talk, host, status):
    client = talk(options=ServerOptions(host_names=("known.example",)))
    found = client.get("/v1/models", headers={"Host": host})
    assert found.status_code == status
    if status == 403:
        assert found.json()["error"]["code"] == "unknown_host"


def test_only_whoever_has_the_key_comes_in(talk):
    client = talk(options=KEYED)
    for header in ({}, {"Authorization": "Bearer another"}, {"Authorization": "Basic a secret"}):
        found = client.get("/v1/models", headers=header)
        assert (found.status_code, found.json()["error"]["code"]) == (401, "invalid_api_key")
        assert found.headers["www-authenticate"] == "Bearer"
    assert client.get("/openapi.json").status_code == 401
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/v1/models", headers={"Authorization": "Bearer a secret"}).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        ("own", 200),
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
        ("http://[", 403),
        ("file://", 403),
        ("http://localhost", 403),
        ("http://127.0.0.1:4891", 403),
        ("http://127.0.0.1.evil.example", 403),
        ("http://127.0.0.1@evil.example", 403),
        ("http://127.0.0.1 https://evil.example", 403),
    ],
)
def test_pages_of_others_may_not_call(client, origin, status):
    headers = {} if origin is None else {"Origin": str(client.base_url) if origin == "own" else origin}
    found = client.get("/v1/models", headers=headers)
    assert found.status_code == status
    assert "access-control-allow-origin" not in found.headers


def test_an_allowed_page_may_call_and_read(talk):
    page = "http://localhost:3000"
    client = talk(options=ServerOptions(cors_origins=(page,), api_key="a secret"))
    asking = {"Origin": page, "Access-Control-Request-Method": "POST"}
    asked = client.options("/v1/chat/completions", headers=asking)
    assert asked.headers["access-control-allow-origin"] == page
    found = client.get("/v1/models", headers={"Origin": page, "Authorization": "Bearer a secret"})
    assert found.headers["access-control-allow-origin"] == page
    assert client.options("/v1/models", headers=asking | {"Origin": "http://evil"}).status_code == 400


@pytest.mark.parametrize("has_length", [True, False])
def test_too_long_a_body_is_refused(running, has_length):
    client = running(options=ServerOptions(body_bytes=1000)).client
    body = b'{"messages": "' + b"x" * 1000 + b'"}'
    found = client.post(
        "/v1/chat/completions",
        content=body if has_length else iter([body[:500], body[500:]]),
        headers={"Content-Type": "application/json"},
    )
    assert found.status_code == 413
    assert found.json()["error"]["type"] == "invalid_request_error"


def addresses(papers):
    """Every address of the API with its method."""
    paths = papers.client.app.openapi()["paths"]
    return [(method, re.sub(r"{\w+}", "papers", path)) for path, found in paths.items() for method in found]


def test_every_address_but_one_asks_for_the_key(shelf):
    papers = shelf(options=KEYED)
    found = {place: papers.client.request(*place).status_code for place in addresses(papers)}
    assert len(found) > 20
    assert [place for place, status in found.items() if status != 401] == [("get", "/health")]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_form_of_a_foreign_page_changes_nothing(shelf, kind):
    papers = shelf()
    papers.make()
    for method, path in addresses(papers):
        if method == "get":
            continue
        for sent in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
        ):
            found = papers.client.request(method, path, headers=sent | {"Content-Type": kind}, content=b"{}")
            assert found.status_code == 403, (method, path, sent)
            assert "access-control-allow-origin" not in found.headers


def test_asking_changes_nothing(shelf, tmp_path):
    papers = shelf()
    for method, path in addresses(papers):
        if method == "get":
            for also in ("get", "head", "options", "trace"):
                papers.client.request(also, path)
    assert list(tmp_path.iterdir()) == []
