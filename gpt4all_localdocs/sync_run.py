"""One run of a sync under the writer lock: scan, decide, and carry out what was decided."""

import hashlib
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_core.protocols import Embedder
from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.disks import known_devices, remember_devices, without_missing
from gpt4all_localdocs.embed import embed_texts
from gpt4all_localdocs.file_choice import read_choice, write_choice
from gpt4all_localdocs.left_out import keep_left_out
from gpt4all_localdocs.listing import Listing
from gpt4all_localdocs.load_ahead import load_ahead
from gpt4all_localdocs.manifest import FileRecord, FileStat
from gpt4all_localdocs.outcomes import Outcomes
from gpt4all_localdocs.passage import NewPassage, Passage
from gpt4all_localdocs.pipeline import DocumentPipeline, content_id, vector_key
from gpt4all_localdocs.plan import Plan, Reading, plan_reading, plan_sync
from gpt4all_localdocs.put import cut_again
from gpt4all_localdocs.scan import Scan, scan_folders
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.sync_progress import OnProgress, StopSignal, SyncProgress
from gpt4all_localdocs.types import Chunk, Document, FileOutcome, Outcome
from gpt4all_localdocs.waiting_files import WaitingFiles

_STOPPED = "the sync was stopped before it came to this file; the next one goes on"
_CHANGED = "gone or changed while it was read; the next sync decides"


