"""More than questions: summaries, comparisons, objects with the places they were read from, and lists."""

import re
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import AliasChoices, BaseModel, Field, create_model

from gpt4all_core.errors import ConfigError, LocalDocsError
from gpt4all_core.testing import HashEmbedder, ScriptedChatModel
from gpt4all_core.types import Usage
from gpt4all_localdocs import LocalDocs, SearchFilter, Text
from gpt4all_localdocs.extract import extract
from gpt4all_localdocs.summarise import group_by_tokens, spread_evenly, summarise
from gpt4all_localdocs.types import Answer, Citation, Hit

POLICY = "# Leave\n\nEverybody has 27 days of annual leave.\n\n# Rent\n\nRent is due on Monday.\n"
REVISED = "# Leave\n\nEverybody has 30 days of annual leave.\n\n# Parking\n\nParking is free of charge.\n"


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "policy.md").write_text(POLICY, encoding="utf-8")
    (folder / "revised.md").write_text(REVISED, encoding="utf-8")
    model = ScriptedChatModel(["A summary."], quotes=["27 days", "Rent"])
    with LocalDocs(tmp_path / "index", folders=[folder], embedder=HashEmbedder(), model=model) as opened:
        opened.sync()
        yield opened


def piece(text, *, start=0):
    return Hit(Path("a.txt"), text, 0.0, None, None, (start, start + len(text)))


def quoted(*quotes):
    found = tuple(Citation(1, Path("a.txt"), None, None, (0, len(text)), text, 1.0) for text in quotes)
    return Answer(quotes[0] if quotes else "", found[:1], (), "quote", Usage(0, 0), quotes=found)


class TestSummarise:
    def test_parts_are_summarised_and_then_their_summaries(self):
        model = ScriptedChatModel(["part"], context_size=600)
        summary = summarise(model, [piece("word " * 60) for _ in range(4)])
        prompts = [call.messages[-1].text for call in model.calls]
        assert summary.text == "part"
        assert len(summary.parts) == len(prompts) - 1 > 1
        assert prompts[-1].count("part") == len(summary.parts)
        assert [source for part in summary.parts for source in part.sources] == [piece("word " * 60)] * 4
        assert summary.share == 1

    def test_a_text_that_fits_is_summarised_at_once(self):
        model = ScriptedChatModel(["short"])
        assert summarise(model, [piece("one"), piece("two")]).text == "short"
        assert len(model.calls) == 1

    @pytest.mark.parametrize(
        ("text", "is_allowed"),
        [
            ("Leave is 27 days.", True),
            ("If a < b and c > d, <br> is\na tag.", True),
            ("<<< Leave", False),
            ("Leave <<", False),
            ("Leave >>> is", False),
        ],
    )
    def test_no_summary_can_copy_the_fences_of_the_text(self, text, is_allowed):
        model = ScriptedChatModel(["short"])
        summarise(model, [piece("one")])
        assert bool(re.fullmatch(model.calls[0].rule["regex"], text)) is is_allowed

    @pytest.mark.parametrize(("is_demonstration", "penalty"), [(True, 1.1), (False, 1.0)])
    def test_only_a_demonstration_model_is_kept_from_saying_one_thing_again(self, is_demonstration, penalty):
        model = ScriptedChatModel(["short"], is_demonstration=is_demonstration)
        summarise(model, [piece("one")])
        assert model.calls[0].params.repeat_penalty == penalty

    def test_over_the_budget_passages_from_everywhere_are_read(self):
        pieces = [piece(f"{number} " * 10) for number in range(100)]
        chosen = spread_evenly(pieces, [10] * 100, 200)
        places = [pieces.index(chosen_piece) for chosen_piece in chosen]
        assert (len(places), places[0]) == (20, 0)
        assert max(after - before for before, after in pairwise(places)) <= 10
        summary = summarise(ScriptedChatModel(["s"]), pieces, budget_tokens=220)
        assert 0.15 < summary.share < 0.25

    def test_a_summary_is_as_long_as_was_asked_for(self, docs):
        docs.summarise(docs.folders[0] / "policy.md", max_tokens=40)
        assert [call.params.max_tokens for call in docs.model.calls] == [40]

    @pytest.mark.parametrize("max_tokens", [0, 4096])
    def test_a_length_that_leaves_no_room_is_refused(self, max_tokens):
        with pytest.raises(ConfigError, match=f"max_tokens.*{max_tokens}"):
            summarise(ScriptedChatModel(["s"]), [piece("one")], max_tokens=max_tokens)

    def test_groups_keep_the_order_and_the_room(self):
        assert group_by_tokens("abcd", [2, 2, 5, 1], 4) == [["a", "b"], ["c"], ["d"]]

    def test_a_file_of_the_index_is_summarised_by_its_path(self, docs):
        summary = docs.summarise(docs.folders[0] / "policy.md")
        assert summary.text == "A summary."
        assert "Rent is due on Monday." in docs.model.calls[0].messages[-1].text
        assert str(docs.folders[0]) not in docs.model.calls[0].messages[-1].text

    def test_what_is_not_in_the_index_is_named(self, docs):
        with pytest.raises(LocalDocsError, match=r"nowhere\.md"):
            docs.summarise("nowhere.md")


