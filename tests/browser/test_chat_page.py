import json
import re

import pytest
from endless_model import Endless
from playwright.sync_api import expect
from screens import NARROW, Scripted

from gpt4all_app.server.options import ServerOptions
from gpt4all_core.types import Message

TABLE = "Here:\n\n| fruit | colour |\n|---|---|\n| plum | *blue* |\n\n```python\nprint('<b>hi</b>')\n```\n"


@pytest.fixture
def chat(serve, open_page):
    """Opens the chat with models that are scripted, once it can be used."""

    def start(*models, options=None, **how):
        page = open_page(serve(*models, options=options), **how)
        expect(page.locator(".model-button")).to_be_visible()
        return page

    return start


def ask(page, text):
    page.get_by_label("Your message").fill(text)
    page.keyboard.press("Enter")


def answers(page):
    return page.locator(".answer:not([aria-busy])")


def test_an_answer_is_markdown_and_never_html(chat):
    page = chat(
        Scripted([TABLE + "<img src=x onerror=alert(1)> [go](javascript:alert(1)) [a](https://a.example/)"])
    )
    ask(page, "A table, please")
    answer = answers(page).first
    expect(answer.locator("td").nth(1)).to_have_text("blue")
    expect(answer.locator("pre")).to_have_text("print('<b>hi</b>')")
    expect(answer.locator("img, b")).to_have_count(0)
    link = answer.locator("a")
    expect(link).to_have_count(1)
    expect(link).to_have_text("a (a.example)")
    assert "noopener" in link.get_attribute("rel")


def test_an_answer_is_announced_once_and_whole(chat):
    page = chat(Scripted(["One two three four five."]))
    page.evaluate(
        "() => { window.said = []; new MutationObserver(() => said.push(announcements.textContent))"
        ".observe(announcements, {childList: true}) }"
    )
    ask(page, "Count")
    expect(page.locator("#announcements")).to_have_text("Answer: One two three four five.")
    assert [text for text in page.evaluate("said") if text] == ["Answer: One two three four five."]


def test_thoughts_are_folded_away(chat):
    page = chat(Scripted([Message("assistant", "Four.", reasoning="Two and two.")]))
    ask(page, "2 + 2?")
    thoughts = answers(page).first.locator("details")
    expect(thoughts).not_to_have_attribute("open", re.compile(".*"))
    thoughts.locator("summary").click()
    expect(thoughts).to_contain_text("Two and two.")


def test_stopping_keeps_what_was_said(serve, open_page):
    endless = Endless()
    page = open_page(serve(endless))
    ask(page, "Go on")
    expect(page.get_by_text("word")).to_be_visible()
    page.keyboard.press("Escape")
    assert endless.left.acquire(timeout=20)
    expect(answers(page).first).to_contain_text("stopped")
    expect(page.get_by_label("Your message")).to_be_focused()


def test_whoever_reads_further_up_is_left_there_when_the_answer_ends(serve, open_page):
    page = open_page(serve(Endless("A line.\n\n" * 80)))
    ask(page, "Go on")
    thread = page.locator(".thread")
    expect(thread).to_contain_text("A line.")
    thread.evaluate("thread => { thread.scrollTop = 100 }")
    page.get_by_label("Your message").press("Escape")
    expect(answers(page).first).to_contain_text("stopped")
    assert thread.evaluate("thread => thread.scrollTop") == 100


def test_the_focus_stays_in_the_conversation_when_its_button_goes(chat):
    page = chat(Scripted(["Once.", "Twice."]))
    ask(page, "Hello")
    page.get_by_role("button", name="Ask for another answer").press("Enter")
    expect(answers(page)).to_have_text([re.compile("Twice")])
    expect(page.locator(".thread")).to_be_focused()


def test_a_question_can_be_edited_and_an_answer_asked_for_again(chat):
    model = Scripted(lambda messages: f"You said: {messages[-1].text}")
    page = chat(model)
    ask(page, "First")
    expect(answers(page)).to_have_text([re.compile("You said: First")])
    page.get_by_role("button", name="Ask for another answer").click()
    expect(answers(page)).to_have_count(1)
    page.locator(".question").hover()
    page.get_by_role("button", name="Edit the question").click()
    page.get_by_label("The question").fill("Second")
    page.get_by_role("button", name="Ask again").click()
    expect(answers(page)).to_have_text([re.compile("You said: Second")])
    assert [call.messages[-1].text for call in model.calls] == ["First", "First", "Second"]


def test_settings_reach_the_model_and_are_kept(chat):
    model = Scripted()
    page = chat(model)
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("System prompt").fill("Be brief.")
    page.get_by_label("Temperature", exact=True).fill("0.2")
    page.get_by_label("Top-p", exact=True).fill("7")
    page.get_by_label("Most tokens", exact=True).fill("9")
    page.keyboard.press("Escape")
    page.reload()
    ask(page, "Hello")
    expect(answers(page)).to_have_count(1)
    call = model.calls[0]
    assert [message.text for message in call.messages] == ["Be brief.", "Hello"]
    assert (call.params.temperature, call.params.max_tokens, call.params.top_p) == (0.2, 9, 0.95)
    page.get_by_role("button", name="Settings, 3 changed").click()
    page.get_by_role("button", name="Reset all").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Settings", exact=True)).to_be_visible()


