"""Answers from documents, one after the other, in front of somebody."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from gpt4all_app.failures import Stopped, describe
from gpt4all_app.kept_history import add_to_history, read_history
from gpt4all_app.output import Output, counted
from gpt4all_app.typed_lines import is_interactive
from gpt4all_core.errors import GenerationError, LocalDocsError
from gpt4all_core.types import Message
from gpt4all_localdocs.types import Answer, SyncReport

if TYPE_CHECKING:
    from gpt4all_localdocs.answer_stream import AnswerStream
    from gpt4all_localdocs.local_docs_group import LocalDocsGroup


class AskedDocuments:
    """Asks, shows the answer with its sources, and remembers both.

    ask: takes a question and `history`. history_file: where the conversation is kept, if anywhere.
    Raises what `read_history` does.
    """

    def __init__(
        self,
        docs: "LocalDocsGroup",
        output: Output,
        *,
        folders: Sequence[Path],
        history_file: Path | None,
        ask: "Callable[..., AnswerStream]",
    ) -> None:
        self._docs = docs
        self._output = output
        self._folders = folders
        self._history_file = history_file
        self._ask = ask
        self._history = read_history(history_file) if history_file else []

    def forget(self) -> None:
        """Begin anew; what is in the file stays there."""
        self._history = []

    def answer(self, question: str, *, report: SyncReport | None = None) -> None:
        """Answer one question. report: of the sync before it, for --json. Raises Stopped on Ctrl-C."""
        stream = self._ask(question, history=self._history)
        if not self._output.is_json:
            answer = self._show(stream)
        elif report is not None:
            answer = stream.result()
            self._output.document(self._record(question, answer) | {"sync": _sync_record(report)})
        else:
            answer = stream.result()
            self._output.line(self._record(question, answer))
        self._remember(question, answer)

    def answer_in_conversation(self, question: str) -> None:
        """The same for one line of several, of which one that fails does not end what somebody types."""
        try:
            self.answer(question)
        except (GenerationError, LocalDocsError, Stopped) as error:
            if not is_interactive():
                raise
            self._output.note(describe(error))

    def _show(self, stream: "AnswerStream") -> Answer:
        from gpt4all_app.passages import show_sources  # noqa: PLC0415 - not for --help

        output = self._output
        self._write(stream)
        answer = stream.result()
        if not answer.text.strip():
            output.note("the model gave no answer; put the question in other words, or use a larger model")
        for claim in answer.unsupported:
            output.note(f"not supported by its source: {claim.text}")
        if not answer.is_refused:
            show_sources(answer, output, folders=self._folders)
        elif answer.evidence is not None:
            output.note(f"evidence {answer.evidence:.2f}; --least-evidence asks for less")
        return answer

    def _write(self, stream: "AnswerStream") -> None:
        from gpt4all_app.passages import WordWrap  # noqa: PLC0415 - not for --help
        from gpt4all_app.progress import waiting  # noqa: PLC0415 - not for --help

        output = self._output
        wrap = WordWrap(output.width) if output.width else None
        is_begun = False
        try:
            with waiting(output, f"reading {counted(len(stream.hits), 'passage')}") as stop_waiting:
                for piece in stream:
                    stop_waiting()
                    is_begun = is_begun or bool(piece)
                    output.piece(wrap.push(piece) if wrap else piece)
        except KeyboardInterrupt as error:
            output.piece("\n" if is_begun else "")
            raise Stopped("stopped; the answer is not complete") from error
        output.piece((wrap.finish() if wrap else "") + "\n")

    def _record(self, question: str, answer: Answer) -> dict[str, object]:
        """The document that --json writes; its names are those of `Answer`."""
        return {
            "question": question,
            **asdict(answer),
            "model": self._docs.model.name,
            "index": self._docs.path,
            "history": self._history_file,
        }

    def _remember(self, question: str, answer: Answer) -> None:
        turns = [Message("user", question), Message("assistant", answer.text)]
        self._history += turns
        if self._history_file is not None:
            add_to_history(self._history_file, turns)


def _sync_record(report: SyncReport) -> dict[str, object]:
    return {
        "counts": report.counts,
        "embedded": report.embedded,
        "unreadable": [asdict(file) for file in report.unreadable],
    }
