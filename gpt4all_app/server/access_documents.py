"""Which of a server's documents the request at hand may touch. Without users: all of them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol, TypeVar


class Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


class Arranging(Protocol):
    """A collection in the making, or one that is to have a further folder."""

    def claim(self, name: str) -> None:
        """Whoever asks owns it, if all goes well. Raises RequestRefused where they have as many as may be."""

    def extend(self, name: str) -> None:
        """Put a folder into one that is there. Raises RequestRefused for who may not write to it."""


class DocumentAccess(Protocol):
    """What documents ask about the request that they are used for. May be called from any thread."""

    @property
    def sees_everything(self) -> bool:
        """Whether also documents of no collection may be read."""

    def seen(self, collections: Sequence[N]) -> list[N]:
        """Those that may be read."""

    def note_searched(self, names: Sequence[str] | None) -> None:
        """That these are looked into; None for the whole index."""

    def arranging(self, *, has_folder: bool) -> AbstractContextManager[Arranging]:
        """For a block in which nobody else makes a collection; what it raises undoes the claim.

        has_folder: of a folder of this machine. Raises RequestRefused where that is not permitted.
        """

    def forget(self, name: str) -> None:
        """The collection is gone, and nobody's."""

    def admit_uploads(self, collection: str, files: Mapping[str, int]) -> AbstractContextManager[None]:
        """Within the block files of these sizes are put into their place; what it raises takes them back.

        Raises RequestRefused where whoever asks may not have them.
        """

    def forget_upload(self, collection: str, filename: str) -> None:
        """The file is gone."""


class OpenAccess:
    """No users: whoever comes in may do all."""

    sees_everything = True

    def seen(self, collections: Sequence[N]) -> list[N]:
        return list(collections)

    def note_searched(self, names: Sequence[str] | None) -> None:
        """Nobody keeps a log."""

    @contextmanager
    def arranging(self, *, has_folder: bool) -> Iterator["OpenAccess"]:  # noqa: ARG002 - everybody may
        yield self

    def claim(self, name: str) -> None:
        """Nobody owns anything."""

    def extend(self, name: str) -> None:
        """Everybody may."""

    def forget(self, name: str) -> None:
        """As above."""

    def admit_uploads(self, collection: str, files: Mapping[str, int]) -> AbstractContextManager[None]:  # noqa: ARG002 - nothing is counted
        return nullcontext()

    def forget_upload(self, collection: str, filename: str) -> None:
        """Nothing is counted."""
