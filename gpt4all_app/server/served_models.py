"""The models that a server answers for, by the names that clients give."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from gpt4all_core.errors import GPT4AllError, ModelNotFound, UnsupportedParameter

if TYPE_CHECKING:
    from gpt4all_core.embedder import LocalEmbedder
    from gpt4all_core.local_model import LocalModel
    from gpt4all_core.reranker import LocalReranker

logger = logging.getLogger(__name__)

ServedRole = Literal["chat", "embedder", "reranker"]
"""What a model is asked for; "chat" is all that writes text."""


LOOK_AGAIN_S = 1.0


class Closable(Protocol):
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model by the name that clients call it.

    make: the object that answers, which loads its file when it is first asked. created: when the file was
    written, in seconds of Unix time. path: the file; None for what has none.
    """

    name: str
    role: ServedRole
    make: Callable[[], Closable] = field(repr=False, compare=False)
    created: int = 0
    path: Path | None = None


class ServedModels:
    """Models by name, each made when it is first asked for and kept until `close`. Thread-safe.

    Clients name nothing but these: no path and no reference that would be looked up or fetched. Whether
    several are in memory at once is the core's business (`GPT4ALL_MEMORY_BUDGET`, `GPT4ALL_IDLE_TTL_S`).

    find_again: what is to be served now, None where nothing changed; without it the models stay as given.
    It may read files, and so may `look_again`, and `chat`, `embedder`, `reranker` and `find` for a name that
    is not known: an event loop calls them in a thread.
    """

    def __init__(
        self,
        models: Sequence[ServedModel],
        *,
        find_again: Callable[[], Sequence[ServedModel] | None] = lambda: None,
    ) -> None:
        self.listed = tuple(models)
        """All of them, the default of each role before its others."""
        self._find_again = find_again
        self._looked_at = time.monotonic()
        self._looking = threading.Lock()
        self._lock = threading.Lock()
        self._made: dict[ServedModel, Closable] = {}

    def chat(self, name: str | None) -> "LocalModel":
        """The model of this name that writes text; without one the first."""
        model: Any = self._get(name, "chat")
        return model  # type: ignore[no-any-return]  # the role says which it is

    def embedder(self, name: str | None) -> "LocalEmbedder":
        """The model of this name that embeds texts; without one the first."""
        model: Any = self._get(name, "embedder")
        return model  # type: ignore[no-any-return]  # as above

    def reranker(self, name: str | None) -> "LocalReranker":
        """The model of this name that ranks texts; without one the first."""
        model: Any = self._get(name, "reranker")
        return model  # type: ignore[no-any-return]  # as above

    def find(self, name: str) -> ServedModel:
        """What is served by this name. Raises ModelNotFound, with the names there are."""
        found = self._named(name)
        if found is None:
            self.look_again()
            found = self._named(name)
        if found is None:
            known = ", ".join(model.name for model in self.listed) or "none"
            raise ModelNotFound(f"no model {name!r} is served here; there are: {known}")
        return found

    def look_again(self) -> None:
        """List the models that came since, behind the others, and no more those that went.

        At most once in `LOOK_AGAIN_S`: clients cannot keep the disk busy with names that there are none of.
        """
        with self._looking:
            if time.monotonic() - self._looked_at < LOOK_AGAIN_S:
                return
            try:
                found = self._find_again()
            except (GPT4AllError, OSError):
                # The others answer on, whatever became of one file.
                logger.warning("the models of this disk cannot be listed again", exc_info=True)
                found = None
            self._looked_at = time.monotonic()
            if found is not None:
                stayed = [model for model in self.listed if model in found]
                self.listed = (*stayed, *(model for model in found if model not in stayed))

    def made(self) -> dict[str, Closable]:
        """Those that were asked for since the start, by name."""
        with self._lock:
            return {served.name: model for served, model in self._made.items()}

    def close(self) -> None:
        """Close all of them. Idempotent."""
        with self._lock:
            made, self._made = self._made, {}
        for model in made.values():
            model.close()

    def _get(self, name: str | None, role: ServedRole) -> Closable:
        served = self._default(role) if name is None else self.find(name)
        if served.role != role:
            raise UnsupportedParameter(
                f"{served.name} is of the kind {served.role!r}; this asks for {role!r}"
            )
        with self._lock:
            if served not in self._made:
                self._made[served] = served.make()
            return self._made[served]

    def _named(self, name: str) -> ServedModel | None:
        return next((model for model in self.listed if model.name == name), None)

    def _default(self, role: ServedRole) -> ServedModel:
        found = next((model for model in self.listed if model.role == role), None)
        if found is None:
            raise ModelNotFound(
                f"no model of the kind {role!r} is served here; start the server with --model"
            )
        return found
