"""`gpt4all chat`: a conversation, line by line."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from gpt4all_app.demonstration import weak_model_note
from gpt4all_app.options import Model
from gpt4all_app.output import Output
from gpt4all_app.session import Session
from gpt4all_app.typed_lines import is_interactive, typed_lines
from gpt4all_core.errors import GenerationError
from gpt4all_core.types import Completion, GenerationParams, Message

if TYPE_CHECKING:
    from gpt4all_core.protocols import ChatModel, Generation


def chat(
    context: typer.Context,
    *,
    model: Model = None,
    system: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What the model is told before the conversation.")
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Most tokens of an answer. Default: what the context holds."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Write one JSON document per answer, each on one line.")
    ] = False,
) -> None:
    """Talk to a model; the conversation is kept until you leave.

    Every line is a message, or one of the commands /reset, /exit and /help. Lines may come from a
    pipe: the program then answers one after the other and ends.
    """
    session: Session = context.obj
    output = Output(is_json=json)
    with session.open_model(model) as opened:
        if note := weak_model_note(opened):
            output.note(note)
        params = GenerationParams(max_tokens=max_tokens)
        _Conversation(opened, output, system=system, params=params).run()


class _Conversation:
    def __init__(
        self, model: "ChatModel", output: Output, *, system: str | None, params: GenerationParams
    ) -> None:
        self._model = model
        self._output = output
        self._params = params
        self._start = [Message("system", system)] if system else []
        self._messages = list(self._start)

    def run(self) -> None:
        for line in typed_lines(
            self._output, greeting=f"Talking to {self._model.name}.", forget=self._forget
        ):
            self._answer(line)

    def _forget(self) -> None:
        self._messages = list(self._start)

    def _answer(self, line: str) -> None:
        """Answer a message; what was said before Ctrl-C is kept, what failed is not."""
        messages = [*self._messages, Message("user", line)]
        said: list[str] = []
        try:
            completion = self._write(self._model.chat(messages, self._params), said)
        except KeyboardInterrupt:
            if not is_interactive():
                raise
            if said:
                self._output.piece("\n")
            text = "".join(said)
        except GenerationError as error:
            if not is_interactive():
                raise
            self._output.note(f"{error}; or /reset")
            return
        else:
            text = completion.text
            if self._output.is_json:
                usage = asdict(completion.usage)
                reason = completion.finish_reason
                self._output.line({"message": line, "text": text, "finish_reason": reason, "usage": usage})
            elif completion.finish_reason == "length":
                self._output.note("the answer was cut off; say 'go on', or /reset if the context is full")
        if text.strip():
            self._messages = [*messages, Message("assistant", text)]

    def _write(self, generation: "Generation", said: list[str]) -> Completion:
        from gpt4all_app.passages import WordWrap  # noqa: PLC0415 - not for --help

        if self._output.is_json:
            return generation.result()
        wrap = WordWrap(self._output.width) if self._output.width else None
        for piece in generation:
            said.append(piece)
            self._output.piece(wrap.push(piece) if wrap else piece)
        self._output.piece((wrap.finish() if wrap else "") + "\n")
        return generation.result()
