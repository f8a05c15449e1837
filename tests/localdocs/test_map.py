import numpy as np
import pytest

from gpt4all_core.errors import ConfigError, LocalDocsError, NothingIndexed
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs import LocalDocs, Text
from gpt4all_localdocs.map import cluster, layout, layout_process, make_map, neighbours, project
from gpt4all_localdocs.map.labels import LabelledText, label_topics

SUBJECTS = {
    "bees": "hive honey queen swarm nectar pollen drone comb",
    "boats": "sail mast keel rudder harbour anchor tide hull",
    "bread": "flour yeast dough oven crust sourdough knead loaf",
}


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def crowds(*, count=40, spread=0.1, dimensions=24):
    """Vectors around three directions, and which direction each is around."""
    chance = np.random.default_rng(5)
    centres = np.eye(dimensions)[:3]
    topics = np.repeat(np.arange(3), count)
    return unit(centres[topics] + spread * chance.normal(size=(3 * count, dimensions))), topics


def articles(*, count=12):
    chance = np.random.default_rng(7)
    return [
        Text(" ".join(["the", *chance.permutation(words.split())[:6], str(number)]), id=f"{subject}-{number}")
        for subject, words in SUBJECTS.items()
        for number in range(count)
    ]


@pytest.fixture
def drawn_by_pca(monkeypatch):
    """In this process, at once."""
    monkeypatch.setattr(layout, "choose_method", lambda _count: "pca")
    calls = []

    def lay_out(vectors, *, earlier=None, timeout_s, stop=None):
        calls.append(len(vectors))
        return layout.lay_out(vectors, earlier=earlier)

    monkeypatch.setattr(make_map, "lay_out_apart", lay_out)
    return calls


@pytest.fixture
def docs(tmp_path):
    with LocalDocs(tmp_path / "index", embedder=HashEmbedder()) as opened:
        yield opened


@pytest.mark.parametrize("block_bytes", [1, 4000, neighbours._BLOCK_BYTES])
def test_neighbours_are_those_of_comparing_all_with_all(monkeypatch, block_bytes):
    monkeypatch.setattr(neighbours, "_BLOCK_BYTES", block_bytes)
    vectors, _ = crowds(count=15)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    found = neighbours.find_neighbours(vectors, count=4)
    assert (found.places == np.argsort(-cosines, axis=1)[:, :4]).all()
    assert found.cosines == pytest.approx(-np.sort(-cosines, axis=1)[:, :4], abs=1e-5)


def test_of_a_group_of_copies_as_many_pairs_are_told_as_join_them():
    vectors, _ = crowds(spread=0.4)
    vectors = np.vstack([vectors, np.tile(vectors[7], (4, 1))])
    pairs = neighbours.near_duplicates(neighbours.find_neighbours(vectors))
    assert len(pairs) == 4
    assert {place for pair in pairs for place in pair[:2]} == {7, 120, 121, 122, 123}
    assert all(first < second and cosine == pytest.approx(1) for first, second, cosine in pairs)


def test_a_vector_like_no_other_is_an_outlier_and_those_of_a_crowd_are_none():
    vectors, _ = crowds()
    loner = np.eye(24, dtype=np.float32)[[20]]
    found = neighbours.outliers(neighbours.find_neighbours(np.vstack([vectors, loner])))
    assert found[0][0] == 120
    assert len(found) < 5


