import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gpt4all_core.errors import ConfigError, EmbedderMismatch, IndexBusy, LocalDocsError, NothingIndexed
from gpt4all_core.testing import HashEmbedder, ScriptedChatModel
from gpt4all_core.types import RankedDocument
from gpt4all_localdocs import LocalDocs, LocalDocsGroup
from gpt4all_localdocs.loaders.registry import load_document
from gpt4all_localdocs.refine import Refine
from gpt4all_localdocs.search_filter import SearchFilter
from gpt4all_localdocs.writer_lock import WriterLock

LEAVE = "annual leave is twenty seven days a year"
BOATS = "a sail and a mast on the keel"


class Counted(HashEmbedder):
    """Tells how many queries it was asked to embed."""

    def __init__(self, dimensions):
        super().__init__(dimensions=dimensions)
        self.queries = 0

    def embed_query(self, text):
        self.queries += 1
        return super().embed_query(text)


class ReadsHere:
    """In the place of the processes that read files."""

    def __init__(self, **_options):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        pass

    def load(self, path, **_limits):
        return load_document(path)


@pytest.fixture
def embedders():
    return {"wide": Counted(96), "narrow": Counted(32)}


@pytest.fixture
def folders(tmp_path):
    for name, text in {"office": LEAVE, "harbour": BOATS}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").write_text(text)
    return tmp_path / "office", tmp_path / "harbour"


@pytest.fixture
def open_group(tmp_path, embedders, monkeypatch):
    monkeypatch.setattr("gpt4all_localdocs.pipeline.LoaderPool", ReadsHere)
    opened = []

    def start(**options):
        opened.append(
            LocalDocsGroup(
                tmp_path / "index",
                embedder=embedders["wide"],
                open_embedder=lambda name: embedders[name],
                **options,
            )
        )
        return opened[-1]

    yield start
    for group in opened:
        group.close()


@pytest.fixture
def group(open_group, folders):
    """The office in the index of the wide embedder, the harbour in one of the narrow embedder."""
    group = open_group()
    office, harbour = folders
    group.add(office, collection="office")
    group.add(harbour, collection="harbour", embedder="narrow")
    group.sync()
    return group


def names(hits):
    return [hit.path.name for hit in hits]


def test_a_collection_with_an_embedder_has_an_index_of_its_own(group, folders):
    office, harbour = folders
    assert group.collections == {"harbour": (harbour,), "office": (office,)}
    assert group.own_collections == {"harbour": "narrow"}
    assert [document.path.name for document in group.main.documents()] == ["office.txt"]
    assert [document.path.name for document in group.of("harbour").documents()] == ["harbour.txt"]
    [hit] = group.of("harbour").search("mast")
    assert group.vectors_of([hit]).shape == (1, 32)
    assert group.folders == (office, harbour)
    assert sorted(file.path.name for file in group.files()) == ["harbour.txt", "office.txt"]
    assert group.count() == 2


def test_a_search_asks_the_indexes_that_its_filter_names(group, embedders):
    for embedder in embedders.values():
        embedder.queries = 0
    assert names(group.search("mast", where={"collection": "harbour"})) == ["harbour.txt"]
    assert (embedders["wide"].queries, embedders["narrow"].queries) == (0, 1)
    assert names(group.search("leave", where={"collection": {"$in": ["office"]}})) == ["office.txt"]
    assert (embedders["wide"].queries, embedders["narrow"].queries) == (1, 1)
    assert (
        names(group.search("mast", where={"collection": {"$in": ["office", "harbour"]}}))[0] == "harbour.txt"
    )
    assert names(group.search("mast", where={"collection": {"$ne": "harbour"}})) == ["office.txt"]
    assert group.search("mast", where={"collection": "letters"}) == []


def test_a_search_in_folders_leaves_out_the_indexes_that_have_none_of_them(group, folders):
    office, harbour = folders
    assert names(group.search("mast", where=SearchFilter(folders=[harbour]))) == ["harbour.txt"]
    assert set(names(group.search("mast", where=SearchFilter(folders=[office, harbour])))) == {
        "office.txt",
        "harbour.txt",
    }
    with pytest.raises(ConfigError, match="outside of this index"):
        group.search("mast", where=SearchFilter(folders=[office.parent / "elsewhere"]))


