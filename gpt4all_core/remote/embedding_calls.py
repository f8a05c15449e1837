"""An embedding model behind an address as coroutines, which run in the endpoint's own thread."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from gpt4all_core.catalog.catalog import find_for_file
from gpt4all_core.catalog.entry import ModelEntry
from gpt4all_core.errors import ConfigError, GenerationError
from gpt4all_core.protocols import Vectors
from gpt4all_core.remote.client import Endpoint
from gpt4all_core.remote.embedding_wire import TextKind, batches, embedding_body, read_vectors
from gpt4all_core.remote.in_batches import all_of
from gpt4all_core.remote.long_texts import cut_text
from gpt4all_core.remote.model_facts import ModelFacts
from gpt4all_core.remote.model_list import listed_model
from gpt4all_core.remote.token_counts import TokenCounts, estimated_tokens
from gpt4all_core.unit_vectors import mean_of_parts, shorten

LongText = Literal["mean", "truncate", "error"]

MOST_TOKENS = 512
"""Tokens of one part of a text, as for LocalEmbedder; what an address that tells nothing is taken to see."""

_SPECIAL_TOKENS = 2
"""What vocabularies put around a text: [CLS] and [SEP], or a beginning and an end."""


@dataclass(frozen=True, slots=True)
class EmbeddingChoices:
    """What RemoteEmbedder was asked for, by its names."""

    model: str | None
    query_prefix: str | None
    document_prefix: str | None
    long_text: LongText
    dimensions: int | None
    max_tokens: int | None


@dataclass(frozen=True, slots=True)
class FoundModel:
    """What was asked for once and holds from then on.

    query_prefix, document_prefix: put before texts here. does_all: the server puts prefixes, and embeds a
    long text in parts, by itself.
    """

    facts: ModelFacts
    entry: ModelEntry | None
    query_prefix: str
    document_prefix: str
    counts: TokenCounts

    @property
    def does_all(self) -> bool:
        return self.facts.identity is not None


class EmbeddingCalls:
    """Texts to vectors, request by request. Every coroutine runs in the endpoint's thread alone."""

    def __init__(self, endpoint: Endpoint, choices: EmbeddingChoices) -> None:
        self._endpoint = endpoint
        self._choices = choices
        self.found: FoundModel | None = None
        self.full_dimensions: int | None = None
        """Length of the vectors that came; None before the first."""

    async def find(self) -> FoundModel:
        """What the server tells of the model, asked once."""
        if self.found is None:
            facts = await listed_model(self._endpoint, self._choices.model, role="embedder")
            self.found = self._found(facts)
        return self.found

    async def count(self, text: str) -> int:
        return await (await self.find()).counts.count(text)

    async def room(self) -> int:
        """Tokens of text that a vector sees, whichever prefix stands before them."""
        found = await self.find()
        return min(self._room(found, prefix) for prefix in (found.query_prefix, found.document_prefix))

    async def dimensions(self) -> int:
        """Length of the vectors; a text is embedded if none was."""
        if self.full_dimensions is None:
            return int((await self.embed(["length"], "document")).shape[1])
        return self._choices.dimensions or self.full_dimensions

    async def embed(self, texts: Sequence[str], kind: TextKind) -> Vectors:
        """float32, shape (len(texts), dimensions), rows of L2 norm 1."""
        if not texts:
            return np.zeros((0, await self.dimensions()), dtype=np.float32)
        found = await self.find()
        _check_length(found, self._choices.dimensions)
        split = await all_of(texts, lambda text: self._parts(found, text, kind))
        parts = [part for parts in split for part in parts]
        owners = [number for number, parts in enumerate(split) for _ in parts]
        rows = await self._vectors(found, parts, kind)
        vectors = mean_of_parts(rows, owners=owners, weights=list(map(len, parts)), text_count=len(split))
        return shorten(vectors, self._choices.dimensions or vectors.shape[1])

    def _found(self, facts: ModelFacts) -> FoundModel:
        entry = find_for_file(Path(facts.name))
        asked = (self._choices.query_prefix, self._choices.document_prefix)
        known = (entry.query_prefix, entry.document_prefix) if entry else ("", "")
        if facts.identity is not None:
            if any(prefix is not None for prefix in asked):
                raise ConfigError(
                    f"{self._endpoint.address} puts the model's own prefixes before texts;"
                    " leave query_prefix and document_prefix out"
                )
            known = ("", "")
        query_prefix, document_prefix = (
            known_one if asked_one is None else asked_one
            for asked_one, known_one in zip(asked, known, strict=True)
        )
        return FoundModel(facts, entry, query_prefix, document_prefix, TokenCounts(self._endpoint, facts))

    def _room(self, found: FoundModel, prefix: str) -> int:
        told = found.facts.context_tokens or MOST_TOKENS
        window = self._choices.max_tokens or min(told, MOST_TOKENS)
        room = window - _SPECIAL_TOKENS - (estimated_tokens(prefix) if prefix else 0)
        if room < 1:
            raise ConfigError(
                f"{prefix!r} and special tokens fill the {window} tokens that {found.facts.name} sees;"
                " give more max_tokens, or a shorter prefix"
            )
        return found.counts.surely_fitting(room)

    async def _parts(self, found: FoundModel, text: str, kind: TextKind) -> list[str]:
        """The text with its prefix, in parts that fit the window."""
        long_text = self._choices.long_text
        if found.does_all and long_text == "mean" and self._choices.max_tokens is None:
            return [text]
        prefix = found.query_prefix if kind == "query" else found.document_prefix
        room = self._room(found, prefix)
        # A token has one byte at least, so that short texts need no counting.
        if len(text.encode()) <= room or (count := await found.counts.count(text)) <= room:
            return [prefix + text]
        if long_text == "error":
            raise ConfigError(
                f"a text has {count} tokens but {found.facts.name} sees {room};"
                " split it, or choose long_text='mean' or 'truncate'"
            )
        is_first_only = long_text == "truncate"
        pieces = await cut_text(text, room=room, count_tokens=found.counts.count, is_first_only=is_first_only)
        return [prefix + piece for piece in pieces]

    async def _vectors(self, found: FoundModel, parts: Sequence[str], kind: TextKind) -> Vectors:
        """A row for each part, as the server has them. Where a request fails, the others are cancelled."""

        async def ask(part: slice) -> Vectors:
            texts = parts[part]
            body = embedding_body(
                texts,
                model=found.facts.name,
                dimensions=None if found.entry else self._choices.dimensions,
                kind=kind if found.does_all else None,
            )
            request = self._endpoint.ask(
                "post", "embeddings", body, read=lambda answer: read_vectors(answer, count=len(texts))
            )
            return await request.aresult()

        rows = await all_of(batches(parts), ask)
        self._check_rows(found, rows)
        return np.concatenate(rows)

    def _check_rows(self, found: FoundModel, rows: Sequence[Vectors]) -> None:
        for length in {vectors.shape[1] for vectors in rows}:
            self.full_dimensions = self.full_dimensions or length
            if length != self.full_dimensions:
                raise GenerationError(
                    f"{self._endpoint.address} gives vectors of {length} numbers where they had"
                    f" {self.full_dimensions}; another model answers as {found.facts.name} now, and what it"
                    " gives cannot be compared with what was: make a new object for it"
                )
            asked = self._choices.dimensions
            if asked is not None and (length < asked or (length > asked and not found.entry)):
                raise ConfigError(
                    f"dimensions={asked} was asked for and {found.facts.name} gives {length}; leave it out"
                )


def _check_length(found: FoundModel, asked: int | None) -> None:
    if asked is None or found.entry is None or asked in found.entry.matryoshka:
        return
    trained = ", ".join(map(str, found.entry.matryoshka)) or "its own length alone"
    raise ConfigError(
        f"dimensions={asked} is no length of a vector of {found.facts.name}; it was trained for {trained}"
    )
