import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from commandline import environment, finish, start

from gpt4all_app.failures import ReaderGone, Stopped, describe, exit_code
from gpt4all_app.help_pages import COLUMNS, help_pages
from gpt4all_app.main import main
from gpt4all_core.errors import (
    ConfigError,
    ContextOverflow,
    IndexBusy,
    MissingDependency,
    ModelNotFound,
    ToolCallParseError,
)
from gpt4all_core.testing import HashEmbedder

COMMANDS_PAGE = Path(__file__).parents[2] / "docs" / "commands.md"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MissingDependency("chromadb", extra="all"), 1),
        (RuntimeError("a surprise"), 1),
        (ConfigError("k is 0"), 2),
        (ModelNotFound("no such model"), 3),
        (IndexBusy("busy"), 4),
        (ContextOverflow(10, 5), 5),
        (ToolCallParseError("odd"), 5),
        (Stopped("stopped"), 130),
        (KeyboardInterrupt(), 130),
        (ReaderGone(), 141),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_every_kind_of_error_has_its_exit_code(error, code):
    assert exit_code(error) == code


def test_an_unforeseen_error_is_a_message_and_with_debug_a_traceback(gpt4all, monkeypatch):
    def fail(**_options):
        raise RuntimeError("a surprise")

    monkeypatch.setattr("gpt4all_app.model_facts.listed_models", fail)
    found = gpt4all("models", "list")
    assert found.code == 1
    assert found.err.startswith("gpt4all: unexpected RuntimeError: a surprise; ")
    assert "Traceback" in gpt4all("--debug", "models", "list").err
    monkeypatch.setenv("GPT4ALL_DEBUG", "1")
    assert "Traceback" in gpt4all("models", "list").err


def test_an_error_of_ours_keeps_its_own_words():
    assert describe(ConfigError("k is 0; give 1 or more")) == "k is 0; give 1 or more"


def test_another_embedder_is_answered_with_a_command(gpt4all, leave, monkeypatch):
    index = ("--index", leave.parent / "index")
    gpt4all("docs", "add", leave, *index)
    gpt4all("docs", "sync", *index)
    monkeypatch.setattr("commandline.HashEmbedder", partial(HashEmbedder, name="another"))
    found = gpt4all("docs", "search", "leave", *index)
    assert found.code == 4
    assert found.err.rstrip().endswith("gpt4all docs sync --rebuild --index DIR")
    assert gpt4all("docs", "sync", "--rebuild", *index).code == 0
    assert "leave" in gpt4all("docs", "search", "leave", *index).out


@pytest.mark.parametrize(
    ("arguments", "help_command"),
    [
        (["ask", "x", "y"], "gpt4all ask --help"),
        (["ask", "x", "--mode", "loud"], "gpt4all ask --help"),
        (["docs", "search", "x", "--k", "0"], "gpt4all docs search --help"),
        (["docs"], "gpt4all docs --help"),
        (["--nonsense"], "gpt4all --help"),
        (["modls"], "gpt4all --help"),
    ],
)
def test_a_wrong_command_line_names_the_help_page(gpt4all, arguments, help_command):
    found = gpt4all(*arguments)
    assert (found.code, found.out) == (2, "")
    assert found.err.rstrip().endswith(f"see: {help_command}")
    assert found.err.count("\n") == 1


def test_with_json_a_wrong_command_line_is_a_json_document_too(gpt4all):
    found = gpt4all("ask", "x", "--json", "--k", "many")
    assert (found.code, found.err) == (2, "")
    assert set(found.document["error"]) == {"type", "message"}


def test_a_question_after_two_dashes_may_look_like_an_option(gpt4all):
    found = gpt4all("ask", "--docs", "/nowhere", "--", "--json")
    assert (found.code, found.out) == (2, "")


def test_without_a_command_the_help_is_shown(gpt4all):
    found = gpt4all()
    assert found.code == 0
    assert "Usage: gpt4all" in found.out


def test_the_version_is_that_of_the_distribution(gpt4all):
    assert gpt4all("--version").out.startswith("gpt4all 0.")


def test_names_that_cannot_be_encoded_are_escaped(home):
    program = (
        "import sys; sys.stdout.reconfigure(encoding='ascii', errors='strict')\n"
        "from gpt4all_app.main import main\n"
        "sys.exit(main(['docs', 'status', '--index', 'm\\u00fcll\\udcff', '--json']))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], env=environment(home), capture_output=True, text=True, check=False
    )
    assert found.returncode == 4
    assert "m\\u00fcll\\udcff" in found.stdout


def test_help_loads_nothing_heavy(home):
    program = """
import sys
from gpt4all_app.main import main
main(["--help"])
heavy = {"numpy", "pydantic", "jinja2", "llama_cpp", "chromadb", "huggingface_hub"}
sys.exit(str(sorted(heavy & set(sys.modules))) if heavy & set(sys.modules) else 0)
"""
    found = subprocess.run(
        [sys.executable, "-c", program], env=environment(home), capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")


def test_without_the_extra_the_program_names_it(home):
    program = (
        "import sys; sys.modules['typer'] = None\n"
        "from gpt4all_app.main import main\n"
        "sys.exit(main(['--help']))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], env=environment(home), capture_output=True, text=True, check=False
    )
    assert found.returncode == 1
    assert found.stderr == "gpt4all: typer is not installed; run: pip install 'gpt4all-adapters[app]'\n"


def test_the_arguments_are_those_of_the_process_unless_given(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["gpt4all", "--version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("gpt4all ")


def test_the_package_runs_as_a_module(home):
    assert finish(start(home, "--version")).out.startswith("gpt4all ")


def test_shells_complete_the_names_of_models(home):
    completion = {
        "_GPT4ALL_COMPLETE": "complete_bash",
        "COMP_WORDS": "gpt4all models info smollm2-13",
        "COMP_CWORD": "3",
    }
    found = subprocess.run(
        [sys.executable, "-m", "gpt4all_app"],
        env=environment(home) | completion,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout.split() == ["smollm2-135m-instruct"]


def test_the_completion_script_is_for_this_program(home, monkeypatch):
    # Else the script would be for whatever shell the tests were started from.
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    found = finish(start(home, "--show-completion", "bash"))
    assert found.code == 0
    assert "_GPT4ALL_COMPLETE" in found.out


def test_the_page_of_commands_is_what_help_says(home, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    assert COMMANDS_PAGE.read_text(encoding="utf-8") == help_pages(), (
        "run: python -m gpt4all_app.help_pages > docs/commands.md"
    )


def test_what_the_system_refuses_is_not_called_a_defect():
    words = describe(PermissionError(13, "Permission denied", "/somewhere/x"))
    assert "/somewhere/x" in words
    assert "permissions" in words
    assert "defect" not in words


def test_the_help_lists_commands_under_headings_with_whole_sentences(gpt4all):
    shown = " ".join(gpt4all("--help").out.split())
    assert "Ask and talk: ask Answer a question from your documents, with its sources; without one" in shown
    assert "..." not in shown.partition("Ask and talk:")[2]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a file of Linux")
@pytest.mark.parametrize(
    ("redirection", "code", "err"),
    [
        ("<&- >&-", 0, ""),
        ("</dev/null >/dev/full", 1, "gpt4all: the system refused: No space left on device; "),
    ],
)
def test_streams_that_are_closed_or_full_are_no_defect(home, redirection, code, err):
    command = f'"$0" -m gpt4all_app config path --json {redirection}'
    found = subprocess.run(
        ["sh", "-c", command, sys.executable],
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == code
    assert found.stderr.startswith(err)
    assert "Traceback" not in found.stderr
