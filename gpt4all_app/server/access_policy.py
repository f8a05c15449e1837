"""Who may do what: the rule of owners, and a function of one's own that narrows it or stands in its place."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from gpt4all_app.server.access_actions import Action, Resource
from gpt4all_app.server.access_caller import Caller
from gpt4all_app.server.access_owners import Ownership
from gpt4all_app.server.access_principals import Principal
from gpt4all_core.errors import ConfigError

logger = logging.getLogger(__name__)

_PATIENCE_S: Final = 30.0
"""How long a function may think about one question."""


Authorise = Callable[[Principal, Action, Resource], bool | Awaitable[bool]]
"""A function of one's own, which may be a coroutine; called for many collections of one request."""


def owner_rule(principal: Principal, action: Action, resource: Resource) -> bool:
    """What holds where nobody brings another rule: an administrator may do all, others what they own and what
    is shared with them; everybody may make collections and ask models.
    """
    if principal.is_administrator:
        return True
    held = Ownership(resource.owner, resource.readers, resource.writers)
    match action:
        case "read":
            return held.may_read(principal.name)
        case "write":
            return held.may_write(principal.name)
        case "own":
            return held.owner == principal.name
        case "create" | "use_models":
            return True
        case "administer":
            return False


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of a server. authorise: a function of one's own. is_alone: whether it stands in the place of
    the owners' rule; else both have to agree, so that it can only take rights away.
    """

    authorise: Authorise | None = None
    is_alone: bool = False

    def allows(self, caller: Caller, action: Action, resource: Resource) -> bool:
        """Whether somebody may. Blocks: for threads beside the event loop.

        A function that raises, answers neither true nor false, or thinks for too long has said no; the log
        tells why.
        """
        if self.authorise is None or not self.is_alone:
            if not owner_rule(caller.principal, action, resource):
                return False
            if self.authorise is None:
                return True
        key = (action, resource)
        if key not in caller.decisions:
            caller.decisions[key] = self._asked(self.authorise, caller, action, resource)
        return caller.decisions[key]

    @staticmethod
    def _asked(authorise: Authorise, caller: Caller, action: Action, resource: Resource) -> bool:
        try:
            answer = authorise(caller.principal, action, resource)
            if inspect.isawaitable(answer):
                waiting = asyncio.run_coroutine_threadsafe(_awaited(answer), caller.loop)
                answer = _outcome(waiting.result, waiting.cancel)
        except Exception:
            logger.exception(
                "the function that authorises failed; %s was denied to %s", action, caller.principal.name
            )
            return False
        if not isinstance(answer, bool):
            logger.error("the function that authorises answered %r, neither true nor false; denied", answer)
            return False
        return answer


def load_authorise(reference: str) -> Authorise:
    """The function that "package.module:function" names. Raises ConfigError where there is none."""
    module_name, _, name = reference.partition(":")
    if not module_name or not name:
        raise ConfigError(f"authorise={reference!r} names no function; give it as package.module:function")
    try:
        found = getattr(import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"the function {reference!r} cannot be imported ({error}); see that its module is installed or on"
            " PYTHONPATH"
        ) from error
    if not callable(found):
        raise ConfigError(
            f"{reference!r} is no function; give one that takes a principal, an action and a resource"
        )
    return found  # type: ignore[no-any-return]  # what it takes shows when it is called


async def _awaited(answer: Awaitable[bool]) -> bool:
    return await answer


def _outcome(result: Callable[[float], bool], cancel: Callable[[], object]) -> bool:
    try:
        return result(_PATIENCE_S)
    except TimeoutError:
        cancel()
        raise
