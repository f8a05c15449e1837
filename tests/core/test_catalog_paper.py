"""The paper's table is here as it stands in the paper, and its links lead somewhere."""

import csv
from pathlib import Path

import pytest

from gpt4all_core.catalog.catalog import find
from gpt4all_core.catalog.paper_table import TASKS, paper_rows

PAPER = Path(__file__).parents[3] / "shared" / "data" / "paper_table1.csv"


@pytest.mark.skipif(not PAPER.is_file(), reason="the paper's table is not on this disk")
def test_every_row_and_score_is_the_papers():
    with PAPER.open(encoding="utf-8") as file:
        published = [
            (row["model"], row["in_ecosystem_at_snoozy_release"] == "True", *(float(row[t]) for t in TASKS))
            for row in csv.DictReader(file)
        ]
    rows = [(row.model, row.in_ecosystem, *(row.scores[task] for task in TASKS)) for row in paper_rows()]
    assert rows == published


def test_the_average_is_that_of_the_seven_tasks():
    for row in paper_rows():
        seven = [row.scores[task] for task in TASKS if task != "average"]
        assert row.scores["average"] == pytest.approx(sum(seven) / 7, abs=0.06), row.model


def test_rows_are_sorted_by_a_task_or_by_name():
    best = paper_rows(by="openbookqa")
    assert [row.model for row in best[:2]] == ["text-davinci-003", "Nous-Hermes"]
    assert [row.model for row in paper_rows(by="model")[:2]] == ["Alpaca 7B", "Alpaca Lora 7B"]


def test_links_lead_to_entries_and_only_whole_ones_run_today():
    for row in paper_rows():
        assert all(find(name) for name in (*row.same, *row.related))
    today = {row.model: row.runs_today for row in paper_rows() if row.runs_today}
    assert today == {
        "GPT4All 13B snoozy": "gpt4all-13b-snoozy",
        "GPT4All Falcon": "gpt4all-falcon",
        "Mosaic mpt-chat": "mpt-7b-chat",
    }


def test_a_retired_entry_does_not_run_today():
    (mpt,) = (row for row in paper_rows() if row.model == "Mosaic mpt-chat")
    assert mpt.model_copy(update={"same": ("mpt-7b-chat-newbpe",)}).runs_today is None
    assert mpt.model_copy(update={"same": ("mpt-7b-chat-newbpe", "mpt-7b-chat")}).runs_today == "mpt-7b-chat"
