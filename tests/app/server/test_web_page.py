import posixpath
import queue
import re
import tomllib
from pathlib import Path

import pathspec
import pytest

from gpt4all_app.open_page import page_address
from gpt4all_app.server.options import ServerOptions
from gpt4all_app.server.web_page import is_page_path, page_files

ROOT = Path(__file__).parents[3]
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


def test_no_file_names_an_address_elsewhere():
    addresses = re.compile(r"(?:https?:)?//[\w.-]+\.[a-z]{2,}[^\s\"')]*")
    found = {(path, address) for path in PAGE for address in addresses.findall(text_of(path))}
    assert {(path, address) for path, address in found if address != "http://www.w3.org/2000/svg"} == set()


def test_no_script_makes_html_or_code_of_texts():
    barred = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc"
    assert [(path, found) for path in SCRIPTS if (found := re.findall(barred, text_of(path)))] == []


def test_every_import_of_a_script_is_a_file_of_the_page():
    for path in SCRIPTS:
        for target in re.findall(r"\bfrom \"(\.[^\"]+)\"", text_of(path)):
            assert posixpath.normpath(posixpath.join(posixpath.dirname(path), target)) in PAGE, (path, target)


def test_every_file_that_the_page_links_is_there():
    links = re.findall(r"(?:href|src)=\"(/[^\"]*)\"", text_of("index.html"))
    assert len(links) > 3
    assert [link for link in links if link.removeprefix("/web/") not in PAGE] == []


def test_scripts_and_styles_stay_readable():
    lines = {path: text_of(path).split("\n") for path in (*SCRIPTS, *STYLES)}
    assert [path for path, found in lines.items() if len(found) > 400 or max(map(len, found)) > 200] == []


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


def test_the_pages_files_do_not_fill_the_log(client, caplog):
    caplog.set_level("INFO", logger="gpt4all_app.server")
    for path in ("/", "/web/style.css", "/web/no-such-file.css"):
        client.get(path)
    told = [record.getMessage().rsplit(" ", 2)[0] for record in caplog.records]
    assert told == ["GET / 200", "GET /web/no-such-file.css 404"]


@pytest.fixture
def starting(monkeypatch):
    """The server has just begun to listen everywhere, and the browser was asked for these pages."""
    opened = queue.Queue()
    monkeypatch.setattr(
        "gpt4all_app.server.run.run_server", lambda *_, on_start, **_options: on_start("http://0.0.0.0:4891")
    )
    monkeypatch.setattr("webbrowser.open", lambda address: opened.put(address) or False)
    return opened


def test_the_page_is_told_and_opened_where_that_is_asked_for(gpt4all, starting):
    found = gpt4all("serve", "--model", "smollm2-135m-instruct")
    assert "the web page is at http://127.0.0.1:4891/" in found.err
    assert starting.empty()
    gpt4all("serve", "--model", "smollm2-135m-instruct", "--open")
    assert starting.get(timeout=60) == "http://127.0.0.1:4891/"


def test_a_page_that_is_left_out_is_not_told_and_cannot_be_opened(gpt4all, starting):
    assert "web page" not in gpt4all("serve", "--model", "smollm2-135m-instruct", "--no-page").err
    found = gpt4all("serve", "--no-page", "--open")
    assert found.code == 2
    assert "--no-page" in found.err


def test_no_file_of_the_page_stays_out_of_the_wheel():
    # The package's folder goes into it whole, but for what git ignores.
    ignored = pathspec.GitIgnoreSpec.from_lines((ROOT / ".gitignore").read_text().splitlines())
    assert [path for path in PAGE if ignored.match_file(f"gpt4all_app/web/{path}")] == []
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"][
        "wheel"
    ]
    assert "gpt4all_app" in packages["packages"]
