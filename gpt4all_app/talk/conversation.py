"""What was said so far, and the next answer."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Self

from gpt4all_app.line_reader import is_interactive
from gpt4all_app.output import Output, counted
from gpt4all_app.progress import waiting
from gpt4all_app.session import Session
from gpt4all_app.talk.answer_view import AnswerView, answer_view
from gpt4all_app.talk.current_model import CurrentModel
from gpt4all_app.talk.stats import stats_line
from gpt4all_app.talk.window import first_shown
from gpt4all_core.errors import ConfigError
from gpt4all_core.types import (
    Completion,
    GenerationParams,
    Image,
    Message,
    ReasoningDelta,
    TextDelta,
    Timing,
    Usage,
)

if TYPE_CHECKING:
    from pathlib import Path

    from gpt4all_app.talk.documents import TalkedDocuments
    from gpt4all_core.protocols import ChatModel, Reply


class Conversation:
    """A model, perhaps documents, and the turns so far; its attributes may be changed between answers.

    The model's engine keeps the turns decoded, so that the next answer reads only what is new. A context
    manager that closes models and documents. Raises ModelNotFound and ModelLoadError. One thread.
    """

    def __init__(
        self,
        session: Session,
        output: Output,
        *,
        model: str | None,
        system: str | None,
        params: GenerationParams,
        has_stats: bool = False,
    ) -> None:
        self.output = output
        self.system = system
        self.params = params
        self.has_stats = has_stats
        self.pictures: tuple[Image, ...] = ()
        """What goes along with the next message."""
        self._turns: list[Message] = []
        self._hidden = 0
        self.documents: TalkedDocuments | None = None
        self.last_stats = "nothing was answered yet"
        self._session = session
        self._current = CurrentModel(session, output, reference=model)

    @property
    def model(self) -> "ChatModel":
        return self._current.model

    @property
    def turns(self) -> Sequence[Message]:
        """What was said, oldest first; the model may not be shown the oldest any more."""
        return self._turns

    def go_on_from(self, turns: Sequence[Message]) -> None:
        """Take these turns for what was said; none to begin anew."""
        self._turns, self._hidden = list(turns), 0

    def change_model(self, reference: str) -> None:
        """Go on with another model; raises what opening it does, and then the old one stays."""
        documents = self.documents
        if documents is not None:
            documents.close()
        try:
            self._current.change(reference)
            self._hidden = 0  # its context may be a larger one
        finally:
            if documents is not None:
                documents.change_model(self._current.reference)

    def read_documents(self, folders: "Sequence[Path]") -> None:
        """Talk about folders, in place of those of before; none to talk without. Raises what they do."""
        from gpt4all_app.talk.documents import TalkedDocuments  # noqa: PLC0415 - numpy, for those who ask

        new = (
            TalkedDocuments(self._session, self.output, folders=folders, model=self._current.reference)
            if folders
            else None
        )
        if self.documents is not None:
            self.documents.close()
        self.documents = new

    def answer(self, text: str) -> None:
        """Answer a message; what was said before Ctrl-C is kept, what failed is not.

        Raises GenerationError and LocalDocsError, ConfigError for pictures that the model does not see, and
        KeyboardInterrupt where nobody types.
        """
        pictures, self.pictures = self.pictures, ()
        user = Message("user", (*pictures, text) if pictures else text)
        if self.documents is not None and pictures:
            raise ConfigError("documents are asked without pictures; /docs off talks about pictures")
        if self.documents is not None:
            answered = self._from_documents(self.documents, user)
        else:
            answered = self._from_model(user)
        if answered.strip():
            self._turns += [user, Message("assistant", answered)]

    def close(self) -> None:
        """Idempotent."""
        if self.documents is not None:
            self.documents.close()
        self._current.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _from_model(self, user: Message) -> str:
        start = [Message("system", self.system)] if self.system else []
        self._hide_turns(user)
        reply = self.model.chat([*start, *self.turns[self._hidden :], user], self.params)
        said: list[str] = []
        try:
            completion = self._shown(reply, said)
        except KeyboardInterrupt:
            if not is_interactive():
                raise
            reply.cancel()
            self.output.note("stopped; what was said is kept")
            return "".join(said)
        self._tell_stats(completion.usage, completion.timing)
        if self.output.is_json:
            self.output.line({"message": user.text, **_record(completion)})
        elif completion.finish_reason == "length":
            self.output.note("the answer was cut off; say 'go on'")
        elif not completion.text.strip():
            self.output.note("the model said nothing; put it in other words")
        return completion.text

    def _hide_turns(self, user: Message) -> None:
        """Leave the oldest turns out where the context has no room for them; /save has them all the same."""
        hidden = first_shown(
            self.turns,
            hidden=self._hidden,
            context_size=self.model.context_size,
            answer_tokens=self.params.max_tokens,
            others=[self.system or "", user.text],
            count_tokens=self.model.count_tokens,
        )
        if hidden > self._hidden:
            self.output.note(
                f"the context of {self.model.context_size:,} tokens is full: the model does not see the first"
                f" {counted(hidden, 'turn')} any more; /reset begins anew"
            )
        self._hidden = hidden

    def _shown(self, reply: "Reply", said: list[str]) -> Completion:
        view = answer_view(self.output)
        try:
            with waiting(self.output, "reading") as stop_waiting:
                for event in reply.events:
                    stop_waiting()
                    if isinstance(event, TextDelta):
                        said.append(event.text)
                        view.say(event.text)
                    elif isinstance(event, ReasoningDelta):
                        view.think(event.text)
        finally:
            view.finish()
        return reply.result()

    def _from_documents(self, documents: "TalkedDocuments", user: Message) -> str:
        from gpt4all_app.talk.documents import answer_record  # noqa: PLC0415 - as above

        said = _Recorded(answer_view(self.output))
        # Greedy is the default for documents: it is what their answers were measured with.
        params = self.params if self.params != GenerationParams() else None
        try:
            answer = documents.answer(user.text, history=self.turns, params=params, view=said)
        except KeyboardInterrupt:
            if not is_interactive():
                raise
            self.output.note("stopped; what was said is kept")
            return said.text
        finally:
            said.finish()
        self._tell_stats(answer.usage, answer.timing)
        if self.output.is_json:
            self.output.line({"message": user.text, **answer_record(answer)})
        else:
            documents.show_sources(answer)
        return answer.text

    def _tell_stats(self, usage: Usage, timing: Timing | None) -> None:
        self.last_stats = stats_line(usage, timing)
        if self.has_stats:
            self.output.note(self.last_stats)


class _Recorded:
    """A view that remembers what was said."""

    def __init__(self, view: AnswerView) -> None:
        self._view = view
        self.text = ""

    def think(self, text: str) -> None:
        self._view.think(text)

    def say(self, text: str) -> None:
        self.text += text
        self._view.say(text)

    def finish(self) -> None:
        self._view.finish()


def _record(completion: Completion) -> dict[str, object]:
    return {
        "text": completion.text,
        "reasoning": completion.reasoning,
        "finish_reason": completion.finish_reason,
        "usage": asdict(completion.usage),
        "timing": asdict(completion.timing) if completion.timing else None,
    }
