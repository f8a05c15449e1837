"""Warnings and news of the library are lines on standard error, not source code."""

import io
import logging
import warnings

import pytest

from gpt4all_app.library_messages import noted_messages
from gpt4all_app.output import Output
from gpt4all_core import SlowQuantization, resolve_model
from gpt4all_core.starter_copy import engine_file
from gpt4all_core.testing import ScriptedChatModel


def test_a_warning_is_a_line_on_standard_error(capsys):
    with noted_messages(Output()):
        warnings.simplefilter("always")
        warnings.warn("model.gguf is slow", SlowQuantization, stacklevel=1)
    assert capsys.readouterr() == ("", "warning: model.gguf is slow\n")


def test_afterwards_warnings_and_the_log_are_as_they_were(capsys):
    shown, logger = warnings.showwarning, logging.getLogger("gpt4all_core.starter_copy")
    before = (logger.level, list(logger.handlers))
    with pytest.raises(ZeroDivisionError), noted_messages(Output()):
        raise ZeroDivisionError
    assert warnings.showwarning is shown
    assert (logger.level, logger.handlers) == before


def test_the_first_run_says_what_it_wrote(gpt4all, tmp_path, monkeypatch):
    monkeypatch.setenv("GPT4ALL_HOME", str(tmp_path / "own"))
    starter = resolve_model("smollm2-135m-instruct")

    class FirstUse(ScriptedChatModel):
        def chat(self, *arguments, **options):
            engine_file(starter).unlink()
            return super().chat(*arguments, **options)

    gpt4all.model = FirstUse(["Hello."])
    monkeypatch.setattr("sys.stdin", io.StringIO("Hi\n"))
    found = gpt4all("chat")
    assert "made a faster copy of SmolLM2" in found.err
    assert "copy" not in found.out
