"""`/v1/collections/{collection}/files`: files that clients send, list and delete."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from gpt4all_app.server.collections_json import FileDeleted, FileList, file_list, uploaded_files
from gpt4all_app.server.errors import ClientGone, ErrorAnswer, RequestRefused
from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_app.server.localdocs_places import file_id
from gpt4all_app.server.requests import ignored_header
from gpt4all_app.server.uploads_form import FIELD, ReceivedFile, UploadForm
from gpt4all_app.server.uploads_names import other_name, safe_name
from gpt4all_app.server.writing_files import writing_files
from gpt4all_core.off_loop import off_loop
from gpt4all_localdocs.loaders.recognise import reason_against
from gpt4all_localdocs.loaders.registry import supported_suffixes

Json = dict[str, Any]

_FORM: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        FIELD: {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "minItems": 1,
                        }
                    },
                    "required": [FIELD],
                }
            }
        },
    }
}

_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    415: {"model": ErrorAnswer, "description": "The body is no form"},
    507: {"model": ErrorAnswer, "description": "The server's disk is full"},
}


class UploadedFile(BaseModel):
    """filename: what it is called from now on. reason: why it was refused."""

    id: str | None
    object: Literal["file"]
    filename: str
    bytes: int
    status: Literal["uploaded", "refused"]
    reason: str | None


class UploadList(BaseModel):
    object: Literal["list"]
    data: list[UploadedFile]


def files_router(documents: ServedDocuments) -> APIRouter:
    """The addresses of files."""
    router = APIRouter(tags=["documents"])

    @router.get("/v1/collections/{collection}/files", response_model=FileList)
    async def list_files(collection: str) -> Json:
        """The files of a collection, and what became of each."""

        def listed() -> list[Json]:
            return file_list(documents, documents.collection(collection))

        return {"object": "list", "data": await documents.read(listed)}

    @router.post(
        "/v1/collections/{collection}/files",
        response_model=UploadList,
        openapi_extra=_FORM,
        responses=_REFUSALS,
    )
    async def upload_files(collection: str, request: Request, response: Response) -> Json:
        """Put files into a collection; the next sync indexes them.

        All of the form comes in or nothing, but for files that are refused, each with its reason. A file of
        the same name as one that was sent before takes its place.
        """
        await documents.read(lambda: documents.collection(collection))
        async with _incoming(documents) as folder:
            form = UploadForm(request.headers.get("content-type", ""), folder, options=documents.options)
            try:
                await _receive(request, form)
                received = form.finish()
            finally:
                form.close()
            response.headers.update(ignored_header([name for name in form.ignored if name]))
            kept = await documents.change(lambda: _keep(documents, collection, received))
        return {"object": "list", "data": kept}

    @router.delete("/v1/collections/{collection}/files/{file}", response_model=FileDeleted)
    async def delete_file(collection: str, file: str) -> Json:
        """Delete a file that was uploaded; a sync that begins by itself forgets what it said."""
        await documents.change(lambda: _delete(documents, collection, file))
        documents.syncs.request()
        return {"id": file, "object": "file.deleted", "deleted": True}

    return router


@asynccontextmanager
async def _incoming(documents: ServedDocuments) -> AsyncIterator[Path]:
    """A directory for an upload, made and deleted in a thread: what was refused may be a gigabyte."""
    leaving = ExitStack()

    def enter() -> Path:
        return leaving.enter_context(documents.uploads.incoming())

    folder = await off_loop(enter, lane=documents.uploads, undo=lambda _folder: leaving.close())
    try:
        yield folder
    finally:
        await off_loop(leaving.close, lane=documents.uploads)


async def _receive(request: Request, form: UploadForm) -> None:
    """The whole body, each piece written by a thread before the next is asked for."""

    def take(piece: bytes) -> None:
        with writing_files():
            form.feed(piece)

    try:
        async for piece in request.stream():
            await off_loop(lambda piece=piece: take(piece), lane=form)  # type: ignore[misc]  # mypy knows no default of a lambda
    except ClientDisconnect as error:
        raise ClientGone from error


def _keep(documents: ServedDocuments, name: str, received: list[ReceivedFile]) -> list[Json]:
    """Put the files into their collection, under names that are safe and differ from each other."""
    with documents.uploads.filing():
        documents.collection(name)  # it may have been deleted meanwhile
        folder = documents.uploads.make(name)
        taken: set[str] = set()
        kept, sizes, moves = [], {}, []
        for file in received:
            shown = safe_name(file.given)
            file.reason = file.reason or _reason_against(file, shown)
            if file.reason or file.place is None:
                kept.append(_refused(file, shown))
                continue
            shown = other_name(shown, taken)
            taken.add(shown.casefold())
            sizes[shown] = file.bytes
            moves.append((file.place, folder / shown))
            kept.append(_uploaded(folder / shown, file.bytes))
        with documents.access.admit_uploads(name, sizes):
            for incoming, place in moves:
                incoming.replace(place)
        return kept


def _uploaded(place: Path, size: int) -> Json:
    return {
        "id": file_id(place),
        "object": "file",
        "filename": place.name,
        "bytes": size,
        "status": "uploaded",
        "reason": None,
    }


def _reason_against(file: ReceivedFile, shown: str) -> str:
    if not shown:
        return "it has no name"
    if file.place is None or Path(shown).suffix.lower() in supported_suffixes():
        return ""
    named = file.place.with_name(f"{file.place.name}{Path(shown).suffix}")
    file.place = file.place.rename(named)
    return reason_against(named)


def _refused(file: ReceivedFile, shown: str) -> Json:
    return {
        "id": None,
        "object": "file",
        "filename": shown or "untitled",
        "bytes": file.bytes,
        "status": "refused",
        "reason": file.reason,
    }


def _delete(documents: ServedDocuments, name: str, file: str) -> None:
    collection = documents.collection(name)
    with documents.uploads.filing():
        for path in uploaded_files(collection):
            if file_id(path) == file:
                path.unlink()
                documents.access.forget_upload(name, path.name)
                return
    if any(facts["id"] == file for facts in file_list(documents, collection)):
        message = "this file was not uploaded: it is one of the server's machine, and stays there"
        raise RequestRefused(403, message, "file_not_uploaded", param="file")
    raise RequestRefused(404, f"the collection has no file {file!r}", "file_not_found", param="file")
