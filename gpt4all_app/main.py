"""The console script `gpt4all`."""

import sys
from collections.abc import Sequence

from gpt4all_core.errors import MissingDependency


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; see `gpt4all_app.failures` for the codes.

    arguments: without the program's name; default those of this process.
    """
    try:
        from gpt4all_app.program import run  # noqa: PLC0415 - typer and rich come with an extra
    except KeyboardInterrupt:
        return 130
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.stderr.write(f"gpt4all: {MissingDependency(error.name, extra='app')}\n")
        return 1
    return run(sys.argv[1:] if arguments is None else arguments)
