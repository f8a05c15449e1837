"""Texts to vectors, by an embedding model from a GGUF file."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from gpt4all_core.config import resolve_settings
from gpt4all_core.engine.owner_thread import Steps
from gpt4all_core.errors import ConfigError, GenerationCancelled, ModelLoadError
from gpt4all_core.leased_model import LeasedModel
from gpt4all_core.model_pool import Lease
from gpt4all_core.open_embedder import OpenEmbedder, open_embedder
from gpt4all_core.protocols import Vectors

PACK_TOKENS = 512
"""Tokens embedded in one call. Attention runs over the whole pack, so a larger one is slower:
122 short texts/s at 512 against 95 at 2,048, measured with MiniLM on one core."""

_HEADER_BYTES = 1 << 20
_SAMPLE_BYTES = 1 << 12

LongText = Literal["mean", "truncate", "error"]


class LocalEmbedder(LeasedModel[OpenEmbedder]):
    """A local embedding model: one L2-normalised float32 vector a text.

    model: as for LocalModel; without one, GPT4ALL_EMBEDDING_MODEL, else the bundled MiniLM.
    query_prefix, document_prefix: put before every text; the catalog knows those that models were
    trained with, None takes them. long_text: a text beyond the model's window is embedded in
    parts whose vectors are averaged by length ("mean"), cut ("truncate"), or refused ("error").
    threads, gpu_layers, allow_download: as for LocalModel.

    Loaded at first use; objects on one file with equal options share one context. All methods may
    be called from any thread and event loop: one owner thread embeds, a few hundred tokens of each
    call in turn, so that a query need not wait for the end of a long list of documents.

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
        super().__init__(model, role="embedder", allow_download=allow_download)
        self._settings = resolve_settings(threads=threads, gpu_layers=gpu_layers)
        self._query_prefix = query_prefix
        self._document_prefix = document_prefix
        self._long_text = long_text

    @cached_property
    def identity(self) -> str:
        """Equal for embedders whose vectors can be compared, whatever their files are called.

        Made of the prefixes, `long_text` and samples of the file: its size, its first megabyte, where
        the header is, and 15 places in the weights. The gigabytes between them are not read.
        """
        parts = (self.query_prefix, self.document_prefix, self._long_text)
        digest = hashlib.sha256("\0".join(parts).encode())
        for sample in _samples(self.path):
            digest.update(sample)
        return f"{self._header.name or self._header.architecture}-{digest.hexdigest()[:16]}"

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
        return self._header.embedding_length or self._opened.weights.dimensions

    @cached_property
    def max_tokens(self) -> int:
        """Most tokens of text that one vector sees, prefix and special tokens already taken off."""
        prefixes = (self.query_prefix, self.document_prefix)
        return self._window - max(self.count_tokens(prefix) for prefix in prefixes)

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, special tokens not counted. Loads the model."""
        return len(self._tokenize(text)) - self._special_count

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """float32, shape (len(texts), dimensions), rows of L2 norm 1, in the order of the texts.

        Raises ConfigError for an empty text, which has no vector.
        """
        return self._submit(self._split(texts, self.document_prefix)).wait()

    def embed_query(self, text: str) -> Vectors:
        """float32, shape (dimensions,), L2 norm 1."""
        row: Vectors = self._submit(self._split([text], self.query_prefix)).wait()[0]
        return row

    async def aembed_documents(self, texts: Sequence[str]) -> Vectors:
        """The same for an event loop, which is not held up by loading the model or reading the texts."""
        parts = await asyncio.to_thread(self._split, texts, self.document_prefix)
        return await self._submit(parts).wait_async()

    async def aembed_query(self, text: str) -> Vectors:
        """The same for an event loop."""
        parts = await asyncio.to_thread(self._split, [text], self.query_prefix)
        row: Vectors = (await self._submit(parts).wait_async())[0]
        return row

    def _lease_it(self) -> Lease[OpenEmbedder]:
        return open_embedder(
            self.path,
            batch_tokens=self._most_tokens,
            threads=self._settings.threads,
            gpu_layers=self._settings.gpu_layers,
        )

    @property
    def _catalog_prefixes(self) -> tuple[str, str]:
        entry = self._entry
        return (entry.query_prefix, entry.document_prefix) if entry else ("", "")

    @property
    def _most_tokens(self) -> int:
        """Tokens of one part, special tokens included."""
        return min(self._header.context_length or PACK_TOKENS, PACK_TOKENS)

    @property
    def _window(self) -> int:
        """Tokens of one part, special tokens taken off."""
        return self._most_tokens - self._special_count

    @cached_property
    def _special_count(self) -> int:
        return len(self._opened.weights.tokenize("", parse_special=False, add_special=True))

    def _tokenize(self, text: str) -> list[int]:
        return self._opened.weights.tokenize(text, parse_special=False, add_special=True)

    def _split(self, texts: Sequence[str], prefix: str) -> "_Parts":
        split = [self._parts(text, prefix) for text in texts]
        owners = [number for number, parts in enumerate(split) for _ in parts]
        return _Parts([part for parts in split for part in parts], owners, len(split))

    def _submit(self, parts: "_Parts") -> "_Job":
        return _Job(self._opened, parts)

    def _parts(self, text: str, prefix: str) -> list[list[int]]:
        """Token ids of a text with its special tokens, in windows that fit the model."""
        if not text.strip():
            raise ConfigError("an empty text has no vector; leave it out")
        tokens = self._tokenize(prefix + text)
        if len(tokens) <= self._most_tokens:
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


@dataclass(frozen=True, slots=True)
class _Parts:
    """Texts as token ids, long ones in several parts; `owners` has the number of each part's text."""

    tokens: list[list[int]]
    owners: list[int]
    text_count: int


