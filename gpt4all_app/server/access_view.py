"""Which documents the request at hand may touch, by the rules of a server with users."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from gpt4all_app.server.access import Access
from gpt4all_app.server.access_actions import collection_resource
from gpt4all_app.server.access_caller import Caller, current_caller
from gpt4all_app.server.access_documents import Arranging, N
from gpt4all_app.server.access_owners import NOBODYS, Ownership, claim, forget
from gpt4all_app.server.access_principals import NO_NAME, OWNER
from gpt4all_app.server.errors import RequestRefused


@dataclass(frozen=True, slots=True)
class UsersView:
    """A `DocumentAccess` that says what may be touched by the request that `current_caller` knows.

    Where there is none RuntimeError is raised, and nothing said: a thread of the server's own that reads
    documents of all users does so by functions that ask nobody.
    """

    access: Access

    @property
    def sees_everything(self) -> bool:
        return self.access.policy.authorise is None and _caller().principal.is_administrator

    def seen(self, collections: Sequence[N]) -> list[N]:
        if self.sees_everything:
            return list(collections)
        caller, policy = _caller(), self.access.policy
        owned = self.access.owners.all()
        return [
            one
            for one in collections
            if policy.allows(caller, "read", collection_resource(one.name, owned.get(one.name, NOBODYS)))
        ]

    def note_searched(self, names: Sequence[str] | None) -> None:
        caller = _caller()
        caller.is_whole = caller.is_whole or names is None
        caller.collections.update(dict.fromkeys(names or ()))

    @contextmanager
    def arranging(self, *, has_folder: bool) -> Iterator[Arranging]:
        caller = _caller()
        if has_folder and not caller.principal.is_administrator:
            message = "collections of the server's own folders are made by administrators; upload files"
            raise RequestRefused(403, message, "folder_not_allowed", param="folder")
        claiming = _Claiming(self, caller)
        try:
            yield claiming
        except BaseException:
            if claiming.claimed is not None:
                self.forget(claiming.claimed)
            raise

    def forget(self, name: str) -> None:
        with self.access.store.writing() as connection:
            forget(connection, name)

    @contextmanager
    def admit_uploads(self, collection: str, files: Mapping[str, int]) -> Iterator[None]:
        self.access.quotas.admit_uploads(_caller().principal, collection, files)
        try:
            yield
        except BaseException:
            for name in files:
                self.forget_upload(collection, name)
            raise

    def forget_upload(self, collection: str, filename: str) -> None:
        self.access.quotas.forget_upload(collection, filename)


@dataclass(slots=True)
class _Claiming:
    """A collection in the making. What a server's own key makes is no user's."""

    view: UsersView
    caller: Caller
    claimed: str | None = None

    def claim(self, name: str) -> None:
        access, principal = self.view.access, self.caller.principal
        self.caller.collections[name] = None
        wanted = collection_resource(name, Ownership(principal.name))
        if not access.policy.allows(self.caller, "create", wanted):
            message = f"your key does not let you make {name!r}; ask an administrator"
            raise RequestRefused(403, message, "not_permitted", param="id")
        with access.store.writing() as connection:
            access.quotas.check_collections(connection, principal)
            # Of one of the same name that was deleted by other programs, something may be left.
            forget(connection, name)
            if principal not in (OWNER, NO_NAME):
                claim(connection, name, principal.name)
        self.claimed = name

    def extend(self, name: str) -> None:
        access = self.view.access
        self.caller.collections[name] = None
        wanted = collection_resource(name, access.owners.of(name))
        if not access.policy.allows(self.caller, "write", wanted):
            # In the words of a name that is taken: perhaps it may not even be seen.
            raise RequestRefused(409, f"there is a collection {name!r} already", "collection_exists")


def _caller() -> Caller:
    caller = current_caller()
    if caller is None:
        raise RuntimeError("documents were asked for outside of a request, for nobody's eyes")
    return caller
