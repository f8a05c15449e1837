"""LangChain's standard tests of tools and vector stores, over a LocalDocs on the bundled embedding model."""

from typing import ClassVar

import pytest
from langchain_tests.integration_tests import ToolsIntegrationTests, VectorStoreIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from gpt4all_localdocs import LocalDocs
from langchain_gpt4all import LocalDocsVectorStore, create_localdocs_tool

_SINGLE_TEXTS = [
    "add_documents",
    "deleting_documents",
    "deleting_bulk_documents",
    "delete_missing_content",
    "add_documents_with_ids_is_idempotent",
    "add_documents_by_id_with_mutation",
    "get_by_ids",
    "get_by_ids_missing",
    "add_documents_documents",
    "add_documents_with_existing_ids",
]
NEEDS_SINGLE_TEXTS = {f"test_{name}{face}" for name in _SINGLE_TEXTS for face in ("", "_async")}
"""Passages come from files: none is added, deleted or looked up by itself."""


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
