import io
import os
import sys
from pathlib import Path

import pytest
from commandline import CommandLine, environment, write_documents

from gpt4all_core.testing import ScriptedChatModel

sys.path.append(str(Path(__file__).parents[1] / "core"))  # its tiny models


@pytest.fixture
def home(tmp_path, monkeypatch, starter_copies):
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    (home / "copies").symlink_to(starter_copies)
    for name in set(os.environ) - set(wanted := environment(home)):
        monkeypatch.delenv(name)
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)
    return home


@pytest.fixture
def gpt4all(home, capsys):
    return CommandLine(home, capsys)


@pytest.fixture
def demonstration(gpt4all):
    """A model that can only quote."""
    gpt4all.model = ScriptedChatModel(quotes=["27 days"], is_demonstration=True, name="tiny")
    return gpt4all


@pytest.fixture
def leave(tmp_path):
    """Documents of which one answers how much leave there is."""
    return write_documents(
        tmp_path / "handbook",
        leave="Annual leave\n\nA full-time employee gets 27 days of paid leave a year.\n",
        boats="Boats\n\nThe boats are in the shed by the river.\n",
    )


class Keyboard(io.StringIO):
    """Lines that somebody types in a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def say(monkeypatch):
    """Puts lines on standard input; `is_typed` for a terminal's."""

    def lines(text, *, is_typed=False):
        monkeypatch.setattr("sys.stdin", (Keyboard if is_typed else io.StringIO)(text))

    return lines
