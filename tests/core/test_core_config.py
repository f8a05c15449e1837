from pathlib import Path

import pytest

from gpt4all_core import config
from gpt4all_core.config import resolve_settings
from gpt4all_core.errors import ConfigError

VARIABLES = ("MODEL", "EMBEDDING_MODEL", "HOME", "THREADS", "CONTEXT_SIZE", "GPU_LAYERS")


@pytest.fixture(autouse=True)
def config_file(tmp_path, monkeypatch):
    """An environment without settings, and where its config file would be."""
    for name in VARIABLES:
        monkeypatch.delenv(f"GPT4ALL_{name}", raising=False)
    path = tmp_path / "config.toml"
    monkeypatch.setattr(config, "config_file", lambda: path)
    return path


def test_without_any_source_only_the_home_is_set():
    settings = resolve_settings()
    assert settings.home.is_absolute()
    assert "gpt4all-adapters" in str(settings.home)
    assert set(settings.model_dump(exclude={"home"}).values()) == {None}


def test_an_argument_beats_the_environment_which_beats_the_file(config_file, monkeypatch):
    config_file.write_text("model = 'from-file'\nthreads = 1\ncontext_size = 100\n")
    monkeypatch.setenv("GPT4ALL_THREADS", "2")
    monkeypatch.setenv("GPT4ALL_CONTEXT_SIZE", "200")
    settings = resolve_settings(context_size=300)
    assert (settings.model, settings.threads, settings.context_size) == ("from-file", 2, 300)


def test_an_empty_variable_counts_as_not_set(config_file, monkeypatch):
    config_file.write_text("model = 'from-file'\n")
    monkeypatch.setenv("GPT4ALL_MODEL", "")
    assert resolve_settings().model == "from-file"


def test_the_environment_is_read_at_every_call(monkeypatch):
    monkeypatch.setenv("GPT4ALL_MODEL", "one")
    assert resolve_settings().model == "one"
    monkeypatch.setenv("GPT4ALL_MODEL", "two")
    assert resolve_settings().model == "two"


def test_the_home_may_be_written_with_a_tilde(monkeypatch):
    monkeypatch.setenv("GPT4ALL_HOME", "~/models")
    assert resolve_settings().home == Path.home() / "models"


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("GPT4ALL_THREADS", "many", "a whole number, 1 or more"),
        ("GPT4ALL_THREADS", "0", "a whole number, 1 or more"),
        ("GPT4ALL_CONTEXT_SIZE", "-5", "a whole number of tokens, 1 or more"),
        ("GPT4ALL_GPU_LAYERS", "-2", "a whole number, 0 or more, or -1 for all layers"),
        ("GPT4ALL_KV_TYPE", "q5", "f16, q8_0 or q4_0"),
        ("GPT4ALL_PARALLEL", "257", "a whole number, 1 to 256"),
        ("GPT4ALL_IDLE_TTL_S", "0", "a number of seconds above 0"),
        ("GPT4ALL_ISOLATE", "perhaps", "true or false"),
        ("GPT4ALL_MEMORY_BUDGET", "1 GB", "a whole number of bytes, 1 or more"),
    ],
)
def test_a_bad_variable_is_named_with_its_value_and_what_is_expected(monkeypatch, variable, value, expected):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError) as caught:
        resolve_settings()
    assert str(caught.value) == f"the environment variable {variable} is {value!r}; expected {expected}"


NUMBERS = {
    name for name, expected in config._EXPECTED.items() if expected.startswith(("a whole number", "a number"))
}


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("name", sorted(NUMBERS))
def test_a_truth_value_is_no_number(config_file, name, value):
    with pytest.raises(ConfigError, match=f"{name} is {value}; expected a"):
        resolve_settings(**{name: value})
    config_file.write_text(f"{name} = {str(value).lower()}\n")
    with pytest.raises(ConfigError, match=rf"{name} in .*config\.toml is {value}; expected a"):
        resolve_settings()


@pytest.mark.parametrize("name", ["home", "cache_dir"])
def test_an_empty_folder_is_not_the_working_directory(name):
    with pytest.raises(ConfigError, match=f"{name} is ''; expected a folder"):
        resolve_settings(**{name: ""})


def test_a_bad_argument_is_named():
    with pytest.raises(ConfigError, match="threads is 0; expected a whole number, 1 or more"):
        resolve_settings(threads=0)


def test_a_bad_value_in_the_file_is_named_with_the_file(config_file):
    config_file.write_text("threads = 'all'\n")
    with pytest.raises(ConfigError, match=r"threads in .*config\.toml is 'all'; expected a whole number"):
        resolve_settings()


def test_a_bad_secret_is_refused_without_being_shown(config_file):
    config_file.write_text("vector_index_key = 31337\n")
    with pytest.raises(ConfigError, match=r"config\.toml is empty, or no text; expected a key") as caught:
        resolve_settings()
    assert "31337" not in f"{caught.value}{caught.value.__cause__}"


def test_an_unknown_key_in_the_file_is_refused_with_its_near_miss(config_file):
    config_file.write_text("thread = 4\n")
    with pytest.raises(ConfigError, match=r"sets thread, which is no setting; did you mean threads\?"):
        resolve_settings()


def test_a_file_that_is_no_toml_is_refused(config_file):
    config_file.write_text("threads: 4\n")
    with pytest.raises(ConfigError, match="cannot be read as TOML"):
        resolve_settings()
