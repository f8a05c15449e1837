"""What the library says to programs is put into the words of the command line."""

import pytest

from gpt4all_app.failures import describe
from gpt4all_core.chosen_embedder import chosen_embedder
from gpt4all_core.config import config_file
from gpt4all_core.errors import ConfigError, ContextOverflow


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("to='Q9' is no type to quantise to", "--to Q9 is no type to quantise to"),
        (
            "output=/a b is there already; or pass overwrite=True",
            "--output /a b is there already; or add --force",
        ),
        ("output_tensor_type='F8' is none", "--output-tensor-type F8 is none"),
        ("pass it as imatrix=, or choose Q3_K_S", "pass it with --imatrix, or choose Q3_K_S"),
        ("give data= (--data DIR) a folder", "give with --data DIR a folder"),
        ("gpt4all models pull a, or pass allow_download=True", "gpt4all models pull a"),
        ("is not empty; import into a new directory", "is not empty; name a new one with --index DIR"),
        ("make one with LocalDocs.export", "make one with gpt4all docs export"),
        ("k is 0; give 1 or more", "k is 0; give 1 or more"),
        (
            "device='foo' cannot be had; choose cpu",
            "device foo cannot be had; choose cpu; to change it: gpt4all config set device VALUE",
        ),
        (
            "parallel=9 is too much; or reproducible=False",
            "parallel 9 is too much; or reproducible false; to change it: gpt4all config set parallel VALUE",
        ),
    ],
)
def test_arguments_are_options_and_settings(home, ours, theirs):
    assert describe(ConfigError(ours)) == theirs


def test_a_setting_is_changed_where_it_comes_from(home, monkeypatch):
    monkeypatch.setenv("GPT4ALL_DEVICE", "foo")
    assert describe(ConfigError("device='foo' cannot be had")).endswith("export GPT4ALL_DEVICE=VALUE")


def test_an_embedder_s_address_is_changed_by_its_own_setting(home, monkeypatch):
    monkeypatch.setenv("GPT4ALL_EMBEDDER_BASE_URL", "host")
    with pytest.raises(ConfigError) as caught:
        chosen_embedder()
    assert describe(caught.value).endswith("export GPT4ALL_EMBEDDER_BASE_URL=VALUE")


def test_a_config_file_that_cannot_be_read_hides_no_message(home):
    config_file().parent.mkdir(parents=True)
    config_file().write_text("[", encoding="utf-8")
    assert describe(ConfigError("device='foo' cannot be had")).startswith("device foo cannot be had")


def test_a_context_that_is_too_small_is_made_larger_by_a_command(home):
    assert describe(ContextOverflow(10, 5)).endswith("larger one: gpt4all config set context_size N")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (IsADirectoryError(21, "Is a directory", "/a/b"), "the system refused: /a/b: Is a directory; "),
        (OSError("odd"), "the system refused: odd; "),
    ],
)
def test_what_the_system_refuses_is_told_without_its_numbers(error, words):
    assert describe(error).startswith(words)
