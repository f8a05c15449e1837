"""The model that is talked to, which another may take the place of."""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from gpt4all_app.output import Output
from gpt4all_app.progress import waiting
from gpt4all_app.session import Session

if TYPE_CHECKING:
    from gpt4all_core.protocols import ChatModel


class CurrentModel:
    """An open model; a context manager that closes the one of the moment. One thread.

    reference: what the model was asked for by. Raises ModelNotFound and ModelLoadError at once.
    """

    def __init__(self, session: Session, output: Output, *, reference: str | None) -> None:
        self._session = session
        self._output = output
        self._stack = ExitStack()
        self.reference = reference
        self.model = self._open(reference)

    def change(self, reference: str) -> "ChatModel":
        """Open another one. Never two at once, which the memory may not hold; on failure the old stays."""
        self._session.check_model(reference)
        before = self.reference
        self.close()
        try:
            self.model = self._open(reference)
        except BaseException:  # Ctrl-C while a large one is read, too
            self.model = self._open(before)
            raise
        self.reference = reference
        return self.model

    def close(self) -> None:
        """Give the model back; idempotent."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _open(self, reference: str | None) -> "ChatModel":
        with waiting(self._output, f"loading {reference or 'the model'}"):
            return self._stack.enter_context(self._session.open_model(reference))
