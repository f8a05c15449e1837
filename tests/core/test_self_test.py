import ctypes
import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from measured import quickly

from gpt4all_core.catalog.gguf_tables import LLAMA_CPP_PYTHON_VERSION
from gpt4all_core.engine.llama.library import api
from gpt4all_core.engine.llama.self_test import VERSION, check_library
from gpt4all_core.errors import ModelLoadError


def bindings(**changes):
    """The bindings, with some names replaced."""
    names = (
        "llama_model_params",
        "llama_context_params",
        "llama_batch",
        "llama_model_default_params",
        "llama_context_default_params",
        "llama_batch_get_one",
    )
    return SimpleNamespace(**{name: getattr(api, name) for name in names} | changes)


def moved(structure):
    """The same fields, the first of them behind all others: sizes are equal, places are not."""
    first, *others = structure._fields_
    return type(structure.__name__, (ctypes.Structure,), {"_fields_": [*others, first]})


def test_the_installed_library_passes_in_a_few_milliseconds():
    check_library(api, version=VERSION)
    quickly(lambda: check_library(bindings(), version=VERSION), within_s=0.02)


def test_the_version_is_the_one_that_is_required_and_tabled():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert f"llama-cpp-python=={VERSION}" in project["project"]["dependencies"]
    assert importlib.metadata.version("llama-cpp-python") == VERSION == LLAMA_CPP_PYTHON_VERSION


@pytest.mark.parametrize("version", ["0.3.35", "0.3.37", "0.3.36.post1", ""])
def test_any_other_version_is_refused_with_the_command_that_helps(version):
    with pytest.raises(ModelLoadError, match=rf"pip install .*llama-cpp-python=={VERSION}"):
        check_library(bindings(), version=version)


@pytest.mark.parametrize("name", ["llama_model_params", "llama_context_params", "llama_batch"])
def test_a_structure_of_another_size_is_refused(name):
    grown = type(
        name, (ctypes.Structure,), {"_fields_": [*getattr(api, name)._fields_, ("more", ctypes.c_long)]}
    )
    with pytest.raises(ModelLoadError, match=rf"{name} has \d+ bytes instead of"):
        check_library(bindings(**{name: grown}), version=VERSION)


@pytest.mark.parametrize("name", ["llama_model", "llama_context"])
def test_fields_that_moved_are_noticed(name):
    function = getattr(api, f"{name}_default_params")
    structure = moved(getattr(api, f"{name}_params"))
    address = ctypes.cast(function, ctypes.c_void_p).value
    other = ctypes.CFUNCTYPE(structure)(address)
    with pytest.raises(ModelLoadError, match=rf"{name}_params\.\w+ is .* by default instead of"):
        check_library(bindings(**{f"{name}_default_params": other}), version=VERSION)


def test_a_batch_that_comes_back_otherwise_is_noticed():
    def shuffled(_tokens, count):
        return SimpleNamespace(n_tokens=count, token=None, embd=None, logits=None)

    with pytest.raises(ModelLoadError, match="llama_batch does not come back"):
        check_library(bindings(llama_batch_get_one=shuffled), version=VERSION)


def test_opening_a_model_with_another_version_is_a_model_load_error(starter_model):
    program = (
        "import sys, llama_cpp\n"
        "llama_cpp.__version__ = '0.3.99'\n"
        "from gpt4all_core import LocalModel, ModelLoadError\n"
        "try:\n"
        "    LocalModel(sys.argv[1]).open()\n"
        "except ModelLoadError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", program, str(starter_model)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.startswith("llama-cpp-python 0.3.99 is installed")


def test_bindings_that_cannot_be_loaded_are_a_model_load_error(starter_model):
    program = (
        "import sys\n"
        "sys.modules['llama_cpp.llama_cpp'] = None\n"
        "from gpt4all_core import LocalModel, ModelLoadError\n"
        "try:\n"
        "    LocalModel(sys.argv[1]).open()\n"
        "except ModelLoadError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", program, str(starter_model)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.startswith("llama.cpp cannot be used here: ")
    assert "pip install" in found.stdout
