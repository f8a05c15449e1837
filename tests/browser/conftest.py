"""The web page in Debian's Chromium, against servers of scripted models: `make test-browser`."""

import io
import shutil
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from loopback import LoopbackServer
from PIL import Image
from playwright.sync_api import expect, sync_playwright
from screens import SLOWEST_MS, WIDE, Scripted

from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_app.server.served_models import ServedModel, ServedModels
from gpt4all_core.testing import HashEmbedder

PICTURES = Path(__file__).parents[2] / "docs" / "images"


def pytest_addoption(parser):
    parser.addoption(
        "--pictures", action="store_true", help="make the pictures of the web page in docs/images"
    )


def pytest_ignore_collect(collection_path, config):
    """These tests want a browser, and so run only where somebody asks for them."""
    here = Path(__file__).parent
    asked = (Path(config.invocation_params.dir, arg.split("::")[0]).resolve() for arg in config.args)
    return None if any(path.is_relative_to(here) for path in asked) else True


def pytest_collection_modifyitems(items):
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1"]))


@pytest.fixture(scope="session")
def browser():
    """Chromium, one for all tests; each page has a context of its own, and so an empty storage."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.fail("Chromium is missing; on Debian: apt-get install chromium")
    expect.set_options(timeout=SLOWEST_MS)
    with sync_playwright() as playwright:
        # Containers give it no sandbox of its own, and little shared memory.
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Opens pages whose errors, broken policies and requests to other machines fail the test."""
    problems = []

    def hear(message):
        # What the server refuses is shown by the page, and tests look for that; its own files it has.
        is_refusal = "Failed to load resource" in message.text and "/v1/" in message.location["url"]
        if message.type == "error" and not is_refusal:
            problems.append(f"{message.text} ({message.location['url']})")

    with ExitStack() as contexts:

        def start(url, *, viewport=WIDE, theme="light", **options):
            def watch(request):
                place = urlsplit(request.url)
                if place.scheme not in {"blob", "data"} and place.netloc != urlsplit(url).netloc:
                    problems.append(f"asked another machine: {request.url}")

            context = browser.new_context(viewport=viewport, color_scheme=theme, **options)
            contexts.callback(context.close)
            context.set_default_timeout(SLOWEST_MS)
            context.on("request", watch)
            context.on("console", hear)  # tells of what the page's policy barred, too
            context.on("weberror", lambda error: problems.append(str(error.error)))
            page = context.new_page()
            page.goto(url)
            return page

        yield start
    assert problems == []


@pytest.fixture
def serve(tmp_path):
    """Starts servers of models, each with an index; they end with the test. maps: made after syncs."""
    with ExitStack() as servers:

        def start(*models, documents=None, options=None, access=None, maps=False):
            models = models or [Scripted(["Hello from the script."])]
            listed = [ServedModel(each.name, "chat", lambda each=each: each) for each in models]
            documents = documents or ServedDocuments(tmp_path / "index", embedder=HashEmbedder)
            server = LoopbackServer(ServedModels(listed), options, documents=documents, access=access)
            servers.callback(server.close)
            if not maps:  # they take seconds, and the last one may outlive the test
                documents.maps.after_sync = lambda: None
            return server.url

        yield start


@pytest.fixture
def picture(request):
    """Makes pictures of a page as it stands for the documentation, where `--pictures` asks for that."""

    def take(page, name, *, themes=("light",)):
        if not request.config.getoption("--pictures", default=False):
            return
        for theme in themes:
            page.emulate_media(color_scheme=theme)
            drawn = Image.open(io.BytesIO(page.screenshot(animations="disabled", caret="hide")))
            file = PICTURES / (f"{name}.png" if theme == "light" else f"{name}_{theme}.png")
            drawn.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)
        page.emulate_media(color_scheme="light")

    return take


@pytest.fixture
def folder(tmp_path):
    """Writes files by their names and tells where they are."""

    def write(files):
        places = []
        for name, content in files.items():
            place = tmp_path / "mine" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content if isinstance(content, bytes) else content.encode())
            places.append(str(place))
        return places

    return write
