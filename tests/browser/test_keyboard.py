"""The way from files to a comparison without a mouse; whatever has the focus is seen to have it."""

import pytest
from documents_page import report
from endless_model import Endless
from playwright.sync_api import expect
from screens import NARROW, WIDE, Scripted

SEEN = """() => {
    const focused = document.activeElement;
    if (focused === document.body) return true; // between the last and the first
    const box = focused.getBoundingClientRect();
    const isInside = box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
    for (let each = focused; each; each = each.parentElement) {
        const { outlineStyle, outlineWidth } = getComputedStyle(each);
        if (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) return isInside;
    }
    return false;
}"""
MOST_STEPS = 60


def tab_to(page, goal, *, key="Tab"):
    """Go on with the Tab key until the goal has the focus."""
    goal.wait_for(state="attached")
    for _ in range(MOST_STEPS):
        page.keyboard.press(key)
        assert page.evaluate(SEEN), page.evaluate("document.activeElement.outerHTML")
        if goal.evaluate("goal => goal === document.activeElement"):
            return
    pytest.fail(f"no way to {goal} with {key}")


def go(page, name):
    """To another view."""
    if page.viewport_size == NARROW:
        tab_to(page, page.get_by_role("button", name="Menu"))
        page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("link", name=name))
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_files_are_chosen_asked_and_read_with_keys_alone(serve, open_page, folder, viewport):
    page = open_page(serve(Scripted(["The plumber did [1]."]), Endless()), viewport=viewport)
    page.on("filechooser", lambda _chooser: None)  # the browser takes its time to hear of it
    go(page, "Documents")
    tab_to(page, page.get_by_role("button", name="Choose files"))
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(folder({"boiler.txt": "The boiler was repaired in February by the plumber."}))
    assert "1 added" in report(page)

    go(page, "Chat")
    tab_to(page, page.get_by_role("button", name="Answer from: no documents"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("checkbox", name="documents")).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Escape")
    tab_to(page, page.get_by_label("Your message"), key="Shift+Tab")
    page.keyboard.type("Who repaired the boiler in February?")
    page.keyboard.press("Enter")
    source = page.get_by_role("button", name="Source 1: boiler.txt")
    tab_to(page, source, key="Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="boiler.txt").locator("mark.passage")).to_be_visible()
    page.keyboard.press("Escape")
    expect(source).to_be_focused()


def test_models_are_chosen_stopped_and_compared_with_keys_alone(serve, open_page):
    page = open_page(serve(Scripted(["Yes."], name="quick"), Endless()))
    tab_to(page, page.get_by_role("button", name="Model: quick"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="quick")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    tab_to(page, page.get_by_label("Your message"))
    page.keyboard.type("Go on")
    page.keyboard.press("Enter")
    expect(page.locator(".answer")).to_contain_text("word")
    page.keyboard.press("Escape")
    expect(page.locator(".answer")).to_contain_text("stopped")

    go(page, "Compare")
    tab_to(page, page.get_by_label("Prompt"))
    page.keyboard.type("Is it?")
    tab_to(page, page.get_by_role("button", name="Left model: scripted"))
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    tab_to(page, page.get_by_role("button", name="Compare", exact=True), key="Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".results tbody tr")).to_have_count(2)
