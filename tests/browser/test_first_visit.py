"""The way of somebody who comes for the first time, with the real program and the starter model."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect
from screens import SLOWEST_MS

DOCUMENTS = Path(__file__).parents[2] / "examples" / "documents"
FILES = ["staff-handbook.pdf", "faq.md", "travel-and-expenses-policy.txt"]
LOADED_MS = 120_000
"""How long a model may take to be loaded and to answer."""


@pytest.fixture
def program(tmp_path, starter_model):
    """The address of `gpt4all serve` with two models: the starter model, and a copy under another name."""
    other = shutil.copy(starter_model, tmp_path / "another-model.gguf")
    models = ["--model", "smollm2-135m-instruct", "--model", str(other)]
    options = ["--port", "0", "--index", str(tmp_path / "index"), *models]
    process = subprocess.Popen(
        [sys.executable, "-m", "gpt4all_app", "serve", *options],
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    expect.set_options(timeout=LOADED_MS)
    try:
        told = (re.search(r"the web page is at (\S+)", line) for line in process.stderr)
        yield next(found for found in told if found)[1]
    finally:
        expect.set_options(timeout=SLOWEST_MS)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def test_somebody_asks_reads_the_source_stops_and_compares(program, open_page, picture):
    page = open_page(program)
    page.set_default_timeout(LOADED_MS)
    expect(page.get_by_text("What would you like to know?")).to_be_visible()
    expect(page.locator(".model-button")).to_be_visible()

    page.get_by_role("link", name="Documents").click()
    page.get_by_role("heading", name="Ask your own documents").wait_for()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose files").click()
    chooser.value.set_files([DOCUMENTS / name for name in FILES])
    expect(page.get_by_role("tabpanel")).to_contain_text("3 added")
    picture(page, "web_documents")

    page.get_by_role("link", name="Chat").click()
    page.get_by_role("button", name="Answer from: no documents").click()
    page.get_by_role("checkbox", name="documents").check()
    page.keyboard.press("Escape")
    page.get_by_label("Your message").fill(
        "How many days of paid annual leave does a full-time employee get?"
    )
    page.keyboard.press("Enter")
    answer = page.locator(".chat .answer:not([aria-busy])")
    expect(answer).to_contain_text("27 days")
    picture(page, "web_answer")
    answer.get_by_role("button", name="staff-handbook.pdf").first.click()
    expect(page.get_by_role("dialog", name="staff-handbook.pdf")).to_contain_text("27 days")
    picture(page, "web_passage")
    page.keyboard.press("Escape")

    page.get_by_role("button", name="New conversation").click()
    page.get_by_role("button", name="Answer from: documents").click()
    page.get_by_role("checkbox", name="documents").uncheck()
    page.keyboard.press("Escape")
    page.get_by_label("Your message").fill(
        "Tell the story of a lighthouse keeper, in as many words as you can."
    )
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Stop the answer")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".thread")).to_contain_text(re.compile("stopped|not answered"))

    page.get_by_role("link", name="Compare").click()
    page.get_by_label("Prompt").fill("Name three rivers of Europe.")
    page.get_by_role("region", name="Right side").get_by_label("Temperature").fill("0")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.locator(".results tbody tr")).to_have_count(2)
    picture(page, "web_compare")
