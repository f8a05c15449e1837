"""The pages and examples say what is so: links lead somewhere, commands exist."""

import re
import tomllib

import pytest
from page_blocks import FENCED, PAGES, ROOT, blocks_of, is_known_to_help, named

from gpt4all_app.program import run

LINK = re.compile(r"\]\((?!https?:)([^)#]*)(#[^)]+)?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
TARGET = re.compile(r"\bmake ([a-z-]+)\b")


def prose(page):
    return FENCED.sub("", page.read_text("utf-8"))


def anchors(page):
    """Those that a forge gives to the headings of a page."""
    titles = (re.sub(r"[^\w\- ]", "", title.lower()) for title in HEADING.findall(prose(page)))
    return {"#" + title.strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_to_files_and_headings(page):
    for target, anchor in LINK.findall(prose(page)):
        led = (page.parent / target) if target else page
        assert led.exists(), target
        assert not anchor or anchor in anchors(led), f"{target}{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_make_has_the_targets_that_are_named(page):
    for code in re.findall(r"`([^`\n]*)`", prose(page)):
        for target in TARGET.findall(code):
            assert f"\n{target}:" in (ROOT / "Makefile").read_text("utf-8"), target


def test_every_target_of_make_is_in_its_help():
    text = (ROOT / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)[1].split()
    assert phony == re.findall(r"^([a-z-]+):.*## \S", text, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_the_command_line_has_the_commands_that_are_named(page, capsys):
    for command in re.findall(r"`((?:\.venv/bin/)?gpt4all [^`\n]*)`", page.read_text("utf-8")):
        is_known_to_help(command, lambda: capsys.readouterr().out)


def test_readme_shows_what_make_demo_prints(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    question = re.search(r"^QUESTION \?= (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)[1]
    index = ["--index", str(tmp_path / "index")]
    assert run(["ask", "--docs", "examples/documents", *index, "--", question]) == 0
    printed = f"{question} {capsys.readouterr().out}"
    shown = [block.code for block in blocks_of(ROOT / "README.md") if block.language == "text"]
    assert " ".join(printed.split()) in [" ".join(code.split()) for code in shown]


def test_the_extras_that_are_named_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for page in PAGES:
        for extras in re.findall(r"(?:gpt4all-adapters|'\.)\[([a-z,]+)\]", page.read_text("utf-8")):
            assert set(extras.split(",")) <= set(project["optional-dependencies"]), page
