"""`/v1/usage`, `/v1/collections/{collection}/sharing`: what users use, and whom they share with."""

from dataclasses import asdict
from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from gpt4all_app.server.access import Access
from gpt4all_app.server.access_caller import current_caller
from gpt4all_app.server.access_owners import Ownership
from gpt4all_app.server.access_principals import Principal
from gpt4all_app.server.access_users_file import EVERYONE
from gpt4all_app.server.body_reading import ReadingRoute
from gpt4all_app.server.errors import RequestRefused
from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_app.server.requests import WholeRequest, ignored_header
from gpt4all_core.off_loop import off_loop

Json = dict[str, Any]

_MOST_NAMES = 1000


class LimitFacts(BaseModel):
    """null bounds nothing."""

    upload_bytes: int | None
    upload_files: int | None
    collections: int | None
    requests_at_once: int | None
    tokens_per_day: int | None


class UsageFacts(BaseModel):
    """What a user has used up. day: by UTC; requests and tokens are of this day."""

    object: Literal["usage"]
    user: str
    day: str
    requests: int
    prompt_tokens: int
    generated_tokens: int
    requests_running: int
    upload_files: int
    upload_bytes: int
    collections: int
    limits: LimitFacts


class SharingRequest(WholeRequest):
    """Whom a collection is shared with from now on. "everyone" stands for all users."""

    readers: list[str] = Field(default_factory=list, max_length=_MOST_NAMES)
    writers: list[str] = Field(default_factory=list, max_length=_MOST_NAMES)
    """They may read, too."""

    owner: str | None = Field(default=None, min_length=1)
    """For administrators: whose it is from now on."""


class SharingFacts(BaseModel):
    """owner: null where no user made it."""

    id: str
    object: Literal["collection.sharing"]
    owner: str | None
    readers: list[str]
    writers: list[str]


def access_router(access: Access, documents: ServedDocuments | None) -> APIRouter:
    """The addresses of usage, and of sharing where there are documents."""
    router = APIRouter(tags=["users"], route_class=ReadingRoute)
    _add_usage(router, access)
    if documents is not None:
        _add_sharing(router, access, documents)
    return router


def _add_usage(router: APIRouter, access: Access) -> None:

    @router.get("/v1/usage", response_model=UsageFacts)
    async def get_own_usage() -> Json:
        """What whoever asks has used up, and may."""
        caller = current_caller()
        if caller is None:
            raise RuntimeError("usage was asked for outside of a request")
        return await off_loop(lambda: _usage(access, caller.principal), lane=access)

    @router.get("/v1/usage/{user}", response_model=UsageFacts)
    async def get_usage(user: str) -> Json:
        """What a user has used up, and may; for administrators."""

        def found() -> Json:
            principal = access.keys.named(user)
            if principal is None:
                raise RequestRefused(404, f"there is no user {user!r}", "user_not_found", param="user")
            return _usage(access, principal)

        return await off_loop(found, lane=access)


def _add_sharing(router: APIRouter, access: Access, documents: ServedDocuments) -> None:
    @router.get("/v1/collections/{collection}/sharing", response_model=SharingFacts)
    async def get_sharing(collection: str) -> Json:
        """Whose a collection is and whom it is shared with; for its owner."""

        def found() -> Json:
            documents.collection(collection)
            return _sharing(collection, access.owners.of(collection))

        return await documents.read(found)

    @router.put("/v1/collections/{collection}/sharing", response_model=SharingFacts)
    async def put_sharing(collection: str, asked: SharingRequest, response: Response) -> Json:
        """Share a collection with these users and no others; for its owner."""
        response.headers.update(ignored_header(asked.ignored))

        def shared() -> Json:
            documents.collection(collection)
            present = _own(access, collection)
            owner = _new_owner(present, access, asked)
            for name in (*asked.readers, *asked.writers):
                _check_known(access, name, param="readers" if name in asked.readers else "writers")
            made = access.owners.share(
                collection, present=present, owner=owner, readers=asked.readers, writers=asked.writers
            )
            if made is None:
                raise _gone(collection)
            return _sharing(collection, made)

        return await documents.read(shared)


def _own(access: Access, collection: str) -> str | None:
    """The owner now; RequestRefused where another made it anew since the request was let in."""
    caller, present = current_caller(), access.owners.of(collection).owner
    if caller is None or not access.may(caller, "own", collection):
        raise _gone(collection)
    return present


def _gone(collection: str) -> RequestRefused:
    message = f"there is no collection {collection!r}; GET /v1/collections lists yours"
    return RequestRefused(404, message, "collection_not_found", param="collection")


def _new_owner(present: str | None, access: Access, asked: SharingRequest) -> str | None:
    if asked.owner is None or asked.owner == present:
        return present
    caller = current_caller()
    if caller is None or not caller.principal.is_administrator:
        message = "only an administrator gives a collection to another user"
        raise RequestRefused(403, message, "not_permitted", param="owner")
    _check_known(access, asked.owner, param="owner")
    return asked.owner


def _check_known(access: Access, name: str, *, param: str) -> None:
    if (name != EVERYONE or param == "owner") and access.keys.named(name) is None:
        raise RequestRefused(400, f"there is no user {name!r}", "invalid_value", param=param)


def _sharing(collection: str, ownership: Ownership) -> Json:
    return {
        "id": collection,
        "object": "collection.sharing",
        "owner": ownership.owner,
        "readers": sorted(ownership.readers),
        "writers": sorted(ownership.writers),
    }


def _usage(access: Access, principal: Principal) -> Json:
    spent = asdict(access.quotas.spent(principal.name))
    return {"object": "usage", **spent, "limits": principal.limits.model_dump()}