@pytest.mark.parametrize(("query", "best"), [("annual leave", "office.txt"), ("a sail", "harbour.txt")])
def test_what_fits_best_comes_first_whichever_index_it_is_in(group, query, best):
    hits = group.search(query)
    assert names(hits)[0] == best
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len(group.search(query, k=1)) == 1


def test_a_reranker_decides_over_the_passages_of_all_indexes(group):
    class LongestFirst:
        def rerank(self, query, documents, *, top_n=None):
            ranked = [RankedDocument(place, len(text) / 100) for place, text in enumerate(documents)]
            return sorted(ranked, key=lambda each: -each.score)[:top_n]

    hits = group.search("a sail", refine=Refine(reranker=LongestFirst()))
    assert names(hits) == ["office.txt", "harbour.txt"]


def test_a_passage_that_two_indexes_have_is_found_once(group, folders):
    office, _ = folders
    group.add(office, collection="copy", embedder="narrow")
    group.sync()
    assert names(group.search("annual leave")).count("office.txt") == 1


def test_a_question_is_answered_from_the_index_that_knows(open_group, folders):
    group = open_group(model=ScriptedChatModel(["On the keel [1]."]))
    group.add(folders[1], collection="harbour", embedder="narrow")
    group.sync()
    answer = group.ask("Where are the sail and the mast?", mode="free")
    assert names(answer.citations) == ["harbour.txt"]


def test_passages_are_found_again_by_their_ids(group):
    hits = group.search("mast")
    assert names(group.get([hit.chunk_id for hit in hits])) == names(hits)
    for hit in hits:
        assert group.document_of(hit) == group.document_at(hit.path) == group.get([hit.chunk_id])
    ids = [hit.chunk_id for hit in hits]
    assert names(group.get(ids, where={"collection": "harbour"})) == ["harbour.txt"]


def test_the_document_of_a_passage_is_its_own_where_another_index_has_an_equal_file(group, folders, tmp_path):
    (tmp_path / "yard").mkdir()
    (tmp_path / "yard" / "yard.txt").write_text(BOATS)
    group.add(tmp_path / "yard", collection="yard", embedder="narrow")
    group.sync()
    for name in ("harbour", "yard"):
        [hit] = group.search("mast", where={"collection": name})
        assert names(group.document_of(hit)) == [f"{name}.txt"]
        assert group.document_of(hit, most=0) == []


def test_vectors_of_two_embedders_are_not_compared(group, folders):
    hits = group.search("mast")
    assert len(hits) == 2
    with pytest.raises(LocalDocsError, match="cannot be compared"):
        group.vectors_of(hits)
    with pytest.raises(LocalDocsError, match="no index has both"):
        group.compare(folders[0] / "office.txt", folders[1] / "harbour.txt")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"collection": "harbour", "embedder": "wide"}, "is of the embedder 'narrow', not of 'wide'"),
        ({"collection": "office", "embedder": "narrow"}, "remove it first"),
        ({"embedder": "narrow"}, "give its name, too"),
        ({"collection": " ", "embedder": "narrow"}, "names no collection"),
    ],
)
def test_what_contradicts_the_index_is_refused(group, folders, how, message):
    with pytest.raises(ConfigError, match=message):
        group.add(folders[0], **how)
    assert group.own_collections == {"harbour": "narrow"}


def test_an_embedder_that_there_is_none_of_leaves_no_collection(group, folders):
    with pytest.raises(KeyError):
        group.add(folders[0], collection="letters", embedder="unknown")
    assert "letters" not in group.own_collections


def test_an_index_that_another_embedder_made_says_so(group, embedders):
    embedders["narrow"] = Counted(48)
    with pytest.raises(EmbedderMismatch):
        group.search("mast")
    assert names(group.search("leave", where={"collection": "office"})) == ["office.txt"]
    group.of("harbour").sync(rebuild=True)
    assert names(group.search("mast"))[0] == "harbour.txt"


