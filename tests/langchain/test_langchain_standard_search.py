"""LangChain's standard tests of embeddings and retrievers, on the bundled model."""

from typing import ClassVar

import pytest
from langchain_tests.integration_tests import EmbeddingsIntegrationTests, RetrieversIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests

from gpt4all_localdocs import LocalDocs
from langchain_gpt4all import GPT4AllEmbeddings, LocalDocsRetriever

MODEL = "all-minilm-l6-v2"
FACTS = ["Cats chase mice.", "Dogs bark at night.", "Parrots eat seeds.", "Whales sing.", "Bees dance."]


class TestEmbeddingsUnit(EmbeddingsUnitTests):
    embeddings_class = GPT4AllEmbeddings
    embedding_model_params: ClassVar = {"model": MODEL}
    # Which model it is shows at first use, not in an attribute.
    init_from_env_params: ClassVar = ({"GPT4ALL_EMBEDDING_MODEL": MODEL}, {}, {"model": None})


class TestEmbeddingsIntegration(EmbeddingsIntegrationTests):
    embeddings_class = GPT4AllEmbeddings
    embedding_model_params: ClassVar = {"model": MODEL}


class TestRetriever(RetrieversIntegrationTests):
    retriever_constructor = LocalDocsRetriever
    retriever_query_example = "animals"

    @pytest.fixture(autouse=True)
    def opened(self, tmp_path):
        folder = tmp_path / "facts"
        folder.mkdir()
        for number, fact in enumerate(FACTS):
            (folder / f"{number}.txt").write_text(f"{fact} These are animals.", encoding="utf-8")
        with LocalDocs(tmp_path / "index", folders=[folder]) as self.docs:
            self.docs.sync()
            yield

    @property
    def retriever_constructor_params(self):
        return {"docs": self.docs}
