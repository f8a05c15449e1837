"""LangChain's standard tests of tools and vector stores, over a LocalDocs on the bundled embedding model."""

from typing import ClassVar

import pytest
from langchain_tests.integration_tests import ToolsIntegrationTests, VectorStoreIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from gpt4all_localdocs import LocalDocs
from langchain_gpt4all import LocalDocsVectorStore, create_localdocs_tool


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "facts"
    folder.mkdir()
    with LocalDocs(tmp_path / "index", folders=[folder]) as docs:
        docs.sync()
        yield docs


class ToolOverDocs:
    tool_invoke_params_example: ClassVar = {"query": "animals"}

    @pytest.fixture(autouse=True)
    def opened(self, docs):
        self.tool_constructor = create_localdocs_tool(docs)
        for folder in docs.folders:
            (folder / "cats.txt").write_text("Cats chase mice.", encoding="utf-8")
        docs.sync()

    tool_constructor = None


class TestToolUnit(ToolOverDocs, ToolsUnitTests):
    pass


class TestToolIntegration(ToolOverDocs, ToolsIntegrationTests):
    pass


class TestVectorStore(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, docs):
        return LocalDocsVectorStore(docs)


class TestVectorStoreOfOtherEmbeddings(VectorStoreIntegrationTests):
    """The same with embeddings that are none of this project's, in an index of the store's own."""

    @pytest.fixture
    def vectorstore(self):
        with LocalDocsVectorStore.from_texts([], self.get_embeddings()) as store:
            yield store
