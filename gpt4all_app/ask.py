"""`gpt4all ask`: a question, answered from folders."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gpt4all_app.demonstration import weak_model_note
from gpt4all_app.failures import Stopped
from gpt4all_app.options import (
    Collections,
    Exclude,
    Files,
    Hidden,
    Include,
    Json,
    Model,
    index_options,
    search_filter,
)
from gpt4all_app.output import Output
from gpt4all_app.paths import absolute, default_index, index_for
from gpt4all_app.session import Session
from gpt4all_app.syncing import note_report, require_contents, require_passages, sync_visibly
from gpt4all_localdocs.folders import check_folder
from gpt4all_localdocs.types import Answer, AnswerMode, SyncReport

if TYPE_CHECKING:
    from gpt4all_localdocs.answer_stream import AnswerStream
    from gpt4all_localdocs.local_docs import LocalDocs

_NO_FOLDERS = "name one with --docs FOLDER, or keep one with: gpt4all docs add FOLDER"


def ask(
    context: typer.Context,
    question: Annotated[str, typer.Argument(metavar="QUESTION", show_default=False)],
    *,
    docs: Annotated[
        list[Path] | None,
        typer.Option(
            "--docs",
            metavar="FOLDER",
            show_default=False,
            help="Folder to answer from; may be given more than once. Default: those of 'gpt4all docs'.",
        ),
    ] = None,
    index: Annotated[
        Path | None,
        typer.Option(
            "--index",
            metavar="DIR",
            help="Directory of the index. Default: one for these folders among the program's own data.",
        ),
    ] = None,
    mode: Annotated[
        AnswerMode | None,
        typer.Option(
            help="quote: only words that stand in a document. free: the model's own words. strict: one of"
            " these, but no answer where the documents do not seem to have one. chat: the model's own words,"
            " from the documents where they answer. Default: quote for demonstration models, free for others."
        ),
    ] = None,
    k: Annotated[
        int | None,
        typer.Option("--k", min=1, metavar="N", help="Passages to read. Default: 3 to quote, 6 to write."),
    ] = None,
    collection: Collections = None,
    files: Files = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Compare each sentence with the sources it names, and tell which fail."
        ),
    ] = False,
    include: Include = None,
    exclude: Exclude = None,
    hidden: Hidden = False,
    model: Model = None,
    json: Json = False,
) -> None:
    """Answer a question from your documents, with its sources.

    New and changed files are indexed first. Everything stays on this machine.
    """
    session: Session = context.obj
    output = Output(is_json=json)
    folders = _existing(docs or [])
    place = absolute(index) if index else index_for(folders) if folders else default_index()
    session.check_model(model)
    where = search_filter(collection, files)
    options = index_options(include, exclude, hidden=hidden)
    with session.open_docs(place, folders=folders, model=model, options=options) as opened:
        known = require_contents(opened, advice=_NO_FOLDERS)
        report = _synced(opened, output, folders=known)
        if note := weak_model_note(opened.model):
            output.note(note)
        stream = opened.stream(question, k=k, mode=mode, where=where, verify=verify)
        if json:
            output.document(_record(question, stream.result(), report, docs=opened))
        else:
            _show(stream, output, folders=known)


def _synced(docs: "LocalDocs", output: Output, *, folders: Sequence[Path]) -> SyncReport:
    """What became of the folders' files; an index that cannot be written answers as it is."""
    if docs.is_read_only:
        output.note(f"{docs.path} cannot be written to; answering from it as it is")
        return SyncReport(files=())
    report = sync_visibly(docs, output)
    require_passages(report, folders)
    note_report(report, output, folders=folders, index=docs.path)
    return report


def _existing(folders: Sequence[Path]) -> list[Path]:
    """The folders as absolute paths. Somebody who names one that is gone does not want old answers."""
    places = [absolute(folder) for folder in folders]
    for place in places:
        check_folder(place)
    return places


def _show(stream: "AnswerStream", output: Output, *, folders: Sequence[Path]) -> None:
    from gpt4all_app.passages import WordWrap, show_sources  # noqa: PLC0415 - not for --help
    from gpt4all_app.progress import waiting  # noqa: PLC0415 - not for --help

    wrap = WordWrap(output.width) if output.width else None
    text = ""
    try:
        with waiting(output, f"reading {len(stream.hits)} passages") as stop_waiting:
            for piece in stream:
                stop_waiting()
                text += piece
                output.piece(wrap.push(piece) if wrap else piece)
    except KeyboardInterrupt as error:
        output.piece("\n" if text else "")
        raise Stopped("stopped; the answer is not complete") from error
    output.piece((wrap.finish() if wrap else "") + "\n")
    if not text.strip():
        output.note("the model gave no answer; put the question in other words, or use a larger model")
    answer = stream.result()
    for claim in answer.unsupported:
        output.note(f"not supported by its source: {claim.text}")
    if not answer.is_refused:
        show_sources(answer, output, folders=folders)


def _record(question: str, answer: Answer, report: SyncReport, *, docs: "LocalDocs") -> dict[str, object]:
    """The document that --json writes; its names are those of `Answer` and `SyncReport`."""
    sync = {
        "counts": report.counts,
        "embedded": report.embedded,
        "unreadable": [asdict(file) for file in report.unreadable],
    }
    return {
        "question": question,
        **asdict(answer),
        "model": docs.model.name,
        "index": docs.path,
        "sync": sync,
    }
