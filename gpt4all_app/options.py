"""The options that several commands share, each described once."""

from pathlib import Path
from typing import Annotated

import typer


def complete_model(incomplete: str) -> list[str]:
    """Names for a shell to complete a model from."""
    from gpt4all_core.catalog.catalog import list_models  # noqa: PLC0415 - pydantic: not for --help

    return [entry.name for entry in list_models() if entry.name.startswith(incomplete)]


Json = Annotated[bool, typer.Option("--json", help="Write one JSON document, also for an error.")]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        autocompletion=complete_model,
        help="Name, path of a .gguf file, or hf:owner/repo. Default: the best one on this disk.",
    ),
]
Index = Annotated[
    Path | None,
    typer.Option(
        "--index",
        metavar="DIR",
        help="Directory of the index. Default: 'default' among the program's own data.",
    ),
]
