"""The options that several commands share, each described once."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gpt4all_localdocs.config import IndexOptions
    from gpt4all_localdocs.search_filter import SearchFilter


def complete_model(incomplete: str) -> list[str]:
    """Names for a shell to complete a model from: the catalog's, then those of files on this disk."""
    from gpt4all_core.catalog.catalog import list_models  # noqa: PLC0415 - pydantic: not for --help
    from gpt4all_core.catalog.store import files_on_disk  # noqa: PLC0415 - as above

    names = [*(entry.name for entry in list_models()), *(kept.name for kept in files_on_disk())]
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]


Json = Annotated[bool, typer.Option("--json", help="Write one JSON document, also for an error.")]
OneModel = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        show_default=False,
        autocompletion=complete_model,
        help="Name, path of a .gguf file, or hf:owner/repo.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        autocompletion=complete_model,
        help="Name, path of a .gguf file, or hf:owner/repo. Default: the best one on this disk.",
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        metavar="URL",
        show_default=False,
        help="Ask the model behind this OpenAI-compatible address, as http://host:8000/v1: what is said, and"
        " the passages it is about, go there. The key is taken from GPT4ALL_API_KEY. Default: the setting"
        " base_url, else this machine; '' is this machine.",
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
        help="Index only files like this, as in a .gitignore; may be given more than once. Later syncs go by"
        " it until they are given another, or --every-file.",
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
EveryFile = Annotated[
    bool,
    typer.Option(
        "--every-file", help="Forget --include, --exclude and --hidden of before; these may follow."
    ),
]
PdfLayout = Annotated[
    bool | None,
    typer.Option(
        "--pdf-layout/--no-pdf-layout",
        show_default=False,
        help="Look for tables on every page of PDFs and for headings by the size of letters; reading takes"
        " 1.4 times as long. Later syncs do as the last one did; another choice reads all files anew.",
    ),
]
VectorIndex = Annotated[
    str | None,
    typer.Option(
        "--vector-index",
        metavar="STORE",
        show_default=False,
        help="Where vectors are kept: 'chroma' in files, 'exact' nowhere else, or the address of a server, as"
        " chroma+http://host:8000. Default: the setting of this name.",
    ),
]
Workers = Annotated[
    str | None,
    typer.Option(
        "--workers",
        metavar="WHERE",
        show_default=False,
        help="What reads and embeds files: 'local', 'ray' (started for the sync), 'ray:auto' (this machine's"
        " cluster) or a cluster's address, as ray://head:10001. Default: the setting of this name.",
    ),
]
ConfirmRemoval = Annotated[
    bool,
    typer.Option(
        "--confirm-removal",
        help="Forget what is kept in doubt: files of a disk that is not there, or that patterns leave out.",
    ),
]


def index_options(
    include: Sequence[str] | None = None,
    exclude: Sequence[str] | None = None,
    *,
    hidden: bool = False,
    every_file: bool = False,
    pdf_layout: bool | None = None,
    vector_index: str | None = None,
    workers: str | None = None,
) -> "IndexOptions":
    """Which files come into the index and how, and where its vectors are, what was not given as before.

    every_file: which files, as if nothing had been given before either.

    Raises ConfigError for a pattern, a store or workers that are none.
    """
    from gpt4all_localdocs.config import IndexOptions  # noqa: PLC0415 - not for --help

    unsaid = () if every_file else None
    return IndexOptions(
        include=tuple(include) if include else unsaid,
        exclude=tuple(exclude) if exclude else unsaid,
        hidden_files=hidden or (False if every_file else None),
        pdf_layout=pdf_layout,
        vector_index=vector_index,
        workers=workers,
    )


def search_filter(collections: Sequence[str] | None, files: Sequence[str] | None) -> "SearchFilter | None":
    """Which passages are looked at; None for all."""
    from gpt4all_localdocs.search_filter import SearchFilter  # noqa: PLC0415 - not for --help

    if not collections and not files:
        return None
    metadata = {"collection": {"$in": list(collections)}} if collections else {}
    return SearchFilter(paths=tuple(files or ()), metadata=metadata)
