import ast
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("gpt4all_core", "gpt4all_localdocs", "gpt4all_app", "langchain_gpt4all", "llamaindex_gpt4all")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def imports(path):
    """Every module that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def importers(package):
    return {
        str(path.relative_to(ROOT))
        for path in MODULES
        if any(name == package or name.startswith(f"{package}.") for name in imports(path))
    }


@pytest.mark.parametrize(
    ("package", "owners"),
    [
        ("llama_cpp", "gpt4all_core/engine/llama/library.py"),
        ("chromadb", "gpt4all_localdocs/vector_index/chroma.py"),
        ("qdrant_client", "gpt4all_localdocs/vector_index/qdrant.py"),
        ("pypdfium2", "gpt4all_localdocs/loaders/pdf*.py"),
    ],
)
def test_a_heavy_dependency_is_imported_in_one_place(package, owners):
    found = importers(package)
    assert found
    assert [path for path in found if not fnmatch(path, owners)] == []


@pytest.mark.parametrize(
    ("framework", "home"), [("langchain_core", "langchain_gpt4all"), ("llama_index", "llamaindex_gpt4all")]
)
def test_a_framework_is_imported_in_its_own_package_only(framework, home):
    assert {Path(name).parts[0] for name in importers(framework)} == {home}


@pytest.mark.parametrize("part", ["chat", "constrain", "catalog", "engine"])
def test_the_four_parts_of_the_core_do_not_know_each_other(part):
    others = {
        f"gpt4all_core.{other}" for other in ("chat", "constrain", "catalog", "engine") if other != part
    }
    for path in (ROOT / "gpt4all_core" / part).rglob("*.py"):
        known = {".".join(name.split(".")[:2]) for name in imports(path)}
        assert not known & others, path


def test_no_private_name_crosses_a_module_border():
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PACKAGES:
                private = [alias.name for alias in node.names if alias.name.startswith("_")]
                assert not private, f"{path} imports {private}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_fits_the_bounds_of_the_style(path):
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 400
    assert path.stem not in {"utils", "helpers", "base", "common"}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= 80, f"{node.name} has {length} lines"
