"""The choices that an index is kept and searched by."""

from collections.abc import Collection
from dataclasses import dataclass, field

from gpt4all_core.errors import ConfigError
from gpt4all_localdocs.check_arguments import check_count
from gpt4all_localdocs.patterns import PathRules, compile_patterns
from gpt4all_localdocs.scale.choice import check_workers
from gpt4all_localdocs.splitter import Splitter, check_splitter
from gpt4all_localdocs.vector_index.registry import VectorIndexChoice, check_vector_index


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How an index is kept; every default has its reason.

    vector_index: "chroma" keeps an approximate index on disk beside the store; "exact" keeps none; the
    address of a server ("chroma+http://host:8000") has it kept there, and an object with the methods of
    `VectorIndex` keeps it itself. None stands for the setting of this name, and that for "chroma".
    vector_index_key: what the server wants as a key; None stands for the setting. It is not shown.
    exact_search_below: up to this many vectors a search compares the query with all of them, read from
    the store, also under "chroma": the answer is exact, and comes sooner, as chromadb takes 0.5 to 2.5 s
    to import (first answer from 50,000 vectors of 384 dimensions: 0.3 s and 77 MB of memory against 1.1 s;
    see docs/decisions/0021).
    lock_timeout_s: how long a sync waits for another one; None stands for no limit.
    max_file_bytes: larger files are skipped, with that reason; 200 MB is a few thousand pages.
    load_timeout_s: a file whose text takes longer is unreadable.
    workers: where files are read, cut and embedded: "local"; "ray", a Ray that is started on this machine for
    the sync; "ray:auto", the cluster of this machine; or the address of one, "ray://head:10001". See
    docs/scale.md. None stands for the setting, and that for "local".
    load_workers: files that are read at once, each in a process of its own of some 100 MB; None stands for
    the processor's cores, four at most, and under Ray for what the cluster has room for.
    pdf_layout: whether every page of a PDF is looked at for ruled tables, and a PDF without an outline has
    its headings found by size and weight of letters: see docs/formats.md for what it costs. Else tables are
    found on pages whose long lines have wide gaps. Another choice reads all files anew at the next sync. The
    index remembers it: None stands for what the last sync went by, at first False.
    include, exclude: patterns as in a .gitignore, from each folder: `exclude` leaves files and directories
    out, and where `include` is given, only files that it matches come in. The index remembers them: None
    stands for those of the last sync, () for none. Files that they leave out are forgotten; where these are
    more than ten and a tenth of the index, only if the sync is told `confirm_removal`.
    ignore_files: names of files that hold such patterns for the directory they stand in, the later ones of
    one directory first. ".gitignore" is not among them unless it is named: it says what is not to be
    versioned, which are often the very reports and PDFs that somebody wants to find.
    hidden_files: whether names that begin with a dot are looked at; None as for the patterns, at first False.
    embed_batch: texts per transaction; what an interruption can cost at most.
    splitter: cuts texts in the place of the index's own chunker (the adapters' `LocalDocsSplitter` makes one
    of LangChain's and LlamaIndex's); another one cuts all files anew at the next sync.
    """

    vector_index: VectorIndexChoice | None = None
    vector_index_key: str | None = field(default=None, repr=False)
    exact_search_below: int = 50_000
    lock_timeout_s: float | None = 30.0
    max_file_bytes: int = 200 * 1024 * 1024
    load_timeout_s: float = 60.0
    workers: str | None = None
    load_workers: int | None = None
    pdf_layout: bool | None = None
    embed_batch: int = 64
    splitter: Splitter | None = None
    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] | None = None
    ignore_files: tuple[str, ...] = (".gpt4allignore",)
    hidden_files: bool | None = None

    def __post_init__(self) -> None:
        check_vector_index(self.vector_index)
        if self.vector_index_key is not None and not isinstance(self.vector_index_key, str):
            raise ConfigError("vector_index_key is no text; give the server's key, or None")
        least_of = {"exact_search_below": 0, "max_file_bytes": 1, "embed_batch": 1, "load_workers": 1}
        for name, least in least_of.items():
            value = getattr(self, name)
            if value is not None or name != "load_workers":
                check_count(name, value, least=least)
        check_workers(self.workers)
        check_splitter(self.splitter)
        if not _is_number(self.load_timeout_s) or not self.load_timeout_s > 0:
            raise ConfigError(f"load_timeout_s is {self.load_timeout_s!r}; it must be above 0")
        if self.lock_timeout_s is not None and not (
            _is_number(self.lock_timeout_s) and self.lock_timeout_s >= 0
        ):
            raise ConfigError(
                f"lock_timeout_s is {self.lock_timeout_s!r}; 0 does not wait, None waits for ever"
            )
        if not isinstance(self.hidden_files, bool | None):
            raise ConfigError(f"hidden_files is {self.hidden_files!r}; give True, False or None")
        if not isinstance(self.pdf_layout, bool | None):
            raise ConfigError(f"pdf_layout is {self.pdf_layout!r}; give True, False or None")
        _check_patterns(self)

    def rules_of(self, folder: str) -> PathRules:
        """What is left out of a folder, by its absolute path."""
        return PathRules.of(
            folder,
            include=self.include or (),
            exclude=self.exclude or (),
            ignore_files=self.ignore_files,
            hidden_files=bool(self.hidden_files),
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_patterns(options: IndexOptions) -> None:
    patterns = {"include": options.include, "exclude": options.exclude}
    given = {name: values for name, values in patterns.items() if values is not None}
    for name, values in (given | {"ignore_files": options.ignore_files}).items():
        is_text = isinstance(values, str) or not isinstance(values, Collection)
        if is_text or not all(isinstance(value, str) and value for value in values):
            raise ConfigError(f"{name} is {values!r}; give a tuple of texts")
        if values and name in given:
            compile_patterns(values, source=name)
