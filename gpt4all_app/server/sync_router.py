"""`/v1/collections/{collection}/sync`: bring the index to what the folders hold, and tell how far it is."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from gpt4all_app.server.body_reading import ReadingRoute
from gpt4all_app.server.errors import error_answer
from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_app.server.streaming import EVENT_STREAM, event_stream, unless_gone
from gpt4all_app.server.sync_json import (
    ProgressWriter,
    SyncReportFacts,
    SyncRequest,
    SyncStopped,
    report_json,
)
from gpt4all_app.server.sync_runs import SyncRun, ended

Json = dict[str, Any]

_BETWEEN_EVENTS_S: Final = 0.05
"""A sync tells of each file; nobody sees more than this."""


def sync_router(documents: ServedDocuments) -> APIRouter:
    """The address of syncs."""
    router = APIRouter(tags=["documents"], route_class=ReadingRoute)

    @router.post(
        "/v1/collections/{collection}/sync",
        response_model=SyncReportFacts,
        responses=EVENT_STREAM,
    )
    async def sync_collection(
        collection: str, request: Request, asked: SyncRequest | None = None
    ) -> StreamingResponse | Json:
        """Index what is new, changed or gone, in all collections at once; with `stream`, as events.

        Events named "progress" tell how far it is, one named "report" ends them, or one named "error". One
        sync runs at a time: a request that comes meanwhile hears of it, and is answered by the next one,
        which begins when that is done. Hanging up stops nothing.
        """
        await documents.read(lambda: documents.collection(collection))
        run = documents.syncs.request()
        if asked is not None and asked.stream:
            return event_stream(
                _events(documents, run, collection), headers={}, encode=_named_event, ending=""
            )
        await unless_gone(request, documents.syncs.report(run))
        return await _report(documents, run, collection)

    @router.delete("/v1/collections/{collection}/sync", response_model=SyncStopped)
    async def stop_sync(collection: str) -> Json:
        """End the sync that is under way after the file at hand; the next one goes on from there."""
        await documents.read(lambda: documents.collection(collection))
        stopped = documents.syncs.stop()
        return {"id": collection, "object": "sync.stopped", "stopped": stopped}

    return router


async def _events(documents: ServedDocuments, run: SyncRun, collection: str) -> AsyncGenerator[Json, None]:
    try:
        writer = ProgressWriter(await documents.read(lambda: documents.names))
        async with aclosing(documents.syncs.progress(run)) as progress:
            async for each in progress:
                yield {"event": "progress", **writer.write(each)}
                await asyncio.sleep(_BETWEEN_EVENTS_S)  # what comes meanwhile is told by what comes last
        yield {"event": "report", **await _report(documents, run, collection)}
    except Exception as error:  # noqa: BLE001 - the status is sent; this is the place that is left
        yield {"event": "error", **error_answer(error)[1]}


async def _report(documents: ServedDocuments, run: SyncRun, collection: str) -> Json:
    report = ended(run)

    def written() -> Json:
        return report_json(
            report,
            collection=collection,
            folders=documents.collection(collection).folders,
            names=documents.names,
            seconds=run.seconds,
        )

    return await documents.read(written)


def _named_event(part: Json) -> str:
    facts = {name: value for name, value in part.items() if name != "event"}
    return f"event: {part['event']}\ndata: {json.dumps(facts, ensure_ascii=False)}\n\n"
