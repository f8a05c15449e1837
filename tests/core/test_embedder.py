import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from measured import wait_until

from gpt4all_core import LocalEmbedder
from gpt4all_core.errors import ConfigError, EngineClosed, ModelLoadError
from gpt4all_core.unit_vectors import unit

TEXTS = [
    "a cat",
    "word " * 300,
    "Paid leave is 25 days a year for full-time employees.",
    "naïve café 日本語 🦜",
    "x",
    "The capital of France is Paris. " * 20,
    "<s>[CLS] [SEP]</s>",
]
LONG = "The parrot said hello to everyone in the market. " * 120


@pytest.fixture(scope="module")
def embedder():
    with LocalEmbedder("all-minilm-l6-v2", threads=1) as embedder:
        yield embedder.open()


def cosine(first, second):
    return float(first @ second)


def are_same(first, second):
    """Equal but for rounding: the 8-bit weights move entries by up to 0.005 with the batch's shape."""
    return bool(np.abs(first - second).max() < 0.01 and np.sum(first * second, axis=-1).min() > 0.999)


def test_vectors_are_float32_rows_of_norm_one(embedder):
    vectors = embedder.embed_documents(TEXTS)
    assert (vectors.shape, vectors.dtype) == ((len(TEXTS), 384), np.float32)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert embedder.dimensions == 384


def test_a_batch_gives_each_text_the_vector_that_it_has_alone(embedder):
    together = embedder.embed_documents(TEXTS)
    for text, vector in zip(TEXTS, together, strict=True):
        assert are_same(embedder.embed_query(text), vector)
    assert are_same(embedder.embed_documents(TEXTS[::-1])[::-1], together)


def test_hundreds_of_short_texts_fit_although_a_pack_takes_64(embedder):
    texts = [f"number {number}" for number in range(150)]
    vectors = embedder.embed_documents(texts)
    for number in (0, 63, 64, 149):
        assert are_same(embedder.embed_query(texts[number]), vectors[number])


def test_related_texts_are_near(embedder):
    cat, kitten, law = embedder.embed_documents(["a cat sleeps", "a kitten naps", "tax law of 1986"])
    assert cosine(cat, kitten) > cosine(cat, law) + 0.2


def test_no_texts_give_no_rows(embedder):
    assert embedder.embed_documents([]).shape == (0, 384)


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_an_empty_text_is_refused(embedder, text):
    with pytest.raises(ConfigError, match="empty text has no vector"):
        embedder.embed_documents(["fine", text])
    with pytest.raises(ConfigError, match="empty text has no vector"):
        embedder.embed_query(text)


@pytest.mark.parametrize(
    ("texts", "message"),
    [("abc", "'abc' is one text"), (["a", None], "None is no text"), ([3], "3 is no text")],
)
def test_what_is_no_list_of_texts_is_refused_by_name(embedder, texts, message):
    with pytest.raises(ConfigError, match=message):
        embedder.embed_documents(texts)


def test_a_text_of_exactly_the_window_is_one_part(embedder):
    text = "cat " * embedder.max_tokens
    assert embedder.count_tokens(text) == embedder.max_tokens
    assert len(embedder._parts(text, "")) == 1
    assert len(embedder._parts(text + "cat", "")) == 2


def test_a_long_text_is_the_mean_of_its_parts_weighted_by_length(embedder):
    parts = embedder._parts(LONG, "")
    assert len(parts) > 2
    body = [token for part in parts for token in part[1:-1]]
    assert body == embedder._tokenize(LONG)[1:-1]
    assert all(len(part) <= embedder.max_tokens + 2 for part in parts)
    rows = embedder._opened.submit(parts, lambda rows: rows).result(60)
    expected = unit((unit(rows) * [[len(part)] for part in parts]).sum(axis=0, keepdims=True))
    assert are_same(embedder.embed_documents([LONG]), expected)


def test_a_long_text_can_be_cut_or_refused(embedder):
    with LocalEmbedder("all-minilm-l6-v2", threads=1, long_text="truncate") as cutting:
        (part,) = cutting._parts(LONG, "")
        assert part == embedder._parts(LONG, "")[0]
        assert cutting._opened is embedder._opened
    strict = LocalEmbedder("all-minilm-l6-v2", threads=1, long_text="error")
    with strict, pytest.raises(ConfigError, match=r"tokens but all-minilm-l6-v2 sees \d+"):
        strict.embed_query(LONG)
    with pytest.raises(ConfigError, match="long_text='half'"):
        LocalEmbedder(long_text="half")


def test_every_part_of_a_long_text_carries_the_prefix(embedder):
    prefix = "search document: "
    head = embedder._tokenize(prefix)[1:-1]
    parts = embedder._parts(LONG, prefix)
    assert len(parts) > 2
    assert all(part[1 : 1 + len(head)] == head for part in parts)


