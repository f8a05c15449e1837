"""A hit may be shown with the text around it, exactly as it stands in the source, within its section."""

from itertools import pairwise
from pathlib import Path

import pytest

from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs import Hit, LocalDocs, Refine, Text
from gpt4all_localdocs.expand import expand_hits

SENTENCES = [f"Rule {number} of leave says word{number}." for number in range(40)]
LONG = " ".join(SENTENCES)
SECTIONED = "# Leave\n\nLeave is long.\n\n# Pay\n\n" + LONG + "\n\n# Travel\n\nTravel is paid."


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("files")
    (folder / "rules.md").write_text(SECTIONED, encoding="utf-8")
    embedder = HashEmbedder(dimensions=512, max_tokens=24)
    with LocalDocs(folder / "index", folders=[folder], embedder=embedder) as opened:
        opened.sync()
        opened.put([Text(LONG, id="rules")])
        yield opened


def grown(docs: LocalDocs, query: str, *, k: int = 1, **options: object) -> list[Hit]:
    refine = Refine(**{"expand_tokens": 60, **options})  # type: ignore[arg-type]  # its own names
    return docs.search(query, k=k, mode="keyword", where={"file_name": "rules.md"}, refine=refine)


def test_a_hit_grows_on_both_sides_and_its_text_is_the_sources(docs: LocalDocs) -> None:
    (plain,) = docs.search("word20", k=1, mode="keyword", where={"file_name": "rules.md"})
    (hit,) = grown(docs, "word20")
    start, end = hit.span
    assert hit.text == SECTIONED[start:end]
    assert start < plain.span[0]
    assert end > plain.span[1]
    assert 60 - 24 < docs.embedder.count_tokens(hit.text) <= 60
    assert (hit.chunk_id, hit.score) == (plain.chunk_id, plain.score)
    assert docs.get([hit.next_id])[0].span[1] > end


def test_no_hit_grows_beyond_its_section(docs: LocalDocs) -> None:
    (hit,) = grown(docs, "word0", expand_tokens=10_000)
    assert hit.headings == ("Pay",)
    assert hit.text == SECTIONED[hit.span[0] : hit.span[1]]
    assert hit.text.startswith(("# Pay", "Rule 0"))
    assert hit.text.endswith(SENTENCES[-1])


def test_hits_that_run_into_each_other_are_one(docs: LocalDocs) -> None:
    hits = grown(docs, "word3 word20 word23", k=10)
    spans = sorted(hit.span for hit in hits)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert all(hit.text == SECTIONED[slice(*hit.span)] for hit in hits)
    assert any("word20" in hit.text and "word23" in hit.text for hit in hits)


def test_tokens_are_counted_as_asked_and_what_is_longer_stays(docs: LocalDocs) -> None:
    (plain,) = docs.search("word20", k=1, mode="keyword", where={"file_name": "rules.md"})
    assert grown(docs, "word20", expand_tokens=1)[0].text == plain.text
    assert len(grown(docs, "word20", expand_tokens=300, count_tokens=len)[0].text) <= 300


def test_texts_of_programs_grow_too(docs: LocalDocs) -> None:
    (hit,) = docs.search(
        "word20", k=1, where={"file_name": {"$exists": False}}, refine=Refine(expand_tokens=60)
    )
    assert hit.text_id == "rules"
    assert hit.text == LONG[slice(*hit.span)]
    assert docs.embedder.count_tokens(hit.text) > 40


@pytest.mark.parametrize(
    ("lines", "gap", "shown"),
    [((3, 3), 2, "\n\n"), ((2, 2), 5, "\n    "), ((1, 1), 1, " "), (None, 1, " "), (None, 3, "\n\n ")],
)
def test_white_space_between_passages_has_its_length_and_line_breaks(
    lines: tuple[int, int] | None, gap: int, shown: str
) -> None:
    first = Hit(Path("a"), "one", 0.5, None, lines and (1, 1), (0, 3), chunk_id="1", next_id="2")
    second = Hit(Path("a"), "two", 0.0, None, lines, (3 + gap, 6 + gap), chunk_id="2", previous_id="1")
    known = {"1": first, "2": second}
    (hit,) = expand_hits(
        [first], k=1, most_tokens=20, count_tokens=len, passages_of=lambda ids: [known[id_] for id_ in ids]
    )
    assert (hit.text, hit.span) == (f"one{shown}two", (0, 6 + gap))
    assert hit.lines == (lines and (1, lines[1]))
