"""The facade: folders in, answers with citations out."""

import json
import os
import threading
from pathlib import Path

import pytest

import gpt4all_localdocs
from gpt4all_core.errors import ConfigError, EmbedderMismatch, IndexBusy, LocalDocsError
from gpt4all_core.testing import HashEmbedder, ScriptedChatModel
from gpt4all_core.types import GenerationParams
from gpt4all_localdocs import IndexOptions, LocalDocs, SearchFilter, Text
from gpt4all_localdocs.loaders.registry import load_document
from gpt4all_localdocs.writer_lock import WriterLock

EXAMPLES = Path(__file__).parents[2] / "examples" / "documents"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "leave.md").write_text("# Leave\n\nEverybody gets 27 days of leave a year.\n")
    (folder / "rent.txt").write_text("The rent is due on the first Monday of a month.\n")
    return folder


@pytest.fixture
def open_docs(tmp_path):
    """Open an index with fakes for both models."""

    def open_docs(**options):
        settings = {"embedder": HashEmbedder(), "model": ScriptedChatModel(quotes=["27 days"])} | options
        return LocalDocs(tmp_path / "index", **settings)

    return open_docs


def test_public_names_are_listed_before_they_are_loaded():
    assert set(dir(gpt4all_localdocs)) >= set(gpt4all_localdocs.__all__)


class TestFolders:
    def test_folders_are_remembered_by_the_index(self, open_docs, folder):
        with open_docs(folders=[folder]) as docs:
            docs.sync()
        with open_docs() as docs:
            assert docs.folders == (folder,)
            assert docs.sync().counts == {"unchanged": 2}

    def test_an_added_folder_is_indexed_by_the_next_sync(self, open_docs, folder):
        with open_docs() as docs:
            docs.add(folder)
            assert docs.search("leave") == []
            assert docs.sync().counts == {"added": 2}

    def test_a_removed_folder_is_forgotten_at_once(self, open_docs, folder):
        with open_docs(folders=[folder]) as docs:
            docs.sync()
            assert docs.remove(folder) == 2
            assert docs.search("leave") == []
            assert docs.folders == ()
            assert docs.sync().files == ()
        assert (folder / "leave.md").exists()

    def test_a_folder_inside_another_that_stays_keeps_its_files(self, open_docs, folder):
        inner = folder / "inner"
        inner.mkdir()
        (inner / "more.txt").write_text("More about leave and holidays.")
        with open_docs(folders=[folder, inner]) as docs:
            docs.sync()
            assert docs.remove(inner) == 0
            assert {hit.path.name for hit in docs.search("leave", k=9)} >= {"leave.md", "more.txt"}

    @pytest.mark.parametrize("act", ["sync", "add"])
    def test_a_folder_that_does_not_exist_is_an_error(self, open_docs, tmp_path, act):
        missing = tmp_path / "no such folder"
        with (
            open_docs(folders=[missing] if act == "sync" else []) as docs,
            pytest.raises(ConfigError, match="no such folder does not exist"),
        ):
            docs.sync() if act == "sync" else docs.add(missing)

    def test_folders_are_not_changed_while_a_sync_would_write_its_own_list(self, open_docs, folder):
        with open_docs(folders=[folder], options=IndexOptions(lock_timeout_s=0.05)) as docs:
            docs.sync()
            with WriterLock(docs.path, timeout_s=1):
                for change in (docs.add, docs.remove):
                    with pytest.raises(IndexBusy):
                        change(folder)
            assert docs.folders == (folder,)

    def test_a_file_is_no_folder(self, open_docs, folder):
        with open_docs() as docs, pytest.raises(ConfigError, match=r"leave\.md is a file"):
            docs.add(folder / "leave.md")

    def test_a_known_folder_that_is_missing_now_keeps_its_passages(self, open_docs, folder):
        with open_docs(folders=[folder]) as docs:
            docs.sync()
            folder.rename(folder.with_name("unplugged"))
            report = docs.sync()
            assert report.counts == {"skipped": 3}  # the folder, and both files that it held
            assert docs.search("leave")[0].path.name == "leave.md"

    def test_forgetting_an_unknown_folder_names_those_there_are(self, open_docs, folder, tmp_path):
        with open_docs(folders=[folder]) as docs:
            docs.sync()
            with pytest.raises(ConfigError, match=str(folder)):
                docs.remove(tmp_path / "other")


