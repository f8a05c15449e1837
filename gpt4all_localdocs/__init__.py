"""My folders, searchable, with citations.

    from gpt4all_localdocs import LocalDocs

    with LocalDocs("index", folders=["documents"]) as docs:
        docs.sync()
        answer = docs.ask("How many days of leave do I get?")

Names are loaded at first use, so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gpt4all_localdocs.answer_stream import AnswerStream
    from gpt4all_localdocs.compare import Comparison
    from gpt4all_localdocs.config import IndexOptions
    from gpt4all_localdocs.document_table import IndexedDocument
    from gpt4all_localdocs.extract import Extraction
    from gpt4all_localdocs.gpt4all_collections import GPT4AllCollection, GPT4AllImport, import_gpt4all
    from gpt4all_localdocs.local_docs import LocalDocs
    from gpt4all_localdocs.local_docs_group import LocalDocsGroup
    from gpt4all_localdocs.map.document_map import DocumentMap
    from gpt4all_localdocs.move_vectors import MovedVectors
    from gpt4all_localdocs.refine import Refine
    from gpt4all_localdocs.search_filter import SearchFilter
    from gpt4all_localdocs.summarise import Summary
    from gpt4all_localdocs.sync import SyncProgress
    from gpt4all_localdocs.texts import Text
    from gpt4all_localdocs.types import Answer, Citation, Claim, FileOutcome, Hit, SyncReport

_HOME = {
    "Answer": "types",
    "AnswerStream": "answer_stream",
    "Citation": "types",
    "Claim": "types",
    "Comparison": "compare",
    "DocumentMap": "map.document_map",
    "Extraction": "extract",
    "FileOutcome": "types",
    "GPT4AllCollection": "gpt4all_collections",
    "GPT4AllImport": "gpt4all_collections",
    "Hit": "types",
    "IndexOptions": "config",
    "IndexedDocument": "document_table",
    "LocalDocs": "local_docs",
    "LocalDocsGroup": "local_docs_group",
    "MovedVectors": "move_vectors",
    "Refine": "refine",
    "SearchFilter": "search_filter",
    "Summary": "summarise",
    "SyncProgress": "sync",
    "SyncReport": "types",
    "Text": "texts",
    "import_gpt4all": "gpt4all_collections",
}

__all__ = [
    "Answer",
    "AnswerStream",
    "Citation",
    "Claim",
    "Comparison",
    "DocumentMap",
    "Extraction",
    "FileOutcome",
    "GPT4AllCollection",
    "GPT4AllImport",
    "Hit",
    "IndexOptions",
    "IndexedDocument",
    "LocalDocs",
    "LocalDocsGroup",
    "MovedVectors",
    "Refine",
    "SearchFilter",
    "Summary",
    "SyncProgress",
    "SyncReport",
    "Text",
    "import_gpt4all",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
