import copy
import pickle

import pytest
from llama_index.core.callbacks import CallbackManager, CBEventType, EventPayload, LlamaDebugHandler
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.shared_models import RerankerRecipe
from gpt4all_core.types import RankedDocument
from llamaindex_gpt4all import GPT4AllRerank

NODES = [
    NodeWithScore(node=TextNode(text="a"), score=0.9),
    NodeWithScore(node=TextNode(text="bbb"), score=0.1),
    NodeWithScore(node=TextNode(text="cc")),
]


class LengthRanker:
    """The longest text answers best."""

    is_open = True

    def __init__(self):
        self.texts = []

    def rerank(self, query, documents, *, top_n=None):
        self.texts += documents
        order = sorted(range(len(documents)), key=lambda index: -len(documents[index]))
        return [RankedDocument(index, len(documents[index]) / 10) for index in order[:top_n]]

    async def arerank(self, query, documents, *, top_n=None):
        return self.rerank(query, documents, top_n=top_n)


@pytest.fixture
def recipes(monkeypatch):
    made = []
    monkeypatch.setattr(RerankerRecipe, "make", lambda recipe: made.append(recipe) or LengthRanker())
    return made


async def test_the_best_nodes_come_first_with_their_scores(recipes):
    rerank = GPT4AllRerank(model="m", top_n=2)
    best = rerank.postprocess_nodes(NODES, query_str="?")
    assert [(node.text, node.score) for node in best] == [("bbb", 0.3), ("cc", 0.2)]
    assert best[0].node is NODES[1].node
    assert await rerank.apostprocess_nodes(NODES, QueryBundle("?")) == best
    assert len(GPT4AllRerank(model="m", top_n=None).postprocess_nodes(NODES, query_str="?")) == 3


def test_the_nodes_that_were_given_stay_as_they_are(recipes):
    before = copy.deepcopy(NODES)
    GPT4AllRerank(model="m").postprocess_nodes(NODES, query_str="?")
    assert before == NODES


def test_metadata_are_read_as_embedding_models_read_them(recipes):
    node = TextNode(text="a", metadata={"title": "T", "path": "P"}, excluded_embed_metadata_keys=["path"])
    rerank = GPT4AllRerank(model="m")
    rerank.postprocess_nodes([NodeWithScore(node=node)], query_str="?")
    assert rerank._reranker.texts == ["title: T\n\na"]


async def test_no_nodes_stay_none_and_load_nothing(recipes):
    rerank = GPT4AllRerank(model="m")
    assert rerank.postprocess_nodes([], query_str="?") == []
    assert await rerank.apostprocess_nodes([], query_str="?") == []
    assert recipes == []


async def test_a_missing_question_is_refused(recipes):
    with pytest.raises(ConfigError, match="query_str"):
        GPT4AllRerank().postprocess_nodes(NODES)
    with pytest.raises(ConfigError, match="query_str"):
        await GPT4AllRerank().apostprocess_nodes(NODES)


async def test_both_kinds_of_listeners_are_told_and_learn_no_folder(recipes, seen):
    debug = LlamaDebugHandler(print_trace_on_end=False)
    rerank = GPT4AllRerank(model="/home/me/m.gguf", callback_manager=CallbackManager([debug]))
    best = rerank.postprocess_nodes(NODES, query_str="?")
    assert await rerank.apostprocess_nodes(NODES, query_str="?") == best
    assert [event.class_name() for event in seen] == ["ReRankStartEvent", "ReRankEndEvent"] * 2
    assert (seen[0].top_n, seen[0].model_name, seen[1].nodes) == (3, "m.gguf", best)
    pairs = debug.get_event_pairs(CBEventType.RERANKING)
    assert len(pairs) == 2
    assert pairs[0][0].payload[EventPayload.QUERY_STR] == "?"
    assert pairs[0][1].payload[EventPayload.NODES] == best
    assert "/home/me" not in str([event.model_dump() for event in seen]) + str(pairs) + repr(rerank)


def test_copies_and_pickles_are_the_same_reranker(recipes):
    rerank = GPT4AllRerank(model="m", top_n=1)
    for copied in (
        pickle.loads(pickle.dumps(rerank)),
        copy.deepcopy(rerank),
        GPT4AllRerank.from_dict(rerank.to_dict()),
    ):
        assert copied.to_dict() == rerank.to_dict()
        assert copied.postprocess_nodes(NODES, query_str="?")[0].text == "bbb"


def test_every_argument_reaches_the_reranker(recipes):
    given = {
        "long_text": "error",
        "threads": 1,
        "device": "cpu",
        "gpu_layers": 0,
        "idle_ttl_s": 5.0,
        "allow_download": True,
    }
    GPT4AllRerank(model="m", **given).postprocess_nodes(NODES, query_str="?")
    assert recipes == [RerankerRecipe("m", **given)]


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"top_n": 0}, ConfigError, "top_n=0"),
        ({"long_text": "half"}, ConfigError, "long_text='half'"),
        ({"topn": 3}, UnsupportedParameter, "did you mean top_n"),
    ],
)
def test_impossible_arguments_are_refused_by_name(arguments, kind, message):
    with pytest.raises(kind, match=message):
        GPT4AllRerank(**arguments)
