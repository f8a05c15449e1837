"""What importing an adapter costs, counted in modules: time differs from machine to machine."""

import importlib
import subprocess
import sys

import pytest

HEAVY = {"llama_cpp", "llguidance", "chromadb", "huggingface_hub", "gpt4all_core.local_model"}


def modules_after(statement):
    program = f"import sys\n{statement}\nprint(*sorted(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


@pytest.mark.parametrize(
    ("package", "framework"), [("langchain_gpt4all", "langchain_core"), ("llamaindex_gpt4all", "llama_index")]
)
def test_importing_the_package_loads_neither_models_nor_the_framework(package, framework):
    loaded = modules_after(f"import {package}")
    assert not loaded & {*HEAVY, "numpy", "pydantic", framework}


@pytest.mark.parametrize("package", ["langchain_gpt4all", "llamaindex_gpt4all"])
def test_making_every_class_known_loads_no_model_library(package):
    loaded = modules_after(f"from {package} import *")
    assert not loaded & HEAVY


@pytest.mark.parametrize(
    ("package", "names"),
    [
        (
            "langchain_gpt4all",
            [
                "ChatGPT4All",
                "GPT4All",
                "GPT4AllEmbeddings",
                "GPT4AllRerank",
                "LocalDocsRetriever",
                "LocalDocsSplitter",
                "LocalDocsVectorStore",
                "VectorStoreIndex",
                "create_localdocs_chain",
                "create_localdocs_tool",
                "register",
            ],
        ),
        (
            "llamaindex_gpt4all",
            [
                "GPT4All",
                "GPT4AllEmbedding",
                "GPT4AllRerank",
                "LocalDocsRetriever",
                "LocalDocsSplitter",
                "VectorStoreIndex",
                "create_localdocs_tool",
                "register",
            ],
        ),
    ],
)
def test_the_public_names_are_these(package, names):
    module = importlib.import_module(package)
    assert module.__all__ == dir(module) == names
    for name in names:
        assert getattr(module, name).__name__ == name
    with pytest.raises(AttributeError, match="ChatGPT5All"):
        _ = module.ChatGPT5All


@pytest.mark.parametrize(
    ("package", "framework", "name", "extra"),
    [
        ("langchain_gpt4all", "langchain_core", "ChatGPT4All", "langchain"),
        ("llamaindex_gpt4all", "llama_index", "GPT4All", "llamaindex"),
    ],
)
def test_a_missing_framework_is_named_with_the_extra_that_brings_it(package, framework, name, extra):
    program = f"""
import sys
sys.modules[{framework!r}] = None
try:
    from {package} import {name}
except ImportError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert f"gpt4all-adapters[{extra}]" in ran.stdout
