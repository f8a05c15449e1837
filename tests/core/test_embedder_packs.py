"""Texts that are packed together, on several contexts, for callers of every kind: each keeps its vector."""

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models_bert import CLS, SEP, write_tiny_bert
from tiny_models_qwen3 import write_tiny_qwen3

from gpt4all_core import LocalEmbedder
from gpt4all_core.errors import ConfigError, EngineClosed, ModelLoadError

# What is in a pack moves 8-bit sums: by 0.0065 at most in 1,322 texts, whose cosines were 0.9994 at least.
MOST_DIFFERENCE = 0.01
WORDS = [
    "cat",
    "dog",
    "parrot",
    "market",
    "leave",
    "law",
    "paid",
    "year",
    "hello",
    "naïve",
    "日本",
    "🦜",
    "x",
]
TEXTS = st.builds(
    lambda words, times: " ".join(words * times),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=9),
    st.sampled_from([1, 1, 2, 8]),
)


@pytest.fixture(scope="module")
def embedder():
    with LocalEmbedder("all-minilm-l6-v2", threads=2) as embedder:
        yield embedder.open()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("bert") / "tiny.gguf", pooling="mean", has_head=False)


@pytest.fixture(scope="module")
def alone(embedder):
    """The vector that a text has alone."""
    return cache(embedder.embed_query)


def check(vectors, texts, alone):
    assert vectors.shape == (len(texts), 384)
    for vector, text in zip(vectors, texts, strict=True):
        assert np.abs(vector - alone(text)).max() < MOST_DIFFERENCE
        assert vector @ alone(text) > 0.999


@settings(max_examples=15)
@given(texts=st.lists(TEXTS, max_size=30))
def test_any_list_gives_each_text_the_vector_it_has_alone(embedder, alone, texts):
    check(embedder.embed_documents(texts), texts, alone)


@settings(max_examples=8)
@given(lists=st.lists(st.lists(TEXTS, min_size=1, max_size=6), min_size=2, max_size=8))
def test_threads_and_event_loops_at_once_each_get_their_own_vectors(embedder, alone, lists):
    async def in_a_loop(texts):
        documents, *queries = await asyncio.gather(
            embedder.aembed_documents(texts), *(embedder.aembed_query(text) for text in texts)
        )
        return [documents, np.stack(queries)]

    start = threading.Barrier(len(lists))

    def call(number, texts):
        start.wait(60)
        return asyncio.run(in_a_loop(texts)) if number % 2 else [embedder.embed_documents(texts)]

    with ThreadPoolExecutor(len(lists)) as threads:
        for texts, vectors in zip(lists, threads.map(call, range(len(lists)), lists), strict=True):
            for one in vectors:
                check(one, texts, alone)


def test_encoders_get_a_context_for_each_thread_and_share_the_weights(embedder, tiny):
    assert embedder._opened.workers.context_count == 2
    with LocalEmbedder(tiny.path, threads=3) as three, LocalEmbedder(tiny.path, threads=1) as one:
        assert three._opened.workers.context_count == 3
        assert one._opened.workers.context_count == 1
        assert three._opened.weights is one._opened.weights


def test_vectors_are_those_of_the_float32_model(tiny):
    with LocalEmbedder(tiny.path, threads=2) as embedder:
        for words in ("a", "a cat sat", "many more words are in this one"):
            expected = tiny.vector([CLS, *tiny.tokens(words), SEP])
            assert np.abs(embedder.embed_query(words) - expected).max() < 0.005


def test_a_model_with_a_kv_cache_embeds_by_the_pooling_in_its_file(tmp_path):
    last_token = 3
    write_tiny_qwen3(tmp_path / "tiny.gguf", pooling_type=last_token)
    with LocalEmbedder(tmp_path / "tiny.gguf", threads=2) as embedder:
        assert embedder._opened.workers.context_count == 1
        texts = ["a parrot", "the market", "x", "seeds are eaten " * 8]
        together = embedder.embed_documents(texts * 5)
        for number, text in enumerate(texts * 5):
            assert np.abs(together[number] - embedder.embed_query(text)).max() < MOST_DIFFERENCE


def test_shorter_vectors_are_for_models_trained_for_them(tiny, tmp_path):
    with pytest.raises(ConfigError, match="dimensions=16 is no length of a vector of tiny; it gives 32"):
        LocalEmbedder(tiny.path, dimensions=16).embed_query("a")
    nomic = tmp_path / "nomic-embed-text-v1.5.f16.gguf"
    nomic.write_bytes(tiny.path.read_bytes())
    with pytest.raises(ConfigError, match="trained for 768, 512, 256, 128, 64"):
        _ = LocalEmbedder(nomic, dimensions=16).dimensions


def test_shorter_vectors_are_cut_and_of_norm_one(tiny, monkeypatch):
    trained = property(
        lambda _: type(
            "Entry", (), {"matryoshka": (32, 8), "query_prefix": "", "document_prefix": "", "name": "tiny"}
        )
    )
    monkeypatch.setattr(LocalEmbedder, "_entry", trained)
    with LocalEmbedder(tiny.path) as whole, LocalEmbedder(tiny.path, dimensions=8) as short:
        first = whole.embed_query("a cat")[:8]
        np.testing.assert_allclose(short.embed_query("a cat"), first / np.linalg.norm(first), atol=1e-6)
        assert short.dimensions == 8
        assert short.embed_documents([]).shape == (0, 8)
        assert short.identity != whole.identity
        assert short._opened is whole._opened
        assert LocalEmbedder(tiny.path, dimensions=32).identity == whole.identity


async def test_a_task_that_is_cancelled_leaves_the_others_their_vectors(embedder, alone):
    long = asyncio.create_task(embedder.aembed_documents(["word " * 400] * 200))
    await asyncio.sleep(0.05)
    queries = [asyncio.create_task(embedder.aembed_query(f"x {number}")) for number in range(6)]
    queries[0].cancel()
    long.cancel()
    found = await asyncio.wait_for(asyncio.gather(*queries[1:]), timeout=60)
    check(np.stack(found), [f"x {number}" for number in range(1, 6)], alone)
    with pytest.raises(asyncio.CancelledError):
        await long


def test_closing_in_the_middle_fails_every_caller_or_answers_it(tiny):
    embedder = LocalEmbedder(tiny.path, threads=2).open()
    started = threading.Event()

    def ask():
        try:
            for _ in range(1000):
                vectors = embedder.embed_documents(["a cat"] * 40)
                started.set()
                assert vectors.shape == (40, 32)
        except EngineClosed:
            return True
        return False

    with ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(ask) for _ in range(4)]
        assert started.wait(60)
        embedder.close()
        assert all(one.result(60) for one in asking)


def test_an_idle_embedder_that_was_closed_for_its_memory_opens_again(tiny):
    with LocalEmbedder(tiny.path, idle_ttl_s=0.05) as embedder:
        first = embedder.embed_query("a")
        opened = embedder._opened
        assert opened.workers.retire()
        np.testing.assert_array_equal(embedder.embed_query("a"), first)
        assert embedder._opened is not opened


def test_a_cross_encoder_is_no_embedder(tmp_path):
    write_tiny_bert(tmp_path / "rank.gguf")
    with pytest.raises(ModelLoadError, match="use an embedding model"):
        LocalEmbedder(tmp_path / "rank.gguf").embed_query("a")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_is_refused(tiny):
    with LocalEmbedder(tiny.path) as embedder:
        embedder.embed_query("a")
        child = os.fork()
        if not child:
            code = 1
            try:
                embedder.embed_query("b")
            except EngineClosed:
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert embedder.embed_query("b").shape == (32,)
