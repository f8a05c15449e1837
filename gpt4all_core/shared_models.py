"""The models that an object of a framework uses: made at first use, left behind when it is copied."""

import threading
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from gpt4all_core.off_loop import off_loop
from gpt4all_core.types import KVType

if TYPE_CHECKING:
    from gpt4all_core.embedder import LocalEmbedder, LongText
    from gpt4all_core.local_model import LocalModel
    from gpt4all_core.remote.chat import RemoteModel
    from gpt4all_core.remote.embedder import RemoteEmbedder
    from gpt4all_core.remote.reranker import RemoteReranker
    from gpt4all_core.reranker import LocalReranker, LongDocument


class Openable(Protocol):
    @property
    def is_open(self) -> bool: ...

    def open(self) -> Self: ...

    def close(self) -> None: ...


T = TypeVar("T", bound=Openable)
T_co = TypeVar("T_co", bound=Openable, covariant=True)


class Recipe(Protocol[T_co]):
    """What a model is made of; hashable, and equal for models that are the same."""

    def make(self) -> T_co: ...

    def __hash__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class ModelRecipe:
    """The arguments of a LocalModel, by the same names; `reference` is its `model`."""

    reference: str | Path | None
    context_size: int | None = None
    threads: int | None = None
    device: str | None = None
    gpu_layers: int | None = None
    kv_type: KVType | None = None
    parallel: int | None = None
    max_waiting: int | None = None
    cache_bytes: int | None = None
    cache_dir: str | Path | None = None
    idle_ttl_s: float | None = None
    reproducible: bool | None = None
    isolate: bool | None = None
    projector: str | Path | None = None
    allow_download: bool = False

    def make(self) -> "LocalModel":
        # It brings numpy and its like, which a program that only names a model need not wait for.
        from gpt4all_core.local_model import LocalModel  # noqa: PLC0415 - heavy

        options = {argument.name: getattr(self, argument.name) for argument in fields(self)[1:]}
        return LocalModel(self.reference, **options)


@dataclass(frozen=True, slots=True)
class EmbedderRecipe:
    """The arguments of a LocalEmbedder, by the same names; `reference` is its `model`."""

    reference: str | Path | None
    query_prefix: str | None = None
    document_prefix: str | None = None
    long_text: "LongText" = "mean"
    dimensions: int | None = None
    threads: int | None = None
    device: str | None = None
    gpu_layers: int | None = None
    idle_ttl_s: float | None = None
    allow_download: bool = False

    def make(self) -> "LocalEmbedder":
        from gpt4all_core.embedder import LocalEmbedder  # noqa: PLC0415 - heavy, see ModelRecipe

        options = {argument.name: getattr(self, argument.name) for argument in fields(self)[1:]}
        return LocalEmbedder(self.reference, **options)


@dataclass(frozen=True, slots=True)
class RerankerRecipe:
    """The arguments of a LocalReranker, by the same names; `reference` is its `model`."""

    reference: str | Path | None
    long_text: "LongDocument" = "truncate"
    threads: int | None = None
    device: str | None = None
    gpu_layers: int | None = None
    idle_ttl_s: float | None = None
    allow_download: bool = False

    def make(self) -> "LocalReranker":
        from gpt4all_core.reranker import LocalReranker  # noqa: PLC0415 - heavy, see ModelRecipe

        options = {argument.name: getattr(self, argument.name) for argument in fields(self)[1:]}
        return LocalReranker(self.reference, **options)


@dataclass(frozen=True, slots=True)
class RemoteEmbedderRecipe:
    """The arguments of a RemoteEmbedder, by the same names; None stands for its defaults."""

    reference: str | Path | None
    base_url: str
    api_key: str | None = field(default=None, repr=False)
    query_prefix: str | None = None
    document_prefix: str | None = None
    long_text: "LongText" = "mean"
    dimensions: int | None = None
    timeout_s: float | None = None
    max_retries: int | None = None

    def make(self) -> "RemoteEmbedder":
        from gpt4all_core.remote.embedder import RemoteEmbedder  # noqa: PLC0415 - heavy, see ModelRecipe

        return RemoteEmbedder(_name(self.reference), **_given(self))


@dataclass(frozen=True, slots=True)
class RemoteRerankerRecipe:
    """The arguments of a RemoteReranker, by the same names; None stands for its defaults."""

    reference: str | Path | None
    base_url: str
    api_key: str | None = field(default=None, repr=False)
    long_text: "LongDocument" = "truncate"
    timeout_s: float | None = None
    max_retries: int | None = None

    def make(self) -> "RemoteReranker":
        from gpt4all_core.remote.reranker import RemoteReranker  # noqa: PLC0415 - heavy, see ModelRecipe

        return RemoteReranker(_name(self.reference), **_given(self))


@dataclass(frozen=True, slots=True)
class RemoteModelRecipe:
    """The arguments of a RemoteModel, by the same names; None stands for its defaults."""

    reference: str | Path | None
    base_url: str
    api_key: str | None = field(default=None, repr=False)
    timeout_s: float | None = None
    max_retries: int | None = None
    context_size: int | None = None

    def make(self) -> "RemoteModel":
        from gpt4all_core.remote.chat import RemoteModel  # noqa: PLC0415 - heavy, see ModelRecipe

        return RemoteModel(_name(self.reference), **_given(self))


def _name(reference: str | Path | None) -> str | None:
    return None if reference is None else str(reference)


def _given(recipe: RemoteEmbedderRecipe | RemoteRerankerRecipe | RemoteModelRecipe) -> dict[str, Any]:
    """Its arguments behind the first, less those that are None."""
    values = {argument.name: getattr(recipe, argument.name) for argument in fields(recipe)[1:]}
    return {name: value for name, value in values.items() if value is not None}


class SharedModels(Generic[T]):
    """Models by their recipes. Thread-safe.

    A copy or a pickle is empty and makes its own at first use, which costs next to nothing while
    the process has the same file open: the core shares weights and engines.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: dict[Recipe[T], T] = {}

    def get(self, recipe: Recipe[T]) -> T:
        """The model of this recipe; not yet loaded if it is new. Does not wait for one that was made."""
        made = self.made(recipe)
        if made is not None:
            return made
        with self._lock:
            if recipe not in self._models:
                self._models[recipe] = recipe.make()
            return self._models[recipe]

    def made(self, recipe: Recipe[T]) -> T | None:
        """The same, None if nobody has asked for it yet. Never waits."""
        return self._models.get(recipe)  # without the lock, which is held while others are made

    async def aget(self, recipe: Recipe[T]) -> T:
        """The same, loaded, for an event loop: what takes long, the imports too, is done in a thread."""
        made = self.made(recipe)
        if made is not None and made.is_open:
            return made
        return await off_loop(lambda: self.get(recipe).open(), lane=recipe)

    def close(self) -> None:
        """Close all of them; the next use makes them anew. Idempotent."""
        with self._lock:
            models, self._models = self._models, {}
        for model in models.values():
            model.close()

    def __eq__(self, other: object) -> bool:
        # What happens to be open says nothing about what the object that owns this is.
        return isinstance(other, SharedModels)

    def __hash__(self) -> int:
        return hash(SharedModels)

    def __reduce__(self) -> tuple[type["SharedModels[T]"], tuple[()]]:
        return type(self), ()


def model_label(reference: str | Path) -> str:
    """What to call a model in traces before it is found: what it was asked for by, never a path."""
    return str(reference).replace("\\", "/").rsplit("/", maxsplit=1)[-1]
