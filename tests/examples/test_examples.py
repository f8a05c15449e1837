"""The examples run as they stand, each as a program of its own, and say what they are there to show.

They share one working directory, as on a reader's machine: the first makes the index, the others find it.
What the starter model says in its own words is not looked at.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from loopback import LoopbackServer

from gpt4all_app.server.find_models import find_models
from gpt4all_core.starter_copy import engine_file

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
LONGEST = 80
REFUSED = 70
"""How a program ends that wants another machine."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A working directory with the index of the example documents."""
    return tmp_path_factory.mktemp("desk")


@pytest.fixture
def run(desk):
    """Runs an example and returns what it prints; `typed` is what stands in its standard input."""

    def run_example(name, *arguments, typed="", warnings=("error",)):
        options = [option for warning in warnings for option in ("-W", warning)]
        command = [sys.executable, *options, str(ROOT / "tests" / "examples" / "run_offline.py")]
        done = subprocess.run(
            [*command, str(EXAMPLES / name), *arguments],
            cwd=desk,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run_example


def test_every_example_is_run_and_told_of_and_short():
    programs = sorted(path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".mjs"))
    tests = Path(__file__).read_text("utf-8")
    table = (EXAMPLES / "README.md").read_text("utf-8")
    for name in programs:
        assert f'"{name}"' in tests, name
        assert f"[{name}]({name})" in table, name
        assert len((EXAMPLES / name).read_text("utf-8").splitlines()) < LONGEST, name


@pytest.mark.parametrize(
    ("address", "ends_with"), [("192.0.2.1", REFUSED), ("example.org", REFUSED), ("127.0.0.1", 1)]
)
def test_no_example_could_reach_another_machine(tmp_path, address, ends_with):
    program = tmp_path / "program.py"
    program.write_text(f"import socket\nsocket.create_connection(({address!r}, 1), timeout=1)\n")
    runner = ROOT / "tests" / "examples" / "run_offline.py"
    done = subprocess.run([sys.executable, runner, program], capture_output=True, text=True, check=False)
    assert done.returncode == ends_with, done.stderr


def test_a_langchain_chain_names_its_sources(run):
    *said, _, first, second = run("langchain_chain.py").splitlines()
    assert "".join(said).strip()
    assert first == "- staff-handbook.pdf, page 4"
    assert second.startswith("- staff-handbook.pdf, page ")


def test_a_langchain_agent_asks_and_reports_what_it_was_told(run):
    told = run("langchain_agent_over_documents.py")
    assert "question: How many days of paid annual leave" in told
    assert '{"answer":"27 days","file":"staff-handbook.pdf","place":"page 4"}' in told
    assert re.search(r"^answer='.*' file='.*' place='.*'$", told, re.MULTILINE)


def test_a_langgraph_conversation_is_remembered_and_read_once(run):
    counts = re.findall(
        r"\[(\d+) messages, (\d+) tokens read, (\d+) from the cache\]", run("langgraph_with_memory.py")
    )
    first, other, again = [tuple(map(int, count)) for count in counts]
    assert (first[0], other[0], again[0]) == (2, 2, 4)  # each thread has its own
    assert again[2] > first[1] * 0.9  # the passages were not read again


def test_llamaindex_quotes_and_writes_with_sources(run):
    quoted, written = run("llamaindex_query_engine.py").split("\n\n")
    assert quoted == "Quoted: 27 days\n- staff-handbook.pdf, page 4"
    assert re.search(r"^Written: .*\S", written)
    assert "\n- staff-handbook.pdf, page 4\n" in written


def test_a_llamaindex_agent_asks_and_is_told_a_quotation_and_its_place(run):
    # LlamaIndex looks at what Pydantic and its own workflows call deprecated.
    told = run("llamaindex_agent_workflow.py", warnings=("error", "ignore::DeprecationWarning"))
    assert re.search(r"^asked: .*annual leave", told, re.MULTILINE)
    assert "told:   27 days\nsource: staff-handbook.pdf, page 4\n" in told
    assert re.search(r"^answer: *\S", told, re.MULTILINE)


def test_fields_from_a_pdf_have_their_pages_and_are_not_guessed(run):
    told = run("structured_extraction_from_pdfs.py")
    assert told.startswith("staff-handbook.pdf: Terms(leave_days=27, week_hours=38.0, ")
    assert re.search(r"leave_days +page 4, characters \d+-\d+: 27 days\n", told)
    assert re.search(r"check_in_minutes +page 7, characters \d+-\d+: 90 minutes", told)
    assert told.endswith("not in it: company_yacht\n")


LEAVE = "How many days of paid annual leave does a full-time employee get?"


