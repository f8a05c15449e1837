"""Texts to vectors, by an embedding model from a GGUF file."""

import asyncio
import hashlib
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np

from gpt4all_core.catalog.catalog import find_or_none
from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.config import resolve_settings
from gpt4all_core.errors import ConfigError, EngineClosed, GenerationCancelled
from gpt4all_core.model_pool import Lease, OpenEmbedder, open_embedder
from gpt4all_core.protocols import Vectors

PACK_TOKENS = 512
"""Tokens embedded in one call. Attention runs over the whole pack, so a larger one is slower:
122 short texts/s at 512 against 95 at 2,048, measured with MiniLM on one core."""

LongText = Literal["mean", "truncate", "error"]


class LocalEmbedder:
    """A local embedding model: one L2-normalised float32 vector a text.

    model: as for LocalModel; without one, GPT4ALL_EMBEDDING_MODEL, else the bundled MiniLM.
    query_prefix, document_prefix: put before every text; the catalog knows those that models were
    trained with, None takes them. long_text: a text beyond the model's window is embedded in
    parts whose vectors are averaged by length ("mean"), cut ("truncate"), or refused ("error").
    threads, gpu_layers, allow_download: as for LocalModel.

    Loaded at first use; objects on one file with equal options share one context. All methods may
    be called from any thread and event loop: one owner thread embeds, in the order of the calls.

        >>> with LocalEmbedder("all-minilm-l6-v2") as embedder:
        ...     embedder.embed_documents(["a cat", "a dog"]).shape
        (2, 384)

    Raises ModelNotFound and ModelLoadError at first use, ConfigError for empty texts.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        query_prefix: str | None = None,
        document_prefix: str | None = None,
        long_text: LongText = "mean",
        threads: int | None = None,
        gpu_layers: int | None = None,
        allow_download: bool = False,
    ) -> None:
        if long_text not in ("mean", "truncate", "error"):
            raise ConfigError(f"long_text={long_text!r} is unknown; use 'mean', 'truncate' or 'error'")
        self._reference = model
        self._allow_download = allow_download
        self._settings = resolve_settings(threads=threads, gpu_layers=gpu_layers)
        self._query_prefix = query_prefix
        self._document_prefix = document_prefix
        self._long_text = long_text
        self._lock = threading.RLock()
        self._lease: Lease[OpenEmbedder] | None = None
        self._is_closed = False

    @cached_property
    def path(self) -> Path:
        """The model's file. Finding it does not load it."""
        return resolve_model(self._reference, role="embedder", allow_download=self._allow_download)

    @cached_property
    def name(self) -> str:
        """What the model is called in the catalog, or its file name."""
        entry = find_or_none(self.path.name)
        return entry.name if entry else self.path.stem

    @cached_property
    def identity(self) -> str:
        """Equal for embedders whose vectors can be compared.

        Made of the model's name, the size of its file and its header, and the prefixes; the
        gigabytes of weights are not read for it.
        """
        with self.path.open("rb") as file:
            header = file.read(1 << 20)
        parts = (str(self.path.stat().st_size), self.query_prefix, self.document_prefix, self._long_text)
        digest = hashlib.sha256(header + "\0".join(parts).encode()).hexdigest()
        return f"{self.name}-{digest[:16]}"

    @property
    def query_prefix(self) -> str:
        """What is put before a query."""
        return self._catalog_prefixes[0] if self._query_prefix is None else self._query_prefix

    @property
    def document_prefix(self) -> str:
        """What is put before a document."""
        return self._catalog_prefixes[1] if self._document_prefix is None else self._document_prefix

    @cached_property
    def dimensions(self) -> int:
        """Length of every vector. Reads the file's header."""
        return read_header(self.path).embedding_length or self._opened.weights.dimensions

    @cached_property
    def max_tokens(self) -> int:
        """Most tokens of text that one vector sees, prefix and special tokens already taken off."""
        prefixes = (self.query_prefix, self.document_prefix)
        return self._window - max(self.count_tokens(prefix) for prefix in prefixes)

    def open(self) -> Self:
        """Find and load the model now instead of at first use. Idempotent."""
        with self._lock:
            if self._is_closed:
                raise EngineClosed("this embedder was closed; make a new LocalEmbedder to use it")
            if self._lease is None:
                self._lease = open_embedder(
                    self.path,
                    batch_tokens=min(self._trained_window, PACK_TOKENS),
                    threads=self._settings.threads,
                    gpu_layers=self._settings.gpu_layers,
                )
                weakref.finalize(self, self._lease.abandon).atexit = False
        return self

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, special tokens not counted. Loads the model."""
        return len(self._tokenize(text)) - self._special_count

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """float32, shape (len(texts), dimensions), rows of L2 norm 1, in the order of the texts.

        Raises ConfigError for an empty text, which has no vector.
        """
        return self._submit(texts, self.document_prefix).wait()

    def embed_query(self, text: str) -> Vectors:
        """float32, shape (dimensions,), L2 norm 1."""
        row: Vectors = self._submit([text], self.query_prefix).wait()[0]
        return row

    async def aembed_documents(self, texts: Sequence[str]) -> Vectors:
        """The same for an event loop."""
        return await self._submit(texts, self.document_prefix).wait_async()

    async def aembed_query(self, text: str) -> Vectors:
        """The same for an event loop."""
        row: Vectors = (await self._submit([text], self.query_prefix).wait_async())[0]
        return row

    def close(self) -> None:
        """Give up this object's share; the last one frees the memory. Idempotent."""
        with self._lock:
            self._is_closed = True
            lease, self._lease = self._lease, None
        if lease is not None:
            lease.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @cached_property
    def _catalog_prefixes(self) -> tuple[str, str]:
        entry = find_or_none(self.path.name)
        return (entry.query_prefix or "", entry.document_prefix or "") if entry else ("", "")

    @cached_property
    def _trained_window(self) -> int:
        return read_header(self.path).context_length or PACK_TOKENS

    @property
    def _window(self) -> int:
        """Tokens of one part, special tokens taken off."""
        return min(self._trained_window, PACK_TOKENS) - self._special_count

    @cached_property
    def _special_count(self) -> int:
        return len(self._opened.weights.tokenize("", parse_special=False, add_special=True))

    @property
    def _opened(self) -> OpenEmbedder:
        self.open()
        lease = self._lease
        if lease is None:  # closed by another thread in this very moment
            raise EngineClosed("this embedder was closed; make a new LocalEmbedder to use it")
        return lease.value

    def _tokenize(self, text: str) -> list[int]:
        return self._opened.weights.tokenize(text, parse_special=False, add_special=True)

    def _submit(self, texts: Sequence[str], prefix: str) -> "_Job":
        parts: list[list[int]] = []
        owners: list[int] = []
        for number, text in enumerate(texts):
            for part in self._parts(text, prefix):
                parts.append(part)
                owners.append(number)
        return _Job(self._opened, parts, owners, len(texts))

    def _parts(self, text: str, prefix: str) -> list[list[int]]:
        """Token ids of a text with its special tokens, in windows that fit the model."""
        if not text.strip():
            raise ConfigError("an empty text has no vector; leave it out")
        tokens = self._tokenize(prefix + text)
        if len(tokens) <= min(self._trained_window, PACK_TOKENS):
            return [tokens]
        if self._long_text == "error":
            raise ConfigError(
                f"a text has {len(tokens)} tokens but {self.name} sees {self._window};"
                " split it, or choose long_text='mean' or 'truncate'"
            )
        lead, body, end = _without_specials(tokens, self._tokenize(""))
        head = len(self._tokenize(prefix)) - self._special_count if prefix else 0
        room = self._window - head
        if room <= 0:
            raise ConfigError(f"the prefix {prefix!r} has {head} tokens but {self.name} sees {self._window}")
        starts = [head] if self._long_text == "truncate" else range(head, len(body), room)
        return [[*lead, *body[:head], *body[start : start + room], *end] for start in starts]


