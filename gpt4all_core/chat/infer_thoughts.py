"""Which tags a template puts around thoughts, and what switches thinking on and off."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from gpt4all_core.chat.dialect import ReasoningTags
from gpt4all_core.chat.habits import Habits
from gpt4all_core.chat.infer_calls import KNOWN_CALLS
from gpt4all_core.chat.marks import MARK, common_start, first_mark, last_mark
from gpt4all_core.chat.probes import Prober
from gpt4all_core.types import Message, Tool

_THOUGHT = "qzthought"
_ASKED = Message("user", "qzasked")
_CALLING = Message("assistant", None, tool_calls=(KNOWN_CALLS[0].as_call(),), reasoning=_THOUGHT)
_SAYING = Message("assistant", "qzsaid", reasoning=_THOUGHT)
_ABOUT_THOUGHTS = re.compile(r"think|thought|reason", re.IGNORECASE)
_NAMES_OF_SWITCHES = re.compile(r"think|thought|reason|effort", re.IGNORECASE)
_EFFORTS = ("none", "minimal", "low")
_WORDS_OFF = ("/no_think", "/nothink")

Ending = Literal["open", "closed", "none"]
"""How a prompt leaves the thought: begun, begun and ended, or not begun."""


@dataclass(frozen=True, slots=True)
class ThoughtSwitch:
    """Variables and words of a system message that switch thinking; nothing where that is the default."""

    on: Mapping[str, object] = field(default_factory=dict)
    off: Mapping[str, object] = field(default_factory=dict)
    word_off: str = ""


def infer_tags(prober: Prober, habits: Habits, *, tools: Sequence[Tool]) -> ReasoningTags | None:
    """The tags, from what the template writes around a known thought, else from what it speaks of."""
    if habits.thought_key is not None:
        asking = prober.write([_ASKED], habits, tools=tools, is_asking=True)
        thought = _around_thought(prober, habits, _CALLING, tools)
        if asking is not None and thought is not None:
            before, after = thought
            shared = common_start(before, asking)
            start = before[len(shared) :].strip() or last_mark(shared).strip()
            end = first_mark(after)
            said = _around_thought(prober, habits, _SAYING, tools)
            if said is not None and common_start(after, said[1]).strip().startswith(end):
                end = common_start(after, said[1]).strip()
            if start and end:
                return ReasoningTags(start, end)
    return tags_spoken_of(prober.program.source)


def _around_thought(
    prober: Prober, habits: Habits, turn: Message, tools: Sequence[Tool]
) -> tuple[str, str] | None:
    prompt = prober.write([_ASKED, turn], habits, tools=tools)
    if prompt is None or prompt.count(_THOUGHT) != 1:
        return None
    before, _, after = prompt.partition(_THOUGHT)
    return before, after


def tags_spoken_of(source: str) -> ReasoningTags | None:
    """A pair of tags about thoughts in a template's own words: `<think>` and `</think>`, say."""
    marks = dict.fromkeys(mark for mark in MARK.findall(source) if _ABOUT_THOUGHTS.search(mark))
    for mark in marks:
        start = beginning_of(mark)
        if start is not None:
            return ReasoningTags(start, mark)
    for mark in marks:
        if mark[1:-1].isalpha():
            return ReasoningTags(mark, f"{mark[0]}/{mark[1:]}")
    return None


def beginning_of(end: str) -> str | None:
    """The tag that this one closes; None if it is no closing one."""
    for closing, opening in (
        ("/", ""),
        ("END", "START"),
        ("END", "BEGIN"),
        ("end", "begin"),
        ("end", "start"),
    ):
        if closing in end:
            return end.replace(closing, opening, 1)
    return None


def ending(prompt: str, tags: ReasoningTags) -> Ending:
    """How the text after the last message leaves the thought."""
    tail = prompt[prompt.rfind(_ASKED.text) :]
    opened, closed = tail.rfind(tags.start), tail.rfind(tags.end)
    return "none" if opened < 0 else "closed" if closed > opened else "open"


def infer_switch(prober: Prober, habits: Habits, tags: ReasoningTags | None) -> ThoughtSwitch | None:
    """What to tell the template, found by trying the variables that it reads and sets by no means itself."""
    usual = prober.write([_ASKED], habits, is_asking=True)
    if usual is None:
        return None
    program = prober.program
    for name in sorted(program.reads, key=lambda name: (not _NAMES_OF_SWITCHES.search(name), name)):
        is_named = bool(_NAMES_OF_SWITCHES.search(name))
        if name in _GIVEN or (name in program.sets and not is_named):
            continue
        switch = _as_switch(prober, habits, tags, usual, name, is_named=is_named)
        if switch is not None:
            return switch
    return _word_switch(prober, habits, tags, usual)


_GIVEN = frozenset(
    {"messages", "tools", "bos_token", "eos_token", "add_generation_prompt", "documents", "namespace"}
)


def _as_switch(
    prober: Prober, habits: Habits, tags: ReasoningTags | None, usual: str, name: str, *, is_named: bool
) -> ThoughtSwitch | None:
    def prompt(value: object) -> str:
        return prober.write([_ASKED], habits, variables={name: value}, is_asking=True) or usual

    without, with_it = prompt(False), prompt(True)
    if without == with_it == usual:
        efforts = (
            effort for effort in _EFFORTS if is_named and tags and ending(prompt(effort), tags) == "closed"
        )
        effort = next(efforts, None) if tags and ending(usual, tags) != "closed" else None
        return ThoughtSwitch(off={name: effort}) if effort is not None else None
    if tags is None:
        return ThoughtSwitch({name: True}, {name: False}) if is_named and without != with_it else None
    endings = ending(without, tags), ending(with_it, tags), ending(usual, tags)
    is_off = endings[0] == "closed" or (endings[0] == "none" and "open" in endings[1:])
    if not is_off and not (is_named and without == usual != with_it):
        return None
    is_on_by_default = endings[2] == "open" or (endings[2] == "none" and usual != without)
    return ThoughtSwitch(
        on={} if is_on_by_default else {name: True},
        off={name: False} if without != usual else {},
    )


def wrappers_asked_for(
    prober: Prober, habits: Habits, tags: ReasoningTags | None, switch: ThoughtSwitch | None
) -> tuple[str, ...]:
    """Pairs of tags that the template asks for only while it asks for thoughts, besides theirs."""
    usual = prober.write([_ASKED], habits, is_asking=True)
    if tags is None or switch is None or not switch.on or usual is None:
        return ()
    thinking = prober.write([_ASKED], habits, variables=switch.on, is_asking=True) or usual
    new = [mark for mark in dict.fromkeys(MARK.findall(thinking)) if mark not in usual]
    ends = [mark for mark in new if mark != tags.end and beginning_of(mark) in new]
    return tuple(text for end in ends for text in (beginning_of(end) or "", end))


def _word_switch(
    prober: Prober, habits: Habits, tags: ReasoningTags | None, usual: str
) -> ThoughtSwitch | None:
    """Some templates look for `/no_think` in the system message."""
    if tags is None:
        return None
    for word in _WORDS_OFF:
        if word in prober.program.source:
            told = prober.write([Message("system", word), _ASKED], habits, is_asking=True)
            if (
                told is not None
                and ending(told, tags) != "open"
                and ending(usual, tags) != ending(told, tags)
            ):
                return ThoughtSwitch(word_off=word)
    return None
