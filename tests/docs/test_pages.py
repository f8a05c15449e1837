"""The pages and examples say what is so: code runs, links lead somewhere, commands exist."""

import re
import runpy
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from gpt4all_app.program import run

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
EXAMPLES = sorted(ROOT.glob("examples/*.py"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
TARGET = re.compile(r"\bmake ([a-z-]+)\b")
HANDBOOK = "# Leave\n\nThere are 27 days of paid annual leave.\n"

SAYS = {
    "README.md": "staff-handbook.pdf",
    "langchain.md": "handbook.md",
    "llamaindex.md": "handbook.md",
    "langchain_documents.py": "\n- staff-handbook.pdf, 4",
    "llamaindex_documents.py": "\n- staff-handbook.pdf, 4",
}
"""What the code of a page or example prints, beside the model's own words."""

SERVED = {"server.md"}
"""Pages whose code talks to a server: test_server_page.py runs it."""


def named(path):
    return str(path.relative_to(ROOT))


def blocks(page, *languages):
    return [code for language, code in BLOCK.findall(page.read_text("utf-8")) if language in languages]


def code_of(path):
    if path.suffix == ".py":
        return [path.read_text("utf-8")]
    return blocks(path, "python")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where readers try things: our examples, and for `documents` of their own one short file."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "handbook.md").write_text(HANDBOOK)
    monkeypatch.chdir(tmp_path)
    return tmp_path


# LangChain calls its own `load` a beta, whose page shows it.
@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
@pytest.mark.parametrize(
    "path", [path for path in [*PAGES, *EXAMPLES] if code_of(path) and path.name not in SERVED], ids=named
)
def test_code_runs_from_top_to_bottom_and_says_something(path, folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(path)])
    if path.suffix == ".py":
        runpy.run_path(str(path), run_name="__main__")
    else:
        names: dict[str, object] = {}
        for block in code_of(path):
            exec(compile(block, path.name, "exec"), names)  # the page is ours
    printed = capsys.readouterr().out
    assert printed.strip()
    assert SAYS.get(path.name, "") in printed


def test_the_pages_that_have_code_are_among_those_that_run():
    assert {path.name for path in [*PAGES, *EXAMPLES] if code_of(path)} >= set(SAYS)


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_links_lead_to_files(path):
    for target in LINK.findall(path.read_text("utf-8")):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_make_has_the_targets_that_are_named(path):
    text = path.read_text("utf-8")
    quoted = re.findall(r"`([^`\n]*)`", BLOCK.sub("", text)) + blocks(path, "")
    for target in (target for code in quoted for target in TARGET.findall(code)):
        assert f"\n{target}:" in (ROOT / "Makefile").read_text("utf-8"), target


def test_every_target_of_make_is_in_its_help():
    text = (ROOT / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)[1].split()
    assert phony == re.findall(r"^([a-z-]+):.*## \S", text, re.MULTILINE)


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_the_command_line_has_the_commands_that_are_named(path, capsys):
    quoted = re.findall(r"`((?:\.venv/bin/)?gpt4all [^`\n]*)`", path.read_text("utf-8"))
    for command in quoted:
        words = [word for word in shlex.split(command)[1:] if re.fullmatch(r"[a-z]+", word)]
        options = re.findall(r"--[a-z-]+", command)
        assert run([*words[:2], "--help"]) == 0, command
        told = capsys.readouterr().out
        assert not [option for option in options if option not in told], command


def test_readme_shows_what_make_demo_prints(folder, capsys):
    question = re.search(r"^QUESTION \?= (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)[1]
    assert run(["ask", "--docs", "examples/documents", "--", question]) == 0
    printed = f"{question} {capsys.readouterr().out}"
    assert " ".join(printed.split()) in [" ".join(code.split()) for code in blocks(ROOT / "README.md", "")]


def test_the_extras_that_are_named_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for path in PAGES:
        for extras in re.findall(r"(?:gpt4all-adapters|'\.)\[([a-z,]+)\]", path.read_text("utf-8")):
            assert set(extras.split(",")) <= set(project["optional-dependencies"]), path
