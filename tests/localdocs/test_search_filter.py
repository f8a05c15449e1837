"""Filters: what they let through, before anything is ranked, and what is refused."""

import json
import os
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workbench import FileIndex, Workbench

from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_localdocs.filter_sql import EVERYTHING, compile_filter
from gpt4all_localdocs.search_filter import SearchFilter, check_known_folders
from gpt4all_localdocs.texts import Text
from gpt4all_localdocs.vector_index.chroma import ChromaIndex

CHANGED = datetime(2024, 5, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    bench = Workbench(tmp_path_factory.mktemp("filters"))
    bench.write("a.txt", "alpha in a file")
    bench.write("notes/b.md", "alpha in notes\n\nalpha on other lines")
    bench.write("notes/100%/c.md", "alpha deep in notes")
    for number, path in enumerate(sorted(bench.docs.rglob("*.*"))):
        moment = (CHANGED + timedelta(days=number)).timestamp()
        os.utime(path, (moment, moment))
    bench.sync()
    bench.put(
        Text("alpha by Ann", "ann", {"author": "Ann", "year": 2020, "tags": ["x", 1], "draft": True}),
        Text("alpha by Ben", "ben", {"author": "Ben", "year": 2021.5, "tags": [], "draft": False}),
        Text("alpha by nobody", "nobody", {"author": None, "year": "2020", "draft": 1, "größe": {"a": 1}}),
    )
    return bench


FILES = {"a.txt", "b.md", "c.md"}
TEXTS = {"ann", "ben", "nobody"}


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({}, FILES | TEXTS),
        (SearchFilter(), FILES | TEXTS),
        ({"author": "Ann"}, {"ann"}),
        ({"year": 2020}, {"ann"}),
        ({"year": "2020"}, {"nobody"}),
        ({"year": {"$gt": 2020}}, {"ben"}),
        ({"year": {"$gte": 2020, "$lt": 2021.5}}, {"ann"}),
        ({"author": {"$lte": "Ann"}}, {"ann"}),
        ({"draft": True}, {"ann"}),
        ({"draft": 1}, {"nobody"}),
        ({"draft": {"$in": [False, 1]}}, {"ben", "nobody"}),
        ({"author": {"$ne": "Ann"}}, FILES | {"ben", "nobody"}),
        ({"author": {"$nin": ["Ann", "Ben"]}}, FILES | {"nobody"}),
        ({"tags": {"$contains": 1}}, {"ann"}),
        ({"tags": {"$contains": "1"}}, set()),
        ({"tags": {"$exists": True}}, {"ann"}),
        ({"author": {"$exists": False}}, FILES | {"nobody"}),
        ({"größe": {"$exists": True}}, {"nobody"}),
        ({"$or": [{"author": "Ben"}, {"year": 2020}]}, {"ann", "ben"}),
        ({"$and": [{"author": "Ann"}, {"year": 2021.5}]}, set()),
        ({"$not": {"author": "Ann"}, "year": {"$exists": True}}, {"ben", "nobody"}),
        ({"file_name": "b.md"}, {"b.md"}),
        ({"file_type": "text/markdown"}, {"b.md", "c.md"}),
        ({"lines": "3-3"}, {"b.md"}),
        ({"start_index": {"$gt": 0}}, {"b.md"}),
        (SearchFilter(paths=["*.md"]), {"b.md", "c.md"}),
        (SearchFilter(paths=["notes/*"]), {"b.md", "c.md"}),
        (SearchFilter(paths=["a.*", "[bc].md"]), FILES),
        (SearchFilter(suffixes=["MD"]), {"b.md", "c.md"}),
        (SearchFilter(suffixes=[".txt", ".pdf"]), {"a.txt"}),
        (SearchFilter(modified_before=CHANGED), {"a.txt"}),
        (SearchFilter(modified_after=CHANGED + timedelta(hours=1)), {"b.md", "c.md"} | TEXTS),
        (SearchFilter(paths=["*.md"], metadata={"$not": {"file_name": "c.md"}}), {"b.md"}),
    ],
)
def test_only_what_fits_is_found_by_meaning_and_by_words(bench, where, found):
    for mode in ("vector", "keyword"):
        hits = bench.search("alpha", mode=mode, where=where)
        assert {hit.text_id or hit.path.name for hit in hits} == found, mode


