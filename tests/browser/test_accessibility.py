from pathlib import Path

import pytest
from documents_page import indexed, search
from playwright.sync_api import expect
from screens import NARROW, WIDE, Scripted

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
CODE_AND_TABLE = "```python\nx = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
ANSWER = f"# Head\n\nText with `code`, a [link](https://a.example/).\n\n{CODE_AND_TABLE}"


def violations(page):
    """What axe-core finds wrong with a page as it stands, with the places."""
    if not AXE.exists():
        pytest.fail("axe-core is missing; run: make test-browser")
    page.evaluate(AXE.read_text(encoding="utf-8"))  # not as a script: the page's policy bars those of others
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [(each["id"], [node["target"] for node in each["nodes"]]) for each in found["violations"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_no_state_of_the_page_breaks_a_rule_of_axe(serve, open_page, viewport, theme):
    url = serve(Scripted([ANSWER], name="one"), Scripted(["Text."], name="two"))
    page = open_page(url, viewport=viewport, theme=theme, reduced_motion="reduce")
    expect(page.locator(".model-button")).to_be_visible()
    assert violations(page) == []

    page.get_by_label("Your message").fill("Hello")
    page.keyboard.press("Enter")
    expect(page.locator(".chat .statistics")).to_be_visible()
    assert violations(page) == []

    for name in ("Settings", "Export this conversation", "Model: one"):
        page.locator(".chat").get_by_role("button", name=name).click()
        assert violations(page) == [], name
        page.keyboard.press("Escape")

    if viewport is NARROW:
        page.get_by_role("button", name="Menu").click()
        assert violations(page) == []
        page.keyboard.press("Escape")

    page.goto(f"{url}/#/compare")
    page.get_by_label("Prompt").fill("Hello")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.locator(".results")).to_be_visible()
    assert violations(page) == []

    page.goto(f"{url}/#/documents")
    expect(page.get_by_role("button", name="New collection").first).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize(("viewport", "theme"), [(WIDE, "light"), (NARROW, "dark")], ids=["wide", "narrow"])
def test_no_state_of_the_documents_breaks_a_rule_of_axe(serve, open_page, folder, viewport, theme):
    url = serve()
    page = open_page(url, viewport=viewport, theme=theme, reduced_motion="reduce")
    indexed(page, url, folder({"a.txt": "one two", "broken.pdf": "%PDF-", "program.exe": b"MZ\0\0" * 9}))
    assert violations(page) == []
    page.locator(".collection-actions").get_by_role("button", name="Delete").click()
    assert violations(page) == [], "confirm"
    page.keyboard.press("Escape")
    page.get_by_role("button", name="New collection").click()
    page.locator("dialog summary").click()
    assert violations(page) == [], "new collection"
    page.keyboard.press("Escape")
    search(page, "one")
    assert violations(page) == [], "search"
    page.locator(".hit").first.click()
    expect(page.locator("mark.passage")).to_be_visible()
    assert violations(page) == [], "passage"
    page.keyboard.press("Escape")
    page.goto(f"{url}/#/chat")
    page.get_by_role("button", name="Answer from").click()
    expect(page.get_by_role("checkbox", name="documents")).to_be_visible()
    assert violations(page) == [], "picker"
