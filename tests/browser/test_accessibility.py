"""Each view, dialog and notice, in both themes and at both widths."""

import pytest
from axe import assert_accessible
from documents_page import indexed, search
from endless_model import Endless
from playwright.sync_api import expect
from screens import NARROW, Scripted

from gpt4all_app.server.options import ServerOptions
from gpt4all_core.types import Message

ANSWER = """# Head

Text with `code`, a [link](https://a.example/).

```python
x = 1
```

| a | b |
|---|---|
| 1 | 2 |

> quoted, and a-word-that-is-far-too-long-for-a-narrow-screen-"""
SAID = Message("assistant", ANSWER + "x" * 80, reasoning="Two and two.")


@pytest.fixture
def accessible(serve, open_page):
    """Opens a page without movement, which would be caught half way."""

    def start(*models, at="", options=None):
        return open_page(serve(*models, options=options) + at, reduced_motion="reduce")

    return start


def ask(page, text):
    page.get_by_label("Your message").fill(text)
    page.keyboard.press("Enter")


def test_the_chat(accessible):
    page = accessible(Scripted([SAID]), Endless())
    expect(page.locator(".model-button")).to_be_visible()
    assert_accessible(page, "at first")
    ask(page, "Hello " + "y" * 80)
    expect(page.locator(".chat .statistics")).to_be_visible()
    page.locator(".thoughts summary").click()
    assert_accessible(page, "answered")
    page.locator(".question").hover()
    page.get_by_role("button", name="Edit the question").click()
    assert_accessible(page, "edited")


@pytest.mark.parametrize("name", ["Settings", "Export this conversation", "Model: scripted"])
def test_a_dialog_of_the_chat(accessible, name):
    page = accessible(Scripted(["Hello."], name="scripted"), Scripted(name="m" * 70))
    ask(page, "Hello")
    expect(page.locator(".chat .statistics")).to_be_visible()
    page.locator(".chat").get_by_role("button", name=name).click()
    assert_accessible(page, name)


def test_conversations_and_the_menu(accessible):
    page = accessible()
    ask(page, "Hello")
    expect(page.locator(".chat .statistics")).to_be_visible()
    for action in ("Rename", "Delete"):
        page.locator(".conversations li").hover()
        page.get_by_role("button", name=f"{action} “Hello”").click()
        assert_accessible(page, action)
        page.keyboard.press("Escape")
    page.set_viewport_size(NARROW)
    page.get_by_role("button", name="Menu").click()
    assert_accessible(page, "menu", widths=[NARROW])


def test_what_is_under_way_and_what_failed(accessible):
    def failing(_messages):
        raise ValueError("no")

    page = accessible(Endless(), Scripted(failing, name="failing"))
    ask(page, "Go on")
    expect(page.get_by_text("word")).to_be_visible()
    assert_accessible(page, "under way")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="New conversation").click()
    page.get_by_role("button", name="Model:").click()
    page.get_by_role("radio", name="failing").check()
    page.keyboard.press("Escape")
    ask(page, "Hello")
    expect(page.locator(".thread .notice")).to_be_visible()
    assert_accessible(page, "failed")


def test_the_question_for_the_key(accessible):
    page = accessible(options=ServerOptions(api_key="a secret"))
    page.get_by_label("API key").fill("a guess")
    page.keyboard.press("Enter")
    expect(page.get_by_text("That was not the key.")).to_be_visible()
    assert_accessible(page, "wrong key")


def test_the_comparison(accessible):
    page = accessible(Scripted([SAID], name="one"), Scripted(["Text."], name="t" * 70), at="/#/compare")
    expect(page.locator(".side .model-button")).to_have_count(2)
    page.get_by_label("Prompt").fill("Hello")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.locator(".results")).to_be_visible()
    assert_accessible(page, "compared")


def test_the_documents(accessible, folder):
    page = accessible(at="/#/documents")
    expect(page.get_by_role("button", name="New collection").first).to_be_visible()
    assert_accessible(page, "without documents")
    url = page.url.split("/#")[0]
    long = "a_name_without_a_single_blank_" * 5
    indexed(
        page, url, folder({f"{long}.txt": "one two", "broken.pdf": "%PDF-", "program.exe": b"MZ\0\0" * 9})
    )
    assert_accessible(page, "indexed")
    page.locator(".collection-actions").get_by_role("button", name="Delete").click()
    assert_accessible(page, "to be deleted")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="New collection").click()
    page.locator("dialog summary").click()
    assert_accessible(page, "new collection")


def test_passages_and_the_choice_of_collections(accessible, folder):
    page = accessible()
    url = page.url.split("/#")[0].rstrip("/")
    indexed(page, url, folder({"a.txt": "one " * 300}))
    search(page, "one")
    assert_accessible(page, "found")
    page.locator(".hit").first.click()
    expect(page.locator("mark.passage")).to_be_visible()
    assert_accessible(page, "passage")
    page.keyboard.press("Escape")
    page.goto(f"{url}/#/chat")
    page.get_by_role("button", name="Answer from").click()
    expect(page.get_by_role("checkbox", name="documents")).to_be_visible()
    assert_accessible(page, "choice")
