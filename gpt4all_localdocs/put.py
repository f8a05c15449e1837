"""Put texts into an index and take them out, beside the files, which only a sync touches."""

from collections.abc import Iterable, Sequence

from gpt4all_core.protocols import Embedder
from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.embed import embed_texts
from gpt4all_localdocs.pipeline import DocumentPipeline
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.texts import Text, TextRecord, cut_text, latest_of_each
from gpt4all_localdocs.vector_index.chroma import ChromaIndex
from gpt4all_localdocs.vector_index.generations import OpenIndex
from gpt4all_localdocs.vector_index.publish import publish_vectors

_LEAST_TO_PUBLISH = 5_000
_SHARE_TO_PUBLISH = 10
"""Changes wait until there are so many, or a tenth of the vectors. Publishing copies the derived index and
searches find what waits without it; a copy for every so many puts is a constant share of their time."""


def put_texts(
    store: Store,
    embedder: Embedder,
    texts: Iterable[Text],
    *,
    pipeline: DocumentPipeline,
    options: IndexOptions,
    open_index: OpenIndex = ChromaIndex.open,
) -> None:
    """Add or replace texts: all of them, or none where it is stopped. Under the writer lock.

    Vectors are stored first, in batches, so that a put that was stopped and is called again embeds only
    what is left. Then one transaction writes the texts, their passages and their keywords.
    Raises EmbedderMismatch.
    """
    vectors = store.vectors
    vectors.check_embedder(embedder.identity, embedder.dimensions)
    records = [cut_text(text, pipeline=pipeline, embedder=embedder) for text in latest_of_each(texts)]
    if vectors.embedder is None:
        vectors.adopt_embedder(
            embedder.identity,
            embedder.dimensions,
            vector_key=lambda passage: passage.vector_key,
        )
    _embed(store, embedder, records, pipeline=pipeline, batch=options.embed_batch)
    store.texts.put(records)
    _publish(store, options, open_index)


def delete_texts(
    store: Store, ids: Iterable[str], *, options: IndexOptions, open_index: OpenIndex = ChromaIndex.open
) -> int:
    """Forget texts, in one transaction; returns how many were there. Under the writer lock."""
    deleted = store.texts.delete(ids)
    if deleted:
        _publish(store, options, open_index)
    return deleted


def cut_again(store: Store, embedder: Embedder, *, pipeline: DocumentPipeline) -> None:
    """Cut texts as `pipeline` does that were cut by other settings; their vectors may be missing then."""
    for texts in store.texts.pages(other_settings_than=pipeline.settings):
        store.vectors.unsettle()
        store.texts.put(cut_text(text, pipeline=pipeline, embedder=embedder) for text in texts)


def _embed(
    store: Store, embedder: Embedder, records: Sequence[TextRecord], *, pipeline: DocumentPipeline, batch: int
) -> None:
    by_key = {passage.vector_key: passage.chunk for record in records for passage in record.passages}
    keys = store.vectors.lacking(by_key)
    for start in range(0, len(keys), batch):
        part = keys[start : start + batch]
        texts = [pipeline.embedding_text(by_key[key], None) for key in part]
        store.vectors.put(part, embed_texts(embedder, texts))


def _publish(store: Store, options: IndexOptions, open_index: OpenIndex) -> None:
    """Bring the derived index up to date where so much waits for it that it pays."""
    pending = store.vectors.count_pending()
    if pending <= max(_LEAST_TO_PUBLISH, store.vectors.count() // _SHARE_TO_PUBLISH):
        return
    if store.vectors.generation is None and store.vectors.count() <= options.exact_search_below:
        store.vectors.publish(None)  # nothing was derived yet, and no search would look at it
        return
    publish_vectors(store, options, open_index=open_index)
