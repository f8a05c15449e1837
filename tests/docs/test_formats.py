"""The page of formats names every ending, and shows what its code prints."""

import re
from pathlib import Path

from gpt4all_localdocs.loaders import picture
from gpt4all_localdocs.loaders.registry import CONTAINERS, LOADERS

PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")


def test_every_ending_stands_in_the_table_once():
    rows = [line for line in PAGE.split("\n") if line.startswith("|")]
    named = re.findall(r"`(\.[a-z0-9_]+)`", "\n".join(rows))
    read = [suffix for loader in (*LOADERS, *CONTAINERS, picture) for suffix in loader.SUFFIXES]
    assert sorted(named) == sorted(read)


def test_the_page_shows_what_its_code_prints(tmp_path, monkeypatch, capsys):
    blocks = re.findall(r"```python\n(.*?)```\s+```text\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for code, shown in blocks:
        exec(compile(code, "formats.md", "exec"), names)  # the page is ours
        assert capsys.readouterr().out == shown
    assert len(blocks) == PAGE.count("```python")
