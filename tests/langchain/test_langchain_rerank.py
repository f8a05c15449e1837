import numpy as np
import pytest
from langchain_core.cross_encoders import BaseCrossEncoder
from langchain_core.documents import BaseDocumentCompressor, Document

from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.shared_models import RerankerRecipe
from gpt4all_core.types import RankedDocument
from langchain_gpt4all import GPT4AllRerank

DOCUMENTS = [Document("a", metadata={"source": "a.txt"}), Document("bbb"), Document("cc", id="c")]


class LengthRanker:
    """The longest text answers best."""

    is_open = True

    def rerank(self, query, documents, *, top_n=None):
        order = sorted(range(len(documents)), key=lambda index: -len(documents[index]))
        return [RankedDocument(index, len(documents[index]) / 10) for index in order[:top_n]]

    async def arerank(self, query, documents, *, top_n=None):
        return self.rerank(query, documents, top_n=top_n)

    def score(self, pairs):
        return np.array([len(document) / 8 for _query, document in pairs], dtype=np.float32)


@pytest.fixture
def recipes(monkeypatch):
    made = []
    monkeypatch.setattr(RerankerRecipe, "make", lambda recipe: made.append(recipe) or LengthRanker())
    return made


async def test_the_best_documents_come_first_with_their_scores(recipes):
    rerank = GPT4AllRerank(model="m", top_n=2)
    best = rerank.compress_documents(DOCUMENTS, "?")
    assert [(document.page_content, document.metadata["relevance_score"]) for document in best] == [
        ("bbb", 0.3),
        ("cc", 0.2),
    ]
    assert best[1].id == "c"
    assert await rerank.acompress_documents(DOCUMENTS, "?") == best
    assert isinstance(rerank, BaseDocumentCompressor)


def test_the_documents_that_were_given_stay_as_they_are(recipes):
    [*_, last] = GPT4AllRerank(model="m", top_n=None).compress_documents(DOCUMENTS, "?")
    assert last.metadata == {"source": "a.txt", "relevance_score": 0.1}
    assert DOCUMENTS[0].metadata == {"source": "a.txt"}


def test_it_scores_pairs_as_a_cross_encoder_with_plain_floats(recipes):
    rerank = GPT4AllRerank(model="m")
    assert isinstance(rerank, BaseCrossEncoder)
    scores = rerank.score([("?", "a"), ("?", "bb")])
    assert scores == [0.125, 0.25]
    assert {type(score) for score in scores} == {float}


def test_every_argument_reaches_the_reranker(recipes):
    given = {
        "long_text": "error",
        "threads": 1,
        "device": "cpu",
        "gpu_layers": 0,
        "idle_ttl_s": 5.0,
        "allow_download": True,
    }
    GPT4AllRerank(model="m", **given).score([])
    assert recipes == [RerankerRecipe("m", **given)]
    made = RerankerRecipe("m", **given)
    assert made.reference == "m"


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
