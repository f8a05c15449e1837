import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spelled import spelled
from tiny_models_bert import CONTEXT, SEP, write_tiny_bert
from tiny_models_qwen3 import TEMPLATE, write_tiny_qwen3

from gpt4all_core import LocalReranker, RankedDocument
from gpt4all_core.engine.llama.pooled_context import LlamaPooledContext, PackOptions
from gpt4all_core.errors import ConfigError, EngineClosed, ModelLoadError, ModelNotFound

QUERY = "what do parrots eat"
DOCUMENTS = ["seeds and nuts", "the law of leave", "a", "cats eat fish", "parrots eat seeds all day"]
WORDS = st.lists(st.sampled_from(["cat", "dog", "eat", "seeds", "a", "xyz"]), min_size=1, max_size=7)
# Keys and values have 16 bits in llama.cpp, 64 in the reference, which moves logits of about 2 this much.
CLOSE = 0.03


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("bert") / "tiny.gguf")


@pytest.fixture(scope="module")
def reranker(bert):
    with LocalReranker(bert.path, threads=2) as reranker:
        yield reranker.open()


@pytest.fixture(scope="module")
def qwen3(tmp_path_factory):
    path = tmp_path_factory.mktemp("qwen3") / "tiny.gguf"
    tensors = write_tiny_qwen3(path)
    with LocalReranker(path) as reranker:
        yield reranker.open(), tensors


def sigmoid(logits):
    return 1 / (1 + np.exp(-np.asarray(logits, dtype=np.float64)))


@settings(max_examples=25)
@given(st.lists(st.tuples(WORDS.map(" ".join), WORDS.map(" ".join)), max_size=12))
def test_scores_are_those_of_the_float_model_whatever_is_packed_together(bert, reranker, pairs):
    logits = reranker.score(pairs, raw=True)
    assert (logits.shape, logits.dtype) == ((len(pairs),), np.float32)
    expected = [bert.logit(bert.pair(*pair)) for pair in pairs]
    np.testing.assert_allclose(logits, expected, atol=CLOSE)
    np.testing.assert_allclose(reranker.score(pairs), sigmoid(logits), atol=1e-6)


def test_documents_are_ranked_with_their_places_and_scores(bert, reranker):
    ranked = reranker.rerank(QUERY, DOCUMENTS)
    expected = sigmoid([bert.logit(bert.pair(QUERY, document)) for document in DOCUMENTS])
    assert [one.index for one in ranked] == np.argsort(-expected).tolist()
    for one in ranked:
        assert one.score == pytest.approx(expected[one.index], abs=CLOSE)
    assert reranker.rerank(QUERY, DOCUMENTS, top_n=2) == ranked[:2]
    assert reranker.rerank(QUERY, DOCUMENTS, top_n=99) == ranked
    assert reranker.rerank(QUERY, []) == []
    assert isinstance(ranked[0], RankedDocument)


def test_equal_documents_stay_in_their_order(reranker):
    ranked = reranker.rerank(QUERY, ["same words"] * 30)
    assert [one.index for one in ranked] == list(range(30))


async def test_event_loops_and_threads_get_the_same(reranker):
    ranked, pairs = reranker.rerank(QUERY, DOCUMENTS), [(QUERY, one) for one in DOCUMENTS]
    with ThreadPoolExecutor(4) as threads:
        plain = [threads.submit(reranker.rerank, QUERY, DOCUMENTS) for _ in range(8)]
        found = await asyncio.gather(*(reranker.arerank(QUERY, DOCUMENTS) for _ in range(8)))
        scores = await reranker.ascore(pairs)
    for one in [*found, *(future.result() for future in plain)]:
        assert [document.index for document in one] == [document.index for document in ranked]
        assert [d.score for d in one] == pytest.approx([d.score for d in ranked], abs=1e-3)
    assert scores == pytest.approx(reranker.score(pairs), abs=1e-3)
    assert await reranker.arerank(QUERY, DOCUMENTS, top_n=1) == pytest.approx(ranked[:1])


async def test_a_cancelled_task_drops_what_is_not_scored(reranker):
    task = asyncio.create_task(reranker.arerank(QUERY, DOCUMENTS * 2000))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(await asyncio.wait_for(reranker.arerank(QUERY, DOCUMENTS), 60)) == 5


def test_a_long_document_is_cut_before_its_last_token(bert, reranker):
    document = "seeds " * 200
    tokens = reranker._tokens(QUERY, document)
    whole = bert.pair(QUERY, document)
    assert reranker.max_tokens == CONTEXT == len(tokens)
    assert tokens == [*whole[: CONTEXT - 1], SEP]
    assert reranker.score([(QUERY, document)], raw=True)[0] == pytest.approx(bert.logit(tokens), abs=CLOSE)


def test_a_long_document_can_be_refused(bert):
    with (
        LocalReranker(bert.path, long_text="error") as strict,
        pytest.raises(ConfigError, match=r"have \d+ tokens but tiny sees 64"),
    ):
        strict.rerank(QUERY, ["fine", "seeds " * 200])


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda r: r.rerank(" ", ["a"]), "empty query"),
        (lambda r: r.rerank("words " * 60, ["a"]), "shorten the query"),
        (lambda r: r.rerank("a", ["b"], top_n=0), "top_n=0"),
        (lambda r: r.rerank("a", "bcd"), "'bcd' is one document"),
        (lambda r: r.rerank("a", ["b", 3]), "3 is no text"),
        (lambda r: LocalReranker(long_text="mean"), "long_text='mean'"),
    ],
    ids=spelled,
)
def test_what_cannot_be_ranked_is_refused_by_name(reranker, ask, message):
    with pytest.raises(ConfigError, match=message):
        ask(reranker)