def test_folders_and_sources_are_compared_as_they_are_spelled(bench):
    inside = bench.docs / "notes" / "100%"
    for where in (SearchFilter(folders=[inside]), {"source": str(inside / "c.md")}):
        assert {hit.path.name for hit in bench.search("alpha", where=where)} == {"c.md"}
    assert (
        bench.search("alpha", where=SearchFilter(folders=[bench.docs / "note", bench.docs / "notes/1__%"]))
        == []
    )


@pytest.mark.parametrize("open_index", [FileIndex, ChromaIndex.open])
@pytest.mark.parametrize("exact_search_below", [0, 50_000])
def test_filtered_out_candidates_take_no_place_from_those_that_fit(tmp_path, open_index, exact_search_below):
    bench = Workbench(tmp_path)
    bench.open_index = open_index
    bench.options = replace(bench.options, embed_batch=500, exact_search_below=exact_search_below)
    near = [Text(f"alpha beta {number}", f"near{number}", {"far": False}) for number in range(300)]
    far = [Text(f"beta gamma delta epsilon {number}", f"far{number}", {"far": True}) for number in range(20)]
    twin = Text("beta gamma delta epsilon 0", "twin", {"far": False})
    bench.put(*near, *far, twin)
    bench.sync()
    for mode in ("vector", "keyword", "hybrid"):
        hits = bench.search("alpha beta", mode=mode, k=20, where={"far": True})
        assert {hit.text_id for hit in hits} == {text.id for text in far}, mode
        assert all(hit.metadata == {"far": True} for hit in hits)
    assert len(bench.search("alpha", mode="vector", k=301, where={"far": False})) == 301


def test_no_filter_is_no_condition():
    assert compile_filter(None) is compile_filter({}) is compile_filter(SearchFilter()) is EVERYTHING


@pytest.mark.parametrize(
    ("where", "error", "message"),
    [
        ({"year": {"$near": 3}}, UnsupportedParameter, r"no operator '\$near'; it has \$eq, "),
        ({"$xor": []}, UnsupportedParameter, r"'\$xor'"),
        ({"year": {"gte": 3}}, UnsupportedParameter, "'gte'"),
        ({"year": None}, ConfigError, "'year' .* not None"),
        ({"year": [2020]}, ConfigError, r"\$eq of 'year' .* not \[2020\]"),
        ({"year": {"$in": 2020}}, ConfigError, r"\$in of 'year' takes a list"),
        ({"year": {"$in": "2020"}}, ConfigError, r"\$in of 'year' takes a list"),
        ({"year": {"$lt": True}}, ConfigError, r"\$lt of 'year' .* not True"),
        ({"year": {"$lt": float("nan")}}, ConfigError, "not nan"),
        ({"year": {"$exists": 1}}, ConfigError, "true or false, not 1"),
        ({"year": {}}, ConfigError, "no mapping of names"),
        ({1: 2}, ConfigError, "no mapping of names"),
        ({"$and": []}, ConfigError, r"\$and .* takes a list"),
        ({"$or": {"a": 1}}, ConfigError, r"\$or .* takes a list"),
        ({'a"b': 1}, ConfigError, "quotes"),
        ("year=2020", ConfigError, "'year=2020' is no filter"),
    ],
)
def test_what_is_no_filter_is_refused_by_name(where, error, message):
    with pytest.raises(error, match=message):
        compile_filter(where)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"paths": "*.md"}, "paths=.* give a list"),
        ({"folders": [""]}, "folders="),
        ({"folders": 5}, "folders=5"),
        ({"modified_after": "2024"}, "give a datetime"),
        ({"metadata": ["year"]}, "metadata="),
    ],
)
def test_a_filter_of_impossible_parts_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        SearchFilter(**options)


