"""From an exception to an exit code and the words that people read.

| exit code | when |
|---|---|
| 0 | all went well |
| 1 | a package is missing, the system refused something, `doctor` found a problem, or nobody foresaw it |
| 2 | the command line, a setting or a folder asks for something impossible |
| 3 | a model cannot be found, fetched or loaded |
| 4 | the documents or their index cannot be used |
| 5 | the model could not answer |
| 130 | stopped by Ctrl-C |
| 141 | whoever read the output went away, as `head` does |
| 143 | a conversation in a terminal was ended by SIGTERM |
"""

import typer

from gpt4all_core.errors import (
    ConfigError,
    GenerationError,
    GPT4AllError,
    LocalDocsError,
    ModelError,
    OutputError,
)


class Stopped(Exception):  # noqa: N818 - says what happened; nothing went wrong
    """Ctrl-C, with what that means for the work that was under way."""


class ReaderGone(Exception):  # noqa: N818 - as above
    """The program that read our output has ended."""


_EXIT_CODES: dict[type[BaseException], int] = {
    ConfigError: 2,
    typer.TyperException: 2,
    ModelError: 3,
    LocalDocsError: 4,
    GenerationError: 5,
    OutputError: 5,
    Stopped: 130,
    KeyboardInterrupt: 130,
    ReaderGone: 141,
}


def exit_code(error: BaseException) -> int:
    """The code for an error; 1 for those that the table does not know."""
    return next((code for kind, code in _EXIT_CODES.items() if isinstance(error, kind)), 1)


def describe(error: BaseException) -> str:
    """What happened and what to do about it, on one line if the error's own words are."""
    if isinstance(error, KeyboardInterrupt):
        return "stopped"
    if isinstance(error, typer.TyperException):
        # Only usage errors know their command, and typer does not export their class.
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "gpt4all"
        message = error.format_message().replace("Value error, ", "")  # pydantic's own words
        return f"{message.rstrip('.')}; see: {command} --help"
    if isinstance(error, Stopped):
        return str(error)
    if isinstance(error, GPT4AllError):
        from gpt4all_app.wording import in_terminal_words  # noqa: PLC0415 - pydantic: not for --help

        return in_terminal_words(str(error))
    if isinstance(error, OSError):
        words = ": ".join(filter(None, (error.filename and str(error.filename), error.strerror))) or str(
            error
        )
        return f"the system refused: {words}; check the path, its permissions and the space on the disk"
    return (
        f"unexpected {type(error).__name__}: {error}; this is a defect of the program,"
        " and GPT4ALL_DEBUG=1 shows where it is"
    )
