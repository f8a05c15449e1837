import threading

import numpy as np
import pytest
from gguf_parts import Parts
from gguf_writing import text
from tiny_projectors import picture, write_seeing_model, write_tiny_projector

from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.gguf_check import check_loadable
from gpt4all_core.catalog.gguf_projector_check import most_rows
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import ConfigError, EngineClosed, ModelLoadError, UnsupportedParameter
from gpt4all_core.open_projector import KEPT_BYTES, MediaReader, open_media
from gpt4all_core.trial import trials

ROOM = {"context_size": 4096, "batch_rows": 512}


@pytest.fixture
def model(tmp_path):
    return write_seeing_model(tmp_path / "model.gguf", "mlp")


@pytest.fixture
def weights(model):
    weights = LlamaWeights(model)
    yield weights
    weights.close()


@pytest.fixture
def reader(weights, tmp_path):
    path = write_tiny_projector(tmp_path / "mmproj.gguf", "mlp")
    trials.waive(weights.path, path)
    reader = open_media(weights, check_loadable(weights.path), projector=None, threads=1, **ROOM)
    yield reader
    reader.close()


def test_the_projector_beside_the_model_reads_pictures(reader):
    image = reader.read_image(picture())
    assert len(image.tokens) == 16
    assert image.rows[0][1].embeddings.shape == (16, 64)


def test_a_picture_is_read_once(reader, monkeypatch):
    first = reader.read_image(picture())
    monkeypatch.setattr(reader, "_projector", None)
    assert reader.read_image(picture()) is first


def test_pictures_that_were_read_long_ago_are_let_go(reader, monkeypatch):
    monkeypatch.setattr("gpt4all_core.open_projector.KEPT_BYTES", 3 * 16 * 64 * 4)
    images = [reader.read_image(picture(seed)) for seed in range(4)]
    assert reader.read_image(picture(3)) is images[3]
    again = reader.read_image(picture(0))
    assert again is not images[0]
    assert again.tokens == images[0].tokens
    assert KEPT_BYTES > 3 * 16 * 64 * 4


def test_ids_depend_on_the_projector_too(reader, weights, tmp_path):
    other = write_tiny_projector(tmp_path / "other.gguf", "mlp", seed=1)
    trials.waive(weights.path, other)
    second = MediaReader(weights, other, reads=("vision",), threads=1, context_size=4096)
    assert set(second.read_image(picture()).tokens).isdisjoint(reader.read_image(picture()).tokens)
    second.close()


