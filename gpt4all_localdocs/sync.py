"""Bring an index to what the folders hold, so that it can be stopped at any step."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from gpt4all_core.errors import ConfigError, UnreadableDocument
from gpt4all_core.protocols import Embedder
from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.embed import embed_texts
from gpt4all_localdocs.manifest import FileRecord, FileStat
from gpt4all_localdocs.passage import NewPassage, Passage
from gpt4all_localdocs.pipeline import DocumentPipeline, content_id, vector_key
from gpt4all_localdocs.plan import Plan, plan_reading, plan_sync
from gpt4all_localdocs.put import cut_again
from gpt4all_localdocs.scan import scan_folders
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.types import Chunk, FileOutcome, Outcome, SyncReport
from gpt4all_localdocs.vector_index.chroma import ChromaIndex
from gpt4all_localdocs.vector_index.generations import Generations, OpenIndex
from gpt4all_localdocs.writer_lock import WriterLock

SyncPhase = Literal["wait", "scan", "hash", "load", "embed", "index"]


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """How far a phase is: `done` of `total` files (hash, load) or vectors (embed, index).

    "wait" comes first, and only if another writer holds the index.
    `path` is the file that comes next, where a phase goes by files.
    """

    phase: SyncPhase
    done: int
    total: int
    path: Path | None = None


OnProgress = Callable[[SyncProgress], None]


def sync(
    store: Store,
    embedder: Embedder,
    folders: Sequence[Path],
    *,
    pipeline: DocumentPipeline,
    options: IndexOptions,
    rebuild: bool = False,
    on_progress: OnProgress = lambda _progress: None,
    open_index: OpenIndex = ChromaIndex.open,
) -> SyncReport:
    """Make the index hold exactly these folders' files; those of other folders are forgotten.

    Texts that a program put stay, cut and embedded anew where that is due.

    Each file is one transaction, vectors are stored in batches, and the vector index is swapped at the
    end: after a crash or an interrupt the index can be searched, and the next sync goes on from there.
    What cannot be looked at now (a folder that is missing, a file without permission) keeps what is
    known of it. A file that changed and cannot be read any more loses its old passages: they are not
    what it says.

    rebuild: read, embed and index everything again, also under a new embedder.
    on_progress: called in this thread; what it raises ends the sync like an interrupt.
    Raises IndexBusy, EmbedderMismatch, IndexCorrupt, ConfigError.
    """
    if store.is_read_only:
        raise ConfigError(f"{store.directory} cannot be written to; its index can be searched but not synced")
    with WriterLock(
        store.directory,
        timeout_s=options.lock_timeout_s,
        on_wait=lambda: on_progress(SyncProgress("wait", 0, 0)),
    ):
        run = _Run(store, embedder, pipeline, options, on_progress)
        run.adopt_embedder(rebuild=rebuild)
        run.update_files(folders)
        cut_again(store, embedder, pipeline=pipeline)
        embedded = run.embed_missing()
        store.vectors.drop_unused()
        generations = Generations(store.directory, store.vectors, open_index=open_index)
        if options.vector_index == "exact":
            generations.discard()
            rebuilt = ""
        else:
            rebuilt = generations.refresh(
                on_applied=lambda done, total: on_progress(SyncProgress("index", done, total))
            )
    return SyncReport(
        files=tuple(sorted(run.outcomes, key=lambda outcome: outcome.path)),
        embedded=embedded,
        rebuilt="a rebuild was asked for" if rebuild else rebuilt,
        texts=store.texts.count(),
    )


class _Run:
    """One sync; `outcomes` fills up as it goes."""

    def __init__(
        self,
        store: Store,
        embedder: Embedder,
        pipeline: DocumentPipeline,
        options: IndexOptions,
        on_progress: OnProgress,
    ) -> None:
        self.outcomes: list[FileOutcome] = []
        self._store = store
        self._embedder = embedder
        self._pipeline = pipeline
        self._options = options
        self._on_progress = on_progress

    def adopt_embedder(self, *, rebuild: bool) -> None:
        vectors, embedder = self._store.vectors, self._embedder
        if not rebuild:
            vectors.check_embedder(embedder.identity, embedder.dimensions)
        vectors.adopt_embedder(
            embedder.identity, embedder.dimensions, vector_key=self._key_of_passage, start_over=rebuild
        )

    def update_files(self, folders: Sequence[Path]) -> None:
        """Scan, decide, and do what was decided, file by file."""
        self._on_progress(SyncProgress("scan", 0, 0))
        scanned_ns = time.time_ns()
        known, known_folders = self._store.files(), self._store.folders()
        scan = scan_folders(
            folders,
            suffixes=self._pipeline.suffixes,
            max_file_bytes=self._options.max_file_bytes,
            exclude=self._store.directory,
            known_devices={folder: device for folder, device in known_folders.items() if device},
        )
        for place in (*scan.skipped, *scan.hidden_from_view):
            self._report(place.path, "skipped", place.reason)
        reading = plan_reading(known, scan, settings=self._pipeline.settings)
        hashes = self._hash_files(reading.to_hash)
        self._apply(
            plan_sync(known, reading, hashes, settings=self._pipeline.settings), known, scanned_ns=scanned_ns
        )
        devices = {folder: scan.devices.get(folder, known_folders.get(folder, 0)) for folder in scan.folders}
        if devices != known_folders:
            self._store.set_folders(devices)

    def embed_missing(self) -> int:
        """Give every passage its vector; returns how many had to be made."""
        vectors, total = self._store.vectors, self._store.vectors.count_missing()
        done, last_id = 0, 0
        while passages := vectors.missing(after_id=last_id, limit=self._options.embed_batch):
            self._on_progress(SyncProgress("embed", done, total))
            texts = {p.vector_key: self._pipeline.embedding_text(p.chunk, p.title) for p in passages}
            vectors.put(list(texts), embed_texts(self._embedder, list(texts.values())))
            done += len(texts)
            last_id = passages[-1].id
        return done

    def _hash_files(self, stats: Sequence[FileStat]) -> dict[Path, str]:
        hashes: dict[Path, str] = {}
        for done, stat in enumerate(stats):
            self._on_progress(SyncProgress("hash", done, len(stats), stat.path))
            try:
                with stat.path.open("rb") as file:
                    hashes[stat.path] = hashlib.file_digest(file, "sha256").hexdigest()
            except FileNotFoundError:
                self._report(stat.path, "skipped", "gone while the folders were read; the next sync decides")
            except OSError as error:
                self._report(stat.path, "unreadable", f"cannot be opened: {error.strerror or error}")
        return hashes

    def _apply(self, plan: Plan, known: dict[Path, FileRecord], *, scanned_ns: int) -> None:
        for path, reason in plan.kept:
            self._report(path, "skipped", reason, chunks=known[path].chunks)
        for stat in (*plan.unchanged, *plan.confirmed):
            record = known[stat.path]
            outcome: Outcome = "unchanged" if record.state == "indexed" else "unreadable"
            self._report(stat.path, outcome, record.reason, chunks=record.chunks)
        if plan.confirmed:
            self._store.confirm_files(plan.confirmed, scanned_ns=scanned_ns)
        for old, stat in plan.moved:
            self._store.move_file(old, stat, scanned_ns=scanned_ns)
            self._report(stat.path, "moved", f"from {old}", chunks=known[old].chunks)
        if plan.removed:
            self._store.remove_files(plan.removed)
            for path in plan.removed:
                self._report(path, "removed")
        to_load = sorted((*plan.added, *plan.updated), key=lambda pair: pair[0].path)
        for done, (stat, sha256) in enumerate(to_load):
            self._on_progress(SyncProgress("load", done, len(to_load), stat.path))
            self._load(stat, sha256, scanned_ns=scanned_ns, known=known.get(stat.path))

    def _load(self, stat: FileStat, sha256: str, *, scanned_ns: int, known: FileRecord | None) -> None:
        settings = self._pipeline.settings
        try:
            document = self._pipeline.load(stat.path)
        except UnreadableDocument as error:
            record = FileRecord(stat, scanned_ns, sha256, settings, "unreadable", error.reason)
            self._store.put_file(record, ())
            self._report(stat.path, "unreadable", error.reason)
            return
        chunks = self._pipeline.chunk(document)
        record = FileRecord(stat, scanned_ns, sha256, settings, title=document.title)
        passages = [self._new_passage(chunk, record) for chunk in chunks]
        if not _is_as_before(stat):
            # What was read has another hash, and the hashed content may come back (another branch of a
            # repository, for instance): without a hash the next sync reads the file whatever it holds.
            record = replace(record, sha256="")
        self._store.put_file(record, passages)
        reason = "" if chunks else "it holds no text"
        if known is not None and known.sha256 == sha256 and known.settings != settings:
            reason = reason or "the way files are cut has changed"
        self._report(stat.path, "added" if known is None else "updated", reason, chunks=len(chunks))

    def _new_passage(self, chunk: Chunk, record: FileRecord) -> NewPassage:
        text = self._pipeline.embedding_text(chunk, record.title)
        return NewPassage(
            chunk,
            content_id=content_id(record.sha256, chunk, settings=record.settings),
            vector_key=vector_key(self._embedder.identity, text),
        )

    def _key_of_passage(self, passage: Passage) -> str:
        text = self._pipeline.embedding_text(passage.chunk, passage.title)
        return vector_key(self._embedder.identity, text)

    def _report(self, path: Path, outcome: Outcome, reason: str = "", *, chunks: int = 0) -> None:
        self.outcomes.append(FileOutcome(path, outcome, reason, chunks))


def _is_as_before(stat: FileStat) -> bool:
    try:
        return FileStat.of(stat.path, stat.path.stat()) == stat
    except OSError:
        return False
