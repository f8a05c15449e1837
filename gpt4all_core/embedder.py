"""Texts to vectors, by an embedding model from a GGUF file."""

import asyncio
import hashlib
from collections.abc import Sequence
from concurrent.futures import Future
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

from gpt4all_core.catalog.fingerprint import file_samples
from gpt4all_core.config import resolve_settings
from gpt4all_core.errors import ConfigError, ModelLoadError
from gpt4all_core.leased_model import LeasedModel
from gpt4all_core.model_pool import Lease, LeaseTerms
from gpt4all_core.off_loop import off_loop
from gpt4all_core.open_embedder import open_embedder
from gpt4all_core.open_packs import OpenPacks, PackedModelOptions, wait_for
from gpt4all_core.protocols import Vectors
from gpt4all_core.text_windows import SpecialFrame, cut
from gpt4all_core.unit_vectors import mean_of_parts, shorten

MOST_TOKENS = 512
"""Tokens of one part of a text. Attention and, in models that also write text, a row of logits for
each token grow with it; longer texts are embedded in parts."""

LongText = Literal["mean", "truncate", "error"]


class LocalEmbedder(LeasedModel[OpenPacks]):
    """A local embedding model: one L2-normalised float32 vector a text.

    model: as for LocalModel; without one, GPT4ALL_EMBEDDING_MODEL, else the bundled MiniLM.
    query_prefix, document_prefix: put before every text; the catalog knows those that models were
    trained with, None takes them. long_text: a text beyond the model's window is embedded in
    parts whose vectors are averaged by length ("mean"), cut ("truncate"), or refused ("error").
    dimensions: shorter vectors, for models that the catalog says were trained for it (Matryoshka);
    None takes them whole. threads, device, gpu_layers, idle_ttl_s, allow_download: as for LocalModel.

    Loaded at first use; objects on one file with equal options share its contexts. All methods may
    be called from any thread and event loop. Short texts of callers who wait at the same time are
    computed together, on all cores, a hundred tokens or so in turn, so that a query need not wait
    for the end of a long list of documents. What is packed together moves a vector by rounding
    only. Not usable across a fork.

        >>> with LocalEmbedder("all-minilm-l6-v2") as embedder:
        ...     embedder.embed_documents(["a cat", "a dog"]).shape
        (2, 384)

    Raises ModelNotFound and ModelLoadError at first use, ConfigError for empty texts and for
    dimensions that the model was not trained for.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        query_prefix: str | None = None,
        document_prefix: str | None = None,
        long_text: LongText = "mean",
        dimensions: int | None = None,
        threads: int | None = None,
        device: str | None = None,
        gpu_layers: int | None = None,
        idle_ttl_s: float | None = None,
        allow_download: bool = False,
    ) -> None:
        if long_text not in ("mean", "truncate", "error"):
            raise ConfigError(f"long_text={long_text!r} is unknown; use 'mean', 'truncate' or 'error'")
        super().__init__(model, role="embedder", allow_download=allow_download)
        self._asked: dict[str, Any] = {
            "query_prefix": query_prefix,
            "document_prefix": document_prefix,
            "long_text": long_text,
            "dimensions": dimensions,
            "threads": threads,
            "device": device,
            "gpu_layers": gpu_layers,
            "idle_ttl_s": idle_ttl_s,
            "allow_download": allow_download,
        }
        self._settings = resolve_settings(
            threads=threads, device=device, gpu_layers=gpu_layers, idle_ttl_s=idle_ttl_s
        )
        self._query_prefix = query_prefix
        self._document_prefix = document_prefix
        self._long_text = long_text
        self._asked_dimensions = dimensions

    def __reduce__(self) -> tuple[object, ...]:
        """A copy, in another process or on another machine, opens the model there, by the same reference."""
        reference = self._reference or resolve_settings().embedding_model
        return partial(type(self), reference, **self._asked), ()

    @cached_property
    def identity(self) -> str:
        """Equal for embedders whose vectors can be compared, whatever their files are called.

        Made of the prefixes, `long_text`, the dimensions if they are not the model's own, and
        `file_samples`. Indexes hold it: if it changes, they are made anew.
        """
        parts = [self.query_prefix, self.document_prefix, self._long_text]
        if self.dimensions != self._full_dimensions:
            parts.append(str(self.dimensions))
        digest = hashlib.sha256("\0".join(parts).encode())
        for sample in file_samples(self.path):
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
        """Length of every vector. Reads the file's header.

        Raises ConfigError if the constructor was asked for a length that the model was not trained for.
        """
        full, asked = self._full_dimensions, self._asked_dimensions
        if asked is None or asked == full:
            return full
        trained = self._entry.matryoshka if self._entry else ()
        if asked not in trained:
            possible = f"it was trained for {', '.join(map(str, trained))}" if trained else f"it gives {full}"
            raise ConfigError(f"dimensions={asked} is no length of a vector of {self.name}; {possible}")
        return asked

    @cached_property
    def max_tokens(self) -> int:
        """Most tokens of text that one vector sees, prefix and special tokens already taken off."""
        prefixes = (self.query_prefix, self.document_prefix)
        return self._window - max(self.count_tokens(prefix) for prefix in prefixes)

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, special tokens not counted. Loads the model."""
        return len(self._tokenize(text)) - len(self._frame)

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """float32, shape (len(texts), dimensions), rows of L2 norm 1, in the order of the texts.

        Raises ConfigError for an empty text, which has no vector.
        """
        return wait_for(self._begin(texts, self.document_prefix))

    def embed_query(self, text: str) -> Vectors:
        """float32, shape (dimensions,), L2 norm 1."""
        row: Vectors = wait_for(self._begin([text], self.query_prefix))[0]
        return row

    async def aembed_documents(self, texts: Sequence[str]) -> Vectors:
        """The same for an event loop, which is not held up by loading the model or reading the texts.

        Cancelling the task drops what is not embedded yet.
        """
        future = await off_loop(
            lambda: self._begin(texts, self.document_prefix), lane=self, undo=Future.cancel
        )
        return await asyncio.wrap_future(future)

    async def aembed_query(self, text: str) -> Vectors:
        """The same for an event loop."""
        future = await off_loop(lambda: self._begin([text], self.query_prefix), lane=self, undo=Future.cancel)
        row: Vectors = (await asyncio.wrap_future(future))[0]
        return row

    def _lease_it(self) -> Lease[OpenPacks]:
        _ = self.dimensions  # refused before anything is loaded
        options = PackedModelOptions(
            batch_tokens=self._most_tokens,
            threads=self._settings.threads,
            device=self._settings.device or "auto",
            gpu_layers=self._settings.gpu_layers,
        )
        terms = LeaseTerms(self._settings.idle_ttl_s, self._settings.memory_budget)
        return open_embedder(self.path, options, terms)

    @property
    def _full_dimensions(self) -> int:
        header = self._header
        given = header.number(f"{header.architecture}.embedding_length_out") or header.embedding_length
        if not given:
            raise ModelLoadError(f"{self.path} does not say how long its vectors are", path=self.path)
        return given

    @property
    def _catalog_prefixes(self) -> tuple[str, str]:
        entry = self._entry
        return (entry.query_prefix, entry.document_prefix) if entry else ("", "")

    @property
    def _most_tokens(self) -> int:
        """Tokens of one part, special tokens included."""
        return min(self._header.context_length or MOST_TOKENS, MOST_TOKENS)

    @property
    def _window(self) -> int:
        """Tokens of one part, special tokens taken off."""
        return self._most_tokens - len(self._frame)

    @cached_property
    def _frame(self) -> SpecialFrame:
        return SpecialFrame.of(self._tokenize)

    def _tokenize(self, text: str) -> list[int]:
        return self._use(lambda opened: opened.tokenize(text, add_special=True))

    def _begin(self, texts: Sequence[str], prefix: str) -> Future[Vectors]:
        """Hand the texts to the owner threads, long ones in several parts."""
        if isinstance(texts, str):  # whose letters would be texts
            raise ConfigError(f"{texts!r} is one text; give a list of texts, or ask for one vector")
        split = [self._parts(text, prefix) for text in texts]
        parts = [part for parts in split for part in parts]
        owners = [number for number, parts in enumerate(split) for _ in parts]
        dimensions = self.dimensions

        def finish(rows: Vectors) -> Vectors:
            lengths = [len(part) for part in parts]
            vectors = mean_of_parts(rows, owners=owners, weights=lengths, text_count=len(split))
            return shorten(vectors, dimensions)

        return self._use(lambda opened: opened.submit(parts, finish))

    def _parts(self, text: str, prefix: str) -> list[list[int]]:
        """Token ids of a text with its special tokens, in windows that fit the model."""
        if not isinstance(text, str):
            raise ConfigError(f"{text!r} is no text and has no vector; give a str")
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
        head = self.count_tokens(prefix) if prefix else 0
        room = self._window - head
        if room <= 0:
            raise ConfigError(f"the prefix {prefix!r} has {head} tokens but {self.name} sees {self._window}")
        body = self._frame.inside(tokens)
        windows = cut(body, head=head, room=room, is_first_only=self._long_text == "truncate")
        return [self._frame.around(window) for window in windows]
