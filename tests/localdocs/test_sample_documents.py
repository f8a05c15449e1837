"""Every file of the shared collection is found by words of it where they stand, or its report says why not.

`sample_documents.tsv` has a row for each place that is looked at: the file, the place, and what another
program reads there; or the file, what becomes of it, and the reason. Phrases are compared without regard to
line breaks. A place is a page, slide, cell or chapter by its number, a line, or a row of a sheet.
"""

import re
from collections import defaultdict
from pathlib import Path

import pytest
from loader_files import sample, sample_files

from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs import IndexOptions, LocalDocs
from gpt4all_localdocs.loaders.ocr import engine_version
from gpt4all_localdocs.types import FileOutcome, Hit

TABLE = Path(__file__).with_name("sample_documents.tsv")
ROWS = [tuple(row.split("\t")) for row in TABLE.read_text(encoding="utf-8").splitlines()]
LEFT_OUT = ("skipped", "unreadable")


@pytest.fixture(scope="module")
def synced(tmp_path_factory) -> tuple[dict[str, FileOutcome], dict[str, list[Hit]]]:
    """The outcomes of a sync and the passages it made, by the files' names below the folder."""
    folder = sample(".")
    with LocalDocs(
        tmp_path_factory.mktemp("samples"),
        folders=[folder],
        embedder=HashEmbedder(),
        options=IndexOptions(vector_index="exact"),
    ) as docs:
        outcomes = {file.path.relative_to(folder).as_posix(): file for file in docs.sync().files}
        passages = defaultdict(list)
        for hit in docs.passages():
            passages[hit.path.relative_to(folder).as_posix()].append(hit)
    return outcomes, passages


def test_a_report_names_every_sample_document_once(synced):
    folder = sample(".")
    names = sorted(path.relative_to(folder).as_posix() for path in sample_files())
    assert sorted(synced[0]) == names == sorted({name for name, _, _ in ROWS})


@pytest.mark.skipif(engine_version() is not None, reason="scans are read where the extra `ocr` is installed")
def test_sample_documents_without_text_are_reported_with_the_true_reason(synced):
    outcomes, passages = synced
    expected = {name: (outcome, reason) for name, outcome, reason in ROWS if outcome in LEFT_OUT}
    left_out = {name: file for name, file in outcomes.items() if file.outcome != "added"}
    assert {name: (file.outcome, file.reason) for name, file in left_out.items()} == expected
    assert not expected.keys() & passages.keys()


def test_phrases_of_sample_documents_are_in_the_index_at_their_places(synced):
    _, passages = synced
    wrong = [
        (name, place, phrase)
        for name, place, phrase in ROWS
        if place not in LEFT_OUT
        and not any(phrase in " ".join(hit.text.split()) and stands_at(hit, place) for hit in passages[name])
    ]
    assert wrong == []


def stands_at(hit: Hit, place: str) -> bool:
    if not place:
        return True
    kind, number, sheet = re.fullmatch(r"(\w+) (\d+)(?: of (.+))?", place).groups()
    if kind in ("line", "row"):
        is_named = sheet is None or (hit.part is not None and hit.part.label == sheet)
        return is_named and hit.lines[0] <= int(number) <= hit.lines[1]
    if kind == "page":
        return hit.page == int(number)
    return hit.part is not None and (hit.part.kind, hit.part.number) == (kind, int(number))