class TestSearch:
    def test_a_hit_is_the_text_of_its_span(self, open_docs, folder):
        with open_docs(folders=[folder]) as docs:
            docs.sync()
            for hit in docs.search("leave", k=5):
                start, end = hit.span
                assert load_document(hit.path).text[start:end] == hit.text

    def test_without_an_index_it_says_what_to_do(self, open_docs):
        with open_docs() as docs, pytest.raises(LocalDocsError, match="sync first"):
            docs.search("leave")

    def test_another_embedder_is_refused_by_name(self, open_docs, folder):
        with open_docs(folders=[folder]) as docs:
            docs.sync()
        with open_docs(embedder=HashEmbedder(dimensions=32)) as docs:
            with pytest.raises(EmbedderMismatch, match="hash-64"):
                docs.search("leave")
            docs.sync(rebuild=True)
            assert docs.search("leave")

    def test_many_threads_search_at_once(self, open_docs, folder):
        with open_docs(folders=[folder]) as docs:
            docs.sync()
            found = []
            threads = [threading.Thread(target=lambda: found.append(docs.search("rent"))) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert {hits[0].path.name for hits in found} == {"rent.txt"}
            assert len(found) == 8


class TestAsk:
    def test_a_demonstration_model_quotes_and_its_citation_is_exact(self, open_docs, folder):
        model = ScriptedChatModel(quotes=["27 days of leave"], is_demonstration=True)
        with open_docs(folders=[folder], model=model) as docs:
            docs.sync()
            answer = docs.ask("How much leave does everybody get?")
            (citation,) = answer.citations
            start, end = citation.span
            assert answer.mode == "quote"
            assert load_document(citation.path).text[start:end] == citation.quote == answer.text
            assert citation.lines == (3, 3)

    def test_another_model_answers_freely(self, open_docs, folder):
        with open_docs(folders=[folder], model=ScriptedChatModel(["27 days [1]."])) as docs:
            docs.sync()
            answer = docs.ask("How much leave does everybody get?")
            assert answer.mode == "free"
            assert [citation.number for citation in answer.citations] == [1]

    @pytest.mark.parametrize("params", [None, GenerationParams(max_tokens=None)])
    @pytest.mark.parametrize("label", ["", " a name of many many words" * 7])
    def test_passages_and_their_names_leave_room_for_the_answer(self, open_docs, folder, params, label):
        for number in range(20):
            (folder / f"{number}{label}.txt").write_text(f"leave {number} " + "leave rule and more " * 9)
        model = ScriptedChatModel(["Yes [1]."], context_size=1000)
        with open_docs(folders=[folder], model=model) as docs:
            docs.sync()
            docs.ask("Which leave?", k=20, params=params)
        prompt = sum(model.count_tokens(message.content) for message in model.calls[0].messages)
        assert 300 < prompt + 512 <= 1000

    def test_an_empty_index_has_no_answer(self, open_docs, tmp_path):
        (tmp_path / "empty").mkdir()
        with open_docs(folders=[tmp_path / "empty"]) as docs:
            assert docs.sync().files == ()
            with pytest.raises(LocalDocsError, match="nothing to answer from"):
                docs.ask("Anything?")

    @pytest.mark.parametrize(("option", "value"), [("mode", "poem"), ("k", 0)])
    def test_impossible_options_are_refused(self, open_docs, folder, option, value):
        with open_docs(folders=[folder]) as docs:
            docs.sync()
            with pytest.raises(ConfigError, match=option):
                docs.ask("What?", **{option: value})


def test_closing_is_idempotent_and_final(open_docs, folder):
    docs = open_docs(folders=[folder])
    docs.sync()
    docs.close()
    docs.close()
    with pytest.raises(LocalDocsError, match="closed"):
        docs.search("leave")


class TestExamples:
    """The example documents with the bundled embedder and the starter model."""

    QUESTIONS = json.loads((EXAMPLES.parent / "questions.json").read_text(encoding="utf-8"))

    def test_the_right_file_is_in_the_first_three_hits(self, example_docs):
        missed = [
            item["question"]
            for item in self.QUESTIONS
            if item["file"] not in {hit.path.name for hit in example_docs.search(item["question"], k=3)}
        ]
        assert len(self.QUESTIONS) == 25
        assert len(missed) <= 2, missed

    def test_every_answer_stands_where_the_questions_say(self):
        for item in self.QUESTIONS:
            document = load_document(EXAMPLES / item["file"])
            if "page" in item:
                page = next(page for page in document.parts if page.number == item["page"])
                place = document.text[page.start : page.end]
            else:
                first, last = item["lines"]
                place = "\n".join(document.text.split("\n")[first - 1 : last])
            assert " ".join(item["answer"].split()) in " ".join(place.split()), item["question"]

    def test_every_quoted_answer_is_verbatim_and_in_its_place(self, example_docs):
        for item in self.QUESTIONS[::5]:
            answer = example_docs.ask(item["question"])
            (citation,) = answer.citations
            start, end = citation.span
            assert answer.text
            assert load_document(citation.path).text[start:end] == answer.text

    def test_streamed_text_is_the_answer(self, example_docs):
        stream = example_docs.stream(self.QUESTIONS[0]["question"])
        assert "".join(stream) == stream.result().text

    def test_a_model_that_may_write_is_given_numbered_sources(self, example_docs):
        answer = example_docs.ask(self.QUESTIONS[0]["question"], mode="free", k=2)
        assert answer.mode == "free"
        assert 1 <= len(answer.hits) <= 2
        assert answer.usage.completion_tokens > 0


class TestOddInput:
    def test_one_folder_is_not_taken_letter_by_letter(self, tmp_path):
        with pytest.raises(ConfigError, match="give a list"):
            LocalDocs(tmp_path / "index", folders=str(tmp_path))

    def test_a_folder_whose_name_is_no_utf8_is_refused_by_name(self, open_docs, tmp_path):
        odd = tmp_path / os.fsdecode(b"caf\xe9")
        odd.mkdir()
        with open_docs() as docs, pytest.raises(ConfigError, match="not UTF-8"):
            docs.add(odd)

    def test_a_very_long_query_is_answered(self, open_docs, folder):
        with open_docs(folders=[folder]) as docs:
            docs.sync()
            assert docs.search("rent " * 20_000, mode="keyword")[0].path.name == "rent.txt"


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda docs: docs.search("rent", k="4"), "k is '4'; give a whole number, 1 or more"),
        (lambda docs: docs.search("rent", k=True), "k is True"),
        (lambda docs: docs.search("rent", k=2.0), "k is 2.0"),
        (lambda docs: docs.search_vector(docs.embedder.embed_query("rent"), k=None), "k is None"),
        (lambda docs: docs.search(" "), "the query is ' ', which has no words"),
        (lambda docs: docs.search(None), "the query is None"),
        (lambda docs: docs.search("\ud800"), "is not Unicode"),
        (lambda docs: docs.search("rent", mode="hybird"), "mode must be one of hybrid, vector, keyword"),
        (lambda docs: docs.search("rent", refine=0.5), "refine is 0.5, which is no Refine"),
        (lambda docs: docs.search("rent", refine={}), "refine is {}, which is no Refine"),
        (
            lambda docs: docs.search("rent", where=SearchFilter(folders=["/no"])),
            "folders='/no' .* has /.*files",
        ),
        (lambda docs: docs.count(where=SearchFilter(folders=["/no"])), "folders='/no' .* name one of these"),
        (lambda docs: docs.search_vector([0.5, 0.5]), r"vector is \[0.5, 0.5\]; give a numpy array"),
        (lambda docs: docs.ask("rent", history="before"), "history holds 'b', which is no Message"),
        (lambda docs: docs.ask("rent", history=5), "history is 5; give a list"),
        (lambda docs: docs.add(5), "folder is 5; give a path"),
        (lambda docs: docs.remove(None), "folder is None; give a path"),
        (lambda docs: docs.document_at(5), "path is 5; give a path"),
        (lambda docs: docs.document_of(5), "hit is 5, which is no Hit"),
        (lambda docs: docs.document_of(docs.search("rent")[0], most="x"), "most is 'x'; give a whole number"),
        (lambda docs: docs.sync(confirm_removal="no"), "confirm_removal is 'no', which is no bool"),
        (lambda docs: docs.sync(on_progress=5), r"on_progress is 5, which cannot be called"),
        (lambda docs: docs.sync(stop=5), r"stop is 5, which has no is_set\(\)"),
        (lambda docs: next(docs.watch(every_s="5")), "every_s is '5'"),
        (lambda docs: docs.export(5), "path is 5; give a path"),
        (lambda docs: LocalDocs.from_export(5, docs.path), "source is 5; give a path"),
        (lambda docs: LocalDocs(5), "path is 5; give a path"),
        (lambda docs: LocalDocs(docs.path, embedder=5), r"embedder is 5, which has no embed_documents\(\)"),
        (lambda docs: LocalDocs(docs.path, embedder=HashEmbedder), "embedder is <class .*; give a name or"),
        (lambda docs: LocalDocs(docs.path, model=5), r"model is 5, which has no chat\(\)"),
        (lambda docs: LocalDocs(docs.path, folders=5), "folders=5 is no list"),
        (lambda docs: LocalDocs(docs.path, options={}), "options is {}, which is no IndexOptions"),
        (lambda docs: docs.ask("rent", k="4"), "k is '4'"),
        (lambda docs: docs.ask("rent", spans=True), "spans is True"),
        (
            lambda docs: docs.ask("rent", least_evidence="0.5"),
            "least_evidence is '0.5'; give a number from 0",
        ),
        (lambda docs: docs.ask("rent", verify="no"), "verify is 'no', which is no bool"),
        (lambda docs: docs.ask("rent", params=5), "params is 5, which is no GenerationParams"),
        (lambda docs: docs.extract(5), "schema is 5, which is no class of Pydantic's"),
        (lambda docs: docs.ask(["rent"]), r"the question is \['rent'\]"),
        (lambda docs: docs.get("note"), "ids is one str, 'note'; give a list"),
        (lambda docs: docs.delete("note"), "ids is one str"),
        (lambda docs: docs.get([5]), "ids holds 5, which is no str; give a list"),
        (lambda docs: docs.put(Text("note")), "texts is one Text"),
        (lambda docs: docs.put(5), "texts is 5; give a list"),
    ],
)
def test_arguments_of_another_kind_are_refused_by_name(open_docs, folder, ask, message):
    with open_docs(folders=[folder]) as docs:
        docs.sync()
        with pytest.raises(ConfigError, match=message):
            ask(docs)


