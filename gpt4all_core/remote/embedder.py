"""Texts to vectors, by an embedding model behind an address."""

import hashlib
from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from types import TracebackType
from typing import Self, get_args

from gpt4all_core.engine.handle import Request
from gpt4all_core.errors import ConfigError
from gpt4all_core.protocols import Vectors
from gpt4all_core.remote.client import Endpoint
from gpt4all_core.remote.embedding_calls import EmbeddingCalls, EmbeddingChoices, FoundModel, LongText
from gpt4all_core.remote.embedding_wire import TextKind
from gpt4all_core.remote.options import (
    DEFAULT_MAX_CONNECTIONS,
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT_S,
    EndpointOptions,
)


class RemoteEmbedder:
    """An embedding model behind an OpenAI-compatible address: one L2-normalised float32 vector a text.

    model: what the server calls it; None takes its first embedder, or the only model that it lists.
    base_url, api_key, timeout_s, max_retries, max_connections: see EndpointOptions.
    query_prefix, document_prefix: put before every text; None takes those of the catalog if it knows the
    model by this name, else none. Before this project's server none are put: it does that itself.
    long_text: a text beyond the window is embedded in parts, cut between words, whose vectors are averaged
    by length ("mean"), cut ("truncate"), or refused ("error"); no server is to cut one silently.
    max_tokens: the window, special tokens and prefix included; None takes what the server tells
    (llama-server, vLLM and this project's do), at most 512 as LocalEmbedder does, and 512
    where it tells nothing.
    dimensions: shorter vectors. Those of a model that the catalog says was trained for it are shortened here;
    others are asked for. None takes them whole.
    identity: what the vectors are compared with, for who knows that the server computes those of, say, an
    index's LocalEmbedder from the same file; None makes one, see the property.

    Tokens are counted by the server where it can, else estimated. Nothing is sent before the first use. All
    methods may be called from any thread and event loop, also in a forked child. Close it, or use it in a
    `with` block.

        with RemoteEmbedder(base_url="http://127.0.0.1:4891/v1") as embedder:
            embedder.embed_documents(["a cat", "a dog"]).shape  # (2, 384)

    Raises ConfigError for impossible arguments, for empty texts and where several models might be meant,
    EndpointError, ModelNotFound and ContextOverflow for what the server refuses, MissingDependency without
    the extra `remote`.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        base_url: str,
        api_key: str | None = None,
        query_prefix: str | None = None,
        document_prefix: str | None = None,
        long_text: LongText = "mean",
        dimensions: int | None = None,
        max_tokens: int | None = None,
        identity: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        max_retries: int = DEFAULT_MAX_RETRIES,
        max_connections: int = DEFAULT_MAX_CONNECTIONS,
    ) -> None:
        if long_text not in get_args(LongText):
            raise ConfigError(f"long_text={long_text!r} is unknown; use 'mean', 'truncate' or 'error'")
        for name, number in (("dimensions", dimensions), ("max_tokens", max_tokens)):
            if number is not None and number < 1:
                raise ConfigError(f"{name}={number!r} cannot be used; give 1 or more, or None")
        self._endpoint = Endpoint(
            EndpointOptions(
                base_url,
                api_key,
                timeout_s=timeout_s,
                max_retries=max_retries,
                max_connections=max_connections,
            )
        )
        self._choices = EmbeddingChoices(
            model, query_prefix, document_prefix, long_text, dimensions, max_tokens
        )
        self._calls = EmbeddingCalls(self._endpoint, self._choices)
        self._given_identity = identity

    def __reduce__(self) -> tuple[partial["RemoteEmbedder"], tuple[()]]:
        """A copy, in another process too, has connections of its own; the key goes along if it was given."""
        choices, endpoint = self._choices, self._endpoint.options
        arguments = {choice.name: getattr(choices, choice.name) for choice in fields(choices)}
        how = {
            name: getattr(endpoint, name)
            for name in ("base_url", "api_key", "timeout_s", "max_retries", "max_connections")
        }
        return partial(type(self), identity=self._given_identity, **arguments, **how), ()

    @property
    def name(self) -> str:
        """What the server calls the model. Asks it once."""
        return self._found.facts.name

    @property
    def identity(self) -> str:
        """Equal for embedders whose vectors can be compared. Asks the server once.

        Of this project's server it is that of the LocalEmbedder there, so that an index may change between
        the two. Else it is made of the model's name there, the prefixes, `long_text`, `max_tokens` and
        `dimensions`: never of the address or the key, and never equal to a local one, since quantisations of
        one model differ. A server that gives a name to another model is not noticed.
        """
        if self._given_identity is not None:
            return self._given_identity
        found, choices = self._found, self._choices
        asked = (choices.long_text, choices.max_tokens, choices.dimensions)
        if found.facts.identity is not None and asked == ("mean", None, None):
            return found.facts.identity
        name = found.facts.label if found.facts.owner == "llamacpp" else found.facts.name
        told = (name, found.facts.identity, found.query_prefix, found.document_prefix, *asked)
        digest = hashlib.sha256("\0".join(map(str, told)).encode()).hexdigest()
        return f"{found.facts.label}-remote-{digest[:16]}"

    @property
    def query_prefix(self) -> str:
        """What is put before a query here; nothing if the server does it."""
        return self._found.query_prefix

    @property
    def document_prefix(self) -> str:
        """What is put before a document here; nothing if the server does it."""
        return self._found.document_prefix

    @property
    def dimensions(self) -> int:
        """Length of every vector; a first text is embedded to find it."""
        return self._endpoint.run(self._calls.dimensions).result()

    @property
    def max_tokens(self) -> int:
        """Most tokens of text that one vector sees, prefix and special tokens already taken off."""
        return self._endpoint.run(self._calls.room).result()

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, special tokens not counted. Those of short texts are estimated."""
        guessed = self._found.counts.guess(text)
        return self._endpoint.run(partial(self._calls.count, text)).result() if guessed is None else guessed

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """float32, shape (len(texts), dimensions), rows of L2 norm 1, in the order of the texts.

        Raises ConfigError for an empty text, which has no vector.
        """
        return self._begin(texts, "document").result()

    def embed_query(self, text: str) -> Vectors:
        """float32, shape (dimensions,), L2 norm 1."""
        row: Vectors = self._begin([text], "query").result()[0]
        return row

    async def aembed_documents(self, texts: Sequence[str]) -> Vectors:
        """The same for an event loop; cancelling the task drops what is under way."""
        return await self._begin(texts, "document").aresult()

    async def aembed_query(self, text: str) -> Vectors:
        """The same for an event loop."""
        row: Vectors = (await self._begin([text], "query").aresult())[0]
        return row

    @property
    def is_open(self) -> bool:
        """Whether the server has told already which model it has."""
        return self._calls.found is not None

    def open(self) -> Self:
        """Ask the server now which model it has, instead of at first use. Idempotent."""
        _ = self._found
        return self

    def close(self) -> None:
        """Break off what is under way and close the connections; for good, and idempotent."""
        self._endpoint.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _found(self) -> FoundModel:
        return self._calls.found or self._endpoint.run(self._calls.find).result()

    def _begin(self, texts: Sequence[str], kind: TextKind) -> Request[Vectors]:
        if isinstance(texts, str):  # whose letters would be texts
            raise ConfigError(f"{texts!r} is one text; give a list of texts, or ask for one vector")
        for text in texts:
            if not isinstance(text, str):
                raise ConfigError(f"{text!r} is no text and has no vector; give a str")
            if not text.strip():
                raise ConfigError("an empty text has no vector; leave it out")
        return self._endpoint.run(partial(self._calls.embed, list(texts), kind))
