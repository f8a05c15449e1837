"""Files that were cut and wait for the vectors of their passages, to be written with them."""

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from gpt4all_core.protocols import Embedder, Vectors
from gpt4all_localdocs.embed import embed_texts
from gpt4all_localdocs.manifest import FileRecord
from gpt4all_localdocs.passage import NewPassage
from gpt4all_localdocs.store import Store

_MOST_FILES: Final = 100
"""Files in one transaction, which costs some milliseconds however few they are."""

_MOST_PASSAGES: Final = 5_000
"""Passages that wait, unless one file has more: some 10 MB of text."""


_FIRST_BATCH: Final = 8
"""Texts; each further batch has twice as many up to the whole. Somebody who stops a sync after a second
keeps what it did in that second."""


class WaitingFiles:
    """Packs the texts of many files into batches that are full; what waits is bounded.

    A file and its passages are written together with the last of its vectors, in one transaction, so that a
    search finds all of it or what was there before. A file of many batches has its first ones written
    before: what is stored need not be embedded again after a stop.
    """

    def __init__(self, store: Store, embedder: Embedder, *, batch: int) -> None:
        self.embedded = 0
        self._store = store
        self._embedder = embedder
        self._most = batch
        self._batch = min(_FIRST_BATCH, batch)
        self._files: deque[tuple[FileRecord, Sequence[NewPassage], str | None]] = deque()
        self._passages = 0
        self._texts: dict[str, str] = {}
        self._vectors: dict[str, Vectors] = {}

    @property
    def is_full(self) -> bool:
        """Whether the next batch is to be embedded and written before more is added."""
        has_much = len(self._files) >= _MOST_FILES or self._passages >= _MOST_PASSAGES
        return max(len(self._texts), len(self._vectors)) >= self._batch or has_much

    @property
    def files(self) -> int:
        """How many were not written yet."""
        return len(self._files)

    @property
    def texts(self) -> int:
        """How many wait to be embedded."""
        return len(self._texts)

    def add(
        self,
        record: FileRecord,
        passages: Sequence[NewPassage],
        texts: Mapping[str, str],
        *,
        vectors: tuple[Sequence[str], Vectors] | None = None,
    ) -> None:
        """A file with the text to embed under each vector key, and the vectors of those that have one."""
        given = {} if vectors is None else dict(zip(*vectors, strict=True))
        waiting = self._texts.keys() | self._vectors.keys()
        for key in self._store.vectors.lacking(key for key in texts if key not in waiting):
            if key in given:
                self._vectors[key] = given[key]
            else:
                self._texts[key] = texts[key]
        needed = texts.keys() & self._texts.keys()
        # Texts are embedded in the order they came in: when the last one is there, all are.
        last = next((key for key in reversed(self._texts) if key in needed), None) if needed else None
        self._files.append((record, passages, last))
        self._passages += len(passages)

    def embed_batch(self) -> list[Path]:
        """Embed the texts that came first and write them, and the files that waited for them alone.

        Vectors that came with a file are written besides. Returns the files.
        """
        keys = list(islice(self._texts, self._batch))
        self._batch = min(2 * self._batch, self._most)
        rows = list(embed_texts(self._embedder, [self._texts[key] for key in keys])) if keys else []
        for key in keys:
            del self._texts[key]
        given, self._vectors = self._vectors, {}
        keys, rows = [*keys, *given], [*rows, *given.values()]
        ready = self._take_ready()
        self._store.put_files(ready, vectors=(keys, np.stack(rows)) if rows else None)
        self.embedded += len(keys)
        return [record.path for record, _ in ready]

    def _take_ready(self) -> list[tuple[FileRecord, Sequence[NewPassage]]]:
        ready = []
        while self._files and self._files[0][2] not in self._texts:
            record, passages, _ = self._files.popleft()
            self._passages -= len(passages)
            ready.append((record, passages))
        return ready