def test_passages_are_listed_in_order_and_know_their_neighbours(open_docs, folder):
    sections = [f"# Part {n}\n\n{'Everybody gets leave. ' * 20}\n\n" for n in range(4)]
    (folder / "leave.md").write_text("".join(sections))
    with open_docs(folders=[folder]) as docs:
        docs.sync()
        hits = list(docs.passages())
        found = {hit.chunk_id: hit for hit in docs.search("leave", k=50)}
    leave = [hit for hit in hits if hit.path.name == "leave.md"]
    ids = [hit.chunk_id for hit in leave]
    assert len(ids) >= 4
    assert [hit.previous_id for hit in leave] == ["", *ids[:-1]]
    assert [hit.next_id for hit in leave] == [*ids[1:], ""]
    assert [hit.span for hit in leave] == sorted(hit.span for hit in leave)
    [rent] = [hit for hit in hits if hit.path.name == "rent.txt"]
    assert (rent.previous_id, rent.next_id, rent.score) == ("", "", 0)
    assert all((found[id_].previous_id, found[id_].next_id) != ("", "") for id_ in ids if id_ in found)


def test_there_are_no_passages_to_list_before_a_sync(open_docs):
    with open_docs() as docs, pytest.raises(LocalDocsError, match="there is no index"):
        next(docs.passages())
