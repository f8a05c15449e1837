"""Texts that a program puts beside the files: what comes back, what stays, what is refused."""

import threading

import pytest
from workbench import Workbench

from gpt4all_core.errors import ConfigError, LocalDocsError
from gpt4all_core.testing import HashEmbedder, ScriptedChatModel
from gpt4all_localdocs import IndexOptions, LocalDocs, Text
from gpt4all_localdocs.store import Store

LONG = " ".join(f"Paragraph {n} speaks of number{n}." for n in range(20))


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "leave.md").write_text("# Leave\n\nEverybody gets 27 days of leave a year.\n")
    with LocalDocs(
        tmp_path / "index",
        folders=[folder],
        embedder=HashEmbedder(max_tokens=24),
        model=ScriptedChatModel(quotes=["noon"]),
    ) as docs:
        yield docs


def ids(hits):
    return [hit.text_id for hit in hits]


@pytest.mark.parametrize("mode", ["vector", "keyword", "hybrid"])
def test_a_text_is_found_as_it_was_put(docs, mode):
    metadata = {"title": "Canteen", "tags": ["food", 1], "price": {"eur": 4.5}, "open": True, "note": None}
    assert docs.put([Text("Lunch is at noon.", "lunch", metadata), Text("The printer hums.")])[0] == "lunch"
    hit = docs.search("lunch", k=1, mode=mode)[0]
    assert (hit.text, hit.text_id, hit.metadata, hit.name) == (
        "Lunch is at noon.",
        "lunch",
        metadata,
        "Canteen",
    )
    assert (str(hit.path), hit.span, hit.place, hit.is_part) == ("lunch", (0, 17), "", False)


def test_texts_are_got_in_the_order_asked_for_and_missing_ones_left_out(docs):
    docs.put([Text("one", "a"), Text("two", "b")])
    assert ids(docs.get(["b", "missing", "a", "b"])) == ["b", "a", "b"]
    assert list(docs.texts()) == [Text("one", "a"), Text("two", "b")]


def test_equal_texts_with_equal_metadata_are_one_unless_they_are_given_ids(docs):
    first, second, third = docs.put([Text("one"), Text("one"), Text("one", metadata={"page": 1})])
    assert first == second != third
    docs.put([Text("one", "own id")])
    assert docs.status().texts == 3
    assert docs.status().vectors == 1


def test_a_later_text_of_an_id_takes_the_place_of_an_earlier_one(docs):
    docs.put([Text("alpha", "a"), Text("beta", "a")])
    assert [text.text for text in docs.texts()] == ["beta"]
    docs.put([Text("gamma", "a", {"year": 1})])
    assert docs.search("beta", mode="keyword") == []
    assert [hit.text for hit in docs.search("gamma")] == ["gamma"]
    docs.put([Text("gamma", "a", {"year": 2})])
    assert docs.search("gamma")[0].metadata == {"year": 2}
    assert docs.status().vectors == docs.status().passages == 1


def test_a_long_text_is_found_in_parts_and_got_whole(docs):
    docs.put([Text(LONG, "long")])
    [hit] = docs.search("number7", k=1, mode="keyword")
    assert LONG[slice(*hit.span)] == hit.text != LONG
    assert hit.is_part
    assert hit.text_id == "long"
    assert [(whole.text, whole.span) for whole in docs.get(["long"])] == [(LONG, (0, len(LONG)))]
    assert docs.get([hit.chunk_id])[0].text == hit.text
    chain = [part for part in docs.passages() if part.text_id]
    assert [part.next_id for part in chain[:-1]] == [part.chunk_id for part in chain[1:]]
    assert {len(row) for row in docs.vectors_of(chain)} == {64}


def test_deleted_texts_are_gone_with_their_vectors_and_others_stay(docs):
    docs.put([Text("alpha", "a"), Text("alpha", "b"), Text(LONG, "long")])
    assert docs.delete(["long", "a", "missing"]) == 2
    assert ids(docs.search("alpha number7")) == ["b"]
    assert (docs.status().vectors, docs.status().passages, docs.status().texts) == (1, 1, 1)


def test_deleted_texts_take_no_place_among_the_candidates_of_an_open_index(docs):
    docs.put([Text("omega", "far"), *(Text(f"alpha beta {n}", str(n)) for n in range(120))])
    assert "far" not in ids(docs.search("alpha beta", k=100, mode="vector"))
    docs.delete(map(str, range(120)))
    assert ids(docs.search("alpha beta", k=100, mode="vector")) == ["far"]


def test_syncs_keep_texts_and_count_them_apart(docs):
    docs.put([Text("Lunch is at noon.", "lunch")])
    assert docs.sync().counts == {"added": 1}
    report = docs.sync(rebuild=True)
    assert (len(report.files), report.texts, report.embedded) == (1, 1, 2)
    assert (docs.status().files, docs.status().texts, docs.status().passages) == (1, 1, 2)
    docs.remove(docs.folders[0])
    assert docs.sync().files == ()
    assert ids(docs.search("lunch")) == ["lunch"]