class TestCompare:
    def test_passages_are_paired_and_the_others_told(self, docs):
        compared = docs.compare(docs.folders[0] / "policy.md", docs.folders[0] / "revised.md")
        assert [(pair.left.headings, pair.right.headings) for pair in compared.changed] == [
            (("Leave",), ("Leave",))
        ]
        assert "Rent is due" in compared.only_left[0].text
        assert "Parking is free" in compared.only_right[0].text
        assert not compared.is_equal

    def test_a_document_equals_itself(self, docs):
        path = docs.folders[0] / "policy.md"
        compared = docs.compare(path, path)
        assert compared.is_equal
        assert len(compared.same) == 2


class TestExtract:
    class Contract(BaseModel):
        party: str = Field(description="Who signed the contract?")
        days: int
        start: date | None = None

    def test_every_field_has_its_place_and_its_type(self):
        answers = {
            "Who signed the contract?": quoted("Ada Byron."),
            "What is the days?": quoted("a month", "27 days"),
            "What is the start?": quoted("2024-05-01"),
        }
        found = extract(self.Contract, ask=answers.__getitem__)
        assert found.value == self.Contract(party="Ada Byron", days=27, start=date(2024, 5, 1))
        assert {name: place.quote for name, place in found.places.items()} == {
            "party": "Ada Byron.",
            "days": "27 days",
            "start": "2024-05-01",
        }

    @pytest.mark.parametrize(
        "names", [{"alias": "x"}, {"validation_alias": "x"}, {"validation_alias": AliasChoices("x", "y")}]
    )
    def test_fields_go_by_the_names_that_their_class_takes(self, names):
        schema = create_model("Priced", price=(int, Field(**names)))
        found = extract(schema, ask=lambda _question: quoted("7"))
        assert (found.value.price, found.missing) == (7, ())

    def test_a_required_field_that_is_not_found_leaves_no_object(self):
        found = extract(self.Contract, ask=lambda _question: quoted("nobody knows"))
        assert (found.value, found.missing) == (None, ("days", "start"))

    def test_an_optional_field_may_be_missing(self):
        found = extract(self.Contract, ask=lambda _question: quoted("7"))
        assert (found.value, found.missing) == (self.Contract(party="7", days=7, start=None), ("start",))

    @pytest.mark.parametrize("kind", [list[str], Contract, dict[str, str]])
    def test_objects_and_lists_are_refused(self, kind):
        class Holder(BaseModel):
            field: kind

        with pytest.raises(ConfigError, match="field"):
            extract(Holder, ask=lambda _question: quoted())

    def test_fields_are_quoted_from_the_index(self, docs):
        class Leave(BaseModel):
            days: int = Field(description="How many days of annual leave has everybody?")

        where = SearchFilter(paths=["policy.md"])
        found = docs.extract(Leave, where=where, least_evidence=0)
        assert found.value == Leave(days=27)
        assert found.places["days"].path.name == "policy.md"


class TestListing:
    def test_documents_are_listed_and_counted_by_a_filter(self, docs):
        docs.put([Text("Tea is at four.", id="tea", metadata={"year": 2024, "title": "Tea time"})])
        listed = docs.documents()
        assert [(document.name, document.passages) for document in listed] == [
            ("policy.md", 2),
            ("revised.md", 2),
            ("Tea time", 1),
        ]
        assert listed[2].text_id == "tea"
        assert abs((datetime.now(UTC) - listed[0].changed).total_seconds()) < 86_400
        assert docs.count() == 3
        assert docs.count(where={"year": 2024}) == len(docs.documents(where={"year": 2024})) == 1
        assert docs.count(where=SearchFilter(paths=["revised*.md"])) == 1
