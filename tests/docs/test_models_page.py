"""The page on models says what the catalog says."""

import re
from pathlib import Path

from gpt4all_app.paper_view import paper_table
from gpt4all_core.catalog.catalog import better_model, find, list_models
from gpt4all_core.catalog.memory import memory_needed
from gpt4all_core.catalog.paper_table import paper_rows

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")


def rows(heading):
    """The cells of the table in a section."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.split("\n") if line.startswith("|")][2:]
    return [[cell.strip(" `") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def gigabytes(count):
    return f"{count / 1e9:.1f} GB"


def test_the_models_for_a_memory_are_those_that_the_catalog_recommends():
    for memory, name, size, needed, licence in rows("Which model for which memory"):
        entry = better_model(int(memory.split()[0]) * 2**30)
        assert (name, size, needed, licence) == (
            entry.name,
            gigabytes(entry.size_bytes),
            gigabytes(memory_needed(entry)),
            entry.licence.id,
        )


def test_every_licence_of_the_catalog_is_explained():
    shown = {re.sub(r"^\[(.*?)\]\(.*\)$", r"\1", name): terms for name, *terms in rows("Licences")}
    licences = {entry.licence for entry in list_models() if entry.licence}
    assert shown == {licence.id: [licence.commercial, licence.conditions or ""] for licence in licences}


def test_every_embedder_is_there_with_its_prefixes():
    table = {name: (query, document) for name, _, query, document in rows("Embedders")}
    assert set(table) == {entry.name for entry in list_models(role="embedder") if not entry.retired}
    for name, shown in table.items():
        entry = find(name)
        prefixes = (entry.query_prefix, entry.document_prefix)
        assert shown == tuple(prefix.replace("\n", "\\n").replace("|", "\\|").strip() for prefix in prefixes)


def test_the_example_of_a_catalog_is_one(tmp_path, monkeypatch):
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "catalog.json"
    path.write_text(example, encoding="utf-8")
    monkeypatch.setenv("GPT4ALL_CATALOG", str(path))
    assert find("our-embedder").licence.name == "House rules"
    assert find("chat").template.replaces_own


def test_the_papers_table_is_what_the_command_prints():
    assert f"$ gpt4all models table\n{paper_table(paper_rows(), width=80)}\n```" in PAGE
