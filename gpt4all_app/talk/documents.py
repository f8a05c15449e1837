"""Folders that a conversation is about."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from gpt4all_app.output import Output
from gpt4all_app.passages import show_sources
from gpt4all_app.paths import absolute, index_for
from gpt4all_app.progress import waiting
from gpt4all_app.session import Session
from gpt4all_app.syncing import note_report, require_passages, sync_visibly
from gpt4all_app.talk.answer_view import AnswerView
from gpt4all_core.types import GenerationParams, Message, ReasoningDelta
from gpt4all_localdocs.folders import check_folder
from gpt4all_localdocs.local_docs_group import LocalDocsGroup
from gpt4all_localdocs.types import Answer, AnswerMode


class TalkedDocuments:
    """The folders' index, brought up to date, and the answers from it.

    model: a reference. Raises OSError for a folder that is not there, LocalDocsError for folders without a
    readable file; close it.
    """

    def __init__(
        self, session: Session, output: Output, *, folders: Sequence[Path], model: str | None
    ) -> None:
        self.folders = tuple(map(absolute, folders))
        for folder in self.folders:
            check_folder(folder)
        self._session = session
        self._output = output
        self._stack = ExitStack()
        self._docs = self._opened(model)
        try:
            report = sync_visibly(self._docs, output)
            require_passages(report, self.folders)
            note_report(report, output, folders=self.folders, index=self._docs.path)
        except BaseException:
            self.close()
            raise

    def change_model(self, model: str | None) -> None:
        """Answer with another model from now on."""
        self.close()
        self._docs = self._opened(model)

    def answer(
        self, question: str, *, history: Sequence[Message], params: GenerationParams | None, view: AnswerView
    ) -> Answer:
        """Answer with the documents' passages before the model's eyes.

        A demonstration model quotes; others write, without sources where the documents do not seem to
        answer. params: default greedy. Raises what `LocalDocs.stream` does.
        """
        mode: AnswerMode | None = None if self._docs.model.is_demonstration else "chat"
        with waiting(self._output, "reading the documents") as stop_waiting:
            stream = self._docs.stream(question, history=history, mode=mode, params=params)
            for event in stream.events:
                stop_waiting()
                if isinstance(event, ReasoningDelta):
                    view.think(event.text)
                else:
                    view.say(event.text)
        return stream.result()

    def show_sources(self, answer: Answer) -> None:
        """The numbered passages under an answer, or that it names none."""
        if answer.citations:
            show_sources(answer, self._output, folders=self.folders)
        elif not answer.is_refused:
            self._output.note("the answer names no source; it may not be in the documents")

    def close(self) -> None:
        """Idempotent."""
        self._stack.close()

    def _opened(self, model: str | None) -> LocalDocsGroup:
        docs = self._session.open_docs(index_for(self.folders), folders=self.folders, model=model)
        return self._stack.enter_context(docs)


def answer_record(answer: Answer) -> dict[str, object]:
    """What --json tells of an answer from documents."""
    return asdict(answer)