def test_a_private_app_answers_with_citations_and_refuses(run):
    told = run("private_document_app.py", typed=f"{LEAVE}\nWho discovered penicillin?\n\n")
    assert "27 days\n  [1] staff-handbook.pdf, page 4: 27 days\n" in told
    assert "The documents do not answer this question." in told


def test_a_private_app_asks_the_folder_that_it_was_given(run, desk):
    (desk / "pets").mkdir()
    (desk / "pets" / "cats.md").write_text("# Pets\n\nCats may sleep in the server room.\n")
    told = run("private_document_app.py", "pets", typed=f"Where may cats sleep?\n{LEAVE}\n\n")
    assert "[1] cats.md, line 3: " in told
    assert "The documents do not answer this question." in told


def test_summaries_go_on_where_a_run_was_stopped(run, desk):
    folder = desk / "two"
    folder.mkdir()
    (folder / "faq.md").write_text("# Questions\n\nLunch is at noon, on the second floor.\n")
    (folder / "changelog.md").write_text("# 1.1\n\nThe pump no longer stops in winter.\n")
    assert "2 documents, 2 to summarise" in run("batch_summaries_of_a_folder.py", str(folder))
    written = {path.name: path.stat().st_mtime_ns for path in (desk / "summaries").iterdir()}
    assert sorted(written) == ["changelog.md.txt", "faq.md.txt"]
    (desk / "summaries" / "faq.md.txt").unlink()
    again = run("batch_summaries_of_a_folder.py", str(folder))
    assert again.startswith("2 documents, 1 to summarise\n- faq.md")
    assert (desk / "summaries" / "changelog.md.txt").stat().st_mtime_ns == written["changelog.md.txt"]
    assert (desk / "summaries" / "faq.md.txt").read_text("utf-8").strip()


def test_openais_client_streams_parses_and_asks_documents(run):
    told = run("server_with_openai_client.py")
    assert told.startswith("models: smollm2-135m-instruct, all-minilm-l6-v2\n")
    assert re.search(r"^Weather\(place='.*', degrees=-?\d+\)$", told, re.MULTILINE)
    assert told.endswith("27 days\n[1] staff-handbook.pdf, page 4\n")


def test_what_ollama_keeps_is_opened_in_place(run, starter_model, tmp_path, monkeypatch):
    # The starter's own file is slow, of which a warning would tell.
    blob = place_in_ollama(tmp_path, engine_file(starter_model), name="tiny/latest")
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    told = run("migrating_from_ollama.py", "tiny")
    assert told.startswith(f"tiny is {blob}\n")
    assert "\nweather {'city': " in told
    assert len(re.findall(r"^City\(name='.*', country='.*'\)$", told, re.MULTILINE)) == 2
    assert told.endswith("384 numbers\n")


def test_programs_of_langchain_community_are_moved(run):
    told = run("migrating_from_langchain_community.py")
    assert re.search(r"^City\(name='.*', country='.*'\)$", told, re.MULTILINE)
    assert "The printer is on the second floor.\n" in told
    assert told.endswith("takes no argument 'n_ctx'; did you mean context_size?\n")


def place_in_ollama(store, model, *, name):
    """As Ollama keeps a model that it has pulled."""
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    blob = store / "blobs" / f"sha256-{digest}"
    manifest = store / "manifests" / "registry.ollama.ai" / "library" / name
    for path in (blob, manifest):
        path.parent.mkdir(parents=True, exist_ok=True)
    blob.symlink_to(model)
    layer = {
        "mediaType": "application/vnd.ollama.image.model",
        "digest": f"sha256:{digest}",
        "size": model.stat().st_size,
    }
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": [layer]}))
    return blob


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_npms_client_streams_calls_and_answers_in_a_schema(tmp_path):
    packages = ROOT / "tests" / "javascript" / "node_modules"
    node = shutil.which("node")
    if node is None or not (packages / "openai").exists():
        pytest.skip("node or npm's package openai is missing: make test-javascript fetches it")
    (tmp_path / "node_modules").symlink_to(packages)
    program = shutil.copy(EXAMPLES / "server_with_openai_client.mjs", tmp_path)
    server = LoopbackServer(find_models(["smollm2-135m-instruct"]))
    try:
        variables = os.environ | {"OPENAI_BASE_URL": f"{server.url}/v1"}
        done = subprocess.run([node, program], env=variables, capture_output=True, text=True, check=False)
    finally:
        server.close()
    assert done.returncode == 0, done.stderr
    said, called, answered = done.stdout.splitlines()[-3:]
    assert said.strip()
    assert re.fullmatch(r"note_weather \{ place: '.*', degrees: -?\d+ \}", called)
    assert re.fullmatch(r"\{ place: '.*', degrees: -?\d+ \}", answered)
