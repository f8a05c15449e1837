"""`gpt4all docs move-vectors`: where an index keeps its vectors."""

from dataclasses import asdict
from typing import Annotated

import typer

from gpt4all_app.options import Index, Json, VectorIndex, index_options
from gpt4all_app.output import Output, counted
from gpt4all_app.paths import index_place
from gpt4all_app.progress import sync_bar
from gpt4all_app.session import Session
from gpt4all_app.syncing import require_contents


def move_vectors(
    context: typer.Context,
    *,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="STORE",
            show_default=False,
            help="'chroma' for files beside the index, 'exact' for the index alone, or a server's address, as"
            " chroma+http://host:8000. A key comes from the setting vector_index_key.",
        ),
    ],
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the collection on the server that had the vectors.")
    ] = False,
    vector_index: VectorIndex = None,
    index: Index = None,
    json: Json = False,
) -> None:
    """Have another store keep the vectors, and compare what it holds and finds; nothing is embedded again."""
    session: Session = context.obj
    output = Output(is_json=json)
    with session.open_docs(index_place(index), options=index_options(vector_index=vector_index)) as opened:
        require_contents(opened)
        with sync_bar(output) as on_progress:
            moved = opened.main.move_vectors(to, keep=keep, on_progress=on_progress)
        if json:
            output.document({"index": opened.path, **asdict(moved)})
            return
        found = f"{moved.agreement:.1%} of the nearest of {moved.sampled} vectors are the exact ones"
        output.fields(
            [
                ("from", moved.origin),
                ("to", moved.target),
                ("vectors", f"{moved.vectors} in the index, {moved.counted} there"),
                ("searches", moved.unfit or found),
            ]
        )
        if moved.leftover:
            output.note(f"left behind: {moved.leftover}")
        output.note(f"from now on: gpt4all config set vector_index {to}   (or --vector-index {to})")


def describe_place(place: str, *, pending: int) -> str:
    """Behind a number of vectors: where searches look for them, and how many changes are not there yet."""
    if not place:
        return ", in the index alone"
    if not pending:
        return f", kept by {place}, all of them"
    return f", kept by {place}; {counted(pending, 'change')} {'is' if pending == 1 else 'are'} not there yet"
