"""The page of formats names every ending."""

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
