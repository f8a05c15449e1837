"""What an index holds, one by one: the part of the facade that reads without a question."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from gpt4all_core.errors import LocalDocsError
from gpt4all_core.protocols import Vectors
from gpt4all_localdocs.check_arguments import as_list, as_path, check_count, check_kind
from gpt4all_localdocs.document_table import IndexedDocument
from gpt4all_localdocs.indexed_files import IndexedFile, indexed_files
from gpt4all_localdocs.passage import text_path
from gpt4all_localdocs.search import condition_for, to_hit, whole_text
from gpt4all_localdocs.search_filter import Where
from gpt4all_localdocs.store import Store, StoreSummary
from gpt4all_localdocs.texts import Text
from gpt4all_localdocs.types import Hit


class IndexContents(ABC):
    """Passages, texts and documents, by their ids or in their order; `LocalDocs` has the index."""

    @property
    @abstractmethod
    def _store(self) -> Store:
        """The store of the index, made if it does not exist."""

    @property
    @abstractmethod
    def _searched(self) -> Store:
        """The same, refused where there is none yet."""

    def get(self, ids: Iterable[str], *, where: Where | None = None) -> list[Hit]:
        """What has these ids, in their order: whole texts by theirs, passages by `chunk_id`; scores are 0.

        where: only what fits, as `LocalDocs.search` has it. A passage that stands in several equal files has
        one id, and is told of one that fits. Ids that the index does not have are left out.
        """
        asked = as_list("ids", ids, kind=str)
        fitting = condition_for(self._searched, where)
        texts = self._searched.texts.get(asked)
        if where is not None:
            texts = {
                id_: text for id_, text in texts.items() if self._store.has_fitting(text_path(id_), fitting)
            }
        others = [id_ for id_ in asked if id_ not in texts]
        passages = self._store.passages_by_content(others, condition=fitting)
        found = {id_: to_hit(passage) for id_, passage in passages.items()}
        found |= {id_: whole_text(text) for id_, text in texts.items()}
        return [found[id_] for id_ in asked if id_ in found]

    def texts(self) -> Iterator[Text]:
        """Every text that was put, in the order of their ids; reads some at a time."""
        for page in self._searched.texts.pages():
            yield from page

    def vectors_of(self, hits: Sequence[Hit]) -> Vectors:
        """The vectors of passages that a search found: float32, shape (len(hits), dimensions).

        Raises LocalDocsError for one that is gone meanwhile, or that no sync has embedded yet.
        """
        hits = as_list("hits", hits, kind=Hit)
        passages = self._searched.passages_by_content(hit.chunk_id for hit in hits)
        keys, rows = self._store.vectors.load(passage.vector_key for passage in passages.values())
        places = {key: place for place, key in enumerate(keys)}
        for hit in hits:
            if hit.chunk_id not in passages or passages[hit.chunk_id].vector_key not in places:
                raise LocalDocsError(
                    f"the index has no vector of {hit.name}, {hit.span}; sync, or search again"
                )
        return rows[[places[passages[hit.chunk_id].vector_key] for hit in hits]]

    def passages(self) -> Iterator[Hit]:
        """Every passage of the index, file by file and then text by text, in order; their score is 0.

        For programs that keep an index of their own. Reads one file's passages at a time; a sync that
        runs meanwhile may take some away or add others.
        """
        for path in sorted(self._searched.files()):
            yield from map(to_hit, self._store.passages_of_file(path))
        for page in self._store.texts.pages():
            for text in page:
                yield from map(to_hit, self._store.passages_of_text(text.id))

    def document_of(self, hit: Hit, *, most: int | None = None) -> list[Hit]:
        """All passages of the file or text that a hit is of, in order; none if they are more than `most`."""
        check_kind("hit", hit, Hit)
        if most is not None:
            check_count("most", most, least=0)
        place = text_path(hit.text_id) if hit.text_id else hit.path
        passages = self._searched.passages_of_file(place)
        return [] if most is not None and len(passages) > most else list(map(to_hit, passages))

    def document_at(self, path: str | Path) -> list[Hit]:
        """All passages of a text by its id, or of a file, in order; none where the index has neither."""
        place = as_path("path", path)
        passages = self._searched.passages_of_text(str(path))
        return list(map(to_hit, passages or self._store.passages_of_file(place)))

    def documents(self, *, where: Where | None = None) -> list[IndexedDocument]:
        """The files and texts of the index, or those with a passage that fits the filter, by their paths."""
        return self._searched.documents.matching(condition_for(self._store, where))

    def files(self) -> Iterator[IndexedFile]:
        """Every file that the last sync read, could not read or passed over; reads some at a time.

        While a sync is under way those that were passed over may be missing.
        """
        yield from indexed_files(self._searched)

    def count(self, *, where: Where | None = None) -> int:
        """How many `documents` there are."""
        return self._searched.documents.count(condition_for(self._store, where))

    def status(self) -> StoreSummary:
        """What the index holds now."""
        return self._store.summary()
