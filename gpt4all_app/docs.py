"""`gpt4all docs`: an index that is kept and asked again."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gpt4all_app.command_group import CommandGroup
from gpt4all_app.docs_contents import compare, list_documents, summarise
from gpt4all_app.docs_exchange import export_index, import_gpt4all, import_index
from gpt4all_app.docs_map import show_map
from gpt4all_app.docs_vectors import describe_place, move_vectors
from gpt4all_app.options import (
    Collections,
    ConfirmRemoval,
    EveryFile,
    Exclude,
    Files,
    Hidden,
    Include,
    Index,
    Json,
    PdfLayout,
    VectorIndex,
    Workers,
    index_options,
    search_filter,
)
from gpt4all_app.output import Output, counted
from gpt4all_app.paths import absolute, index_place, shown_path
from gpt4all_app.session import Session
from gpt4all_app.syncing import require_contents, summary, sync_visibly, watch_visibly
from gpt4all_core.errors import ConfigError
from gpt4all_localdocs.types import FileOutcome, SearchMode, SyncReport

app = typer.Typer(cls=CommandGroup, rich_markup_mode=None)

Folders = Annotated[
    list[Path],
    typer.Argument(metavar="FOLDER", show_default=False, help="With all that is in it, at any depth."),
]


@app.callback()
def docs() -> None:
    """Keep folders in an index and search them."""


@app.command()
def add(
    context: typer.Context,
    folders: Folders,
    *,
    collection: Annotated[
        str | None,
        typer.Option(
            "--collection", metavar="NAME", help="A name by which searches find these folders alone."
        ),
    ] = None,
    embedder: Annotated[
        str | None,
        typer.Option(
            "--embedder",
            metavar="MODEL",
            show_default=False,
            help="What embeds a new --collection, in an index of its own, in the place of the one for all.",
        ),
    ] = None,
    index: Index = None,
    json: Json = False,
) -> None:
    """Remember folders; 'gpt4all docs sync' indexes their files."""
    session: Session = context.obj
    output = Output(is_json=json)
    with session.open_docs(index_place(index)) as opened:
        for folder in folders:
            opened.add(absolute(folder), collection=collection, embedder=embedder)
        if json:
            output.document({"index": opened.path, "folders": opened.folders})
            return
        for folder in opened.folders:
            output.data(str(folder))
        output.note(
            f"index {'them' if len(opened.folders) > 1 else 'it'} with: gpt4all docs sync{_at(index)}"
        )


@app.command()
def sync(
    context: typer.Context,
    *,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Read and embed every file anew, also with another embedder.")
    ] = False,
    include: Include = None,
    exclude: Exclude = None,
    hidden: Hidden = False,
    every_file: EveryFile = False,
    pdf_layout: PdfLayout = None,
    confirm_removal: ConfirmRemoval = False,
    vector_index: VectorIndex = None,
    workers: Workers = None,
    index: Index = None,
    json: Json = False,
) -> None:
    """Bring the index to what the folders hold now, and say what became of each file."""
    session: Session = context.obj
    output = Output(is_json=json)
    options = index_options(
        include,
        exclude,
        hidden=hidden,
        every_file=every_file,
        pdf_layout=pdf_layout,
        vector_index=vector_index,
        workers=workers,
    )
    with session.open_docs(index_place(index), options=options) as opened:
        folders = require_contents(opened)
        report = sync_visibly(opened, output, rebuild=rebuild, confirm_removal=confirm_removal)
        if json:
            output.document(_record(report, opened.path, folders))
        else:
            _show(report, output, folders=folders)


@app.command()
def watch(
    context: typer.Context,
    *,
    every: Annotated[
        float,
        typer.Option(
            "--every", min=1, metavar="SECONDS", help="Look at all files this often, whatever is told."
        ),
    ] = 300.0,
    polling: Annotated[
        bool, typer.Option("--polling", help="For network drives, of which the system tells no changes.")
    ] = False,
    include: Include = None,
    exclude: Exclude = None,
    hidden: Hidden = False,
    every_file: EveryFile = False,
    pdf_layout: PdfLayout = None,
    vector_index: VectorIndex = None,
    index: Index = None,
    json: Json = False,
) -> None:
    """Sync now and after each change, until Ctrl-C; with --json a document a sync, each on a line."""
    session: Session = context.obj
    output = Output(is_json=json)
    options = index_options(
        include,
        exclude,
        hidden=hidden,
        every_file=every_file,
        pdf_layout=pdf_layout,
        vector_index=vector_index,
    )
    with session.open_docs(index_place(index), options=options) as opened:
        output.note(f"watching {', '.join(map(str, require_contents(opened)))}; Ctrl-C ends it")
        for number, report in enumerate(watch_visibly(opened, every_s=every, polling=polling)):
            if json:
                output.line(_record(report, opened.path, opened.folders))
            elif report.has_changes or number == 0:
                _show(report, output, folders=opened.folders)


@app.command()
def search(
    context: typer.Context,
    query: Annotated[
        str, typer.Argument(metavar="QUERY", show_default=False, help="A question, or words to look for.")
    ],
    *,
    k: Annotated[int, typer.Option("--k", min=1, metavar="N", help="Most passages to show.")] = 8,
    mode: Annotated[SearchMode, typer.Option(help="By meaning and words, or by one of them.")] = "hybrid",
    diversity: Annotated[
        float,
        typer.Option(
            "--diversity", min=0, max=1, metavar="0..1", help="How unlike each other passages are to be."
        ),
    ] = 0.0,
    drop_repeats: Annotated[
        bool, typer.Option("--drop-repeats", help="Leave out passages that repeat a better one.")
    ] = False,
    min_score: Annotated[
        float | None,
        typer.Option(
            "--min-score",
            min=-1,
            max=1,
            metavar="X",
            help="Least cosine; 0.35 leaves out what is about something else.",
        ),
    ] = None,
    expand: Annotated[
        int,
        typer.Option("--expand", min=0, metavar="N", help="Show the text around passages, up to N tokens."),
    ] = 0,
    collection: Collections = None,
    files: Files = None,
    vector_index: VectorIndex = None,
    index: Index = None,
    json: Json = False,
) -> None:
    """Show the passages that fit a question best, from the index as it is."""
    from gpt4all_app.passages import show_hit  # noqa: PLC0415 - not for --help
    from gpt4all_localdocs.refine import Refine  # noqa: PLC0415 - numpy: not for --help

    session: Session = context.obj
    output = Output(is_json=json)
    with session.open_docs(index_place(index), options=index_options(vector_index=vector_index)) as opened:
        folders = require_contents(opened)
        refine = Refine(
            diversity=diversity, drop_repeats=drop_repeats, min_score=min_score, expand_tokens=expand
        )
        hits = opened.search(query, k=k, mode=mode, where=search_filter(collection, files), refine=refine)
        if json:
            found = [asdict(hit) for hit in hits]
            output.document({"index": opened.path, "query": query, "mode": mode, "hits": found})
            return
        for number, hit in enumerate(hits, start=1):
            show_hit(number, hit, output, folders=folders)
        unknown = [name for name in collection or () if name not in opened.collections]
        if not hits and unknown:
            known = ", ".join(opened.collections) or "none"
            output.note(f"no folder is in a collection {', '.join(unknown)}; the index has: {known}")
        elif not hits and min_score is not None:
            output.note(f"nothing relevant found: no passage has a cosine of {min_score} to the question")
        elif not hits:
            output.note(f"nothing found; is the index up to date? gpt4all docs sync{_at(index)}")


@app.command()
def status(context: typer.Context, *, index: Index = None, json: Json = False) -> None:
    """Show what the index holds."""
    session: Session = context.obj
    output = Output(is_json=json)
    with session.open_docs(index_place(index)) as opened:
        require_contents(opened)
        held, collections = opened.status(), opened.collections
        if json:
            record = {"index": opened.path, **asdict(held), "collections": collections}
            output.document(record | {"embedders": opened.own_collections})
            return
        rows = [("index", str(opened.path))]
        for folder in held.folders:
            names = [name for name, members in collections.items() if folder in members]
            rows.append(("folder", f"{folder} ({', '.join(names)})" if names else str(folder)))
        unreadable = f" ({held.unreadable} unreadable)" if held.unreadable else ""
        rows += [("files", f"{held.files}{unreadable}"), ("passages", str(held.passages))]
        rows += [("texts", str(held.texts))] if held.texts else []
        rows += [("choice", str(held.choice))] if str(held.choice) else []
        vectors = f"{held.vectors}{describe_place(held.vectors_at, pending=held.vectors_pending)}"
        rows += [("vectors", vectors), ("embedder", held.embedder or "none yet")]
        rows += [("embedder of", f"{name}: {model}") for name, model in opened.own_collections.items()]
        output.fields(rows)
        if held.unreadable:
            output.note(f"what cannot be read and why: gpt4all docs sync{_at(index)}")
        if held.folders and not held.files:
            output.note(f"nothing is indexed yet; run: gpt4all docs sync{_at(index)}")


@app.command()
def remove(
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", show_default=False, help="As 'gpt4all docs status' names it."),
    ] = None,
    *,
    collection: Annotated[
        str | None,
        typer.Option("--collection", metavar="NAME", help="Forget this name instead; its folders stay."),
    ] = None,
    index: Index = None,
    json: Json = False,
) -> None:
    """Forget a folder and its passages; the files themselves stay."""
    session: Session = context.obj
    output = Output(is_json=json)
    if (folder is None) == (collection is None):
        raise ConfigError("name a folder to forget, or a collection with --collection NAME, and not both")
    with session.open_docs(index_place(index)) as opened:
        require_contents(opened)
        path = absolute(folder) if folder else None
        kind = "index of" if collection in opened.own_collections else "name"
        if collection is not None:
            opened.remove_collection(collection)
        count = opened.remove(path) if path else 0
        if json:
            record = {"index": opened.path, "folder": path, "collection": collection, "files": count}
            output.document(record | {"folders": opened.folders})
        elif path:
            output.data(f"forgot {path} with {counted(count, 'file')}")
        else:
            output.data(f"forgot the {kind} {collection}; its folders stay")


app.command("list")(list_documents)
app.command("map")(show_map)
app.command()(summarise)
app.command()(compare)
app.command("export")(export_index)
app.command("import")(import_index)
app.command("import-gpt4all")(import_gpt4all)
app.command("move-vectors")(move_vectors)


def _at(index: Path | None) -> str:
    """The option that a command named in a hint needs to find the same index."""
    return f" --index {index}" if index else ""


def _record(report: SyncReport, index: Path, folders: tuple[Path, ...]) -> dict[str, object]:
    """The document that --json writes; its names are those of `SyncReport`."""
    return {
        "index": index,
        "folders": folders,
        "counts": report.counts,
        "embedded": report.embedded,
        "rebuilt": report.rebuilt,
        "behind": report.behind,
        "texts": report.texts,
        "files": [asdict(file) for file in report.files],
    }


def _show(report: SyncReport, output: Output, *, folders: tuple[Path, ...]) -> None:
    """Every file that is not as it was, or not wholly in the index, and how many there are of each."""
    for file in report.files:
        if file.outcome != "unchanged" or file.notes:
            output.data(_described(file, folders))
    output.data(summary(report))
    if report.rebuilt:
        output.note(f"the vector index: {report.rebuilt}")
    if report.behind:
        output.note(
            f"the vector index is not complete, and searches find everything without it: {report.behind}"
        )


def _described(file: FileOutcome, folders: tuple[Path, ...]) -> str:
    reason = f": {file.reason}" if file.reason else ""
    passages = f" ({counted(file.chunks, 'passage')})" if file.outcome in ("added", "updated") else ""
    notes = "".join(f"; {note}" for note in file.notes)
    return f"{file.outcome:<10}  {shown_path(file.path, folders)}{passages}{reason}{notes}"