def test_removing_a_collection_deletes_its_index_and_leaves_the_files(group, folders, tmp_path):
    other = LocalDocsGroup(tmp_path / "index", embedder=Counted(96), open_embedder=lambda _name: Counted(32))
    assert names(other.search("mast"))[0] == "harbour.txt"
    directory = group.of("harbour").path
    with WriterLock(directory, timeout_s=1), pytest.raises(IndexBusy):
        open_busy(group)
    group.remove_collection("harbour")
    assert not directory.parent.exists()
    assert (folders[1] / "harbour.txt").exists()
    for each in (group, other):
        assert names(each.search("mast")) == ["office.txt"]
    group.add(folders[1], collection="harbour", embedder="narrow")
    group.sync()
    assert names(other.search("mast"))[0] == "harbour.txt"
    other.close()
    with pytest.raises(ConfigError, match="no collection 'letters'"):
        group.remove_collection("letters")


def open_busy(group):
    """Remove what somebody writes to, without waiting long."""
    group._options = type(group._options)(lock_timeout_s=0.01)
    group.remove_collection("harbour")


def test_a_folder_is_forgotten_by_all_indexes(group, folders):
    group.add(folders[0], collection="copy", embedder="narrow")
    group.sync()
    assert group.remove(folders[0]) == 2
    assert names(group.search("leave")) == ["harbour.txt"]
    with pytest.raises(ConfigError, match="not a folder of this index"):
        group.remove(folders[0])


def test_the_report_of_a_sync_is_of_all_indexes(group, folders):
    (folders[1] / "more.txt").write_text("a rudder")
    (folders[0] / "more.txt").write_text("a desk")
    report = group.sync()
    assert report.counts == {"added": 2, "unchanged": 2}
    assert (len(report.files), report.embedded) == (4, 2)
    assert report.files[-1] == report.files[3] == list(report.files)[3]
    assert report.files[1:3] == tuple(report.files)[1:3]


def test_a_sync_that_is_stopped_leaves_the_other_indexes(group, folders):
    (folders[1] / "more.txt").write_text("a rudder")
    stop = threading.Event()
    report = group.sync(on_progress=lambda _progress: stop.set(), stop=stop)
    assert report.is_stopped
    assert group.sync().counts["added"] == 1


def test_two_indexes_are_synced_at_once(group, folders):
    (folders[0] / "more.txt").write_text("a desk")
    (folders[1] / "more.txt").write_text("a rudder")
    with ThreadPoolExecutor() as threads:
        reports = threads.map(LocalDocs.sync, [group.main, group.of("harbour")])
        assert [report.counts["added"] for report in reports] == [1, 1]
    for query, place in (("rudder", folders[1]), ("desk", folders[0])):
        assert group.search(query)[0].path == place / "more.txt"


def test_an_export_of_a_collection_becomes_one_elsewhere(group, tmp_path, embedders, folders):
    group.of("harbour").export(tmp_path / "harbour.zip")
    with LocalDocsGroup(tmp_path / "other", embedder=embedders["wide"], open_embedder=embedders.get) as other:
        with pytest.raises(ConfigError, match="has no collection 'boats'"):
            other.import_collection("boats", tmp_path / "harbour.zip", embedder="narrow")
        assert not other.own_collections
        other.import_collection(
            "harbour", tmp_path / "harbour.zip", embedder="narrow", folders={"harbour": folders[1]}
        )
        assert names(other.search("mast")) == ["harbour.txt"]
        assert other.sync().counts == {"unchanged": 1}


def test_a_collection_has_a_map_of_its_own_index(group):
    assert group.map_state(collection="harbour") == "missing"
    assert group.map(collection="harbour").collection == "harbour"
    assert group.map_state(collection="harbour") == "ready"
    assert group.kept_map(collection="office") is None


def test_an_index_that_is_empty_says_so(open_group, folders):
    group = open_group()
    assert not group.has_index
    with pytest.raises(NothingIndexed):
        group.search("mast")
    group.make_collection("harbour", embedder="narrow")
    assert group.collections == {}
    assert group.own_collections == {"harbour": "narrow"}


def test_a_closed_group_says_so(group):
    group.close()
    group.close()
    with pytest.raises(LocalDocsError, match="closed"):
        group.search("mast")
