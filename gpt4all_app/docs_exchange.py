"""`gpt4all docs export`, `import` and `import-gpt4all`: indexes that come from elsewhere or go there."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

import gpt4all_localdocs
from gpt4all_app.options import Index, Json
from gpt4all_app.output import Output, counted
from gpt4all_app.paths import absolute, index_place
from gpt4all_app.session import Session
from gpt4all_app.syncing import require_contents
from gpt4all_core.errors import ConfigError


def export_index(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", show_default=False, help="To be made; none is written over.")
    ],
    *,
    index: Index = None,
    json: Json = False,
) -> None:
    """Write the whole index into one new file, with all text and without a path of this machine."""
    session: Session = context.obj
    output = Output(is_json=json)
    target = absolute(file)
    with session.open_docs(index_place(index)) as opened:
        require_contents(opened)
        opened.main.export(target)
        if json:
            output.document({"index": opened.path, "file": target, "bytes": target.stat().st_size})
        else:
            output.data(str(target))
            output.note(f"open it elsewhere with: gpt4all docs import {target.name}")
        for name in opened.own_collections:
            output.note(f"left out: {name}, which has an index of its own")


def import_index(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False, help="An export.")],
    *,
    folder: Annotated[
        list[str] | None,
        typer.Option(
            "--folder",
            metavar="NAME=FOLDER",
            show_default=False,
            help="Where a folder of the export is on this machine; may be given more than once. One that is"
            " left out is searched as it was, and syncs keep it.",
        ),
    ] = None,
    index: Index = None,
    json: Json = False,
) -> None:
    """Make a new index of a file that 'gpt4all docs export' wrote; nothing is embedded again."""
    session: Session = context.obj
    output = Output(is_json=json)
    folders = dict(map(_named_folder, folder or []))
    with session.import_docs(absolute(file), index_place(index), folders=folders) as opened:
        held = opened.status()
        if json:
            output.document({"index": opened.path, **asdict(held)})
            return
        for place in held.folders:
            output.data(str(place))
        parts = [counted(held.files, "file"), counted(held.texts, "text"), counted(held.passages, "passage")]
        output.note(f"in the index: {', '.join(parts)}")


def import_gpt4all(
    context: typer.Context,
    database: Annotated[
        Path | None,
        typer.Argument(metavar="DATABASE", show_default=False, help="Its localdocs_v3.db. Default: found."),
    ] = None,
    *,
    index: Index = None,
    json: Json = False,
) -> None:
    """Add the folders of the desktop program's LocalDocs, as collections of the same names."""
    session: Session = context.obj
    output = Output(is_json=json)
    with session.open_docs(index_place(index)) as opened:
        found = gpt4all_localdocs.import_gpt4all(
            opened.main, database=absolute(database) if database else None
        )
        if json:
            output.document({"index": opened.path, **asdict(found)})
            return
        for collection in found.collections:
            for folder in collection.folders:
                if folder in found.added:
                    output.data(f"{collection.name}  {folder}")
        for folder, reason in found.missing:
            output.note(f"left out: {folder}: {reason}")
        at = f" --index {index}" if index else ""
        output.note(f"{counted(len(found.added), 'folder')} added; index them with: gpt4all docs sync{at}")


def _named_folder(given: str) -> tuple[str, Path]:
    name, sign, folder = given.partition("=")
    if not (name and sign and folder):
        raise ConfigError(f"--folder {given!r} is no NAME=FOLDER; NAME is the folder's in the export")
    return name, absolute(Path(folder))
