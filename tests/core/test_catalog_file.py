"""A user's own catalog: what it changes, and what is said where it is wrong."""

import json
import subprocess
import sys

import pytest

from gpt4all_core import config
from gpt4all_core.catalog.catalog import find, find_or_none, list_models
from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.catalog.template_text import template_text
from gpt4all_core.errors import ConfigError, ModelNotFound

MINE = {
    "name": "mine",
    "role": "embedder",
    "file_name": "mine.gguf",
    "source": {"kind": "file", "path": "~/mine.gguf"},
    "query_prefix": "ask: ",
}


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Writes a catalog of the user's, anew for each test: files are read once by a process."""

    def write(*models, **more):
        path = tmp_path / "own.json"
        path.write_text(json.dumps({"models": list(models), **more}), encoding="utf-8")
        monkeypatch.setenv("GPT4ALL_CATALOG", str(path))
        return path

    monkeypatch.setenv("HOME", str(tmp_path))
    return write


def test_models_of_ones_own_follow_at_the_end_and_are_found_by_name(own, tmp_path):
    names = [entry.name for entry in list_models()]
    own({**MINE, "aliases": ["our embedder", "Snoozy"], "licence": "mit"})
    assert [entry.name for entry in list_models()] == [*names, "mine"]
    assert find("OUR EMBEDDER").query_prefix == "ask: "
    assert find("snoozy").name == "mine"
    assert find("mine").commercial_use == "yes"
    with pytest.raises(ModelNotFound, match=r"mine\.gguf by your own catalog, and there is no such file"):
        resolve_model("mine")
    (tmp_path / "mine.gguf").write_bytes(b"GGUF")
    assert resolve_model("mine", allow_download=True) == tmp_path / "mine.gguf"


def test_an_entry_of_ones_own_stands_in_for_one_of_the_same_name(own):
    place = [entry.name for entry in list_models()].index("qwen3-8b")
    own({**MINE, "name": "qwen3-8b", "role": "chat", "aliases": ["llama3.1"]})
    assert list_models()[place].file_name == find("llama3.1").file_name == "mine.gguf"
    assert find_or_none("Qwen3-8B-Q4_K_M.gguf") is None


def test_licences_and_templates_of_ones_own(own, tmp_path):
    template = tmp_path / "own.jinja"
    template.write_text("{{ messages[0].content }}")
    licence = {"name": "House rules", "commercial": "no", "source": "the wall of the kitchen"}
    choice = {"file": str(template), "reason": "ours"}
    own({**MINE, "licence": "house", "template": choice}, licences={"house": licence})
    assert find("mine").licence.name == "House rules"
    assert template_text(find("mine").template) == "{{ messages[0].content }}"
    template.unlink()
    with pytest.raises(ConfigError, match=r"own\.jinja of your own catalog cannot be read"):
        template_text(find("mine").template)


def test_a_catalog_beside_the_config_file_needs_no_setting(own, tmp_path, monkeypatch):
    own(MINE).rename(tmp_path / "catalog.json")
    monkeypatch.delenv("GPT4ALL_CATALOG")
    assert find_or_none("mine") is None
    monkeypatch.setattr("gpt4all_core.catalog.catalog.config_file", lambda: tmp_path / "config.toml")
    monkeypatch.setattr(config, "config_file", lambda: tmp_path / "config.toml")
    assert find("mine")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size_bytes": "many"}, r"entry 'mine', size_bytes: Input should be a valid integer"),
        ({"size_bytes": 0}, r"entry 'mine', size_bytes: Input should be greater than 0"),
        ({"colour": "red"}, r"entry 'mine', colour: Extra inputs are not permitted"),
        ({"role": "poet"}, r"entry 'mine', role: Input should be 'chat', 'completion', 'embedder' or"),
        ({"licence": "gpl"}, r"entry 'mine', licence: 'gpl' is not known; .* take one of apache-2.0,"),
        ({"source": {"kind": "ftp"}}, r"entry 'mine', source: .*'ftp'"),
        (
            {"source": {"kind": "url", "url": "https://x.org/mine.gguf"}},
            r"entry 'mine': a file at an address needs size_bytes and sha256 or md5",
        ),
        ({"name": None}, r"entry number 1, name: Input should be a valid string"),
    ],
)
def test_a_mistake_is_told_with_file_entry_and_field(own, change, message):
    path = own({**MINE, **change})
    with pytest.raises(ConfigError, match=message) as caught:
        list_models()
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON"),
        ("[]", "is not of the form"),
        ('{"models": [], "model": []}', "has model; it may have models and licences"),
        (json.dumps({"models": [MINE, MINE]}), "has mine twice"),
    ],
)
def test_what_is_no_catalog_is_refused(own, text, message):
    own().write_text(text)
    with pytest.raises(ConfigError, match=message):
        list_models()


def test_a_catalog_that_is_named_and_missing_is_an_error(own):
    own().unlink()
    with pytest.raises(ConfigError, match=r"cannot be read: .*unset GPT4ALL_CATALOG"):
        find("mine")


def test_importing_the_adapters_reads_no_catalog():
    program = (
        "import sys, langchain_gpt4all, gpt4all_core;"
        "print(any(name.startswith('gpt4all_core.catalog') for name in sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out == "False\n"
