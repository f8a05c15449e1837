"""`gpt4all docs`: an index that is kept and asked again."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gpt4all_app.options import Index, Json
from gpt4all_app.output import Output
from gpt4all_app.paths import absolute, default_index, shown_path
from gpt4all_app.session import Session
from gpt4all_app.syncing import require_folders, summary, sync_visibly
from gpt4all_localdocs.types import FileOutcome, SearchMode

app = typer.Typer(rich_markup_mode=None)

Folders = Annotated[list[Path], typer.Argument(metavar="FOLDER", show_default=False)]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", show_default=False)]


@app.callback()
def docs() -> None:
    """Keep folders in an index and search them."""


@app.command()
def add(context: typer.Context, folders: Folders, *, index: Index = None, json: Json = False) -> None:
    """Remember folders; 'gpt4all docs sync' indexes their files."""
    session: Session = context.obj
    output = Output(is_json=json)
    with session.open_docs(_place(index)) as opened:
        for folder in folders:
            opened.add(absolute(folder))
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
    index: Index = None,
    json: Json = False,
) -> None:
    """Bring the index to what the folders hold now, and say what became of each file."""
    session: Session = context.obj
    output = Output(is_json=json)
    with session.open_docs(_place(index)) as opened:
        folders = require_folders(opened)
        report = sync_visibly(opened, output, rebuild=rebuild)
        if json:
            files = [asdict(file) for file in report.files]
            record = {"index": opened.path, "folders": folders, "counts": report.counts, "files": files}
            others = ("embedded", "rebuilt", "texts")
            output.document(record | {name: getattr(report, name) for name in others})
            return
        for file in report.files:
            if file.outcome != "unchanged":
                output.data(_described(file, folders))
        output.data(summary(report))
        if report.rebuilt:
            output.note(f"the vector index was built anew: {report.rebuilt}")


@app.command()
def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(metavar="QUERY", show_default=False)],
    *,
    k: Annotated[int, typer.Option("--k", min=1, metavar="N", help="Most passages to show.")] = 8,
    mode: Annotated[SearchMode, typer.Option(help="By meaning and words, or by one of them.")] = "hybrid",
    index: Index = None,
    json: Json = False,
) -> None:
    """Show the passages that fit a question best, from the index as it is."""
    from gpt4all_app.passages import show_hit  # noqa: PLC0415 - not for --help

    session: Session = context.obj
    output = Output(is_json=json)
    with session.open_docs(_place(index)) as opened:
        folders = require_folders(opened)
        hits = opened.search(query, k=k, mode=mode)
        if json:
            found = [asdict(hit) for hit in hits]
            output.document({"index": opened.path, "query": query, "mode": mode, "hits": found})
            return
        for number, hit in enumerate(hits, start=1):
            show_hit(number, hit, output, folders=folders)
        if not hits:
            output.note(f"nothing found; is the index up to date? gpt4all docs sync{_at(index)}")


@app.command()
def status(context: typer.Context, *, index: Index = None, json: Json = False) -> None:
    """Show what the index holds."""
    session: Session = context.obj
    output = Output(is_json=json)
    with session.open_docs(_place(index)) as opened:
        require_folders(opened)
        held = opened.status()
        if json:
            output.document({"index": opened.path, **asdict(held)})
            return
        rows = [("index", str(opened.path))]
        rows += [("folder", str(folder)) for folder in held.folders]
        unreadable = f" ({held.unreadable} unreadable)" if held.unreadable else ""
        rows += [("files", f"{held.files}{unreadable}"), ("passages", str(held.passages))]
        rows += [("texts", str(held.texts))] if held.texts else []
        output.fields([*rows, ("vectors", str(held.vectors)), ("embedder", held.embedder or "none yet")])
        if not held.files:
            output.note(f"nothing is indexed yet; run: gpt4all docs sync{_at(index)}")


@app.command()
def remove(context: typer.Context, folder: Folder, *, index: Index = None, json: Json = False) -> None:
    """Forget a folder and its passages; the files themselves stay."""
    session: Session = context.obj
    output = Output(is_json=json)
    with session.open_docs(_place(index)) as opened:
        require_folders(opened)
        path = absolute(folder)
        count = opened.remove(path)
        if json:
            left = opened.folders
            output.document({"index": opened.path, "folder": path, "files": count, "folders": left})
        else:
            files = "1 file" if count == 1 else f"{count} files"
            output.data(f"forgot {path} with {files}")


def _place(index: Path | None) -> Path:
    return absolute(index) if index else default_index()


def _at(index: Path | None) -> str:
    """The option that a command named in a hint needs to find the same index."""
    return f" --index {index}" if index else ""


def _described(file: FileOutcome, folders: tuple[Path, ...]) -> str:
    reason = f": {file.reason}" if file.reason else ""
    passages = f" ({file.chunks} passages)" if file.outcome in ("added", "updated") else ""
    notes = "".join(f"; {note}" for note in file.notes)
    return f"{file.outcome:<10}  {shown_path(file.path, folders)}{passages}{reason}{notes}"
