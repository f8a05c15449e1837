"""Arguments of the classes of both frameworks that embed or rank texts, declared once; see `arguments`."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from gpt4all_core.arguments import ModelFields
from gpt4all_core.remote_arguments import EndpointFields
from gpt4all_core.shared_models import (
    EmbedderRecipe,
    RemoteEmbedderRecipe,
    RemoteRerankerRecipe,
    RerankerRecipe,
)

if TYPE_CHECKING:
    from gpt4all_core.embedder import LocalEmbedder
    from gpt4all_core.remote.embedder import RemoteEmbedder
    from gpt4all_core.remote.reranker import RemoteReranker
    from gpt4all_core.reranker import LocalReranker

_ENDPOINT_ONLY = ("api_key", "timeout_s", "max_retries")


class EmbedderFields(EndpointFields, ModelFields):
    """All arguments of a class that embeds texts."""

    endpoint_only: ClassVar[tuple[str, ...]] = _ENDPOINT_ONLY

    query_prefix: str | None = None
    """Put before every query; None takes what the model was trained with, if the catalog knows."""

    document_prefix: str | None = None
    """Put before every document; None as for queries."""

    long_text: Literal["mean", "truncate", "error"] = "mean"
    """A text beyond the model's window: embed its parts and average, cut it, or refuse it."""

    dimensions: int | None = Field(default=None, gt=0)
    """Length of the vectors; None takes them whole. Only for models that the catalog says were trained
    to have them cut (Matryoshka), and only to the lengths that they were trained for; a server may have
    others."""

    max_retries: int | None = Field(default=None, ge=0)
    """How often a server is asked again; None is 2."""

    @property
    def _embedder(self) -> "LocalEmbedder | RemoteEmbedder":
        embedder: LocalEmbedder | RemoteEmbedder = self._opened.get(self._recipe)
        return embedder

    async def _aembedder(self) -> "LocalEmbedder | RemoteEmbedder":
        embedder: LocalEmbedder | RemoteEmbedder = await self._opened.aget(self._recipe)
        return embedder

    @property
    def _recipe(self) -> EmbedderRecipe | RemoteEmbedderRecipe:
        how = {name: getattr(self, name) for name in ("query_prefix", "document_prefix", "dimensions")}
        if self.base_url is not None:
            return RemoteEmbedderRecipe(
                self.model, self.base_url, long_text=self.long_text, **how, **self.endpoint_arguments
            )
        local = {name: getattr(self, name) for name in self.local_only}
        return EmbedderRecipe(self.model, long_text=self.long_text, **how, **local)


class RerankerFields(EndpointFields, ModelFields):
    """All arguments of a class that ranks texts."""

    endpoint_only: ClassVar[tuple[str, ...]] = _ENDPOINT_ONLY

    long_text: Literal["truncate", "error"] = "truncate"
    """A document that does not fit beside the query: cut it, or refuse it."""

    max_retries: int | None = Field(default=None, ge=0)
    """How often a server is asked again; None is 2."""

    @property
    def _reranker(self) -> "LocalReranker | RemoteReranker":
        reranker: LocalReranker | RemoteReranker = self._opened.get(self._recipe)
        return reranker

    async def _areranker(self) -> "LocalReranker | RemoteReranker":
        reranker: LocalReranker | RemoteReranker = await self._opened.aget(self._recipe)
        return reranker

    @property
    def _recipe(self) -> RerankerRecipe | RemoteRerankerRecipe:
        if self.base_url is not None:
            return RemoteRerankerRecipe(
                self.model, self.base_url, long_text=self.long_text, **self.endpoint_arguments
            )
        local = {name: getattr(self, name) for name in self.local_only}
        return RerankerRecipe(self.model, long_text=self.long_text, **local)
