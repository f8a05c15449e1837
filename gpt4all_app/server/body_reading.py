"""Requests that are read in a thread where they are long: the event loop answers the others meanwhile."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException

from gpt4all_app.server.invalid_body import LOOKED_AT
from gpt4all_core.off_loop import off_loop

LONG_BODY_BYTES = 32 * 1024
"""From here on a body is read in a thread: reading one of this length takes up to 20 ms, a change of threads
a tenth of one."""


class ReadingRoute(APIRoute):
    """A route whose JSON is parsed and checked off the event loop where it is long.

    A message that is checked takes some 30 microseconds: of 32 MiB of short ones this held up all other
    answers for 28 seconds. What is left on the loop is a single step of the parser at the most.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        if self.body_field is None:
            return answer
        wanted: TypeAdapter[Any] = TypeAdapter(self.body_field.field_info.annotation or Any)

        async def read_and_answer(request: Request) -> Response:
            try:
                return await answer(_ReadRequest(request, wanted))
            except HTTPException as error:
                # FastAPI takes whatever goes wrong while a body is read for a body that is no JSON.
                if isinstance(error.__cause__, RequestValidationError):
                    raise error.__cause__ from error
                raise

        return read_and_answer


class _ReadRequest(Request):
    """The same request, whose `json` is what the route wants where the body is long."""

    def __init__(self, request: Request, wanted: TypeAdapter[Any]) -> None:
        super().__init__(request.scope, request.receive)
        self._wanted = wanted

    async def json(self) -> Any:
        body = await self.body()
        if len(body) < LONG_BODY_BYTES:
            return await super().json()
        return await off_loop(lambda: _read(body, self._wanted), lane=ReadingRoute)


def _read(body: bytes, wanted: TypeAdapter[Any]) -> Any:
    given = json.loads(body)
    try:
        return wanted.validate_python(given)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[:LOOKED_AT]
        raise RequestValidationError(
            [{**each, "loc": ("body", *each["loc"])} for each in found], body=given
        ) from error
