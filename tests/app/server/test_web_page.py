import re

import pytest

from gpt4all_app.open_page import page_address
from gpt4all_app.server.options import ServerOptions
from gpt4all_app.server.web_page import is_page_path, page_files

PAGE = page_files()
SCRIPTS = sorted(path for path in PAGE if path.endswith(".js"))
STYLES = sorted(path for path in PAGE if path.endswith(".css"))


def text_of(path):
    return PAGE[path].content.decode()


def test_the_page_is_at_the_servers_root_and_needs_no_key(talk):
    client = talk(options=ServerOptions(api_key="a secret"))
    found = client.get("/")
    assert found.status_code == 200
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    assert found.text == text_of("index.html")
    assert client.get("/web/js/main.js").status_code == 200
    assert client.get("/v1/models").status_code == 401


def test_the_page_may_load_and_call_nothing_but_its_own_server(client):
    policy = client.get("/").headers["content-security-policy"].split("; ")
    sources = {directive.split()[0]: directive.split()[1:] for directive in policy}
    assert sources["default-src"] == ["'none'"]
    assert sources["script-src"] == sources["style-src"] == sources["connect-src"] == ["'self'"]
    assert sources["frame-ancestors"] == sources["base-uri"] == sources["form-action"] == ["'none'"]
    assert not any("unsafe" in directive or "://" in directive for directive in policy)


def test_every_file_comes_with_its_type_and_is_not_guessed_at(client):
    kinds = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    for path, file in PAGE.items():
        found = client.get(f"/web/{path}")
        assert found.headers["content-type"].split(";")[0] == kinds[path.rpartition(".")[2]], path
        assert found.headers["x-content-type-options"] == "nosniff"
        assert found.content == file.content


def test_a_file_that_is_known_is_not_sent_again(client):
    first = client.get("/web/style.css")
    again = client.get("/web/style.css", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/web/style.css", headers={"If-None-Match": '"another"'}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/web/../serve.py",
        "/web/..%2fserve.py",
        "/web/%2e%2e/serve.py",
        "/web/js/../../__init__.py",
        "/web//etc/passwd",
        "/web/%2Fetc%2Fpasswd",
        "/web/js",
        "/web/",
        "/web/style.css%00",
        "/web/..\\serve.py",
    ],
)
def test_nothing_beside_the_pages_files_is_sent(running, path):
    server = running()
    # Sent as it stands: clients would take the dots out.
    request = server.client.build_request("GET", "/")
    request.url = request.url.copy_with(raw_path=path.encode())
    found = server.client.send(request)
    assert found.status_code == 404
    assert "def " not in found.text


def test_without_the_page_there_is_only_the_api(talk):
    client = talk(options=ServerOptions(has_page=False))
    assert client.get("/").status_code == 404
    assert client.get("/web/js/main.js").status_code == 404
    assert client.get("/v1/models").status_code == 200


def test_the_page_is_no_part_of_the_api(client):
    paths = client.get("/openapi.json").json()["paths"]
    assert "/v1/models" in paths
    assert not [path for path in paths if is_page_path(path)]


@pytest.mark.parametrize("path", sorted(PAGE))
def test_no_file_names_an_address_elsewhere(path):
    addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.[a-z]{2,}[^\s\"')]*", text_of(path)))
    assert addresses <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("path", SCRIPTS)
def test_no_script_makes_html_or_code_of_texts(path):
    barred = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc"
    assert re.findall(barred, text_of(path)) == []


@pytest.mark.parametrize("path", SCRIPTS)
def test_every_import_of_a_script_is_a_file_of_the_page(path):
    folder = path.rpartition("/")[0].split("/")
    for target in re.findall(r"\bfrom \"(\.[^\"]+)\"", text_of(path)):
        parts = [*folder]
        for part in target.split("/"):
            if part == "..":
                parts.pop()
            elif part != ".":
                parts.append(part)
        assert "/".join(parts) in PAGE, target


def test_every_file_that_the_page_links_is_there():
    links = re.findall(r"(?:href|src)=\"(/[^\"]*)\"", text_of("index.html"))
    assert len(links) > 3
    assert [link for link in links if link.removeprefix("/web/") not in PAGE] == []


@pytest.mark.parametrize("path", [*SCRIPTS, *STYLES])
def test_a_file_stays_readable(path):
    lines = text_of(path).split("\n")
    assert len(lines) <= 400
    assert max(map(len, lines)) <= 200


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:4891", "http://127.0.0.1:4891/"),
        ("http://0.0.0.0:80", "http://127.0.0.1:80/"),
        ("http://[::]:80", "http://[::1]:80/"),
        ("http://[::1]:80", "http://[::1]:80/"),
    ],
)
def test_the_address_that_is_told_can_be_opened(url, address):
    assert page_address(url) == address
