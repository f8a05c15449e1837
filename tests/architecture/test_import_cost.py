import subprocess
import sys

import pytest

HEAVY = {
    "llama_cpp",
    "llguidance",
    "chromadb",
    "qdrant_client",
    "huggingface_hub",
    "pypdfium2",
    "lxml",
    "torch",
    "transformers",
}


def loaded_by(statement):
    """Top-level modules in a fresh interpreter after a statement."""
    program = f"{statement}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(found.stdout.split())


@pytest.mark.parametrize(
    "package", ["gpt4all_core", "gpt4all_localdocs", "langchain_gpt4all", "llamaindex_gpt4all"]
)
def test_importing_a_package_loads_nothing_heavy(package):
    assert not HEAVY & loaded_by(f"import {package}")


def test_the_core_and_localdocs_load_no_framework():
    loaded = loaded_by("import gpt4all_core, gpt4all_localdocs, gpt4all_core.testing")
    assert not {"langchain_core", "llama_index"} & loaded


def test_importing_the_core_does_not_even_load_numpy():
    assert "numpy" not in loaded_by("import gpt4all_core")


@pytest.mark.parametrize(
    "statement",
    [
        "from gpt4all_core import LocalModel; LocalModel('smollm2-135m-instruct')",
        "from gpt4all_core import LocalEmbedder; LocalEmbedder()",
        "from gpt4all_core.testing import ScriptedChatModel; ScriptedChatModel()",
    ],
)
def test_a_model_that_is_not_used_yet_loads_no_native_library(statement):
    assert not {"llama_cpp", "chromadb"} & loaded_by(statement)


def test_the_command_line_shows_its_help_without_models():
    assert not {"llama_cpp", "chromadb"} & loaded_by("import gpt4all_app.main")