def test_topics_of_both_methods_are_the_crowds(monkeypatch):
    vectors, topics = crowds()
    near = neighbours.find_neighbours(vectors)
    plane = np.stack([topics % 2, topics // 2], axis=1) + vectors[:, 3:5] / 10
    for method in ("umap", "pca"):
        monkeypatch.setattr(cluster, "_LARGEST_SHARE", 0.4)
        monkeypatch.setattr(cluster, "isqrt", lambda _count: 3)
        found = cluster.find_topics(vectors, plane.astype(np.float32), near, method=method)
        assert len({(int(one), int(other)) for one, other in zip(found, topics, strict=True)}) == 3, method


def test_pca_draws_the_same_map_whichever_way_the_axes_turn_out():
    vectors, _ = crowds()
    again = project.project(vectors, None, method="pca")
    assert (project.project(vectors.copy(), None, method="pca") == again).all()
    assert again.min() >= 0
    assert again.max() <= 1


def test_labels_are_words_of_their_topic_alone_and_differ():
    texts = [LabelledText(article.text) for article in articles()]
    topic_of = [number // 12 for number in range(36)]
    embed = HashEmbedder().embed_documents
    centres = np.array([embed([words])[0] for words in SUBJECTS.values()])
    labels = label_topics(texts, topic_of, centres=centres, embed=embed)
    for label, words in zip(labels, SUBJECTS.values(), strict=True):
        assert set(label.replace(" · ", " ").split()) <= set(words.split())
        assert label.count(" · ") == 2


def test_a_heading_over_a_topic_is_its_label_as_it_is_written():
    texts = [LabelledText("some words", ("Annual Leave",)), LabelledText("more words", ("Annual Leave",))] * 3
    other = [LabelledText("quite another text")] * 6
    label = label_topics(
        [*texts, *other],
        [0] * 6 + [1] * 6,
        centres=HashEmbedder().embed_documents(["annual leave", "quite another text"]),
        embed=HashEmbedder().embed_documents,
    )[0]
    assert "Annual Leave" in label.split(" · ")


def test_words_that_are_about_nothing_name_no_topic_in_any_language():
    german = [LabelledText(f"und der Kuchen mit dem Zucker und die Sahne {n}") for n in range(6)]
    english = [LabelledText(f"engines and pistons of a motor {n}") for n in range(6)]

    def embed(words):
        meaning = {"kuchen": 1.0, "zucker": 0.9, "sahne": 0.8}
        rows = [[max(meaning.get(word, 0) for word in text.lower().split()), 0.05, 1] for text in words]
        return np.array(rows, dtype=np.float32)

    labels = label_topics(
        german + english,
        [0] * 6 + [1] * 6,
        centres=np.array([[1, 0, 0], [0, 1, 0]], dtype=np.float32),
        embed=embed,
    )
    assert not {"und", "der", "dem", "die", "mit"} & set(labels[0].lower().replace(" · ", " ").split())


def test_a_map_is_kept_until_passages_change(docs, drawn_by_pca):
    docs.put(articles())
    assert docs.map_state() == "missing"
    assert docs.kept_map() is None
    made = docs.map()
    assert docs.map() == made == docs.kept_map()
    assert len(drawn_by_pca) == 1
    docs.put([Text("a letter about the garden", id="new")])
    assert docs.map_state() == "outdated"
    assert docs.kept_map().is_outdated
    assert len(docs.map()) == len(made) + 1
    assert docs.map_state() == "ready"
    docs.delete(["new"])
    assert docs.map_state() == "outdated"


def test_every_passage_is_on_the_map_with_its_document(docs, drawn_by_pca):
    given = articles()
    docs.put(given)
    made = docs.map()
    assert set(made.passage_ids) == {hit.chunk_id for hit in docs.passages()}
    names = {
        hit.text_id: made.documents[made.document_of[made.passage_ids.index(hit.chunk_id)]].name
        for hit in docs.passages()
    }
    assert names == {text.id: text.id for text in given}
    assert all(0 <= value <= 1 for value in (*made.x, *made.y))
    assert sum(topic.size for topic in made.topics) == len(made) - made.topic_of.count(-1)


def test_equal_texts_are_beside_each_other_and_told_as_duplicates(docs, drawn_by_pca):
    docs.put([*articles(), Text("the very same words", id="one"), Text("the very same words", id="two")])
    made = docs.map()
    pair = made.near_duplicates[0]
    assert {made.documents[made.document_of[end]].name for end in (pair.first, pair.second)} == {"one", "two"}
    assert pair.similarity == 1
    places = [(made.x[end], made.y[end]) for end in (pair.first, pair.second)]
    assert places[0] != places[1]
    assert np.abs(np.subtract(*places)).max() < 0.01


def test_a_collection_has_a_map_of_its_own(docs, tmp_path, drawn_by_pca):
    for subject in ("bees", "boats"):
        (tmp_path / subject).mkdir()
        for number, article in enumerate(articles()):
            if article.id.startswith(subject):
                (tmp_path / subject / f"{number}.txt").write_text(article.text)
        docs.add(tmp_path / subject, collection=subject)
    docs.sync()
    made = docs.map(collection="bees")
    assert {document.path.parent.name for document in made.documents} == {"bees"}
    assert (docs.map_state(collection="bees"), docs.map_state(collection="boats")) == ("ready", "missing")
    with pytest.raises(ConfigError, match="no collection 'birds'; it has: 'bees', 'boats'"):
        docs.map(collection="birds")


@pytest.mark.parametrize("damage", ["", "no json\n", '{"version": 0, "fingerprint": "x"}\n{}\n'])
def test_a_kept_map_that_cannot_be_read_is_made_again(docs, drawn_by_pca, damage):
    docs.put(articles())
    made = docs.map()
    (docs.path / "maps" / "index.map").write_text(damage)
    assert docs.map_state() == "missing"
    assert docs.map() == made


def test_a_map_that_cannot_be_kept_says_where(docs, drawn_by_pca):
    docs.put(articles(count=2))
    (docs.path / "maps").write_text("a file in the way")
    with pytest.raises(LocalDocsError, match=r"cannot be kept in .*maps"):
        docs.map()


def test_what_is_removed_from_an_index_is_on_no_map_that_stays(docs, tmp_path, drawn_by_pca):
    for name in ("bees", "boats"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "text.txt").write_text(SUBJECTS[name])
        docs.add(tmp_path / name, collection=name)
    docs.sync()
    for name in ("bees", "boats", None):
        docs.map(collection=name)
    docs.remove(tmp_path / "bees")
    [kept] = (docs.path / "maps").iterdir()
    assert '"boats"' in kept.read_text()
    docs.remove_collection("boats")
    assert list((docs.path / "maps").iterdir()) == []


def test_a_collection_that_is_removed_while_it_is_drawn_leaves_no_map(docs, tmp_path, monkeypatch):
    (tmp_path / "bees").mkdir()
    (tmp_path / "bees" / "text.txt").write_text(SUBJECTS["bees"])
    docs.add(tmp_path / "bees", collection="bees")
    docs.sync()

    def lay_out(vectors, **_how):
        docs.remove_collection("bees")
        return layout.lay_out(vectors)

    monkeypatch.setattr(make_map, "lay_out_apart", lay_out)
    docs.map(collection="bees")
    assert not (docs.path / "maps").exists()


def test_a_map_of_documents_that_are_all_gone_is_forgotten(docs, drawn_by_pca):
    docs.put(articles(count=2))
    docs.map()
    docs.delete([article.id for article in articles(count=2)])
    with pytest.raises(NothingIndexed):
        docs.map()
    assert docs.map_state() == "missing"


def test_an_index_without_passages_has_no_map(docs, tmp_path):
    with pytest.raises(LocalDocsError, match="there is no index"):
        docs.map()
    docs.put([])
    with pytest.raises(LocalDocsError, match="no embedded passage"):
        docs.map()


def test_too_many_passages_are_refused_before_anything_is_reckoned(docs, drawn_by_pca, monkeypatch):
    monkeypatch.setattr(make_map, "MOST_PASSAGES", 3)
    docs.put(articles(count=2))
    with pytest.raises(ConfigError, match="shows 3 passages at most, and here are 6; name a collection"):
        docs.map()
    assert not drawn_by_pca


def test_umap_draws_the_same_map_in_any_process(docs):
    docs.put(articles())
    made = docs.map(timeout_s=300)
    assert made.method == "umap"
    keys, vectors = docs._store.vectors.load()
    first = layout.lay_out(vectors)
    passages = docs._store.passages_by_content(made.passage_ids)
    place_of = {key: place for place, key in enumerate(keys)}
    for row, id_ in enumerate(made.passage_ids):
        point = first.points[place_of[passages[id_].vector_key]]
        assert (made.x[row], made.y[row]) == pytest.approx(point, abs=1e-5)


def test_a_map_with_new_passages_looks_like_the_last_one():
    vectors, _ = crowds(count=60)
    vectors = np.random.default_rng(0).permutation(vectors)
    first = layout.lay_out(vectors[:-6]).points
    earlier = np.vstack([first, np.full((6, 2), np.nan)]).astype(np.float32)
    later = layout.lay_out(vectors, earlier=earlier).points
    assert not np.isnan(later).any()
    assert np.median(np.linalg.norm(later[:-6] - first, axis=1)) < 0.2  # 0.1; drawn from nothing 0.4


class OnceStarted:
    """Set when so many children were started."""

    def __init__(self, started, *, children):
        self.started, self.children = started, children

    def is_set(self):
        return len(self.started) == self.children


def test_a_layout_that_takes_too_long_is_stopped_or_fails_says_so_and_leaves_no_child(monkeypatch):
    vectors, _ = crowds()
    started = []
    popen = layout_process.subprocess.Popen
    monkeypatch.setattr(
        layout_process.subprocess,
        "Popen",
        lambda *args, **kw: started.append(popen(*args, **kw)) or started[-1],
    )
    with pytest.raises(LocalDocsError, match=r"the map of 120 passages was not done in 0\.01 s"):
        layout_process.lay_out_apart(vectors, timeout_s=0.01)
    with pytest.raises(LocalDocsError, match="was stopped"):
        layout_process.lay_out_apart(vectors, timeout_s=600, stop=OnceStarted(started, children=2))
    with pytest.raises(LocalDocsError, match="could not be laid out"):
        layout_process.lay_out_apart(np.array(["no numbers"] * 40), timeout_s=60)
    assert all(child.poll() is not None for child in started)
