"""The way of somebody who comes for the first time, with the real program and the starter model."""

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from axe import assert_accessible
from documents_page import drop
from playwright.sync_api import expect
from screens import SLOWEST_MS, WIDE

DOCUMENTS = Path(__file__).parents[2] / "examples" / "documents"
FILES = ["staff-handbook.pdf", "faq.md", "travel-and-expenses-policy.txt"]
QUESTION = "How many days of paid annual leave does a full-time employee get?"
BOTH = ("light", "dark")
LOADED_MS = 120_000
"""How long a model may take to be loaded and to answer."""


@pytest.fixture
def program(tmp_path, starter_model):
    """The address of `gpt4all serve` with two models: the starter model, and a copy under another name."""
    other = shutil.copy(starter_model, tmp_path / "another-model.gguf")
    models = ["--model", "smollm2-135m-instruct", "--model", str(other)]
    options = ["--port", "0", "--index", str(tmp_path / "index"), *models]
    said = tmp_path / "said.txt"  # not a pipe: nobody reads on, and it would be full
    with said.open("w") as stderr:
        process = subprocess.Popen([sys.executable, "-m", "gpt4all_app", "serve", *options], stderr=stderr)
    expect.set_options(timeout=LOADED_MS)
    try:
        yield address(process, said)
    finally:
        expect.set_options(timeout=SLOWEST_MS)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def address(process, said):
    """Where the page is, as the program says once it listens."""
    while not (told := re.search(r"the web page is at (\S+)", said.read_text())):
        if process.poll() is not None:
            pytest.fail(f"the program has ended: {said.read_text()}")
        time.sleep(0.05)
    return told[1]


def test_somebody_drops_files_asks_reads_stops_compares_and_looks_at_the_map(program, open_page, picture):
    page = open_page(program, reduced_motion="reduce")
    page.set_default_timeout(LOADED_MS)
    expect(page.get_by_text("What would you like to know?")).to_be_visible()
    expect(page.get_by_role("button", name="Model: smollm2-135m-instruct")).to_be_visible()
    drop_files(page, picture)
    ask_them(page, picture)
    read_the_source(page, picture)
    stop_a_long_answer(page)
    compare(page, picture)
    look_at_the_map(page)


def drop_files(page, picture):
    page.get_by_role("link", name="Documents").click()
    page.get_by_role("heading", name="Ask your own documents").wait_for()
    seen = page.evaluate_handle(
        """() => {
            const seen = new Set();
            const look = () => {
                for (const bar of document.querySelectorAll("progress")) seen.add(bar.ariaLabel);
            };
            const options = { subtree: true, childList: true, attributes: true };
            new MutationObserver(look).observe(document.body, options);
            return seen;
        }"""
    )
    drop(page, [str(DOCUMENTS / name) for name in FILES])
    expect(page.get_by_role("tabpanel")).to_contain_text("3 added")
    expect(page.locator(".file-name")).to_have_text(sorted(FILES))
    assert "Indexing" in seen.evaluate("seen => [...seen]")
    picture(page, "web_documents", themes=BOTH)


def choose_documents(page, *, are_wanted):
    page.get_by_role("button", name="Answer from:").click()
    page.get_by_role("checkbox", name="documents").set_checked(are_wanted)
    page.keyboard.press("Escape")


def ask_them(page, picture):
    page.get_by_role("link", name="Chat").click()
    choose_documents(page, are_wanted=True)
    page.get_by_label("Your message").fill(QUESTION)
    page.keyboard.press("Enter")
    expect(page.locator(".chat .answer:not([aria-busy])")).to_contain_text("27 days")
    assert_accessible(page, "answered from documents")
    picture(page, "web_answer", themes=BOTH)


def read_the_source(page, picture):
    page.locator(".chat .answer").get_by_role("button", name="staff-handbook.pdf").first.click()
    dialog = page.get_by_role("dialog", name="staff-handbook.pdf")
    expect(dialog.locator("mark.quotation")).to_have_text("27 days")
    expect(dialog.locator("mark.quotation")).to_be_in_viewport()
    picture(page, "web_passage", themes=BOTH)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def stop_a_long_answer(page):
    page.get_by_role("button", name="New conversation").click()
    choose_documents(page, are_wanted=False)
    page.get_by_label("Your message").fill("Write down all numbers from one to a thousand, in words.")
    page.keyboard.press("Enter")
    expect(page.locator(".answer .markdown")).not_to_be_empty()
    page.get_by_role("button", name="Stop the answer").click()
    expect(page.locator(".chat .answer:not([aria-busy]) .statistics")).to_contain_text("stopped")


def compare(page, picture):
    page.get_by_role("link", name="Compare").click()
    page.get_by_label("Prompt").fill("What is a river? Answer in one sentence.")
    page.get_by_role("region", name="Right side").get_by_label("Temperature").fill("0")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.locator(".results tbody tr")).to_have_count(2)
    for side in ("Left", "Right"):
        expect(page.get_by_role("region", name=f"{side} side").locator(".markdown")).not_to_be_empty()
    page.set_viewport_size({**WIDE, "height": 960})  # all of it, with the table
    picture(page, "web_compare", themes=BOTH)
    page.set_viewport_size(WIDE)


def look_at_the_map(page):
    """It is drawn after the files came, but that takes its time: who comes early has it drawn."""
    page.get_by_role("link", name="Map").click()
    draw, facts = page.get_by_role("button", name="Draw the map"), page.locator(".map-facts")
    expect(draw.or_(facts)).to_be_visible()
    if draw.is_visible():
        draw.click()
    expect(facts).to_contain_text("of 3 documents")
    page.get_by_label("Search the map").fill("annual leave")
    page.keyboard.press("Enter")
    expect(page.locator(".map-found")).to_contain_text("that fit best")
    page.get_by_role("tab", name="List").click()
    row = page.locator(".point-table tbody tr").filter(has_text="staff-handbook.pdf").first
    row.get_by_role("button", name="Show").click()
    expect(page.locator(".map-card")).to_contain_text("staff-handbook.pdf")
    page.mouse.move(5, 5)
    page.locator(".map-canvas").hover()  # in the middle, where the point is now
    expect(page.locator(".map-card")).to_contain_text("staff-handbook.pdf")
    page.locator(".map-canvas").click()
    expect(page.get_by_role("dialog", name="staff-handbook.pdf").locator("mark.passage")).to_be_visible()
