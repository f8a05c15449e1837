"""The request that is being answered: who asks, and what of documents and tokens it has touched."""

import asyncio
import secrets
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field

from gpt4all_app.server.access_principals import Principal
from gpt4all_app.server.access_rules import Rule
from gpt4all_core.chat_reply import ChatReply
from gpt4all_core.engine.handle import Generation
from gpt4all_core.types import Usage


@dataclass(slots=True, eq=False)
class Caller:
    """One request, from its key to its end. Lives in a context variable: threads that work for a request see
    the one of their caller.

    loop: where functions that are coroutines run. collections: those that were read or changed; is_whole: all
    of the index. passages: the ids of those that were given out. question: what documents were asked.
    """

    principal: Principal
    loop: asyncio.AbstractEventLoop
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    rule: Rule | None = None
    """Of the address that answers; None until that is known."""
    decisions: dict[object, bool] = field(default_factory=dict)
    """What a function of one's own has said already."""
    collections: dict[str, None] = field(default_factory=dict)
    is_whole: bool = False
    question: str | None = None
    passages: dict[str, None] = field(default_factory=dict)
    requests: list[object] = field(default_factory=list)
    """What models were asked: handles that tell what they cost."""
    embedded_tokens: int = 0

    def usage(self) -> Usage:
        """What models did for it until now."""
        handles = [one for one in self.requests if isinstance(one, ChatReply | Generation)]
        costs = [handle.usage_so_far for handle in handles]
        return Usage(
            self.embedded_tokens + sum(cost.prompt_tokens for cost in costs),
            sum(cost.completion_tokens for cost in costs),
        )


_current: ContextVar[Caller | None] = ContextVar("caller", default=None)


def set_caller(caller: Caller) -> None:
    """From here on, in this task and what it starts, this request is being answered."""
    _current.set(caller)


def current_caller() -> Caller | None:
    """The request that is being answered; None in threads of the server's own, and where nobody looks at
    rights.
    """
    return _current.get()


def note_requests(requests: Iterable[object]) -> None:
    """That models were asked: what these cost counts for whoever asks."""
    if (caller := _current.get()) is not None:
        caller.requests.extend(requests)


def note_embedded(tokens: int) -> None:
    """That texts of so many tokens were embedded or ranked for whoever asks."""
    if (caller := _current.get()) is not None:
        caller.embedded_tokens += tokens


def note_given_out(passages: Sequence[str], *, question: str | None = None) -> None:
    """That whoever asks, or the model that answers them, is given these passages."""
    if (caller := _current.get()) is not None:
        caller.passages.update(dict.fromkeys(passages))
        caller.question = caller.question if question is None else question
