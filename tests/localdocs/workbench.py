"""A small index over a folder, with a reader of plain paragraphs and a vector index of one file."""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_core.protocols import Vectors
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.pipeline import DocumentPipeline
from gpt4all_localdocs.put import delete_texts, put_texts
from gpt4all_localdocs.search import search
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.sync import sync
from gpt4all_localdocs.sync_progress import StopSignal
from gpt4all_localdocs.texts import Text
from gpt4all_localdocs.types import Chunk, Document, Hit, SyncReport
from gpt4all_localdocs.vector_index.exact import ExactIndex
from gpt4all_localdocs.vector_index.generations import OpenIndex, generation_directory
from gpt4all_localdocs.vector_index.protocol import Neighbour
from gpt4all_localdocs.vector_index.search_index import SearchIndex
from gpt4all_localdocs.writer_lock import WriterLock

SQLITE = b"SQLite format 3\0"
"""How Chroma's database begins."""


class FileIndex:
    """Keeps what it is told at once, in one file, under the name that Chroma's database has."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "chroma.sqlite3"
        self._index = (
            ExactIndex(*pickle.loads(self._file.read_bytes().removeprefix(SQLITE)))
            if self._file.exists()
            else ExactIndex()
        )

    def upsert(self, ids: Sequence[str], vectors: Vectors) -> None:
        self._index.upsert(ids, vectors)
        self._save()

    def delete(self, ids: Sequence[str]) -> None:
        self._index.delete(ids)
        self._save()

    def query(self, vector: Vectors, k: int) -> list[Neighbour]:
        return self._index.query(vector, k)

    def ids(self) -> set[str]:
        return self._index.ids()

    def close(self) -> None:
        self._save()

    def _save(self) -> None:
        self._file.write_bytes(SQLITE + pickle.dumps(self._index._content))


def read_text(path: Path) -> Document:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UnreadableDocument(path, f"cannot be opened: {error.strerror}") from error
    if "UNREADABLE" in text:
        raise UnreadableDocument(path, "it is scrambled")
    return Document(text)


def cut_paragraphs(document: Document) -> list[Chunk]:
    chunks, start = [], 0
    for part in document.text.split("\n\n"):
        if part.strip():
            line = document.text.count("\n", 0, start) + 1
            lines = (line, line + part.count("\n"))
            chunks.append(Chunk(len(chunks), part, (start, start + len(part)), None, lines))
        start += len(part) + 2
    return chunks


PIPELINE = DocumentPipeline(
    suffixes=frozenset({".txt", ".md"}),
    settings="paragraphs-1",
    load=read_text,
    chunk=cut_paragraphs,
    embedding_text=lambda chunk, title: chunk.text,
)


class Workbench:
    """One folder, one index, and everything that a sync needs."""

    def __init__(self, root: Path, *, index: str = "index", docs: str = "docs") -> None:
        self.docs = root / docs
        self.docs.mkdir(exist_ok=True, parents=True)
        self.index = root / index
        self.embedder = HashEmbedder()
        self.pipeline = PIPELINE
        self.options = IndexOptions(embed_batch=2, exact_search_below=0, lock_timeout_s=5)
        self.open_index: OpenIndex = FileIndex
        self.folders = [self.docs]

    def write(self, name: str, text: str) -> Path:
        path = self.docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def sync(
        self,
        *,
        rebuild: bool = False,
        confirm_removal: bool = False,
        on_progress: Callable[..., None] = lambda _progress: None,
        stop: StopSignal | None = None,
    ) -> SyncReport:
        with Store.open(self.index) as store:
            return sync(
                store,
                self.embedder,
                self.folders,
                pipeline=self.pipeline,
                options=self.options,
                rebuild=rebuild,
                confirm_removal=confirm_removal,
                on_progress=on_progress,
                stop=stop,
                open_index=self.open_index,
            )

    def put(self, *texts: Text) -> None:
        with Store.open(self.index) as store, WriterLock(self.index, timeout_s=5):
            put_texts(
                store,
                self.embedder,
                texts,
                pipeline=self.pipeline,
                options=self.options,
                open_index=self.open_index,
            )

    def delete(self, *ids: str) -> int:
        with Store.open(self.index) as store, WriterLock(self.index, timeout_s=5):
            return delete_texts(store, ids, options=self.options, open_index=self.open_index)

    def texts(self) -> list[Text]:
        with Store.open(self.index) as store:
            return [text for page in store.texts.pages() for text in page]

    def search(self, query: str, **choices: object) -> list[Hit]:
        with (
            Store.open(self.index) as store,
            SearchIndex(store, self.options, open_index=self.open_index) as index,
        ):
            return search(store, index, self.embedder, query, **{"k": 10, **choices})  # type: ignore[arg-type]

    def outcomes(self, report: SyncReport) -> dict[str, str]:
        return {str(file.path.relative_to(self.docs)): file.outcome for file in report.files}

    def content(self) -> dict[str, object]:
        """Everything a search can depend on, row numbers and times left out."""
        with Store.open(self.index) as store:
            files = store.files()
            keys, rows = store.vectors.load()
            generation = store.vectors.generation
            assert store.vectors.count_pending() == 0
            store.check_integrity()
            published = set()
            if generation is not None:
                published = self.open_index(generation_directory(self.index, generation)).ids()
            words = ("alpha", "beta", "gamma", "delta", "txt", "moved")
            ids = {word: store.keywords.match(f'"{word}"', limit=1000) for word in words}
            return {
                "files": {path: (r.sha256, r.settings, r.state, r.reason) for path, r in files.items()},
                "passages": {path: [replace_row(p) for p in store.passages_of_file(path)] for path in files},
                "texts": {
                    text: [replace_row(p) for p in store.passages_of_text(text.id)]
                    for page in store.texts.pages()
                    for text in page
                },
                "vectors": {key: row.tobytes() for key, row in zip(keys, rows, strict=True)},
                "published": published,
                "keywords": {
                    word: sorted(
                        (
                            str(store.passages([id_])[id_].path),
                            store.passages([id_])[id_].chunk.ordinal,
                            round(score, 9),
                        )
                        for id_, score in found
                    )
                    for word, found in ids.items()
                },
            }

    def fresh_content(self) -> dict[str, object]:
        """The content of a new index over the same folders, with the same texts."""
        number = sum(1 for _ in self.index.parent.glob("fresh-*"))
        other = Workbench(self.index.parent, index=f"fresh-{number}", docs=self.docs.name)
        other.pipeline, other.folders, other.embedder = self.pipeline, self.folders, self.embedder
        other.options, other.open_index = self.options, self.open_index
        other.put(*self.texts())
        other.sync()
        return other.content()


def replace_row(passage: object) -> object:
    return replace(passage, id=0)  # type: ignore[type-var]
