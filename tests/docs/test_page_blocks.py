"""Every block of code of every page is tried: it runs, or it is what the block above it printed.

A page is gone through from top to bottom, as a reader does it, in a folder with our examples and one short
file. A new block is no exception unless it is listed here.
"""

import re
import sys

import httpx
import pytest
from loopback import LoopbackServer
from openai import OpenAI
from page_blocks import (
    ADDRESS,
    DATA,
    PAGES,
    ROOT,
    answers,
    blocks_of,
    commands_of,
    is_known_to_help,
    named,
    shape,
    try_command,
)

from gpt4all_app.server.access import open_access
from gpt4all_app.server.access_options import AccessOptions
from gpt4all_app.server.access_users_file import UserEntry, add_user, key_digest
from gpt4all_app.server.access_view import UsersView
from gpt4all_app.server.find_models import find_models
from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_core import requantize

HANDBOOK = "# Leave\n\nThere are 27 days of paid annual leave.\n"

RUN_ELSEWHERE = {"docs/commands.md": "made of the program's own --help; tests/app compare them"}

NOT_RUN = {
    ("docs/install.md", "gpt4all --install-completion"): "writes into the startup file of a shell",
    (
        "docs/evaluation.md",
        "gpt4all eval smollm2-135m-instruct --data DIR",
    ): "asks for data that are not ours",
    ("docs/users.md", "$ gpt4all users add ann"): "each key is another; the server of the page has these",
    ("docs/models.md", "$ gpt4all models recommend"): "depends on how fast this machine is",
    ("docs/models.md", "$ gpt4all models table"): "test_models_page has it as in a terminal of 80 columns",
    ("docs/langchain.md", "from langchain_gpt4all import GPT4AllRerank"): "its model is not on this disk",
    ("docs/llamaindex.md", "from llamaindex_gpt4all import GPT4AllRerank"): "its model is not on this disk",
    ("docs/remote_models.md", "from gpt4all_core import RemoteReranker"): "no reranker is on this disk",
}
"""Blocks by their first line. Of commands it is still seen that the program has them."""

NOT_CODE = {
    ("README.md", "How many days of paid annual leave"): "printed by make demo; test_pages compares it",
    ("docs/architecture.md", "gpt4all_app "): "a drawing",
}

A_MODEL_WROTE = {
    ("docs/map.md", "166 passages"): r"166 passages, \d topics, by umap",
    ("docs/server.md", "27 days"): r"27( days)?\nstaff-handbook.pdf \| page 4 \| 27( days)?",
    ("docs/index.md", "27 days"): r"27( days)?\n\[1\] staff-handbook.pdf, page 4",
    ("docs/quickstart.md", "27 days"): r"27( days)? \(staff-handbook.pdf, page 4\)",
    ("docs/llamaindex.md", "27 days"): (
        r"27( days)? \| 27( days)? 3-3 19\nThe documents do not answer this question. True 2"
    ),
    ("docs/langchain.md", "Hello! I'm here"): (
        r".+\n{'input_tokens': 20, 'output_tokens': \d+, 'total_tokens': \d+, .*}}\n"
        r"{'model_name': 'smollm2-135m-instruct', 'model_provider': 'gpt4all', 'finish_reason': '\w+', "
        r"'total_duration': \d+, 'prompt_eval_count': 20, 'prompt_eval_duration': \d+, "
        r"'eval_count': \d+, 'eval_duration': \d+}"
    ),
    ("docs/langchain.md", "Hello| there|"): r"([^|]+\|){1,8}\|",
    ("docs/langchain.md", "Hello there, welcome"): r".+",
    ("docs/langchain.md", "weather {'city'"): r"weather {'city': '[^']+'}",
    ("docs/langchain.md", "weather|{"): r'weather\|{"(.+\|)+',
    ("docs/langchain.md", "name='Austria'"): (
        r"name='.*' country='.*'\n{}\n{'name': '.*'}\n"
        r".*{'name': '.*', 'country': '.*'}"
    ),
    ("docs/langchain.md", "[('Hello'"): r"(\[(\(.+, -\d\.\d\)(, )?){2}\]\n?)+",
    ("docs/langchain.md", " four, five"): r".+",
}
"""What code prints that a model wrote or drew, which may differ between processors: a pattern of it."""


SHORTER = {"gpt4all models quantize model-F16.gguf": "--tokens 600"}
"""Commands by their beginning, with what spares the tests half a minute and leaves the form of the output."""


def listed(table, page, block):
    return next(
        (
            value
            for (name, line), value in table.items()
            if name == page and block.first_line.startswith(line)
        ),
        None,
    )


