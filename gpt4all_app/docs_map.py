"""`gpt4all docs map`: what an index is about, what it says twice, and what is like nothing else in it."""

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from gpt4all_app.failures import Stopped
from gpt4all_app.options import Index, Json
from gpt4all_app.output import Output, counted
from gpt4all_app.paths import index_place, shown_path
from gpt4all_app.session import Session
from gpt4all_app.syncing import require_contents

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gpt4all_localdocs.map.document_map import DocumentMap
    from gpt4all_localdocs.types import Hit

_FILES_OF_A_TOPIC = 3


def show_map(
    context: typer.Context,
    *,
    collection: Annotated[
        str | None,
        typer.Option("--collection", metavar="NAME", help="Only folders that were added to this collection."),
    ] = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Draw it anew, also where nothing has changed.")
    ] = False,
    most: Annotated[
        int,
        typer.Option("--most", min=0, metavar="N", help="Most near-duplicates and outliers to show, each."),
    ] = 10,
    index: Index = None,
    json: Json = False,
) -> None:
    """Show the topics of an index, passages that repeat another, and passages like no other.

    The map itself is in the page of 'gpt4all serve'; --json writes all its points.
    """
    from gpt4all_app.progress import waiting  # noqa: PLC0415 - not for --help

    session: Session = context.obj
    output = Output(is_json=json)
    with session.open_docs(index_place(index)) as opened:
        folders = require_contents(opened)
        try:
            with waiting(output, "drawing the map"):
                made = opened.map(collection=collection, refresh=refresh)
        except KeyboardInterrupt as error:
            raise Stopped("stopped; there is no new map") from error
        if json:
            output.document({"index": opened.path, **asdict(made)})
            return
        _show_topics(made, output, folders=folders)
        hits = {hit.chunk_id: hit for hit in opened.get(_ids_to_show(made, most=most))}
        _show_passages(made, hits, output, most=most)
        told = f"{counted(len(made), 'passage')} of {counted(len(made.documents), 'document')}"
        output.note(f"{told}, drawn with {made.method.upper()}; to see it: gpt4all serve")
        if made.method == "pca" and len(made) >= 30:  # as many as UMAP wants
            output.note("a clearer map comes with: pip install 'gpt4all-adapters[map]'")


def _show_topics(made: "DocumentMap", output: Output, *, folders: "Sequence[Path]") -> None:
    for number, topic in enumerate(made.topics):
        output.data(f"{topic.label} ({counted(topic.size, 'passage')})")
        documents = Counter(
            document for document, of in zip(made.document_of, made.topic_of, strict=True) if of == number
        )
        shown = [
            made.documents[document].text_id or shown_path(made.documents[document].path, folders)
            for document, _ in documents.most_common(_FILES_OF_A_TOPIC)
        ]
        more = len(documents) - len(shown)
        output.data(", ".join(shown) + (f" and {more} more" if more else ""), indent=2)


def _ids_to_show(made: "DocumentMap", *, most: int) -> list[str]:
    points = [end for pair in made.near_duplicates[:most] for end in (pair.first, pair.second)]
    points += [outlier.point for outlier in made.outliers[:most]]
    return [made.passage_ids[point] for point in points]


def _show_passages(made: "DocumentMap", hits: "dict[str, Hit]", output: Output, *, most: int) -> None:
    from gpt4all_app.passages import excerpt  # noqa: PLC0415 - not for --help

    def show(point: int) -> None:
        hit = hits.get(made.passage_ids[point])
        if hit is not None:
            place = f", {hit.place}" if hit.place else ""
            output.data(f"{made.documents[made.document_of[point]].name}{place}", indent=2)
            output.data(excerpt(hit.text), indent=4)

    for pair in made.near_duplicates[:most]:
        output.data(f"nearly the same ({pair.similarity:.2f})")
        show(pair.first)
        show(pair.second)
    for outlier in made.outliers[:most]:
        output.data(f"like no other ({outlier.distance:.2f})")
        show(outlier.point)