@pytest.mark.parametrize("folder", ["/papers", "/papers/2024/may", "/"])
def test_a_folder_in_or_around_one_of_the_index_is_known(folder):
    check_known_folders([folder], known=[Path("/papers")])


@pytest.mark.parametrize(("known", "named"), [([], "has no folders"), ([Path("/papers")], "has /papers")])
def test_a_folder_outside_of_the_index_is_refused_by_name(known, named):
    with pytest.raises(ConfigError, match=f"folders='/paper' .*{named}"):
        check_known_folders(["/paper"], known=known)


SCALARS = st.sampled_from(["a", "b", "", "2", 0, 1, 2, 1.5, True, False])
METADATA = st.dictionaries(
    st.sampled_from(["x", "y"]), SCALARS | st.none() | st.lists(SCALARS, max_size=3), max_size=2
)
LEAVES = st.one_of(
    SCALARS,
    st.builds(
        lambda operator, value: {operator: value}, st.sampled_from(["$eq", "$ne", "$contains"]), SCALARS
    ),
    st.builds(
        lambda operator, value: {operator: value},
        st.sampled_from(["$gt", "$gte", "$lt", "$lte"]),
        SCALARS.filter(lambda value: not isinstance(value, bool)),
    ),
    st.builds(
        lambda operator, values: {operator: values},
        st.sampled_from(["$in", "$nin"]),
        st.lists(SCALARS, max_size=3),
    ),
    st.builds(lambda value: {"$exists": value}, st.booleans()),
)
FIELDS = st.dictionaries(st.sampled_from(["x", "y"]), LEAVES, min_size=1, max_size=2)
FILTERS = st.recursive(
    FIELDS,
    lambda inner: st.one_of(
        st.builds(
            lambda operator, parts: {operator: parts},
            st.sampled_from(["$and", "$or"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
        st.builds(lambda part: {"$not": part}, inner),
    ),
    max_leaves=4,
)


def kind(value):
    return "bool" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


def is_equal(value, wanted):
    return not isinstance(value, list | None) and kind(value) == kind(wanted) and value == wanted


def fits(metadata, where):
    return all(
        {"$and": all, "$or": any}[name](fits(metadata, part) for part in asked)
        if name in ("$and", "$or")
        else not fits(metadata, asked)
        if name == "$not"
        else all(holds(metadata.get(name), *entry) for entry in as_operators(asked))
        for name, asked in where.items()
    )


def as_operators(asked):
    return asked.items() if isinstance(asked, dict) else [("$eq", asked)]


def holds(value, operator, wanted):
    orders = {
        "$gt": lambda: value > wanted,
        "$gte": lambda: value >= wanted,
        "$lt": lambda: value < wanted,
        "$lte": lambda: value <= wanted,
    }
    if operator in orders:
        is_comparable = not isinstance(value, list | bool | None) and kind(value) == kind(wanted)
        return is_comparable and orders[operator]()
    return {
        "$eq": lambda: is_equal(value, wanted),
        "$ne": lambda: not is_equal(value, wanted),
        "$in": lambda: any(is_equal(value, one) for one in wanted),
        "$nin": lambda: not any(is_equal(value, one) for one in wanted),
        "$contains": lambda: isinstance(value, list) and any(is_equal(one, wanted) for one in value),
        "$exists": lambda: (value not in (None, [])) is wanted,
    }[operator]()


@given(metadata=METADATA, where=FILTERS)
def test_sql_decides_as_python_would(metadata, where):
    condition = compile_filter(where)
    connection = sqlite3.connect(":memory:")
    row = "SELECT 'text' AS kind, :own AS metadata, 'text:a' AS path, 0 AS page, 0 AS span_start"
    found = connection.execute(
        f"SELECT {condition.sql} FROM ({row})", condition.parameters | {"own": json.dumps(metadata)}
    ).fetchone()
    connection.close()
    assert bool(found[0]) is fits(metadata, where)