def test_conversations_outlive_the_page_and_can_be_found_renamed_and_deleted(chat):
    page = chat(Scripted(["Sweet.", "Deep."]))
    ask(page, "What are plums?")
    expect(answers(page)).to_have_count(1)
    page.get_by_role("button", name="New conversation").click()
    ask(page, "What is the sea?")
    expect(answers(page)).to_have_text([re.compile("Deep.")])
    page.reload()
    listed = page.locator(".conversation")
    expect(listed).to_have_text(["What is the sea?", "What are plums?"])
    page.get_by_label("Search conversations").fill("sweet")
    expect(listed).to_have_text(["What are plums?"])
    listed.click()
    expect(answers(page)).to_have_text([re.compile("Sweet.")])
    page.get_by_label("Search conversations").fill("")
    page.locator(".conversations li").nth(1).hover()
    page.get_by_role("button", name="Rename “What are plums?”").click()
    page.get_by_label("Title").fill("Fruit")
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(listed).to_have_text(["What is the sea?", "Fruit"])
    page.locator(".conversations li").nth(0).hover()
    page.get_by_role("button", name="Delete “What is the sea?”").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(listed).to_have_text(["Fruit"])
    page.reload()
    expect(listed).to_have_text(["Fruit"])


def test_conversations_are_exported_and_imported(chat, tmp_path):
    page = chat(Scripted(["Sweet."]))
    ask(page, "What are plums?")
    expect(answers(page)).to_have_count(1)
    page.get_by_role("button", name="Export this conversation").click()
    with page.expect_download() as text:
        page.get_by_role("button", name="Markdown").click()
    assert text.value.suggested_filename == "what-are-plums.md"
    expected = "# What are plums?\n\n## You\n\nWhat are plums?\n\n## scripted\n\nSweet.\n"
    assert text.value.path().read_text(encoding="utf-8") == expected
    with page.expect_download() as exported:
        page.get_by_role("button", name="JSON").click()
    page.keyboard.press("Escape")
    kept = tmp_path / "kept.json"
    exported.value.save_as(kept)
    kept_again = tmp_path / "damaged.json"
    damaged = json.loads(kept.read_text(encoding="utf-8"))
    damaged["conversations"][0]["messages"][0]["role"] = "system"
    kept_again.write_text(json.dumps(damaged), encoding="utf-8")
    page.set_input_files(".conversation-files input", kept_again)
    expect(page.locator(".conversation-panel .notice")).to_contain_text("damaged")
    page.set_input_files(".conversation-files input", kept)
    expect(page.locator(".conversation")).to_have_count(2)
    expect(page.locator(".conversation-panel .notice")).to_have_count(0)


def test_an_error_stands_where_the_answer_would_and_can_be_tried_again(chat):
    def failing_once(messages, failed=[]):  # noqa: B006 - remembers
        if not failed:
            failed.append(True)
            raise ValueError("not this time")
        return "Now."

    page = chat(Scripted(failing_once))
    ask(page, "Hello")
    expect(page.locator(".thread .notice")).to_contain_text("There is no answer")
    page.locator(".thread").get_by_role("button", name="Try again").click()
    expect(answers(page)).to_have_text([re.compile("Now.")])


def test_the_key_is_asked_for_and_kept_for_the_tab(serve, open_page):
    page = open_page(serve(options=ServerOptions(api_key="a secret")))
    field = page.get_by_label("API key")
    field.fill("a guess")
    page.keyboard.press("Enter")
    expect(page.get_by_text("That was not the key.")).to_be_visible()
    page.get_by_label("API key").fill("a secret")
    page.keyboard.press("Enter")
    expect(page.locator(".model-button")).to_be_visible()
    page.reload()
    expect(page.locator(".model-button")).to_be_visible()
    expect(page.locator("dialog")).to_have_count(0)


def test_the_picker_tells_what_each_model_takes_and_remembers_the_choice(chat):
    one, other = Scripted(["I am one."], name="one"), Scripted(["I am the other."], name="other")
    page = chat(one, other)
    page.get_by_role("button", name="Model: one").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("radio")).to_have_count(2)
    expect(dialog).to_contain_text("commercial use")
    dialog.get_by_role("radio", name="other").check()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Model: other")).to_be_focused()
    page.reload()
    ask(page, "Who are you?")
    expect(answers(page)).to_have_text([re.compile("I am the other.")])


def test_the_keyboard_alone_is_enough(chat):
    page = chat(Scripted(["Hello."]))
    page.get_by_text("Skip to the content").focus()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.get_by_label("Your message").evaluate("field => field === document.activeElement"):
            break
    page.keyboard.type("Hello")
    page.keyboard.press("Enter")
    expect(answers(page)).to_have_count(1)


def test_a_narrow_screen_has_all_of_it_behind_a_menu(chat):
    page = chat(Scripted(["Hello there."]), viewport=NARROW)
    ask(page, "A question that is long enough to fill more than the width of a telephone " + "x" * 80)
    expect(answers(page)).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("button", name="New conversation").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_text("What would you like to know?")).to_be_visible()


@pytest.mark.parametrize(("system", "chosen", "is_dark"), [("light", "Dark", True), ("dark", "Light", False)])
def test_the_theme_that_was_chosen_stands_against_the_systems(chat, system, chosen, is_dark):
    page = chat(theme=system)
    lightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0] < 128"
    assert page.evaluate(lightness) is not is_dark
    page.get_by_label(chosen).check(force=True)
    page.reload()
    assert page.evaluate(lightness) is is_dark