@pytest.fixture
def folder(page, tmp_path, monkeypatch, starter_model):
    """Where readers try things."""
    if page.name == "quantize.md":
        requantize(starter_model, to="F16", output=tmp_path / "model-F16.gguf")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "handbook.md").write_text(HANDBOOK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def served(page, tmp_path):
    """The server that a page talks to, where it does."""
    if ADDRESS not in page.read_text("utf-8"):
        yield ADDRESS
        return
    access = users_of(page, tmp_path)
    documents = ServedDocuments(tmp_path / "served", access=access and UsersView(access))
    documents.maps.after_sync = lambda: None  # no page looks at a map
    models = find_models(["smollm2-135m-instruct"])
    server = LoopbackServer(models, documents=documents, access=access)
    yield server.url
    server.close()


def users_of(page, folder):
    """Ann and Bob, with the keys that the page shows."""
    keys = dict.fromkeys(re.findall(r"gpt4all-[\w-]{43}", page.read_text("utf-8")))
    if not keys:
        return None
    for name, key in zip(("ann", "bob"), keys, strict=True):
        add_user(folder / "users.toml", name, UserEntry(key_sha256=key_digest(key), tokens_per_day=200_000))
    return open_access(AccessOptions(users=folder / "users.toml"), index=folder / "served", api_key=None)


class Reading:
    """A reader who tries a page from top to bottom, and notes what is not as it says."""

    def __init__(self, page, address, capsys):
        self._page, self._address, self._capsys = named(page), address, capsys
        self._names = {}
        self._printed = None
        self.faults = []

    def read(self, block):
        try:
            self._try(block)
        except AssertionError as fault:
            self.faults.append(f"{self._page}:{block.line}: {fault}")

    def end(self):
        """Closes the clients of a server, which pages may leave open."""
        for value in self._names.values():
            if isinstance(value, (httpx.Client, OpenAI)):
                value.close()

    def _try(self, block):
        printed, self._printed = self._printed, None
        if listed(NOT_CODE, self._page, block):
            return
        if listed(NOT_RUN, self._page, block):
            self._look_at(block)
        elif block.language == "python":
            code = "\n" * block.line + block.code.replace(ADDRESS, self._address)
            exec(compile(code, self._page, "exec"), self._names)  # the page is ours
            self._printed = self._capsys.readouterr().out
        elif block.language == "sh":
            for command in commands_of(block):
                try_command(command.replace(ADDRESS, self._address))
            self._printed = self._capsys.readouterr().out
        elif block.language == "console":
            self._compare_console(block)
        elif block.language == "text":
            self._compare(block, printed)
        else:
            assert block.language in DATA, f"no test knows how to try {block.language!r}"
            DATA[block.language](block.code)

    def _look_at(self, block):
        if block.language == "python":
            compile(block.code, self._page, "exec")
            return
        for command in commands_of(block):
            is_known_to_help(command, lambda: self._capsys.readouterr().out)

    def _compare(self, block, printed):
        assert printed is not None, "nothing prints this"
        pattern = listed(A_MODEL_WROTE, self._page, block)
        printed, shown = printed.rstrip("\n"), block.code.rstrip("\n")
        for text in (printed, shown) if pattern else ():
            assert re.fullmatch(pattern, text, re.DOTALL), f"{text!r} is not of the form {pattern!r}"
        assert pattern or printed == shown, f"it prints {printed!r}"

    def _compare_console(self, block):
        for command, shown in answers(block):
            shorter = "".join(f" {more}" for start, more in SHORTER.items() if command.startswith(start))
            try_command(command + shorter, lines=shown.strip().count("\n") + 1)
            told = self._capsys.readouterr()
            assert shape(shown) in (shape(told.out), shape(told.err + told.out)), (
                f"{command} prints {told.out!r}, and {told.err!r} as notes"
            )


# LangChain calls its own `load` a beta, whose page shows it. LlamaIndex's agents look at all that they have.
@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
@pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")
@pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince211")
@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks_of(page) and named(page) not in RUN_ELSEWHERE], ids=named
)
def test_a_page_does_what_it_shows(page, folder, served, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(page)])
    reading = Reading(page, served, capsys)
    for block in blocks_of(page):
        reading.read(block)
    reading.end()
    assert not reading.faults, "\n".join(reading.faults)


@pytest.mark.parametrize("table", [NOT_RUN, NOT_CODE, A_MODEL_WROTE], ids=["not run", "no code", "a model's"])
def test_no_exception_outlives_its_block(table):
    begun = [(named(page), block.first_line) for page in PAGES for block in blocks_of(page)]
    for page, line in table:
        assert any(page == name and first.startswith(line) for name, first in begun), f"{page}: {line}"
