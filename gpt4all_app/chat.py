"""`gpt4all chat`: a conversation in a terminal, or line by line from a pipe."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gpt4all_app.options import BaseUrl, Model, VectorIndex
from gpt4all_app.output import Output
from gpt4all_app.paths import absolute
from gpt4all_app.session import Session
from gpt4all_localdocs.folders import check_folder

if TYPE_CHECKING:
    from gpt4all_app.talk.conversation import Conversation


def chat(
    context: typer.Context,
    *,
    model: Model = None,
    base_url: BaseUrl = None,
    system: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What the model is told before the conversation.")
    ] = None,
    docs: Annotated[
        list[Path] | None,
        typer.Option(
            "--docs",
            metavar="FOLDER",
            show_default=False,
            help="Folder to talk about, as with /docs; may be given more than once.",
        ),
    ] = None,
    vector_index: VectorIndex = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Most tokens of an answer. Default: what the context holds."),
    ] = None,
    stats: Annotated[
        bool, typer.Option("--stats", help="Tell after each answer what it took, as with /stats on.")
    ] = False,
    private: Annotated[
        bool,
        typer.Option("--private", help="Do not keep the lines you type for the arrow keys of next time."),
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Write one JSON document per answer, each on one line.")
    ] = False,
) -> None:
    """Talk to a model; the conversation is kept until you leave.

    Every line is a message, or a command that begins with a slash: /docs talks about folders, /model
    changes the model, /set how it chooses its words, /save and /load keep conversations in files, /help
    lists all of them. A message of several lines stands between two lines of three quotation marks.

    In a terminal answers are shown as Markdown, and what a model thinks first is dimmed. Ctrl-C stops the
    answer and keeps what was said; at the prompt, twice leaves, as do Ctrl-D and /exit. Lines may come
    from a pipe: the program then answers one after the other and ends, with the first error too.
    """
    from gpt4all_app.demonstration import weak_model_note  # noqa: PLC0415 - not for --help
    from gpt4all_app.talk.conversation import Conversation  # noqa: PLC0415 - as above
    from gpt4all_core.types import GenerationParams  # noqa: PLC0415 - as above

    session: Session = context.obj.choosing(vector_index=vector_index, base_url=base_url)
    output = Output(is_json=json)
    for folder in docs or ():
        check_folder(absolute(folder))
    params = GenerationParams(max_tokens=max_tokens)
    with Conversation(session, output, model=model, system=system, params=params, has_stats=stats) as talk:
        if note := weak_model_note(talk.model):
            output.note(note)
        if docs:
            talk.read_documents(docs)
        _talk(talk, is_private=private)


def _talk(talk: "Conversation", *, is_private: bool) -> None:
    from gpt4all_app.line_reader import LineReader, is_interactive  # noqa: PLC0415 - not for --help
    from gpt4all_app.talk.commands import Leave, complete  # noqa: PLC0415 - as above
    from gpt4all_app.talk.kept_lines import KeptLines  # noqa: PLC0415 - as above
    from gpt4all_core.config import resolve_settings  # noqa: PLC0415 - as above

    is_kept = is_interactive() and not is_private
    kept = KeptLines(resolve_settings().home / "typed_lines.jsonl") if is_kept else None
    reader = LineReader(talk.output, lines=kept.read() if kept else (), complete=complete)
    if is_interactive():
        talk.output.note(f"Talking to {talk.model.name}. /help lists the commands, Ctrl-D leaves.")
    while (line := reader.read()) is not None:
        if not line:
            continue
        if kept is not None:
            kept.add(line)
        try:
            _react(talk, line)
        except Leave:
            return


def _react(talk: "Conversation", line: str) -> None:
    """Follow a command or answer a message; what goes wrong ends a pipe and not a conversation."""
    from gpt4all_app.failures import Stopped, describe  # noqa: PLC0415 - not for --help
    from gpt4all_app.line_reader import is_interactive  # noqa: PLC0415 - as above
    from gpt4all_app.talk.commands import command_of  # noqa: PLC0415 - as above
    from gpt4all_core.errors import GenerationError, GPT4AllError  # noqa: PLC0415 - as above

    try:
        called = command_of(line)
        if called is None:
            talk.answer(line)
        else:
            command, argument = called
            command.run(talk, argument)
    except (GPT4AllError, OSError, Stopped, KeyboardInterrupt) as error:
        if not is_interactive():
            raise
        advice = "; or /reset" if isinstance(error, GenerationError) else ""
        talk.output.note(describe(error) + advice)
