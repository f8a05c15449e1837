"""Rules for an answer, in the words of the server that is to hold to them. Pure."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from gpt4all_core.constrain.kinds import rule_grammar
from gpt4all_core.constrain.quote import CLOSING
from gpt4all_core.errors import OutputError, UnsupportedParameter
from gpt4all_core.protocols import TokenMatcher
from gpt4all_core.remote.server_facts import ServerFacts, ServerKind
from gpt4all_core.remote.valid_json import schema_fault
from gpt4all_core.remote.valid_text import check_grammar, text_fault
from gpt4all_core.types import JsonSchema

Json = dict[str, Any]

RuleKind = Literal["quote_from", "schema", "regex", "choices", "lark"]

_MOST_QUOTED_WORDS = 2_000
"""Of texts that a llama-server or vLLM is to quote from: a rule for each word."""


@dataclass(frozen=True, slots=True)
class RemoteRule:
    """A rule that a server holds an answer to. wire: how it is told of it. grammar: the same in Lark."""

    kind: RuleKind
    rule: Any
    wire: Json
    grammar: str

    @property
    def lark(self) -> str | None:
        """None: no grammar of it is compiled here."""
        return None

    def matcher(self) -> TokenMatcher:
        raise UnsupportedParameter(
            "this rule is held to by the server that it was made for; have the local model make its own"
        )

    def check(self, text: str) -> None:
        """Raise OutputError for a finished answer that the server did not hold to the rule."""
        # How JSON is spaced, and in which order its keys come, is the server's business.
        is_json = self.kind == "schema"
        fault = schema_fault(text, self.rule) if is_json else text_fault(text, self.grammar)
        if fault is not None:
            raise OutputError(
                f"the server did not hold its answer to the rule: {fault}. The answer is {text[:200]!r};"
                " ask it whether it can (vLLM: its structured outputs backend), or use a local model"
            )


def remote_rule(rules: Mapping[str, object], server: ServerFacts) -> RemoteRule:
    """The one rule that is given. Raises what `constrain` of a local model does, and UnsupportedParameter
    for a kind that this server cannot hold to.
    """
    grammar = rule_grammar(rules)  # which also finds what is wrong with the rule
    [(name, rule)] = [(name, rule) for name, rule in rules.items() if rule is not None]
    write = _WRITERS[server.kind].get(name)
    if write is None:
        able = " and ".join(_WRITERS[server.kind])
        raise UnsupportedParameter(
            f"the server cannot hold an answer to {name}, only to {able};"
            f"{_INSTEAD.get(name, '')} a local model and this project's server hold to all of them"
        )
    if name != "schema":
        check_grammar(grammar)
    wire = write(rule, grammar)
    if server.has_guided_keys:
        structured = wire.pop("structured_outputs", {})
        wire |= {f"guided_{key}": value for key, value in structured.items()}
    return RemoteRule(name, rule, wire, grammar)  # type: ignore[arg-type]  # its keys are the kinds


_INSTEAD = {"quote_from": " ask LocalDocs with mode='free';", "choices": " give a schema with an enum;"}

Writer = Callable[[Any, str], Json]
"""From a rule, and the Lark grammar that local models are held to for it."""


def _as_response_format(schema: JsonSchema, _grammar: str) -> Json:
    # OpenAI and its like hold to a schema only if it is strict; others do in any case.
    described = {"name": "answer", "schema": dict(schema), "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": described}}


def _as_lark(_rule: object, grammar: str) -> Json:
    return {"structured_outputs": {"grammar": grammar}}


def _as_llguidance(_rule: object, grammar: str) -> Json:
    # As a llama-server reads Lark that was built with llguidance; another one answers that it cannot.
    return {"grammar": f"%llguidance {{}}\n{grammar}"}


def _structured(key: str) -> Writer:
    return lambda rule, _grammar: {"structured_outputs": {key: rule}}


def _choices_gbnf(choices: Sequence[str], _grammar: str) -> Json:
    return {"grammar": f"root ::= {' | '.join(map(_literal, dict.fromkeys(choices)))}\n"}


def _quote_gbnf(texts: Sequence[str], _grammar: str) -> Json:
    return {"grammar": _spans(texts)}


def _quote_structured(texts: Sequence[str], _grammar: str) -> Json:
    return {"structured_outputs": {"grammar": _spans(texts)}}


_WRITERS: Mapping[ServerKind, Mapping[str, Writer]] = MappingProxyType(
    {
        "gpt4all": {
            "schema": _as_response_format,
            "quote_from": _as_lark,
            "regex": _as_lark,
            "choices": _as_lark,
            "lark": _as_lark,
        },
        "llama-server": {
            "schema": _as_response_format,
            "quote_from": _quote_gbnf,
            "choices": _choices_gbnf,
            "regex": _as_llguidance,
            "lark": _as_llguidance,
        },
        "vllm": {
            "schema": _as_response_format,
            "quote_from": _quote_structured,
            "choices": _structured("choice"),
            "regex": _structured("regex"),
        },
        "unknown": {"schema": _as_response_format},
    }
)


def _spans(texts: Sequence[str]) -> str:
    """A GBNF grammar for: a span of whole words of one of the texts, then a closing quotation mark.

    One rule for each word, which goes on to the next or closes; so it grows with the texts and no faster.
    Raises UnsupportedParameter for more than `_MOST_QUOTED_WORDS`.
    """
    words = [re.findall(r"\S+\s*", text) for text in texts]
    if sum(map(len, words)) > _MOST_QUOTED_WORDS:
        raise UnsupportedParameter(
            f"the texts to quote from have more than {_MOST_QUOTED_WORDS} words, too many for a grammar of"
            " this server; give fewer or shorter ones"
        )
    starts: list[str] = []
    rules: list[str] = []
    for number, of_text in enumerate(words):
        for place, word in enumerate(of_text):
            name = f"w{number}x{place}"
            said, space = word.rstrip(), word[len(word.rstrip()) :]
            goes_on = f" | {_literal(space)} w{number}x{place + 1}" if place + 1 < len(of_text) else ""
            rules.append(f"{name} ::= {_literal(said)} (close{goes_on})")
            if not said.startswith(CLOSING):
                starts.append(name)
    return "\n".join([f"root ::= {' | '.join(starts)}", f"close ::= {_literal(CLOSING)}", *rules]) + "\n"


def _literal(text: str) -> str:
    """A text between quotation marks, as GBNF reads it: JSON's escapes, but no pairs of surrogates."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\x7F")