def test_threads_that_ask_at_once_read_the_same(reader):
    results = []

    def read(seed):
        results.append((seed, reader.read_image(picture(seed))))

    threads = [threading.Thread(target=read, args=(number % 3,)) for number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 9
    for seed, image in results:
        assert np.array_equal(
            image.rows[0][1].embeddings, reader.read_image(picture(seed)).rows[0][1].embeddings
        )


def test_what_is_no_picture_is_an_error_and_others_are_read(reader):
    with pytest.raises(ConfigError, match="are no picture"):
        reader.read_image(b"hello")
    assert reader.read_image(picture()).tokens


def test_a_closed_one_reads_nothing(reader):
    reader.read_image(picture())
    reader.close()
    reader.close()
    with pytest.raises(EngineClosed, match=r"mmproj\.gguf was closed"):
        reader.read_image(picture())


def test_without_a_projector_it_is_said_what_is_missing(weights):
    reader = open_media(weights, check_loadable(weights.path), projector=None, threads=1, **ROOM)
    assert not reader.can_see
    with pytest.raises(UnsupportedParameter, match=r"no projector for it beside .*get the mmproj-"):
        reader.read_image(picture())
    reader.close()


def test_a_damaged_projector_beside_a_model_costs_it_the_pictures_alone(weights, tmp_path):
    path = write_tiny_projector(tmp_path / "mmproj.gguf", "mlp")
    path.write_bytes(path.read_bytes()[:-100])
    reader = open_media(weights, check_loadable(weights.path), projector=None, threads=1, **ROOM)
    with pytest.raises(UnsupportedParameter, match=r"cannot be sent pictures: .*is incomplete"):
        reader.read_image(picture())


def test_a_projector_that_was_asked_for_must_fit(weights, tmp_path):
    header = check_loadable(weights.path)
    for path, error, message in (
        (tmp_path / "none.gguf", ConfigError, "there is no such file"),
        (weights.path, ModelLoadError, "is no projector"),
        (
            write_tiny_projector(tmp_path / "w.gguf", "mlp", model_width=96),
            ModelLoadError,
            "makes rows of 96",
        ),
        (
            of_another_kind(tmp_path / "h.gguf", "hunyuanvl"),
            UnsupportedParameter,
            "'hunyuanvl', which cannot be used",
        ),
    ):
        with pytest.raises(error, match=message):
            open_media(weights, header, projector=path, threads=1, **ROOM)


def test_a_projector_that_ends_libmtmd_is_found_out_in_a_child(weights, tmp_path):
    of_another_kind(tmp_path / "mmproj.gguf", "yasa2")
    reader = open_media(
        weights, check_loadable(weights.path), projector=tmp_path / "mmproj.gguf", threads=1, **ROOM
    )
    with pytest.raises(ModelLoadError, match=r"mmproj\.gguf: opening it ends llama\.cpp"):
        reader.read_image(picture())
    reader.close()


def test_a_projector_is_tried_once(weights, tmp_path, monkeypatch):
    path = write_tiny_projector(tmp_path / "mmproj.gguf", "mlp")
    trials.require(weights.path, path)
    monkeypatch.setattr("gpt4all_core.trial.ChildProcess", None)
    trials.require(weights.path, path)


def of_another_kind(path, kind):
    """A projector that says it is of a kind that it has not the tensors of."""
    parts = Parts.of(write_tiny_projector(path, "mlp"))
    parts.metadata = [
        (key, text(kind) if key == b"clip.projector_type" else value) for key, value in parts.metadata
    ]
    path.write_bytes(parts.to_bytes())
    return path


def test_a_large_picture_takes_no_more_than_its_share_of_the_context(tmp_path):
    weights = LlamaWeights(write_seeing_model(tmp_path / "grid.gguf", "qwen2vl_merger"))
    path = write_tiny_projector(tmp_path / "mmproj.gguf", "qwen2vl_merger")
    trials.waive(weights.path, path)
    header = check_loadable(weights.path)
    tokens = []
    for context_size in (16, 800, 20000):
        reader = open_media(
            weights, header, projector=path, threads=1, context_size=context_size, batch_rows=512
        )
        image = reader.read_image(picture(size=(560, 448)))
        tokens.append(image.tokens)
        reader.close()
    weights.close()
    small, bounded, free = (sum(token < 0 for token in ids) for ids in tokens)
    assert small <= 8
    assert 150 < bounded <= 200
    assert free == 20 * 16
    assert set(tokens[1]).isdisjoint(token for token in tokens[2] if token < 0)


@pytest.mark.parametrize(
    ("kind", "room", "batch_rows", "expected"),
    [
        ("mlp", 100, 512, None),
        ("qwen2vl_merger", 1024, 63, 1024),
        ("qwen2vl_merger", 4096, 512, None),
        ("lfm2", 30, 512, 64),
        ("gemma4v", 1024, 512, 512),
        ("gemma4v", 1024, 63, 70),
        ("gemma4v", 2048, 2048, None),
    ],
)
def test_how_many_rows_a_picture_may_have(tmp_path, kind, room, batch_rows, expected):
    header = read_header(of_another_kind(tmp_path / "p.gguf", kind))
    assert most_rows(header, room=room, batch_rows=batch_rows) == expected


def test_the_starter_model_is_not_called_by_the_name_of_its_copy(weights, monkeypatch):
    monkeypatch.setattr("gpt4all_core.open_projector.copies_folder", lambda: weights.path.parent)
    reader = open_media(weights, check_loadable(weights.path), projector=None, threads=1, **ROOM)
    with pytest.raises(UnsupportedParameter, match="the starter model reads text alone") as caught:
        reader.read_image(b"")
    assert str(weights.path.parent) not in str(caught.value)