class _Job:
    """One call's texts on their way to the owner thread; stops between packs once nobody waits."""

    def __init__(self, opened: OpenEmbedder, parts: _Parts) -> None:
        self._is_abandoned = False
        self._future: Future[Vectors] = opened.submit(_embed(opened, parts, self._check))

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


def _embed(opened: OpenEmbedder, parts: _Parts, check: Callable[[], None]) -> Steps[Vectors]:
    """One vector a text, a pack of parts at a time. On the owner thread; others have it in between.

    `check` is called before each pack and may raise.
    """
    vectors = np.empty((len(parts.tokens), opened.weights.dimensions), dtype=np.float32)
    lengths = [len(part) for part in parts.tokens]
    for pack in _packs(lengths, opened.context.batch_limit, opened.context.sequence_limit):
        check()
        vectors[pack] = opened.context.embed([parts.tokens[index] for index in pack])
        yield
    return _pooled(_unit(vectors), lengths, parts)


def _packs(lengths: Sequence[int], most_tokens: int, most_parts: int) -> Iterator[list[int]]:
    """Indices of what is embedded in one call: parts of about one length, as many as fit."""
    pack: list[int] = []
    size = 0
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if pack and (size + lengths[index] > most_tokens or len(pack) == most_parts):
            yield pack
            pack, size = [], 0
        pack.append(index)
        size += lengths[index]
    if pack:
        yield pack


def _pooled(vectors: Vectors, lengths: Sequence[int], parts: _Parts) -> Vectors:
    """Mean of each text's parts, weighted by their length, as unit vectors."""
    if len(parts.tokens) == parts.text_count:
        return vectors
    weights = np.array(lengths, dtype=np.float32)[:, None]
    sums = np.zeros((parts.text_count, vectors.shape[1]), dtype=np.float32)
    np.add.at(sums, np.asarray(parts.owners), vectors * weights)
    return _unit(sums)


def _unit(vectors: Vectors) -> Vectors:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, np.finfo(np.float32).tiny), dtype=np.float32)


def _samples(path: Path) -> Iterator[bytes]:
    """Enough of a file to tell models apart: fine-tuned ones share names, headers and sizes."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            yield str(size).encode()
            yield file.read(_HEADER_BYTES)
            for number in range(1, 16):
                file.seek(size * number // 16)
                yield file.read(_SAMPLE_BYTES)
    except OSError as error:
        raise ModelLoadError(f"{path}: cannot be read ({error.strerror or error})", path=path) from error
