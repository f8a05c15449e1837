"""Bring an index to what the folders hold, so that it can be stopped at any step."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gpt4all_core.errors import ConfigError
from gpt4all_core.protocols import Embedder
from gpt4all_localdocs.check_arguments import check_callable, check_kind, check_stop
from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.pipeline import DocumentPipeline
from gpt4all_localdocs.rebuild import rebuilding, swap_in
from gpt4all_localdocs.scale.open_reader import open_reader
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.sync_progress import OnProgress, StopSignal, SyncProgress
from gpt4all_localdocs.sync_run import SyncRun
from gpt4all_localdocs.types import SyncReport
from gpt4all_localdocs.vector_index.chroma import ChromaIndex
from gpt4all_localdocs.vector_index.generations import OpenIndex
from gpt4all_localdocs.vector_index.publish import Published, publish_vectors
from gpt4all_localdocs.writer_lock import WriterLock

__all__ = ["OnProgress", "StopSignal", "SyncProgress", "sync"]


def sync(
    store: Store,
    embedder: Embedder,
    folders: Sequence[Path],
    *,
    pipeline: DocumentPipeline,
    options: IndexOptions,
    rebuild: bool = False,
    confirm_removal: bool = False,
    on_progress: OnProgress = lambda _progress: None,
    stop: StopSignal | None = None,
    open_index: OpenIndex = ChromaIndex.open,
) -> SyncReport:
    """Make the index hold exactly these folders' files; those of other folders are forgotten.

    Texts that a program put stay, cut and embedded anew where that is due.

    Files are read in `pipeline.parallel_loads` threads, and embedded in this one while others are read.
    A file is written with its vectors, all or nothing, and the vector index is swapped at the end: after a
    crash or an interrupt the index can be searched, and the next sync goes on from there.
    What cannot be looked at now (a folder that is missing, a file without permission) keeps what is
    known of it. A file that changed and cannot be read any more loses its old passages: they are not
    what it says.

    rebuild: read, embed and index everything again, also under a new embedder. That is done in a copy,
    beside the index that answers, and swapped in at the end; one that was interrupted goes on the next time.
    confirm_removal: forget also what is kept in doubt: files of a disk that seems not to be mounted.
    on_progress: called in this thread; what it raises ends the sync like an interrupt.
    stop: ends the sync after the batch or file at hand once it is set; the report names what was left.
    Raises IndexBusy, EmbedderMismatch, IndexCorrupt, ConfigError.
    """
    check_kind("rebuild", rebuild, bool)
    check_kind("confirm_removal", confirm_removal, bool)
    check_callable("on_progress", on_progress)
    check_stop(stop)
    if store.is_read_only:
        raise ConfigError(f"{store.directory} cannot be written to; its index can be searched but not synced")
    with WriterLock(
        store.directory,
        timeout_s=options.lock_timeout_s,
        on_wait=lambda: on_progress(SyncProgress("wait", 0, 0)),
    ):
        with rebuilding(
            store, identity=embedder.identity, dimensions=embedder.dimensions, is_wanted=rebuild
        ) as target:
            run = SyncRun(
                target,
                embedder,
                pipeline=pipeline,
                reader=open_reader(target, embedder, pipeline=pipeline, options=options),
                options=options,
                on_progress=on_progress,
                stop=stop,
                confirm_removal=confirm_removal,
            )
            run.adopt_embedder()
            run.update_files(folders)
            run.embed_missing()
            if not run.is_stopped:
                swap_in(target, store)
        published = Published()
        if not run.is_stopped:
            published = publish_vectors(
                store,
                options,
                open_index=open_index,
                on_applied=lambda done, total: on_progress(SyncProgress("index", done, total)),
            )
            if rebuild and not published.rebuilt:
                published = replace(published, rebuilt="a rebuild was asked for")
    return SyncReport(
        files=run.outcomes,
        embedded=run.embedded,
        rebuilt=published.rebuilt,
        behind=published.behind,
        texts=store.texts.count(),
        is_stopped=run.is_stopped,
    )