def test_another_embedder_cuts_and_embeds_texts_anew(tmp_path):
    with LocalDocs(tmp_path, embedder=HashEmbedder(max_tokens=1000)) as docs:
        docs.put([Text(LONG, "long")])
        assert docs.status().passages == 1
    with LocalDocs(tmp_path, embedder=HashEmbedder(max_tokens=24, name="small")) as docs:
        docs.sync(rebuild=True)
        assert docs.status().passages == docs.status().vectors > 5
        assert docs.search("number7", k=1)[0].text_id == "long"
        assert docs.get(["long"])[0].text == LONG


def test_a_text_that_was_embedded_before_is_not_embedded_again(docs):
    (docs.folders[0] / "note.txt").write_text("alpha")
    docs.sync()
    before = docs.embedder.texts_embedded
    docs.put([Text("alpha", "a"), Text("beta", "b")])
    docs.put([Text("beta", "b", {"year": 1}), Text("beta", "c")])
    assert docs.embedder.texts_embedded == before + 1


def test_an_answer_cites_a_text_by_its_id(docs):
    docs.put([Text("Lunch is at noon.", "lunch")])
    [citation] = docs.ask("When is lunch?", mode="quote").citations
    assert (citation.text_id, citation.quote) == ("lunch", "noon")


def test_a_search_that_a_put_overtakes_finds_the_text_as_it_is_now(docs, monkeypatch):
    docs.put([Text("alpha old", "a"), Text("alpha", "b")])
    look = Store.passages_with_vectors

    def overtaken(self, keys, **options):
        if not overtaken.is_done:
            overtaken.is_done = True
            docs.put([Text("alpha new", "a")])
        return look(self, keys, **options)

    overtaken.is_done = False
    monkeypatch.setattr(Store, "passages_with_vectors", overtaken)
    assert {hit.text for hit in docs.search("alpha", mode="vector")} == {"alpha new", "alpha"}


def test_two_writers_take_turns_and_a_reader_follows(tmp_path):
    def write(name):
        with LocalDocs(tmp_path, embedder=HashEmbedder()) as own:
            for number in range(8):
                own.put([Text(f"{name} {number}", f"{name}{number}")])
            own.delete([f"{name}0"])

    with LocalDocs(tmp_path, embedder=HashEmbedder()) as reader:
        reader.put([Text("alpha", "first")])
        writers = [threading.Thread(target=write, args=(name,)) for name in ("beta", "gamma")]
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            assert "first" in ids(reader.search("alpha", k=30))
        for writer in writers:
            writer.join()
        assert len(set(ids(reader.search("alpha", k=30, mode="vector")))) == 15


def test_changes_are_published_when_many_wait(tmp_path, monkeypatch):
    monkeypatch.setattr("gpt4all_localdocs.put._LEAST_TO_PUBLISH", 3)
    bench = Workbench(tmp_path)
    for word in ("alpha", "beta", "gamma", "delta", "omega"):
        bench.put(Text(word, word))
        assert word in ids(bench.search(word, mode="vector"))
    with Store.open(bench.index) as store:
        assert store.vectors.generation is not None
        assert store.vectors.count_pending() == 1


def test_where_searches_are_exact_nothing_waits_to_be_published(tmp_path, monkeypatch):
    monkeypatch.setattr("gpt4all_localdocs.put._LEAST_TO_PUBLISH", 3)
    bench = Workbench(tmp_path)
    bench.options = IndexOptions()
    for number in range(5):
        bench.put(Text(f"alpha {number}", "a"))
    with Store.open(bench.index) as store:
        assert store.vectors.generation is None
        assert store.vectors.count_pending() < 3
    bench.sync()
    assert bench.content() == bench.fresh_content()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Text(" ", "a"), "'a' is empty"),
        (lambda: Text(3), "text=3"),
        (lambda: Text("a", metadata={"when": {1, 2}}), r"metadata 'when' .* is \{1, 2\}, which is not JSON"),
        (lambda: Text("a", metadata={"share": float("nan")}), "'share' .* not JSON"),
        (lambda: Text("a", metadata={1: "one"}), "name 1; names are strings"),
        (lambda: Text("a\ud800"), "not Unicode"),
        (lambda: Text("a", "b\0"), "NUL"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_what_is_no_text_of_a_program_is_neither_put_nor_deleted(docs):
    docs.sync()
    with pytest.raises(ConfigError, match="texts holds 'a text', which is no Text"):
        docs.put([Text("fine", "a"), "a text"])
    assert docs.status().texts == 0
    [hit] = docs.search("leave", k=1)
    with pytest.raises(
        ConfigError, match=r"one passage of .*leave\.md; .* change or remove that file and sync"
    ):
        docs.delete([hit.chunk_id])
    docs.put([Text(LONG, "long")])
    [part] = docs.search("number7", k=1, mode="keyword")
    with pytest.raises(ConfigError, match=r"one passage of long; .* delete that text"):
        docs.delete(["long", part.chunk_id])
    assert docs.status().texts == 1


@pytest.mark.parametrize("use", [lambda docs: docs.get(["a"]), lambda docs: list(docs.texts())])
def test_without_an_index_it_says_what_to_do(tmp_path, use):
    with (
        LocalDocs(tmp_path, embedder=HashEmbedder()) as docs,
        pytest.raises(LocalDocsError, match="put texts"),
    ):
        use(docs)
    assert list(tmp_path.iterdir()) == []
