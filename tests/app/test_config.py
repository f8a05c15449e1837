import os
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt4all_app.config_file import with_key
from gpt4all_core.config import Settings, config_file
from gpt4all_core.errors import ConfigError

WRITTEN = "# mine\nthreads = 4  # quiet\n\nmodel = 'a'\n"


def test_every_setting_is_shown_with_its_source(gpt4all, monkeypatch):
    gpt4all("config", "set", "threads", 3)
    monkeypatch.setenv("GPT4ALL_DEVICE", "cpu")
    shown = gpt4all("config", "show").out
    assert "3  (config file)\n" in shown
    assert "cpu  (the environment variable GPT4ALL_DEVICE)\n" in shown
    settings = gpt4all("config", "show", "--json").document["settings"]
    assert set(settings) == set(Settings.model_fields)
    assert settings["parallel"] == {"value": None, "source": None}
    assert settings["device"]["value"] == "cpu"


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("threads", "3", 3),
        ("gpu_layers", "-1", -1),
        ("reproducible", "true", True),
        ("idle_ttl_s", "2.5", 2.5),
        ("model", 'a "b"\\', 'a "b"\\'),
    ],
)
def test_a_value_is_kept_in_the_file_as_what_it_is(gpt4all, name, value, kept):
    assert gpt4all("config", "set", name, "--", value).code == 0
    assert tomllib.loads(config_file().read_text()) == {name: kept}
    assert gpt4all("config", "unset", name).code == 0
    assert config_file().read_text() == ""


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (("set", "thread", "3"), "did you mean threads?"),
        (("set", "threads", "many"), "expected a whole number, 1 or more"),
        (("set", "vector_index", "pinecone"), "which is no store; give 'chroma', 'exact'"),
        (("set", "vector_index", "chroma+http://me:hidden@host"), "set a key as GPT4ALL_VECTOR_INDEX_KEY"),
        (("set", "workers", "five"), "workers is 'five'; give 'local'"),
        (("set", "base_url", "http://me:hidden@host/v1"), "give it as api_key or GPT4ALL_API_KEY"),
        (("set", "embedder_base_url", "host"), "gpt4all config set embedder_base_url VALUE"),
        (("unset", "colour"), "gpt4all config show lists them"),
    ],
)
def test_what_is_no_setting_is_refused_and_nothing_written(gpt4all, arguments, advice):
    found = gpt4all("config", *arguments)
    assert found.code == 2
    assert advice in found.err
    assert "hidden" not in found.err
    assert not config_file().exists()


def test_a_variable_that_goes_before_the_file_is_named(gpt4all, monkeypatch):
    monkeypatch.setenv("GPT4ALL_THREADS", "2")
    assert "GPT4ALL_THREADS goes before it" in gpt4all("config", "set", "threads", 3).err


def test_the_path_is_told_also_where_the_file_is_broken(gpt4all):
    config_file().parent.mkdir(parents=True)
    config_file().write_text("threads = [")
    assert gpt4all("config", "path").out == f"{config_file()}\n"
    found = gpt4all("config", "set", "threads", 3)
    assert (found.code, config_file().read_text()) == (2, "threads = [")


def test_a_link_to_the_file_stays_one(gpt4all, tmp_path):
    config_file().parent.mkdir(parents=True)
    (tmp_path / "dotfile").write_text(WRITTEN)
    config_file().symlink_to(tmp_path / "dotfile")
    gpt4all("config", "set", "threads", 3)
    assert config_file().is_symlink()
    assert (tmp_path / "dotfile").read_text() == "# mine\nthreads = 3\n\nmodel = 'a'\n"


@pytest.mark.skipif(os.name == "nt", reason="permissions differ")
def test_the_file_is_its_owners_alone_unless_somebody_says_otherwise(gpt4all):
    gpt4all("config", "set", "vector_index_key", "a-key")
    assert config_file().stat().st_mode & 0o777 == 0o600
    config_file().chmod(0o640)
    assert "a-key" not in gpt4all("config", "set", "vector_index_key", "a-key", "--json").out
    assert config_file().stat().st_mode & 0o777 == 0o640


def test_the_rest_of_the_file_stays_as_it_was():
    assert with_key(WRITTEN, "threads", None) == "# mine\n\nmodel = 'a'\n"
    assert with_key(WRITTEN, "parallel", 2) == f"parallel = 2\n{WRITTEN}"


@given(text=st.text())
def test_any_text_can_be_a_value(text):
    try:
        written = with_key(WRITTEN, "model", text)
    except ConfigError:
        assert any("\ud800" <= character <= "\udfff" for character in text)
        return
    assert tomllib.loads(written) == {"threads": 4, "model": text}


def test_a_value_over_several_lines_is_left_to_an_editor():
    with pytest.raises(ConfigError, match="editor"):
        with_key('model = """\na\n"""\n', "model", "b")


def test_a_number_below_zero_is_a_value_and_no_option(gpt4all):
    assert gpt4all("config", "set", "gpu_layers", "-1").code == 0
    assert gpt4all("config", "show", "--json").document["settings"]["gpu_layers"]["value"] == -1
    assert "context_size is '-3'" in gpt4all("config", "set", "context_size", "-3").err
