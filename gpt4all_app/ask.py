"""`gpt4all ask`: questions, answered from folders."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gpt4all_app.ask_conversation import AskedDocuments
from gpt4all_app.demonstration import weak_model_note
from gpt4all_app.options import (
    BaseUrl,
    Collections,
    EveryFile,
    Exclude,
    Files,
    Hidden,
    Include,
    Json,
    Model,
    PdfLayout,
    VectorIndex,
    index_options,
    search_filter,
)
from gpt4all_app.output import Output
from gpt4all_app.paths import absolute, default_index, index_for
from gpt4all_app.session import Session
from gpt4all_app.syncing import note_report, require_contents, require_passages, sync_visibly
from gpt4all_app.typed_lines import typed_lines
from gpt4all_localdocs.check_arguments import check_words
from gpt4all_localdocs.folders import check_folder
from gpt4all_localdocs.types import AnswerMode, SyncReport

if TYPE_CHECKING:
    from gpt4all_localdocs.local_docs_group import LocalDocsGroup

_NO_FOLDERS = "name one with --docs FOLDER, or keep one with: gpt4all docs add FOLDER"


_Question = Annotated[
    str | None,
    typer.Argument(
        metavar="QUESTION", show_default=False, help="Without one, every line of a conversation is one."
    ),
]
_Docs = Annotated[
    list[Path] | None,
    typer.Option(
        "--docs",
        metavar="FOLDER",
        show_default=False,
        help="Folder to answer from; may be given more than once. Default: those of 'gpt4all docs'.",
    ),
]
_Index = Annotated[
    Path | None,
    typer.Option(
        "--index",
        metavar="DIR",
        help="Directory of the index. Default: one for these folders among the program's own data.",
    ),
]
_Mode = Annotated[
    AnswerMode | None,
    typer.Option(
        help="quote: only words that stand in a document. free: the model's own words. strict: one of"
        " these, but no answer where the documents do not seem to have one. chat: the model's own words,"
        " from the documents where they answer. Default: quote for demonstration models, free for others."
    ),
]
_Passages = Annotated[
    int | None,
    typer.Option(
        "--k",
        min=1,
        metavar="N",
        help="Passages to read. Default: 3 to quote, 6 to write, 1 where a demonstration model writes.",
    ),
]
_Spans = Annotated[
    int,
    typer.Option(
        "--spans", min=1, metavar="N", help="Sentences to quote from, before the likeliest is chosen."
    ),
]
_LeastEvidence = Annotated[
    float | None,
    typer.Option(
        "--least-evidence",
        min=0,
        max=1,
        metavar="0..1",
        help="Refuse where less speaks for an answer. Default: 0.45 in strict and chat, else 0.",
    ),
]
_Verify = Annotated[
    bool,
    typer.Option("--verify", help="Compare each sentence with the sources it names, and tell which fail."),
]
_History = Annotated[
    Path | None,
    typer.Option(
        "--history",
        metavar="FILE",
        help="Go on with the conversation in this file, and keep it there; made if it does not exist.",
    ),
]


def ask(
    context: typer.Context,
    question: _Question = None,
    *,
    docs: _Docs = None,
    index: _Index = None,
    mode: _Mode = None,
    k: _Passages = None,
    collection: Collections = None,
    files: Files = None,
    spans: _Spans = 1,
    least_evidence: _LeastEvidence = None,
    verify: _Verify = False,
    history: _History = None,
    include: Include = None,
    exclude: Exclude = None,
    hidden: Hidden = False,
    every_file: EveryFile = False,
    pdf_layout: PdfLayout = None,
    vector_index: VectorIndex = None,
    model: Model = None,
    base_url: BaseUrl = None,
    json: Json = False,
) -> None:
    """Answer a question from your documents, with its sources; without one, hold a conversation.

    New and changed files are indexed first. Everything stays on this machine unless
    --base-url or a setting names another. In a conversation a question
    may lean on those before it ("And in winter?"); lines may come from a pipe, and with --json each answer
    is one document on a line. --history keeps a conversation for the next time.
    """
    session: Session = context.obj.choosing(base_url=base_url)
    output = Output(is_json=json)
    if question is not None:
        check_words("question", question)
    folders = _existing(docs or [])
    place = absolute(index) if index else index_for(folders) if folders else default_index()
    session.check_model(model)
    where = search_filter(collection, files)
    options = index_options(
        include,
        exclude,
        hidden=hidden,
        every_file=every_file,
        pdf_layout=pdf_layout,
        vector_index=vector_index,
    )
    kept = absolute(history) if history else None
    with session.open_docs(place, folders=folders, model=model, options=options) as opened:
        known = require_contents(opened, advice=_NO_FOLDERS)
        asked = AskedDocuments(
            opened,
            output,
            folders=known,
            history_file=kept,
            ask=partial(
                opened.stream,
                k=k,
                mode=mode,
                where=where,
                verify=verify,
                least_evidence=least_evidence,
                spans=spans,
            ),
        )
        report = _synced(opened, output, folders=known)
        if not (include or exclude or hidden) and (choice := _patterns(opened)):
            output.note(f"files are chosen as before: {choice}; --every-file takes that back")
        if note := weak_model_note(opened.model):
            output.note(note)
        if question is not None:
            asked.answer(question, report=report)
            return
        greeting = f"Ask {opened.model.name} about {', '.join(map(str, known)) or opened.path}."
        for line in typed_lines(output, greeting=greeting, forget=asked.forget):
            asked.answer_in_conversation(line)


def _synced(docs: "LocalDocsGroup", output: Output, *, folders: Sequence[Path]) -> SyncReport:
    """What became of the folders' files; an index that cannot be written answers as it is."""
    if docs.is_read_only:
        output.note(f"{docs.path} cannot be written to; answering from it as it is")
        return SyncReport(files=())
    report = sync_visibly(docs, output)
    require_passages(report, folders, choice=_patterns(docs))
    note_report(report, output, folders=folders, index=docs.path)
    return report


def _patterns(docs: "LocalDocsGroup") -> str:
    """Which files the last sync took, in words; empty for all."""
    return str(replace(docs.status().choice, pdf_layout=False))


def _existing(folders: Sequence[Path]) -> list[Path]:
    """The folders as absolute paths. Somebody who names one that is gone does not want old answers."""
    places = [absolute(folder) for folder in folders]
    for place in places:
        check_folder(place)
    return places
