"""Who may do what with a server, and how much of it: one object that its addresses ask."""

import hmac
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request

from gpt4all_app.server.access_actions import MODELS, SERVER, Action, Resource, collection_resource
from gpt4all_app.server.access_audit import AuditLog
from gpt4all_app.server.access_caller import Caller, current_caller
from gpt4all_app.server.access_options import AccessOptions
from gpt4all_app.server.access_owners import Owners
from gpt4all_app.server.access_policy import Policy, load_authorise
from gpt4all_app.server.access_principals import NO_NAME, KeyRing, Principal
from gpt4all_app.server.access_quotas import Quotas
from gpt4all_app.server.access_rules import RULES
from gpt4all_app.server.access_store import AccessStore
from gpt4all_app.server.errors import RequestRefused
from gpt4all_core.errors import ConfigError
from gpt4all_core.off_loop import off_loop


@dataclass(frozen=True, slots=True)
class Access:
    """The users of a server, what is theirs, what they have used up, and what is written down of it.

    Thread-safe; workers of a server have one each, over the same files.
    """

    keys: KeyRing
    store: AccessStore
    owners: Owners
    quotas: Quotas
    policy: Policy
    audit: AuditLog | None = None

    def principal_of(self, authorization: str) -> Principal | None:
        """Who brings this header; None for nobody that is known."""
        if not self.keys.is_wanted:
            return NO_NAME
        scheme, _, key = authorization.partition(" ")
        # Looked up in any case, so that the time tells nothing of how much was right.
        found = self.keys.principal_of(key.strip())
        return found if hmac.compare_digest(scheme.casefold().encode(), b"bearer") else None

    async def guard(self, request: Request) -> None:
        """Before each answer: refuse who may not have it. A dependency of all addresses of the app.

        Raises RequestRefused: 404 for a collection that may not even be seen, which looks as one that is not
        there; 403 for what may be seen only; 403 for an address that `RULES` does not know.
        """
        path = getattr(request.scope.get("route"), "path", "")
        rule = RULES.get((request.method, path))
        if rule is None:
            message = f"{request.method} {path} lets nobody in: no rule says who may call it"
            raise RequestRefused(403, message, "not_permitted")
        caller = current_caller()
        if rule.need == "open" or (caller is None and rule.need == "member"):
            return
        if caller is None:
            raise RuntimeError(f"{request.method} {path} was reached past the gate")
        caller.rule = rule
        if rule.action is None or rule.need in ("searched", "create"):  # by names that the documents look at
            return
        action, name = rule.action, request.path_params.get("collection", "")
        match rule.need:
            case "collection":
                caller.collections[name] = None
                await off_loop(lambda: self._check_collection(caller, action, name), lane=self)
            case "models":
                await off_loop(lambda: self._check(caller, action, MODELS), lane=self)
            case "administrator":
                await off_loop(lambda: self._check(caller, action, SERVER), lane=self)

    def may(self, caller: Caller, action: Action, collection: str) -> bool:
        """Whether a request may do this with a collection. Blocks."""
        return self.policy.allows(caller, action, collection_resource(collection, self.owners.of(collection)))

    def close(self) -> None:
        """Let go of the files. Idempotent."""
        self.store.close()
        if self.audit is not None:
            self.audit.close()

    def _check(self, caller: Caller, action: Action, resource: Resource) -> None:
        if not self.policy.allows(caller, action, resource):
            raise RequestRefused(403, "your key does not permit this; ask an administrator", "not_permitted")

    def _check_collection(self, caller: Caller, action: Action, name: str) -> None:
        resource = collection_resource(name, self.owners.of(name))
        if not self.policy.allows(caller, "read", resource):
            message = f"there is no collection {name!r}; GET /v1/collections lists yours"
            raise RequestRefused(404, message, "collection_not_found", param="collection")
        if action != "read" and not self.policy.allows(caller, action, resource):
            whose = "who may write to it" if action == "write" else "its owner"
            message = f"your key lets you read {name!r}; this is for {whose}"
            raise RequestRefused(403, message, "not_permitted", param="collection")


def open_access(options: AccessOptions, *, index: Path, api_key: str | None) -> Access | None:
    """What options ask for, beside an index; None where they ask for nothing.

    Raises ConfigError for users that cannot be read or are none, a function that cannot be imported, and a
    log that cannot be written.
    """
    if not options.is_used:
        return None
    authorise = None if options.authorise is None else load_authorise(options.authorise)
    keys = KeyRing(options.users, api_key=api_key)
    if options.users is not None and api_key is None and not keys.users.users:
        raise ConfigError(
            f"the users' file {options.users} has no users, and there is no API key, so that nobody could"
            " come in; add one: gpt4all users add NAME"
        )
    store = AccessStore.beside(index)
    log = options.audit_log
    audit = None if log is None else AuditLog(log, has_questions=options.audit_questions)
    policy = Policy(authorise, is_alone=options.authorise_alone)
    return Access(keys, store, Owners(store), Quotas(store), policy, audit)
