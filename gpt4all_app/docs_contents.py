"""`gpt4all docs list`, `summarise` and `compare`: what whole documents of an index are and say."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gpt4all_app.demonstration import weak_model_note
from gpt4all_app.failures import Stopped
from gpt4all_app.options import Collections, Files, Index, Json, Model, search_filter
from gpt4all_app.output import Output, counted
from gpt4all_app.paths import absolute, index_place, shown_path
from gpt4all_app.session import Session
from gpt4all_app.syncing import require_contents
from gpt4all_core.errors import LocalDocsError

if TYPE_CHECKING:
    from gpt4all_localdocs.local_docs_group import LocalDocsGroup
    from gpt4all_localdocs.types import Hit

_FILE_HELP = "A path from here, or the id of a text."
Documents = Annotated[list[str], typer.Argument(metavar="FILE", show_default=False, help=_FILE_HELP)]
Document = Annotated[str, typer.Argument(metavar="FILE", show_default=False, help=_FILE_HELP)]


def list_documents(
    context: typer.Context,
    *,
    collection: Collections = None,
    files: Files = None,
    index: Index = None,
    json: Json = False,
) -> None:
    """List the documents that can be searched, with the number of their passages."""
    session: Session = context.obj
    output = Output(is_json=json)
    with session.open_docs(index_place(index)) as opened:
        folders = require_contents(opened)
        documents = opened.documents(where=search_filter(collection, files))
        if json:
            listed = [asdict(document) for document in documents]
            output.document({"index": opened.path, "count": len(listed), "documents": listed})
            return
        for document in documents:
            name = document.text_id or shown_path(document.path, folders)
            output.data(f"{name} ({counted(document.passages, 'passage')})")
        output.note(counted(len(documents), "document"))


def summarise(
    context: typer.Context,
    documents: Documents,
    *,
    budget: Annotated[
        int | None,
        typer.Option("--budget", min=1, metavar="N", help="Most tokens to read. Default: 32000."),
    ] = None,
    index: Index = None,
    model: Model = None,
    json: Json = False,
) -> None:
    """Say in a few sentences what files, or texts by their ids, say as a whole, from the index as it is."""
    from gpt4all_app.progress import waiting  # noqa: PLC0415 - not for --help
    from gpt4all_localdocs.summarise import DEFAULT_BUDGET  # noqa: PLC0415 - not for --help

    session: Session = context.obj
    output = Output(is_json=json)
    session.check_model(model)
    with session.open_docs(index_place(index), model=model) as opened:
        require_contents(opened)
        names = [_known(opened, document) for document in documents]
        if note := weak_model_note(opened.model):
            output.note(note)
        try:
            with waiting(output, "reading and summarising"):
                summary = opened.summarise(*names, budget_tokens=budget or DEFAULT_BUDGET)
        except KeyboardInterrupt as error:
            raise Stopped("stopped; there is no summary yet") from error
        if json:
            output.document({"documents": names, "model": opened.model.name, **asdict(summary)})
            return
        output.data(summary.text)
        if summary.share < 1:
            output.note(f"made from {summary.share:.0%} of the text; --budget reads more")


def compare(
    context: typer.Context, left: Document, right: Document, *, index: Index = None, json: Json = False
) -> None:
    """Show what two files, or texts by their ids, say in other words, and what only one of them says."""
    session: Session = context.obj
    output = Output(is_json=json)
    with session.open_docs(index_place(index)) as opened:
        require_contents(opened)
        names = _known(opened, left), _known(opened, right)
        found = opened.compare(*names)
        if json:
            output.document({"left": names[0], "right": names[1], **asdict(found)})
            return
        for pair in found.changed:
            output.data(f"in other words ({pair.similarity:.2f})")
            _show_passages((pair.left, pair.right), output)
        for title, passages in (
            ("only in the first", found.only_left),
            ("only in the second", found.only_right),
        ):
            if passages:
                output.data(title)
                _show_passages(passages, output)
        output.note(
            "the same text" if found.is_equal else f"{counted(len(found.same), 'passage')} the same in both"
        )


def _known(docs: "LocalDocsGroup", document: str) -> str | Path:
    """A text's id as it is, else the path of a file that was named from here; both are in the index."""
    if docs.document_at(document):
        return document
    path = absolute(Path(document))
    if not docs.document_at(path):
        raise LocalDocsError(
            f"the index at {docs.path} has no {path}; gpt4all docs list shows what it has, and after"
            " gpt4all docs sync it has what the folders hold"
        )
    return path


def _show_passages(passages: "Sequence[Hit]", output: Output) -> None:
    from gpt4all_app.passages import excerpt  # noqa: PLC0415 - not for --help

    for passage in passages:
        output.data(f"{passage.name}, {passage.place}" if passage.place else passage.name, indent=2)
        output.data(excerpt(passage.text), indent=4)