class SyncRun:
    """The steps of one sync, in their order; `outcomes` fills up as they go."""

    def __init__(
        self,
        store: Store,
        embedder: Embedder,
        *,
        pipeline: DocumentPipeline,
        options: IndexOptions,
        on_progress: OnProgress,
        stop: StopSignal | None,
        confirm_removal: bool = False,
    ) -> None:
        self.embedded = 0
        self.is_stopped = False
        self._store = store
        self._embedder = embedder
        self._pipeline = pipeline
        self._options = options
        self._on_progress = on_progress
        self._stop = stop
        self._confirm_removal = confirm_removal
        self._reported: list[FileOutcome] = []
        self._settled: dict[str, Listing] = {}

    @property
    def outcomes(self) -> Outcomes:
        return Outcomes(self._reported, self._settled)

    def adopt_embedder(self) -> None:
        vectors, embedder = self._store.vectors, self._embedder
        vectors.check_embedder(embedder.identity, embedder.dimensions)
        vectors.adopt_embedder(embedder.identity, embedder.dimensions, vector_key=self._key_of_passage)

    def update_files(self, folders: Sequence[Path]) -> None:
        """Scan, decide, and do what was decided."""
        self._on_progress(SyncProgress("scan", 0, 0))
        scanned_ns, settings = time.time_ns(), self._pipeline.settings
        listings = self._store.listings.all()
        before = read_choice(self._store.database)
        choice = before.or_chosen(self._options)
        scan = scan_folders(
            folders,
            suffixes=self._pipeline.suffixes,
            max_file_bytes=self._options.max_file_bytes,
            exclude=self._store.directory,
            rules_of=choice.within(self._options).rules_of,
            settings=settings,
            listings=listings,
        )
        self._settled = {directory: listings[directory] for directory in scan.settled}
        is_settled = bool(listings) and len(self._settled) == len(listings) and not scan.looked_at
        known = {} if is_settled and not scan.files else self._store.files_outside(self._settled)
        scan, is_chosen = self._keep_doubtful(known, scan, is_other_choice=choice != before)
        hidden = (place for place in scan.hidden_from_view if place.path not in known)
        for place in (*scan.skipped, *hidden):
            self._report(place.path, "skipped", place.reason)
        reading = plan_reading(known, scan, settings=settings)
        hashes = self._hash_files(reading.to_hash)
        if self._asked_to_stop():
            self._report_left_alone(known, reading)
            return
        plan = plan_sync(known, reading, hashes, settings=settings)
        remember_devices(self._store, scan)
        if is_chosen:
            write_choice(self._store.database, choice)
        self._apply(plan, known, scanned_ns=scanned_ns)
        if not is_settled and not self.is_stopped:
            self._store.listings.remember(self._settled, scan.looked_at, seen=scan.files, settings=settings)

    def embed_missing(self) -> None:
        """Give every passage its vector and forget vectors that none needs, unless nothing changed."""
        if self._asked_to_stop():
            return
        cut_again(self._store, self._embedder, pipeline=self._pipeline)
        vectors = self._store.vectors
        if vectors.is_settled:
            return
        total, done, last_id = vectors.count_missing(), 0, 0
        while passages := vectors.missing(after_id=last_id, limit=self._options.embed_batch):
            if self._asked_to_stop():
                return
            self._on_progress(SyncProgress("embed", done, total))
            texts = {p.vector_key: self._pipeline.embedding_text(p.chunk, p.title) for p in passages}
            vectors.put(list(texts), embed_texts(self._embedder, list(texts.values())))
            done += len(texts)
            self.embedded += len(texts)
            last_id = passages[-1].id
        vectors.drop_unused()
        vectors.settle()

    def _keep_doubtful(
        self, known: Mapping[Path, FileRecord], scan: Scan, *, is_other_choice: bool
    ) -> tuple[Scan, bool]:
        """The scan with what nobody is likely to want forgotten hidden; whether another choice is to hold."""
        if self._confirm_removal:
            return scan, is_other_choice
        scan = without_missing(known, scan, known_devices(self._store, scan))
        if not is_other_choice:
            return scan, False
        kept = keep_left_out(known, scan, files=self._store.summary().files)
        return kept, kept is scan

    def _hash_files(self, stats: Sequence[FileStat]) -> dict[Path, str]:
        hashes: dict[Path, str] = {}
        for done, stat in enumerate(stats):
            if self._asked_to_stop():
                break
            self._on_progress(SyncProgress("hash", done, len(stats), stat.path))
            try:
                with stat.path.open("rb") as file:
                    hashes[stat.path] = hashlib.file_digest(file, "sha256").hexdigest()
            except FileNotFoundError:
                self._report(stat.path, "skipped", "gone while the folders were read; the next sync decides")
            except OSError as error:
                self._report(stat.path, "unreadable", f"cannot be opened: {error.strerror or error}")
        return hashes

    def _apply(self, plan: Plan, known: Mapping[Path, FileRecord], *, scanned_ns: int) -> None:
        for path, reason in plan.kept:
            self._report(path, "skipped", reason, chunks=known[path].chunks)
        for stat in (*plan.unchanged, *plan.confirmed):
            record = known[stat.path]
            outcome: Outcome = "unchanged" if record.state == "indexed" else "unreadable"
            self._report(stat.path, outcome, record.reason, chunks=record.chunks, notes=record.notes)
        if plan.confirmed:
            self._store.confirm_files(plan.confirmed, scanned_ns=scanned_ns)
        to_load = sorted((*plan.added, *plan.updated), key=lambda pair: pair[0].path)
        for old, stat in plan.moved:
            self._store.move_file(old, stat, scanned_ns=scanned_ns)
            record = known[old]
            self._report(stat.path, "moved", f"from {old}", chunks=record.chunks, notes=record.notes)
        if plan.removed:
            self._store.remove_files(plan.removed)
            for path in plan.removed:
                self._report(path, "removed")
        if to_load:
            self._load_files(to_load, known, scanned_ns=scanned_ns)

    def _load_files(
        self,
        to_load: Sequence[tuple[FileStat, str]],
        known: Mapping[Path, FileRecord],
        *,
        scanned_ns: int,
    ) -> None:
        """Cut and embed each file as soon as it is read, while others are being read."""
        waiting = WaitingFiles(self._store, self._embedder, batch=self._options.embed_batch)
        paths = [stat.path for stat, _ in to_load]
        left = set(paths)
        loading = load_ahead(self._pipeline.load, paths, workers=self._pipeline.parallel_loads)
        with closing(loading):
            for place, future in loading:
                if self._asked_to_stop():
                    break
                stat, sha256 = to_load[place]
                self._on_progress(SyncProgress("load", len(paths) - len(left), len(paths), stat.path))
                left.discard(stat.path)
                record = FileRecord(stat, scanned_ns, sha256, self._pipeline.settings)
                self._take_in(future, record, waiting, known=known.get(stat.path))
                while waiting.is_full and not self._asked_to_stop():
                    self._embed_batch(waiting)
        while waiting.paths and not self._asked_to_stop():
            self._embed_batch(waiting)
        self.embedded += waiting.embedded
        left.update(waiting.paths)
        self._reported = [outcome for outcome in self._reported if outcome.path not in left]
        self._report_stopped(left, known)

    def _take_in(
        self,
        future: "Future[Document]",
        record: FileRecord,
        waiting: WaitingFiles,
        *,
        known: FileRecord | None,
    ) -> None:
        """Cut what was loaded and queue it to be embedded and written; report it."""
        path = record.path
        try:
            document = future.result()
        except UnreadableDocument as error:
            if not _is_as_before(record.stat):  # whatever came of that says nothing of what is there now
                self._report(path, "skipped", _CHANGED, chunks=known.chunks if known else 0)
                return
            waiting.add(replace(record, state="unreadable", reason=error.reason), (), {})
            self._report(path, "unreadable", error.reason)
            return
        chunks = self._pipeline.chunk(document)
        reason = "" if chunks else "it holds no text"
        if known is not None and (known.sha256, known.settings != record.settings) == (record.sha256, True):
            reason = reason or "the way files are cut has changed"
        record = replace(record, title=document.title, notes=document.notes)
        texts = [self._pipeline.embedding_text(chunk, record.title) for chunk in chunks]
        passages = [self._new_passage(chunk, text, record) for chunk, text in zip(chunks, texts, strict=True)]
        if not _is_as_before(record.stat):
            # What was read has another hash, and the hashed content may come back (another branch of a
            # repository, for instance): without a hash the next sync reads the file whatever it holds.
            record = replace(record, sha256="")
        waiting.add(record, passages, {p.vector_key: text for p, text in zip(passages, texts, strict=True)})
        outcome: Outcome = "added" if known is None else "updated"
        self._report(path, outcome, reason, chunks=len(chunks), notes=document.notes)

    def _embed_batch(self, waiting: WaitingFiles) -> None:
        if waiting.texts:
            total = waiting.embedded + waiting.texts
            self._on_progress(SyncProgress("embed", waiting.embedded, total))
        waiting.embed_batch()

    def _new_passage(self, chunk: Chunk, text: str, record: FileRecord) -> NewPassage:
        return NewPassage(
            chunk,
            content_id=content_id(record.sha256, chunk, settings=record.settings),
            vector_key=vector_key(self._embedder.identity, text),
        )

    def _key_of_passage(self, passage: Passage) -> str:
        text = self._pipeline.embedding_text(passage.chunk, passage.title)
        return vector_key(self._embedder.identity, text)

    def _asked_to_stop(self) -> bool:
        self.is_stopped = self.is_stopped or (self._stop is not None and self._stop.is_set())
        return self.is_stopped

    def _report_left_alone(self, known: Mapping[Path, FileRecord], reading: Reading) -> None:
        paths = {stat.path for stat in (*reading.same, *reading.outdated, *reading.to_hash)}
        paths |= {*reading.gone, *(path for path, _ in reading.kept)}
        self._report_stopped(paths - {outcome.path for outcome in self._reported}, known)

    def _report_stopped(self, paths: Collection[Path], known: Mapping[Path, FileRecord]) -> None:
        for path in paths:
            self._report(path, "skipped", _STOPPED, chunks=known[path].chunks if path in known else 0)

    def _report(
        self,
        path: Path,
        outcome: Outcome,
        reason: str = "",
        *,
        chunks: int = 0,
        notes: tuple[str, ...] = (),
    ) -> None:
        self._reported.append(FileOutcome(path, outcome, reason, chunks, notes))


def _is_as_before(stat: FileStat) -> bool:
    try:
        return FileStat.of(stat.path, stat.path.stat()) == stat
    except OSError:
        return False
