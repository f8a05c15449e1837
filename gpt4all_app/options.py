"""The options that several commands share, each described once."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gpt4all_localdocs.config import IndexOptions
    from gpt4all_localdocs.search_filter import SearchFilter


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
Collections = Annotated[
    list[str] | None,
    typer.Option(
        "--collection",
        metavar="NAME",
        show_default=False,
        help="Only folders that were added to this collection; may be given more than once.",
    ),
]
Files = Annotated[
    list[str] | None,
    typer.Option(
        "--files",
        metavar="GLOB",
        show_default=False,
        help="Only files like this, as '*.pdf' or 'notes/*'; may be given more than once.",
    ),
]
Include = Annotated[
    list[str] | None,
    typer.Option(
        "--include",
        metavar="PATTERN",
        show_default=False,
        help="Index only files like this, as in a .gitignore; may be given more than once. Give it each time:"
        " what it leaves out is forgotten. A file .gpt4allignore in the folder is for always.",
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="PATTERN",
        show_default=False,
        help="Leave out files and folders like this; the rest as for --include.",
    ),
]
Hidden = Annotated[bool, typer.Option("--hidden", help="Index names that begin with a dot, too.")]


def index_options(
    include: Sequence[str] | None, exclude: Sequence[str] | None, *, hidden: bool
) -> "IndexOptions":
    """Which files come into the index; raises ConfigError for a pattern that is none."""
    from gpt4all_localdocs.config import IndexOptions  # noqa: PLC0415 - not for --help

    return IndexOptions(include=tuple(include or ()), exclude=tuple(exclude or ()), hidden_files=hidden)


def search_filter(collections: Sequence[str] | None, files: Sequence[str] | None) -> "SearchFilter | None":
    """Which passages are looked at; None for all."""
    from gpt4all_localdocs.search_filter import SearchFilter  # noqa: PLC0415 - not for --help

    if not collections and not files:
        return None
    metadata = {"collection": {"$in": list(collections)}} if collections else {}
    return SearchFilter(paths=tuple(files or ()), metadata=metadata)
