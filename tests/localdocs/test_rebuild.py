"""A rebuild is made beside the index that answers, and swapped in at once."""

import contextlib
from dataclasses import replace

import pytest
from test_sync_faults import STEPS, Countdown, Stopped, stopping
from workbench import Workbench

from gpt4all_core.errors import EmbedderMismatch
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs.rebuild import rebuilding
from gpt4all_localdocs.search import search
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.texts import Text
from gpt4all_localdocs.vector_index.search_index import SearchIndex

OLD, NEW = HashEmbedder(), HashEmbedder(dimensions=32, name="other")


def indexed(root) -> Workbench:
    bench = Workbench(root)
    bench.options = replace(bench.options, embed_batch=1)
    bench.embedder = HashEmbedder()
    bench.write("a.txt", "alpha one\n\nbeta two")
    bench.put(Text("alpha one put\n\nbeta", "a", {"year": 1}))
    bench.sync()
    return bench


def answers(bench: Workbench) -> list[tuple[object, ...]]:
    return [(hit.path, hit.text_id, hit.text, hit.vector_score) for hit in bench.search("alpha one")]


def left_behind(bench: Workbench) -> list[str]:
    return sorted(path.name for path in bench.index.glob("rebuild*"))


@pytest.mark.parametrize("step", STEPS)
def test_a_rebuild_stopped_at_any_step_leaves_the_old_index_or_the_new_one(tmp_path, step):
    stops = 0
    stride = 2 if "transaction" in step else 1  # before the next one is after this one
    for calls in range(1, 100, stride):
        bench = indexed(tmp_path / str(calls))
        before = answers(bench)
        bench.embedder = HashEmbedder(dimensions=32, name="other")
        countdown = Countdown(calls)
        with stopping(bench, step, countdown), contextlib.suppress(Stopped):
            bench.sync(rebuild=True)
        if countdown.left > 0:
            break
        stops += 1
        try:
            bench.search("alpha one")
        except EmbedderMismatch:
            bench.embedder = HashEmbedder()
            assert answers(bench) == before, f"stopped at call {calls}"
            bench.embedder = HashEmbedder(dimensions=32, name="other")
        bench.sync(rebuild=True)
        assert bench.content() == bench.fresh_content(), f"stopped at call {calls}"
        assert left_behind(bench) == []
    assert stops, "the step was never reached"


def test_the_old_embedder_answers_until_the_swap_and_is_refused_after_it(tmp_path):
    bench = indexed(tmp_path)
    bench.write("b.txt", "gamma three\n\ndelta four")
    bench.sync()
    before = answers(bench)
    seen = []

    def ask(progress):
        if progress.phase == "index":  # that of the derived index comes after the swap
            return
        bench.embedder, during = OLD, bench.embedder
        seen.append(answers(bench))
        bench.embedder = during

    bench.embedder = NEW
    bench.sync(rebuild=True, on_progress=ask)
    assert len(seen) > 5
    assert all(found == before for found in seen)
    bench.embedder = OLD
    with pytest.raises(EmbedderMismatch, match=r"'other-32' .*not with 'hash-64'"):
        bench.search("alpha one")


def test_an_interrupted_rebuild_goes_on_where_it_was(tmp_path):
    bench = indexed(tmp_path)
    bench.embedder = HashEmbedder(dimensions=32, name="other")
    with stopping(bench, "embedding", Countdown(2)), contextlib.suppress(Stopped):
        bench.sync(rebuild=True)
    made = bench.embedder.texts_embedded
    assert left_behind(bench)
    report = bench.sync(rebuild=True)
    vectors = bench.content()["vectors"]
    assert (made, report.embedded) == (2, len(vectors) - 1)  # the second was embedded, and not yet stored


def test_to_go_back_to_the_embedder_before_costs_nothing_but_what_changed(tmp_path):
    bench = indexed(tmp_path)
    bench.embedder = HashEmbedder(dimensions=32, name="other")
    bench.sync(rebuild=True)
    bench.write("b.txt", "delta new")
    bench.sync()
    bench.embedder = HashEmbedder()
    assert (bench.sync(rebuild=True).embedded, bench.embedder.texts_embedded) == (1, 1)
    assert bench.content() == bench.fresh_content()


def test_a_rebuild_for_the_same_embedder_embeds_everything(tmp_path):
    bench = indexed(tmp_path)
    vectors = bench.content()["vectors"]
    assert bench.sync(rebuild=True).embedded == len(vectors)


@pytest.mark.parametrize("change", ["put", "sync", "embedder"])
def test_an_unfinished_rebuild_of_what_is_no_more_is_thrown_away(tmp_path, change):
    bench = indexed(tmp_path)
    bench.embedder = HashEmbedder(dimensions=32, name="other")
    with stopping(bench, "embedding", Countdown(2)), contextlib.suppress(Stopped):
        bench.sync(rebuild=True)
    if change == "embedder":
        bench.embedder = HashEmbedder(dimensions=16, name="third")
    else:
        bench.embedder = HashEmbedder()
        if change == "put":
            bench.put(Text("alpha later", "late"))
        else:
            bench.sync()
            assert left_behind(bench) == []
        bench.embedder = HashEmbedder(dimensions=32, name="other")
    bench.sync(rebuild=True)
    assert bench.content() == bench.fresh_content()
    if change == "put":
        assert [text.id for text in bench.texts()] == ["a", "late"]


def test_a_damaged_unfinished_rebuild_is_thrown_away(tmp_path):
    bench = indexed(tmp_path)
    (bench.index / "rebuild.sqlite").write_bytes(b"x" * 5000)
    bench.sync(rebuild=True)
    assert bench.content() == bench.fresh_content()


@pytest.mark.parametrize("dimensions", [32, 64])
def test_a_search_that_a_swap_overtakes_is_refused_and_not_wrong(tmp_path, dimensions):
    bench = indexed(tmp_path)

    class Overtaken(HashEmbedder):
        def embed_query(self, text):
            bench.embedder = HashEmbedder(dimensions=dimensions, name="other")
            bench.sync(rebuild=True)
            return super().embed_query(text)

    with (
        Store.open(bench.index) as store,
        SearchIndex(store, bench.options, open_index=bench.open_index) as index,
        pytest.raises(EmbedderMismatch, match="other"),
    ):
        search(store, index, Overtaken(), "alpha one", k=3)


def test_without_a_rebuild_the_store_itself_is_written(tmp_path):
    bench = indexed(tmp_path)
    with (
        Store.open(bench.index) as store,
        rebuilding(store, identity="hash-64", dimensions=64, is_wanted=False) as target,
    ):
        assert target is store
