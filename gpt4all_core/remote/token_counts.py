"""How many tokens a text has in a vocabulary that is elsewhere: asked there, or estimated."""

import re
from typing import Any

from gpt4all_core.errors import EndpointError
from gpt4all_core.remote.client import Endpoint
from gpt4all_core.remote.model_facts import ModelFacts

_SHORT = 48
"""Characters of a text that is not worth a request: a splitter counts every word, and then what it made."""

_MOST_REMEMBERED = 4_096
"""Counts of texts: a passage is counted as it is cut, and again when it is embedded."""

_RUN = re.compile(r"[A-Za-z]+|[0-9]|[^\W\d_]+|[^\s]")

_BY_OWNER = {"llamacpp": "content", "vllm": "prompt", "local": "prompt"}
"""Who has a `/tokenize`, and what the text is called there."""


def estimated_tokens(text: str) -> int:
    """About as many tokens as a text has.

    One a digit and a mark, one for every five Latin letters, one for every two bytes of others. Beside the
    counts of all-MiniLM's WordPiece and SmolLM2's BPE, English prose and code came out from 2 % below to 20 %
    above; beside the larger of both, French as it is, Russian 6 % above, and below it Thai by 12, tables of
    numbers by 17, Chinese by 20 and German by 24 %.
    """
    return sum(map(_weight, _RUN.findall(text)))


class TokenCounts:
    """Counts the tokens of texts for one model of an address, special tokens not counted.

    Short texts are estimated, others asked for, where the server has an address for it, and else estimated.
    `count` runs in the endpoint's own thread; the others may be called from any.
    """

    def __init__(self, endpoint: Endpoint, facts: ModelFacts) -> None:
        self._endpoint = endpoint
        self._facts = facts
        self._key = _BY_OWNER.get(facts.owner)
        self._known: dict[str, int] = {}

    def surely_fitting(self, room: int) -> int:
        """How many tokens by these counts are surely no more: a quarter less where they are estimates."""
        return room if self._key is not None else room * 3 // 4

    def guess(self, text: str) -> int | None:
        """The count if no request is needed for it."""
        if self._key is None or len(text) <= _SHORT:
            return estimated_tokens(text)
        return self._known.get(text)

    async def count(self, text: str) -> int:
        """The count, asked for if need be."""
        guessed = self.guess(text)
        if guessed is not None or self._key is None:
            return estimated_tokens(text) if guessed is None else guessed
        body = {"model": self._facts.name, self._key: text, "add_special_tokens": False}
        try:
            count = await self._endpoint.ask("post", "/tokenize", body, read=_read_count).aresult()
        except EndpointError as error:
            if error.status not in {404, 405, 501}:
                raise
            self._key = None  # a proxy, or an older server
            return estimated_tokens(text)
        if len(self._known) >= _MOST_REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[text] = count
        return count


def _read_count(answer: Any) -> int:
    return int(answer["count"]) if "count" in answer else len(answer["tokens"])


def _weight(run: str) -> int:
    if not run.isascii():
        return (len(run.encode()) + 1) // 2
    return (len(run) + 4) // 5