def test_an_empty_document_has_a_score_like_any_other(bert, reranker):
    assert reranker.score([(QUERY, "")], raw=True) == pytest.approx(
        bert.logit(bert.pair(QUERY, "")), abs=CLOSE
    )


def test_control_tokens_that_a_text_spells_stay_text(reranker):
    for tokens in (reranker._tokens("a [SEP] b", "c"), reranker._tokens("a b", "[CLS] c [SEP]")):
        assert tokens.count(SEP) == 2


@pytest.mark.parametrize(
    ("flags", "between"),
    [
        ({}, [SEP]),
        ({"add_eos_token": True, "add_sep_token": False}, [SEP]),
        ({"add_eos_token": True, "add_sep_token": True}, [SEP, SEP]),
    ],
    ids=spelled,
)
def test_the_header_says_what_stands_between_the_texts(tmp_path, flags, between):
    tiny = write_tiny_bert(tmp_path / "tiny.gguf", flags=flags)
    with LocalReranker(tiny.path) as reranker:
        assert reranker._tokens("ab", "cd") == [2, *tiny.tokens("ab"), *between, *tiny.tokens("cd"), SEP]


def test_a_vocabulary_that_parts_no_texts_is_refused(tmp_path):
    tiny = write_tiny_bert(tmp_path / "tiny.gguf", flags={"add_eos_token": False, "add_sep_token": False})
    with LocalReranker(tiny.path) as reranker, pytest.raises(ModelLoadError, match="how to write a pair"):
        reranker.rerank("a", ["b"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"has_head": False}, "no classifier head"),
        ({"has_head": False, "pooling": "mean"}, "no classifier head"),
        ({"labels": ("contradiction", "neutral", "entailment")}, "classifier of 3 outputs"),
    ],
    ids=spelled,
)
def test_a_file_that_is_no_reranker_is_refused_before_it_is_loaded(tmp_path, options, message):
    tiny = write_tiny_bert(tmp_path / "tiny.gguf", **options)
    with pytest.raises(ModelLoadError, match=message) as caught:
        LocalReranker(tiny.path).rerank("a", ["b"])
    assert caught.value.path == tiny.path


def test_an_older_file_with_a_head_but_no_pooling_type_is_a_reranker(tmp_path, bert):
    older = write_tiny_bert(tmp_path / "tiny.gguf", pooling=None)
    with LocalReranker(older.path) as reranker:
        assert reranker.score([("a", "b")], raw=True) == pytest.approx(
            bert.logit(bert.pair("a", "b")), abs=CLOSE
        )


def test_chat_and_embedding_models_are_refused(starter_model):
    for model in (starter_model, "all-minilm-l6-v2"):
        with pytest.raises(ModelLoadError, match="no classifier head"):
            LocalReranker(model).rerank("a", ["b"])


def test_without_a_model_there_is_none():
    with pytest.raises(ModelNotFound, match="no reranker is on this disk; give the path"):
        LocalReranker().rerank("a", ["b"])


def test_a_closed_reranker_says_so(bert):
    reranker = LocalReranker(bert.path)
    reranker.rerank("a", ["b"])
    reranker.close()
    with pytest.raises(EngineClosed, match="new LocalReranker"):
        reranker.rerank("a", ["b"])


def test_a_rerank_template_is_filled_in(qwen3):
    reranker, _ = qwen3
    tokens = reranker._tokens("parrots", "seeds")
    start, end, thinks = 257, 258, 259
    filled = TEMPLATE.format(query="parrots", document="seeds")
    body = filled.removeprefix("<|im_start|>").removesuffix("<|im_end|>\n<think>\n")
    assert tokens == [start, *reranker._tokenize(body), end, *reranker._tokenize("\n"), thinks, *tokens[-1:]]
    spelled = reranker._tokens("a <|im_end|> b", "<think>")
    assert (spelled.count(end), spelled.count(thinks)) == (1, 1)


def test_a_yes_and_no_head_gives_the_chance_of_yes(qwen3):
    reranker, tensors = qwen3
    pairs = [("parrots", "eat seeds"), ("a", "b"), ("law", "of leave"), ("x", "y " * 30)]
    logits = reranker.score(pairs, raw=True)
    last_token = 3
    context = LlamaPooledContext(reranker._opened.weights, PackOptions(256, 4), width=32, pooling=last_token)
    states = context.run([reranker._tokens(*pair) for pair in pairs[:3]], threads=1)
    context.close()
    yes, no = tensors["cls.output.weight"] @ states.T
    np.testing.assert_allclose(logits[:3], yes - no, atol=CLOSE)
    np.testing.assert_allclose(reranker.score(pairs), sigmoid(logits), atol=1e-6)


def test_a_long_document_in_a_template_is_cut_before_the_templates_end(qwen3):
    reranker, _ = qwen3
    tokens = reranker._tokens("parrots", "seeds and nuts " * 100)
    assert reranker.max_tokens - 3 <= len(tokens) <= reranker.max_tokens
    assert tokens[-4:] == reranker._tokens("parrots", "seeds")[-4:]


@pytest.mark.parametrize("labels", [(), ("yes",), ("a", "b", "c")])
def test_a_softmax_over_anything_but_two_is_refused(tmp_path, labels):
    write_tiny_qwen3(tmp_path / "tiny.gguf", labels=labels)
    with pytest.raises(ModelLoadError, match="of the architecture qwen3 has 2"):
        LocalReranker(tmp_path / "tiny.gguf").rerank("a", ["b"])
