"""One run of `gpt4all` in a test, in this process or as a process of its own."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gpt4all_app.program import run
from gpt4all_app.session import Session
from gpt4all_core.testing import HashEmbedder, ScriptedChatModel

DOCUMENTS = Path(__file__).parents[2] / "examples" / "documents"


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


class CommandLine:
    """Runs commands with a home of their own and models that a test has written."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self.model: ScriptedChatModel | None = ScriptedChatModel()
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Outcome:
        session = Session(embedder=HashEmbedder(), chat_model=self.model)
        code = run([str(argument) for argument in arguments], session)
        captured = self._capsys.readouterr()
        return Outcome(code, captured.out, captured.err)


def start(home: Path, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """The real program with its real models, both streams caught."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen(
        [sys.executable, "-m", "gpt4all_app", *map(str, arguments)], env=environment(home), **streams
    )


def finish(process: subprocess.Popen[str]) -> Outcome:
    out, err = process.communicate(timeout=120)
    return Outcome(process.returncode, out, err)


def environment(home: Path) -> dict[str, str]:
    """This process's, without settings of the person who runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GPT4ALL_", "HF_"))}
    return kept | {"GPT4ALL_HOME": str(home), "HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")}


def write_documents(folder: Path, **texts: str) -> Path:
    """A folder with a text file for each name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def has_escape_codes(text: str) -> bool:
    """Any control character but tab and line end."""
    return re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text) is not None
