import csv
import json

import pytest
from endless_model import Endless
from playwright.sync_api import expect
from screens import NARROW, Scripted


@pytest.fixture
def compare(serve, open_page):
    """Opens the comparison of models that are scripted."""

    def start(*models, **how):
        page = open_page(serve(*models) + "/#/compare", **how)
        expect(page.locator(".side .model-button")).to_have_count(2)
        return page

    return start


def start_comparing(page, prompt):
    page.get_by_label("Prompt").fill(prompt)
    page.get_by_role("button", name="Compare", exact=True).click()


@pytest.mark.parametrize("is_fair", [True, False])
def test_two_models_answer_one_prompt_and_are_measured(compare, is_fair):
    short, long = Scripted(["Yes."], name="short"), Scripted([" ".join(["word"] * 30)], name="long")
    page = compare(short, long)
    page.get_by_label("One after the other").set_checked(is_fair)
    page.get_by_role("region", name="Right side").get_by_label("Temperature").fill("0")
    start_comparing(page, "Is it?")
    rows = page.locator(".results tbody tr")
    expect(rows).to_have_count(2)
    expect(page.get_by_role("region", name="Left side")).to_contain_text("Yes.")
    cells = rows.locator("td").all_inner_texts()
    assert [cells[0], cells[3], cells[5], cells[8]] == ["short", "1", "long temperature 0", "30"]
    # A model that has the processor for itself is loaded before its time is taken.
    assert [call.messages[-1].text for call in long.calls] == ["Hello", "Is it?"][not is_fair :]
    assert (short.calls[-1].params.temperature, long.calls[-1].params.temperature) == (0.8, 0)
    assert page.get_by_text("Runs with *").count() == (not is_fair)


def test_the_experiment_is_exported_with_every_run(compare):
    page = compare(Scripted(["=1+1"], name="one"), Scripted(['Two "words".'], name="two"))
    for number, prompt in enumerate(("First?", "Second?")):
        start_comparing(page, prompt)
        expect(page.locator(".results tbody")).to_have_count(number + 1)
    with page.expect_download() as table:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(table.value.path().read_text(encoding="utf-8").splitlines()))
    assert [(row["prompt"], row["model"], row["answer"]) for row in rows] == [
        ("First?", "one", "'=1+1"),
        ("First?", "two", 'Two "words".'),
        ("Second?", "one", "'=1+1"),
        ("Second?", "two", 'Two "words".'),
    ]
    with page.expect_download() as whole:
        page.get_by_role("button", name="JSON").click()
    runs = json.loads(whole.value.path().read_text(encoding="utf-8"))["runs"]
    assert [run["prompt"] for run in runs] == ["First?", "Second?"]
    assert runs[0]["results"][1]["answer"] == 'Two "words".'


def test_one_model_is_compared_with_itself(compare):
    page = compare(Scripted(["Same."]))
    expect(page.locator(".notice")).to_contain_text("two temperatures")
    page.get_by_role("region", name="Left side").get_by_label("Temperature").fill("9")
    start_comparing(page, "Hello")
    expect(page.locator(".notice.bad")).to_contain_text("0 to 2")
    expect(page.get_by_role("region", name="Left side").get_by_label("Temperature")).to_be_focused()


def test_a_side_that_fails_says_so_and_the_other_answers(compare):
    def failing(_messages):
        raise ValueError("no")

    page = compare(Scripted(failing, name="bad"), Scripted(["Fine."], name="good"))
    start_comparing(page, "Hello")
    expect(page.get_by_role("region", name="Left side")).to_contain_text("There is no answer")
    expect(page.get_by_role("region", name="Right side")).to_contain_text("Fine.")


def test_a_comparison_is_stopped(serve, open_page):
    endless = Endless()
    page = open_page(serve(endless) + "/#/compare")
    page.get_by_label("One after the other").uncheck()
    start_comparing(page, "Go on")
    expect(page.locator(".side .answer").first).to_contain_text("word")
    page.get_by_role("button", name="Stop").click()
    assert endless.left.acquire(timeout=20)
    assert endless.left.acquire(timeout=20)
    expect(page.get_by_role("button", name="Compare", exact=True)).to_be_focused()


def test_a_narrow_screen_has_the_sides_below_each_other(compare):
    page = compare(Scripted(["Yes."], name="a-model-with-a-name-that-is-long-" * 3), viewport=NARROW)
    start_comparing(page, "Is it?")
    expect(page.locator(".results")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
