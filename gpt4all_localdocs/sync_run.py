"""One run of a sync under the writer lock: scan, decide, and carry out what was decided."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from gpt4all_core.protocols import Embedder
from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.disks import innermost_first, known_devices, remember_devices, without_missing
from gpt4all_localdocs.embed import embed_texts
from gpt4all_localdocs.file_choice import read_choice, write_choice
from gpt4all_localdocs.left_out import keep_left_out
from gpt4all_localdocs.manifest import FileRecord, FileStat
from gpt4all_localdocs.outcomes import Outcomes
from gpt4all_localdocs.passage import NewPassage, Passage
from gpt4all_localdocs.pipeline import DocumentPipeline, content_id, vector_key
from gpt4all_localdocs.plan import plan_reading, plan_sync
from gpt4all_localdocs.put import cut_again
from gpt4all_localdocs.read_files import FileReader, ReadFile
from gpt4all_localdocs.scan import Scan, scan_folders
from gpt4all_localdocs.store import Store
from gpt4all_localdocs.sync_ledger import IS_GONE, FoundFile, SyncLedger
from gpt4all_localdocs.sync_progress import OnProgress, StopSignal, SyncProgress
from gpt4all_localdocs.types import Chunk, FileOutcome, Outcome
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
        reader: FileReader,
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
        self._reader = reader
        self._options = options
        self._on_progress = on_progress
        self._stop = stop
        self._confirm_removal = confirm_removal
        self._ledger = SyncLedger()
        self._unwritten: dict[Path, FileOutcome] = {}

    @property
    def outcomes(self) -> Outcomes:
        return Outcomes(self._ledger)

    def adopt_embedder(self) -> None:
        vectors, embedder = self._store.vectors, self._embedder
        vectors.check_embedder(embedder.identity, embedder.dimensions)
        vectors.adopt_embedder(embedder.identity, embedder.dimensions, vector_key=self._key_of_passage)

    def update_files(self, folders: Sequence[Path]) -> None:
        """Scan, decide, and do what was decided."""
        self._on_progress(SyncProgress("scan", 0, 0))
        scanned_ns, settings = time.time_ns(), self._pipeline.settings
        listings, ledger = self._store.listings.all(), self._ledger
        before = read_choice(self._store.database)
        choice = before.or_chosen(self._options)
        scan = scan_folders(
            folders,
            suffixes=self._pipeline.suffixes,
            max_file_bytes=self._options.max_file_bytes,
            exclude=self._store.directory,
            take=ledger.add_found,
            skip=lambda place: ledger.report(place.path, "skipped", place.reason),
            rules_of=choice.within(self._options).rules_of,
            settings=settings,
            listings=listings,
        )
        settled = frozenset(scan.settled)
        ledger.add_settled(self._store.listings.rows(settled))  # a change of any file empties the table
        places = {*listings, *scan.looked_at} - settled
        # Without listings nothing tells which directories have files in the index: all are compared.
        ledger.add_known(self._store.each_file(sorted(places) if listings else None))
        scan, is_chosen = self._keep_doubtful(scan, is_other_choice=choice != before)
        plan_reading(ledger, settings=settings)
        self._hash_files()
        if self._asked_to_stop():
            ledger.report_rest(_STOPPED)
            return
        plan_sync(ledger, settings=settings)
        remember_devices(self._store, scan)
        if not is_chosen:  # files are read in the chosen way all the same
            choice = replace(before, pdf_layout=choice.pdf_layout)
        if choice != before:
            write_choice(self._store.database, choice)
        self._apply(scanned_ns=scanned_ns)
        if (places or not listings) and not self.is_stopped:
            self._store.listings.remember(
                ledger.settled,
                scan.looked_at,
                taken=scan.taken,
                others=ledger.directories(),
                settings=settings,
            )

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

    def _keep_doubtful(self, scan: Scan, *, is_other_choice: bool) -> tuple[Scan, bool]:
        """Keep what cannot be seen and what nobody is likely to want forgotten.

        The scan with all that is hidden, and whether another choice of files is to hold.
        """
        is_in_doubt = not self._confirm_removal
        if is_in_doubt:
            scan = without_missing(self._ledger, scan, known_devices(self._store, scan))
        hidden = {place.path: place.reason for place in scan.hidden_from_view}
        for path in innermost_first(hidden):
            self._ledger.hide(path, hidden[path])
        if is_other_choice and is_in_doubt:
            return scan, not keep_left_out(self._ledger, files=self._store.summary().files)
        return scan, is_other_choice

    def _hash_files(self) -> None:
        total = self._ledger.count("hash")
        self._ledger.set_hashes(self._hashes(total))

    def _hashes(self, total: int) -> Iterator[tuple[Path, str]]:
        for done, found in enumerate(self._ledger.found("hash")):
            if self._asked_to_stop():
                return
            path = found.stat.path
            self._on_progress(SyncProgress("hash", done, total, path))
            try:
                with path.open("rb") as file:
                    yield path, hashlib.file_digest(file, "sha256").hexdigest()
            except FileNotFoundError:
                self._report(path, "skipped", "gone while the folders were read; the next sync decides")
            except OSError as error:
                self._report(path, "unreadable", f"cannot be opened: {error.strerror or error}")

    def _apply(self, *, scanned_ns: int) -> None:
        """Do what was decided; what the index has to be told of first, and what takes long last."""
        self._ledger.report_kept()
        self._ledger.report_unchanged()
        if self._ledger.count("confirmed"):
            stats = (found.stat for found in self._ledger.found("confirmed"))
            self._store.confirm_files(stats, scanned_ns=scanned_ns)
        for found in self._ledger.found("moved"):
            if found.moved_from is not None and found.known is not None:
                self._store.move_file(found.moved_from, found.stat, scanned_ns=scanned_ns)
                self._report(
                    found.stat.path,
                    "moved",
                    f"from {found.moved_from}",
                    chunks=found.known.chunks,
                    notes=found.known.notes,
                )
        if self._ledger.has_gone():
            self._store.remove_files(self._ledger.known_paths(IS_GONE))
            self._ledger.report_removed()
        self._load_files(scanned_ns=scanned_ns)

    def _load_files(self, *, scanned_ns: int) -> None:
        """Cut and embed each file as soon as it is read, while others are being read."""
        total = self._ledger.count("added", "updated")
        if not total:
            return
        waiting = WaitingFiles(self._store, self._embedder, batch=self._options.embed_batch)
        done = 0
        with closing(self._reader.read(self._ledger.found("added", "updated"))) as reading:
            for read in reading:
                if self._asked_to_stop():
                    break
                if read is None:
                    continue
                self._on_progress(SyncProgress("load", done, total, read[0].stat.path))
                self._take_in(*read, waiting, scanned_ns=scanned_ns)
                done += 1
                while waiting.is_full and not self._asked_to_stop():
                    self._embed_batch(waiting)
        while waiting.files and not self._asked_to_stop():
            self._embed_batch(waiting)
        self.embedded += waiting.embedded
        if self.is_stopped:
            self._ledger.report_rest(_STOPPED)

    def _take_in(self, found: FoundFile, read: ReadFile, waiting: WaitingFiles, *, scanned_ns: int) -> None:
        """Queue what was read to be embedded and written; it is reported when it is."""
        path, known = found.stat.path, found.known
        is_as_before = _is_as_before(found.stat)
        if read.unseen or (read.unreadable and not is_as_before):
            # Whatever came of that says nothing of what is there now.
            reason = read.unseen if is_as_before else _CHANGED
            self._report(path, "skipped", reason, chunks=known.chunks if known else 0)
            return
        record = FileRecord(found.stat, scanned_ns, found.sha256, self._pipeline.settings)
        if read.unreadable:
            waiting.add(replace(record, state="unreadable", reason=read.unreadable), (), {})
            self._unwritten[path] = FileOutcome(path, "unreadable", read.unreadable)
            return
        reason = "" if read.chunks else "it holds no text"
        if known is not None and (known.sha256, known.settings != record.settings) == (record.sha256, True):
            reason = reason or "the way files are cut has changed"
        record = replace(record, title=read.title, notes=read.notes)
        passages = [
            self._new_passage(chunk, text, record)
            for chunk, text in zip(read.chunks, read.texts, strict=True)
        ]
        if not is_as_before:
            # What was read has another hash, and the hashed content may come back (another branch of a
            # repository, for instance): without a hash the next sync reads the file whatever it holds.
            record = replace(record, sha256="")
        keyed = {p.vector_key: text for p, text in zip(passages, read.texts, strict=True)}
        waiting.add(record, passages, keyed, vectors=read.vectors)
        outcome: Outcome = "added" if known is None else "updated"
        self._unwritten[path] = FileOutcome(path, outcome, reason, len(passages), read.notes)

    def _embed_batch(self, waiting: WaitingFiles) -> None:
        if waiting.texts:
            total = waiting.embedded + waiting.texts
            self._on_progress(SyncProgress("embed", waiting.embedded, total))
        for path in waiting.embed_batch():
            written = self._unwritten.pop(path)
            self._report(path, written.outcome, written.reason, chunks=written.chunks, notes=written.notes)

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

    def _report(
        self,
        path: Path,
        outcome: Outcome,
        reason: str = "",
        *,
        chunks: int = 0,
        notes: Sequence[str] = (),
    ) -> None:
        self._ledger.report(path, outcome, reason, chunks=chunks, notes=notes)


def _is_as_before(stat: FileStat) -> bool:
    try:
        return FileStat.of(stat.path, stat.path.stat()) == stat
    except OSError:
        return False
