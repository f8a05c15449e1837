"""What a server's refusals mean: from a status and an answer in JSON to an error of this project. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gpt4all_core.errors import ContextOverflow, EndpointError, GPT4AllError, ModelNotFound, UnsupportedSchema

_LONGEST = 500
"""Characters of a server's own words that are told: some answer with a page."""

_NEXT_STEP = {
    401: "give the key that it asks for as api_key, or in GPT4ALL_API_KEY",
    403: "ask whoever runs it what this key may do",
    404: "look at the address: base_url mostly ends with /v1",
    408: "it took too long to send; try again",
    413: "shorten what is sent",
    429: "it has too much to do; ask again later, or allow more max_retries",
}

_OVERFLOW_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})
_OVERFLOW = (
    # This project's server, vLLM in two versions, and llama-server.
    re.compile(r"prompt has (?P<prompt>\d+) tokens but the context holds (?P<context>\d+)"),
    re.compile(
        r"maximum (?:context|model) length (?:is|of) (?P<context>\d+)(?: tokens)?.*?(?P<prompt>\d+)"
        r" (?:input )?tokens",
        re.DOTALL,
    ),
    re.compile(r"request \((?P<prompt>\d+) tokens\) exceeds the available context size \((?P<context>\d+)"),
)

_RULE = re.compile(r"grammar|json.?schema|structured.?outputs|guided|\bregex\b", re.IGNORECASE)


def refusal_error(status: int | None, body: object, *, address: str) -> GPT4AllError:
    """The error for a refusal. body: its JSON, or its text; status: None within a stream."""
    facts = _facts(body)
    words = _words(facts, body)
    code = str(facts.get("code") or facts.get("type") or "")
    if (overflow := _overflow(facts, words, code)) is not None:
        return overflow
    if status == 400 and _RULE.search(words):
        return UnsupportedSchema(f"{address} cannot hold an answer to this rule: {words}")
    if _is_unknown_model(status, code, words):
        return ModelNotFound(f"{address} has no such model: {words}; `model` names one of /v1/models")
    answered = "ended an answer with an error" if status is None else f"answered {status}"
    said = f": {words}" if words else ""
    return EndpointError(f"{address} {answered}{said}; {_next_step(status)}", address=address, status=status)


def unreadable_answer(reason: str, *, address: str) -> EndpointError:
    """For an answer that is not in the form of OpenAI's API."""
    return EndpointError(
        f"{address} answered what is not of OpenAI's form ({reason[:_LONGEST]});"
        " look at the address: base_url mostly ends with /v1",
        address=address,
    )


def _facts(body: object) -> Mapping[str, Any]:
    """OpenAI's `{"error": {…}}`, what is inside of it, or vLLM's older `{"object": "error", …}`."""
    if not isinstance(body, Mapping):
        return {}
    inner = body.get("error")
    return inner if isinstance(inner, Mapping) else body


def _words(facts: Mapping[str, Any], body: object) -> str:
    told = facts.get("message") or facts.get("detail") or facts.get("error")
    words = told if isinstance(told, str) else body if isinstance(body, str) else ""
    short = " ".join(words.split())
    return short if len(short) <= _LONGEST else f"{short[:_LONGEST]}…"


def _overflow(facts: Mapping[str, Any], words: str, code: str) -> ContextOverflow | None:
    prompt, context = facts.get("n_prompt_tokens"), facts.get("n_ctx")
    if not (isinstance(prompt, int) and isinstance(context, int)):
        found = next(_matches(_OVERFLOW, words), None)
        if found is None:
            return ContextOverflow(0, 0, hint=words) if code in _OVERFLOW_CODES else None
        prompt, context = int(found["prompt"]), int(found["context"])
    return ContextOverflow(
        prompt, context, hint="shorten the prompt, or have the server give it more context"
    )


def _matches(patterns: Sequence[re.Pattern[str]], words: str) -> Any:
    return (found for pattern in patterns if (found := pattern.search(words)))


def _is_unknown_model(status: int | None, code: str, words: str) -> bool:
    if code == "model_not_found":
        return True
    # vLLM: "The model `x` does not exist."; llama-server, as a router, answers 400.
    return status in {400, 404} and bool(re.search(r"\bmodel\b.*(does not exist|not found)", words))


def _next_step(status: int | None) -> str:
    if status is None or status >= 500:
        return "look at the server's log"
    if 300 <= status < 400:
        return "redirections are not followed: give the address that it leads to as base_url"
    return _NEXT_STEP.get(status, "change what it names")