def test_a_prefix_that_leaves_no_room_is_refused(embedder):
    with pytest.raises(ConfigError, match="prefix"):
        embedder._parts("text", "cat " * 600)


def test_prefixes_are_put_before_texts_and_change_the_identity(embedder):
    options = {"query_prefix": "query: ", "document_prefix": "passage: "}
    with LocalEmbedder("all-minilm-l6-v2", threads=1, **options) as prefixed:
        assert are_same(prefixed.embed_query("cat"), embedder.embed_query("query: cat"))
        (row,) = prefixed.embed_documents(["cat"])
        assert are_same(row, embedder.embed_query("passage: cat"))
        assert prefixed.max_tokens == embedder.max_tokens - prefixed.count_tokens("passage: ")
        assert prefixed.identity != embedder.identity
    with LocalEmbedder("all-minilm-l6-v2") as plain:
        assert plain.identity == embedder.identity
    with LocalEmbedder("all-minilm-l6-v2", long_text="truncate") as cutting:
        assert cutting.identity != embedder.identity


def test_threads_and_event_loops_share_one_embedder(embedder):
    expected = embedder.embed_documents(TEXTS)

    async def gather():
        rows = await asyncio.gather(*(embedder.aembed_query(text) for text in TEXTS))
        return np.stack(rows), await embedder.aembed_documents(TEXTS)

    with ThreadPoolExecutor(6) as threads:
        loops = [threads.submit(lambda: asyncio.run(gather())) for _ in range(2)]
        plain = [threads.submit(embedder.embed_documents, TEXTS) for _ in range(4)]
        for vectors in [*(one.result() for one in plain), *(part for one in loops for part in one.result())]:
            assert are_same(vectors, expected)


def test_a_query_does_not_wait_for_the_end_of_a_list_of_documents(embedder):
    with ThreadPoolExecutor(1) as thread:
        documents = thread.submit(embedder.embed_documents, ["word " * 400] * 12)
        wait_until(lambda: embedder._opened.idle_s == 0)
        embedder.embed_query("in between")
        assert not documents.done()
        assert documents.result(60).shape == (12, 384)


async def test_an_event_loop_goes_on_while_a_model_is_loaded_and_texts_are_read():
    loads_in = []

    class Watched(LocalEmbedder):
        def _lease_it(self):
            loads_in.append(threading.current_thread())
            return super()._lease_it()

    with Watched("all-minilm-l6-v2") as embedder:
        assert (await embedder.aembed_documents(["a", "b"])).shape == (2, 384)
        assert (await embedder.aembed_query("a")).shape == (384,)
    (thread,) = loads_in
    assert thread is not threading.current_thread()


def test_an_identity_is_that_of_the_content_not_of_the_file_name(embedder, tmp_path):
    content = bytearray(embedder.path.read_bytes())
    copy, other = tmp_path / "renamed.gguf", tmp_path / "fine-tuned.gguf"
    copy.write_bytes(content)
    for place in range(len(content) // 2, len(content), 1024):  # as training does: all over the weights
        content[place] ^= 1
    other.write_bytes(content)
    assert LocalEmbedder(copy).identity == embedder.identity
    assert LocalEmbedder(other).identity != embedder.identity


def test_the_identity_in_existing_indexes_stays_that_of_the_bundled_model():
    assert LocalEmbedder().identity == "all-MiniLM-L6-v2-384a0e019600c020"


async def test_a_cancelled_task_stops_the_work_between_two_packs(embedder):
    task = asyncio.create_task(embedder.aembed_documents(["word " * 400] * 400))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    wait_until(lambda: embedder._opened.idle_s)  # all of them take minutes


def test_closing_fails_what_waits_and_ends_the_thread():
    embedder = LocalEmbedder("all-minilm-l6-v2", threads=2).open()
    outcomes = []

    def embed():
        try:
            embedder.embed_documents(["word " * 400] * 400)
        except EngineClosed as error:
            outcomes.append(error)

    thread = threading.Thread(target=embed)
    thread.start()
    embedder.close()
    embedder.close()
    thread.join(60)
    assert len(outcomes) == 1
    with pytest.raises(EngineClosed, match="new LocalEmbedder"):
        embedder.embed_query("x")


def test_a_chat_model_is_refused(starter_model):
    with (
        LocalEmbedder(starter_model) as embedder,
        pytest.raises(ModelLoadError, match="use an embedding model"),
    ):
        embedder.embed_query("x")


EXIT = """
import threading
from gpt4all_core import LocalEmbedder
embedder = LocalEmbedder("all-minilm-l6-v2")
print(embedder.embed_query("hello").shape)
threading.Thread(target=embedder.embed_documents, args=(["word " * 400] * 2000,), daemon=True).start()
"""


def test_the_interpreter_ends_cleanly_with_a_busy_embedder():
    ended = subprocess.run(
        [sys.executable, "-c", EXIT], capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "(384,)\n"), ended.stderr
    assert "Fatal" not in ended.stderr
