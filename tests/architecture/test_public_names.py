import importlib
import inspect
import subprocess
import sys

import pytest

import gpt4all_core
from gpt4all_core import errors, testing

CORE = {
    "Adapter",
    "Advice",
    "Audio",
    "ChatModel",
    "ChatReply",
    "ChecksumMismatch",
    "ChosenLogprob",
    "Completion",
    "ConfigError",
    "Constraint",
    "ContextOverflow",
    "DownloadError",
    "Embedder",
    "EmbedderMismatch",
    "EndpointError",
    "EngineBusy",
    "EngineClosed",
    "EngineCrashed",
    "FileFacts",
    "GPT4AllError",
    "Generation",
    "GenerationCancelled",
    "GenerationError",
    "GenerationParams",
    "GenerationTimeout",
    "Hardware",
    "Image",
    "IndexBusy",
    "IndexCorrupt",
    "InvalidToolCall",
    "LocalDocsError",
    "LocalEmbedder",
    "LocalModel",
    "LocalReranker",
    "Loglikelihood",
    "Loss",
    "Message",
    "MissingDependency",
    "ModelEntry",
    "ModelError",
    "ModelLoadError",
    "ModelNotFound",
    "NothingIndexed",
    "OutputError",
    "Perplexity",
    "QuantizationRecipe",
    "RankedDocument",
    "Reasoning",
    "ReasoningDelta",
    "RemoteEmbedder",
    "RemoteModel",
    "RemoteReranker",
    "Scoring",
    "SizeForecast",
    "SlowQuantization",
    "TextDelta",
    "Timing",
    "TokenLogprob",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "ToolCallFailed",
    "ToolCallParseError",
    "ToolCallStart",
    "ToolUse",
    "UnreadableDocument",
    "UnsupportedParameter",
    "UnsupportedSchema",
    "Usage",
    "VectorServerError",
    "Wishes",
    "forecast_size",
    "inspect_file",
    "list_models",
    "measure_loss",
    "perplexity",
    "recommend",
    "requantize",
    "resolve_model",
}

PACKAGES = ["gpt4all_core", "gpt4all_localdocs", "langchain_gpt4all", "llamaindex_gpt4all"]


def test_the_cores_public_names_are_these():
    assert set(gpt4all_core.__all__) == CORE
    assert set(dir(gpt4all_core)) >= CORE


def test_every_error_of_the_tree_is_public():
    tree = {
        name
        for name, value in inspect.getmembers(errors, inspect.isclass)
        if value.__module__ == errors.__name__
    }
    assert tree <= set(gpt4all_core.__all__)
    assert all(issubclass(getattr(errors, name), errors.GPT4AllError) for name in tree)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_can_be_imported_and_says_what_it_is(package):
    module = importlib.import_module(package)
    assert module.__doc__
    for name in getattr(module, "__all__", []):
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, f"{package}.{name} has no docstring"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_name_that_is_not_there_is_an_attribute_error(package):
    with pytest.raises(AttributeError, match="NoSuchName"):
        _ = importlib.import_module(package).NoSuchName


def test_the_fakes_are_documented():
    fakes = ("HashEmbedder", "ScriptedBackend", "ScriptedChatModel", "ScriptedVocabulary")
    assert all(getattr(testing, name).__doc__ for name in fakes)


def test_a_star_import_brings_exactly_the_public_names():
    program = """
before = set(globals())
from gpt4all_core import *
import gpt4all_core
print(set(globals()) - before - {"before", "gpt4all_core"} == set(gpt4all_core.__all__))
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "True"
