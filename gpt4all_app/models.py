"""`gpt4all models`: what is on this disk, what could be, and how it gets there."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gpt4all_app.adapters import adapters
from gpt4all_app.command_group import CommandGroup
from gpt4all_app.failures import Stopped
from gpt4all_app.options import Json, complete_model
from gpt4all_app.output import Output
from gpt4all_app.quantize import perplexity, quantize
from gpt4all_app.recommend import recommend

if TYPE_CHECKING:
    from gpt4all_core.catalog.download import Download

app = typer.Typer(cls=CommandGroup, rich_markup_mode=None)

PaperColumn = Literal[
    "model", "boolq", "piqa", "hellaswag", "winogrande", "arc_easy", "arc_challenge", "openbookqa", "average"
]
"""As the core has them, whose module a help page does not load."""


@app.callback()
def models() -> None:
    """List models, look into their files, and fetch them."""


@app.command("list")
def list_models(
    is_whole_catalog: Annotated[
        bool, typer.Option("--all", help="The whole catalog, not only what is on this disk.")
    ] = False,
    json: Json = False,
) -> None:
    """Show the models on this disk: ours, and those that other programs keep here."""
    from gpt4all_app.model_facts import listed_models  # noqa: PLC0415 - pydantic: not for --help
    from gpt4all_app.model_table import catalog_table, table  # noqa: PLC0415 - as above

    output = Output(is_json=json)
    listed = listed_models(is_whole_catalog=is_whole_catalog)
    if json:
        output.document({"models": [asdict(model) for model in listed]})
        return
    if is_whole_catalog:
        output.data(catalog_table(listed, width=output.width))
        output.note("memory is for 4,096 tokens of context; gpt4all models pull NAME fetches one")
        return
    output.data(table(listed, width=output.width))
    output.note("gpt4all models list --all shows what else there is")


@app.command("table")
def paper_table(
    sort: Annotated[
        PaperColumn | None,
        typer.Option("--sort", help="The best first; model: by name. Default: as in the paper."),
    ] = None,
    json: Json = False,
) -> None:
    """Show how 38 models did in seven tasks in GPT4All's paper, and which run today."""
    from gpt4all_app.paper_view import paper_table as as_text  # noqa: PLC0415 - pydantic: not for --help
    from gpt4all_core.catalog.paper_table import paper_rows, paper_source  # noqa: PLC0415 - as above

    output = Output(is_json=json)
    rows = paper_rows(by=sort)
    if json:
        shown = [{**row.model_dump(), "runs_today": row.runs_today} for row in rows]
        output.document({"source": paper_source(), "rows": shown})
        return
    output.data(as_text(rows, width=output.width))
    output.note(f"per cent right; {paper_source()}")


@app.command()
def info(
    model: Annotated[
        str,
        typer.Argument(
            metavar="NAME|PATH",
            show_default=False,
            autocompletion=complete_model,
            help="Of a model, an adapter or a projector.",
        ),
    ],
    is_verified: Annotated[
        bool, typer.Option("--verify", help="Read the whole file and compare its hash with the known one.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what is known of a model, from the catalog and from its file.

    The file's header tells the memory that it takes at several contexts, the types of its weights, its
    chat template and in which format it calls tools; adapters and projectors can be looked into as well.
    """
    from gpt4all_app.file_rows import digest_row  # noqa: PLC0415 - pydantic: not for --help
    from gpt4all_app.model_facts import digest_of, model_facts  # noqa: PLC0415 - as above
    from gpt4all_app.model_table import rows_of  # noqa: PLC0415 - as above

    output = Output(is_json=json)
    facts, file = model_facts(model)
    digest = digest_of(facts) if is_verified else None
    if json:
        shown = {**asdict(facts), "file": asdict(file) if file else None}
        output.document(shown | ({"digest": asdict(digest)} if digest else {}))
        return
    output.fields([*rows_of(facts, file), *([digest_row(digest)] if digest else [])])


@app.command()
def pull(
    model: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            show_default=False,
            autocompletion=complete_model,
            help="Of the catalog, or hf:owner/repo.",
        ),
    ],
    with_projector: Annotated[
        bool,
        typer.Option(
            "--projector/--no-projector",
            help="Of hf:owner/repo also fetch what its model sees or hears with, if it has that.",
        ),
    ] = True,
    json: Json = False,
) -> None:
    """Fetch a model and check it; one that is on this disk stays as it is.

    NAME is a name of the catalog, or hf:owner/repo with a quantisation or file after a colon. A download
    that was stopped goes on where it stopped. HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE are honoured.
    """
    from gpt4all_app.model_facts import path_on_disk  # noqa: PLC0415 - pydantic: not for --help

    output = Output(is_json=json)
    path, fetched = path_on_disk(model), None
    if path is None:
        fetched = _fetch(model, output, with_projector=with_projector)
        path = fetched.path
    if json:
        output.document(
            {
                "name": model,
                "path": path,
                "size_bytes": path.stat().st_size,
                "was_fetched": fetched is not None,
                "checked_by": fetched and fetched.checked_by,
                "projector": fetched and fetched.projector,
            }
        )
        return
    if fetched is None:
        output.note(f"{model} is on this disk already")
    elif fetched.checked_by == "size":
        output.note("nobody tells a checksum of this file: only its size was compared")
    output.data(str(path))


app.command()(recommend)
app.command()(quantize)
app.command()(perplexity)
app.command()(adapters)


def _fetch(model: str, output: Output, *, with_projector: bool) -> "Download":
    from gpt4all_app.progress import download_bar  # noqa: PLC0415 - not for --help
    from gpt4all_core.catalog.catalog import find  # noqa: PLC0415 - pydantic: not for --help
    from gpt4all_core.catalog.download import download  # noqa: PLC0415 - as above
    from gpt4all_core.catalog.reference import HUGGING_FACE_PREFIX, parse_hugging_face  # noqa: PLC0415 - as above

    is_hub_reference = model.startswith(HUGGING_FACE_PREFIX)
    wanted = parse_hugging_face(model) if is_hub_reference else find(model)
    try:
        with download_bar(output, model) as on_progress:
            return download(wanted, with_projector=with_projector, on_progress=on_progress)
    except KeyboardInterrupt as error:
        raise Stopped("stopped; the same command continues the download where it stopped") from error