class _Job:
    """One call's texts on their way to the owner thread; stops between packs once nobody waits."""

    def __init__(self, opened: OpenEmbedder, parts: list[list[int]], owners: list[int], count: int) -> None:
        self._is_abandoned = False
        self._future: Future[Vectors] = opened.submit(
            lambda: _pooled(_embed_packed(opened, parts, self._check), parts, owners, count)
        )

    def wait(self) -> Vectors:
        try:
            return self._future.result()
        finally:
            self._is_abandoned = True

    async def wait_async(self) -> Vectors:
        try:
            return await asyncio.wrap_future(self._future)
        finally:
            self._is_abandoned = True

    def _check(self) -> None:
        if self._is_abandoned:
            raise GenerationCancelled("nobody waits for these vectors any more")


def _without_specials(tokens: list[int], specials: list[int]) -> tuple[list[int], list[int], list[int]]:
    """Split off the special tokens that the vocabulary adds before and after a text."""
    lead = 0
    while lead < len(specials) and tokens[lead] == specials[lead]:
        lead += 1
    end = len(tokens) - (len(specials) - lead)
    return tokens[:lead], tokens[lead:end], tokens[end:]


def _embed_packed(opened: OpenEmbedder, parts: Sequence[list[int]], check: Callable[[], None]) -> Vectors:
    """One vector a part, packed by length so that a call holds parts of one size. Owner thread.

    `check` is called before each pack and may raise; so does a model that is closed meanwhile.
    """
    context = opened.context
    order = sorted(range(len(parts)), key=lambda index: len(parts[index]))
    vectors = np.empty((len(parts), opened.weights.dimensions), dtype=np.float32)
    pack: list[int] = []
    for index in [*order, None]:
        size = sum(len(parts[member]) for member in pack)
        is_full = index is None or size + len(parts[index]) > context.batch_limit
        if pack and (is_full or len(pack) == context.sequence_limit):
            check()
            opened.check_open()
            vectors[pack] = context.embed([parts[member] for member in pack])
            pack = []
        if index is not None:
            pack.append(index)
    return _unit(vectors)


def _pooled(vectors: Vectors, parts: Sequence[list[int]], owners: Sequence[int], count: int) -> Vectors:
    """Mean of each text's parts, weighted by their length, as unit vectors."""
    if len(parts) == count:
        return vectors
    weights = np.array([len(part) for part in parts], dtype=np.float32)[:, None]
    sums = np.zeros((count, vectors.shape[1]), dtype=np.float32)
    np.add.at(sums, np.asarray(owners), vectors * weights)
    return _unit(sums)


def _unit(vectors: Vectors) -> Vectors:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, np.finfo(np.float32).tiny), dtype=np.float32)
