"""The commands of `gpt4all`, put together, and what becomes of their errors."""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

from gpt4all_app import config, docs, models, users
from gpt4all_app.ask import ask
from gpt4all_app.chat import chat
from gpt4all_app.command_group import CommandGroup
from gpt4all_app.doctor import doctor
from gpt4all_app.eval import evaluate
from gpt4all_app.failures import ReaderGone, Stopped, describe, exit_code
from gpt4all_app.library_messages import noted_messages
from gpt4all_app.output import Output
from gpt4all_app.serve import serve
from gpt4all_app.session import Session

NAME = "gpt4all"
DISTRIBUTION = "gpt4all-adapters"

_EPILOG = """\b
Examples:
  gpt4all ask "How much leave do I have?" --docs ~/handbook
  gpt4all chat --docs ~/handbook
  gpt4all models recommend
  gpt4all doctor

\b
Exit codes:
  0 all went well    1 unforeseen, or found by doctor    2 command line, setting
  3 model    4 documents    5 answer    130 Ctrl-C    141 nobody reads any more

Settings come from options, from GPT4ALL_… variables and from the file that 'gpt4all config path' names.
"""

_TALK, _MODELS, _OTHERS, _INSTALLATION = "Ask and talk", "Models", "Other programs", "This installation"

app = typer.Typer(
    name=NAME, cls=CommandGroup, rich_markup_mode=None, pretty_exceptions_enable=False, epilog=_EPILOG
)
app.command(rich_help_panel=_TALK)(ask)
app.command(rich_help_panel=_TALK)(chat)
app.add_typer(docs.app, name="docs", rich_help_panel=_TALK)
app.add_typer(models.app, name="models", rich_help_panel=_MODELS)
app.command("eval", rich_help_panel=_MODELS)(evaluate)
app.command(rich_help_panel=_OTHERS)(serve)
app.add_typer(users.app, name="users", rich_help_panel=_OTHERS)
app.command(rich_help_panel=_INSTALLATION)(doctor)
app.add_typer(config.app, name="config", rich_help_panel=_INSTALLATION)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    is_version: Annotated[bool, typer.Option("--version", help="Show the version and end.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where an error comes from; so does GPT4ALL_DEBUG=1.")
    ] = False,
) -> None:
    """Private models and private documents, on this machine and without the network."""
    context.obj.shows_traceback = debug
    if is_version:
        from importlib.metadata import version  # noqa: PLC0415 - 20 ms that nothing else needs

        sys.stdout.write(f"{NAME} {version(DISTRIBUTION)}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")


def run(arguments: Sequence[str], session: Session | None = None) -> int:
    """Run one command line and return its exit code; every error becomes a message, none escapes.

    arguments: without the program's name. session: where models come from, for tests and for
    programs that bring their own.
    """
    session = session or Session()
    _open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        # Names of files may hold bytes, and documents characters, that the stream cannot encode.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        with noted_messages(Output()):
            outcome = get_command(app).main(
                list(arguments), prog_name=NAME, obj=session, standalone_mode=False
            )
    except SystemExit as error:  # the shell's completion ends so
        return error.code if isinstance(error.code, int) else 0
    except BaseException as error:  # noqa: BLE001 - the one place where every error gets its words
        return _report(error, is_json=_wants_json(arguments), session=session)
    if outcome == exit_code(Stopped()):  # typer's own answer to Ctrl-C
        return _report(KeyboardInterrupt(), is_json=_wants_json(arguments), session=session)
    return outcome if isinstance(outcome, int) else 0


def _open_missing_streams() -> None:
    """Stand in for streams that whoever started this process has closed, as services do."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - as long as the process


def _report(error: BaseException, *, is_json: bool, session: Session) -> int:
    if isinstance(error, ReaderGone):
        return exit_code(error)
    if session.shows_traceback or _debug_is_set():
        traceback.print_exception(error)
    message = describe(error)
    output = Output(is_json=is_json)
    try:
        if is_json:
            output.line({"error": {"type": type(error).__name__, "message": message}})
            return exit_code(error)
    except OSError:  # a full disk takes no document either
        pass
    output.note(f"{NAME}: {message}")
    return exit_code(error)


def _wants_json(arguments: Sequence[str]) -> bool:
    """Also where the command line is wrong and nothing was parsed."""
    options = list(arguments)
    return "--json" in (options[: options.index("--")] if "--" in options else options)


def _debug_is_set() -> bool:
    return os.environ.get("GPT4ALL_DEBUG", "") not in ("", "0")
