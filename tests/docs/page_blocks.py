"""The blocks of code of our pages, and how each kind of them is tried."""

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from gpt4all_app.program import run
from gpt4all_localdocs.loaders.plugins import GROUP

ROOT = Path(__file__).parents[2]
PAGES = sorted(path for folder in (ROOT, ROOT / "docs", ROOT / "examples") for path in folder.glob("*.md"))
PAGES += sorted((ROOT / "docs").glob("*/*.md"))
FENCED = re.compile(
    r"^(?P<indent> *)```(?P<language>\S*)[^\n]*\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)

ADDRESS = "http://127.0.0.1:4891"
"""Of the server in examples; the tests have it at another port."""


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@dataclass(frozen=True, slots=True)
class Block:
    """language: as the fence names it. line: of the page, from 1."""

    language: str
    code: str
    line: int

    @property
    def first_line(self) -> str:
        return self.code.partition("\n")[0]


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text("utf-8")
    return [
        Block(
            match["language"],
            re.sub(f"^{match['indent']}", "", match["code"], flags=re.MULTILINE),
            text.count("\n", 0, match.start()) + 1,
        )
        for match in FENCED.finditer(text)
    ]


def commands_of(block: Block) -> list[str]:
    """The lines of a shell, each command on one; of a console those behind a prompt."""
    lines = block.code.replace("\\\n", " ").splitlines()
    if block.language == "console":
        return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return [line for line in lines if line.strip() and not line.startswith("#")]


def shape(text: str) -> str:
    """A text without what differs between machines and runs: figures, folders, where lines are broken."""
    text = re.sub(r"(?<![\w/:])[\w.~-]*/[\w./~-]*/", "", text)
    return " ".join(re.sub(r"\d[\d,.]*", "0", text).split())


def try_command(command: str, *, lines: int = 0) -> None:
    """Runs a command of this project; of other programs, sees that what is given to them exists.

    lines: of a program that stays, the server, how many to read before it is ended.
    """
    words = [word for word in shlex.split(command, comments=True) if not re.fullmatch(r"[A-Z_]+=.*", word)]
    program = Path(words[0]).name
    if program == "gpt4all" and words[1] == "serve":
        _serve(words[1:], lines=lines)
    elif program == "gpt4all":
        assert run(words[1:]) == 0, command
    else:
        assert program in OTHER_PROGRAMS, f"{command}: no test knows this program"
        OTHER_PROGRAMS[program](words[1:])


def _serve(words: list[str], *, lines: int) -> None:
    arguments = [sys.executable, "-c", "from gpt4all_app.main import main; main()", *words, "--port", "0"]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as server:
        told = [server.stderr.readline() for _ in range(lines)]
        server.send_signal(signal.SIGINT)
        told += server.stderr.readlines()
    sys.stderr.writelines(told[:lines])


def is_known_to_help(command: str, told: Callable[[], str]) -> None:
    """Of a command that is not run: that the program has it, with these options."""
    asked = [word for word in shlex.split(command)[1:] if re.fullmatch(r"[a-z][a-z-]*", word)]
    options = re.findall(r"--[a-z-]+", command)
    assert run([*asked[:2], "--help"]) == 0, command
    known = told()
    assert not [option for option in options if option not in known], command


def _is_target(words: list[str]) -> None:
    targets = [word for word in words if "=" not in word]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert targets
    assert all(f"\n{target}:" in makefile for target in targets), words


def _is_program(words: list[str]) -> None:
    assert (ROOT / words[0]).is_file(), words


def _is_installation(words: list[str]) -> None:
    assert words[0] == "install", words


def _is_answered(words: list[str]) -> None:
    """A request, made without curl, which not every machine has."""
    url, *options = words
    given = list(zip(options[::2], options[1::2], strict=True))
    headers = dict(value.split(": ", 1) for option, value in given if option == "-H")
    [body] = [value for option, value in given if option == "-d"]
    assert {option for option, _value in given} <= {"-H", "-d"}, words
    answer = httpx.post(url, content=body, headers=headers, timeout=120)
    assert answer.is_success, answer.text


OTHER_PROGRAMS: dict[str, Callable[[list[str]], None]] = {
    "make": _is_target,  # each target is a day's work of its own
    "pip": _is_installation,  # the tests reach no package index; test_pages looks at the extras
    "npm": _is_installation,  # nor this one
    "python": _is_program,  # tests/examples run the examples
    "node": _is_program,
    "curl": _is_answered,
    "source": lambda _words: None,  # changes the shell that it is typed into
}


def _is_json(code: str) -> None:
    json.loads(code)


def _is_toml(code: str) -> None:
    groups = tomllib.loads(code).get("project", {}).get("entry-points", {})
    assert set(groups) <= {GROUP}, groups  # we read no others


def _is_yaml(code: str) -> None:
    yaml.safe_load(code)


def _is_javascript(code: str) -> None:
    """Its syntax, where node is there; the tests in tests/javascript and tests/examples run such programs."""
    node = shutil.which("node")
    if node:
        subprocess.run([node, "--check", "--input-type=module", "-"], input=code, text=True, check=True)


DATA: dict[str, Callable[[str], None]] = {
    "json": _is_json,
    "toml": _is_toml,
    "yaml": _is_yaml,
    "javascript": _is_javascript,
}


def answers(block: Block) -> Iterator[tuple[str, str]]:
    """The commands of a console, each with what is shown below it."""
    parts = re.split(r"^\$ (.+)$", block.code, flags=re.MULTILINE)
    yield from zip(parts[1::2], parts[2::2], strict=True)
