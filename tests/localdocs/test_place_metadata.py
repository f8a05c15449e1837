import json
from dataclasses import replace
from pathlib import Path

import pytest
from document_seeds import SEEDS
from loader_files import write, write_pdf

from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs import LocalDocs
from gpt4all_localdocs.place_metadata import place_metadata
from gpt4all_localdocs.types import Hit, PartName

HIT = Hit(path=Path("/docs/a"), text="x", score=1.0, page=None, lines=None, span=(0, 1))


@pytest.mark.parametrize(
    ("page", "lines", "part", "found"),
    [
        (None, None, None, {}),
        (4, None, None, {"page": 4, "page_label": "4"}),
        (4, None, PartName("page", 4), {"page": 4, "page_label": "4"}),
        (4, None, PartName("page", 4, "iv"), {"page": 4, "page_label": "iv"}),
        (2, None, PartName("slide", 2, "Aims"), {"page": 2, "page_label": "2", "slide": 2}),
        (None, (2, 9), PartName("sheet", 1, "Costs"), {"sheet": "Costs", "rows": "2-9"}),
        (None, (2, 2), PartName("sheet", 3), {"sheet": "3", "rows": "2-2"}),
        (None, (1, 3), PartName("cell", 5), {"cell": 5, "lines": "1-3"}),
        (None, None, PartName("chapter", 2, "Leave"), {"chapter": "Leave"}),
        (None, (1, 3), PartName("message", 7), {"message": 7, "lines": "1-3"}),
        (None, (1, 3), PartName("file", 1, "a/b.txt"), {"attachment": "a/b.txt", "lines": "1-3"}),
        (None, (1, 3), None, {"lines": "1-3"}),
    ],
)
def test_a_place_has_the_names_that_its_format_gives_a_meaning(page, lines, part, found):
    assert place_metadata(replace(HIT, page=page, lines=lines, part=part)) == found


def test_a_filter_of_what_a_passage_says_of_its_place_finds_that_passage(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    write_pdf(folder, ["first page", "second page"])
    for name in ("pptx", "xlsx", "epub"):
        SEEDS[f".{name}"](folder)
    cells = [{"cell_type": "code", "source": "a = 1"}, {"cell_type": "markdown", "source": "b"}]
    write(folder, "a.ipynb", json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    write(folder, "a.md", "in lines")
    with LocalDocs(tmp_path / "index", folders=[folder], embedder=HashEmbedder()) as docs:
        docs.sync()
        told = set()
        for hit in docs.passages():
            names = place_metadata(hit)
            told |= set(names)
            here = {"file_name": hit.path.name, "start_index": hit.span[0]}
            for name, value in names.items():
                assert docs.count(where=here | {name: value}) == 1, (hit, name)
                assert docs.count(where=here | {name: f"not {value}"}) == 0, (hit, name)
            for name in {"page", "slide", "sheet", "rows", "cell", "chapter", "attachment", "lines"} - set(
                names
            ):
                assert docs.count(where=here | {name: {"$exists": True}}) == 0, (hit, name)
    assert told >= {"page", "page_label", "slide", "sheet", "rows", "cell", "chapter", "lines"}
