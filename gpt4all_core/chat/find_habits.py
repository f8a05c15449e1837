"""Which conversations a template accepts and shows whole, found by trying."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from gpt4all_core.chat.habits import CallIds, Habits, TextBesideCalls, ThoughtKey
from gpt4all_core.chat.probes import Prober
from gpt4all_core.types import Message, Tool, ToolCall

_A, _B, _C, _D = (f"qzword{letter}" for letter in "abcd")
_TOOL_WORD = "qzverb"
_CALLS = (  # the ids have nine letters and digits, which Mistral's templates insist on
    ToolCall("qzcall001", "qzfirst", json.dumps({"qzkey": "qzvalue"})),
    ToolCall("qzcall002", "qzsecond", json.dumps({"qzother": "qzthing"})),
)
_SHOWN_OF_CALLS = (("qzfirst", "qzkey", "qzvalue"), ("qzsecond", "qzother", "qzthing"))
_LONG_IDS = ("call_qzcall_number_one", "call_qzcall_number_two")
_RESULTS = (
    Message("tool", "qzresulta", tool_call_id="qzcall001"),
    Message("tool", "qzresultb", tool_call_id="qzcall002"),
)
_ID_KINDS: tuple[CallIds, ...] = ("any", "named")
_QUOTES = ("{'", '\\"')
"""What arguments look like in Python's repr, and as a JSON text inside JSON."""
_PLACES_OF_TEXT: tuple[TextBesideCalls, ...] = ("together", "apart", "apart_with_filler")
_THOUGHT_KEYS: tuple[ThoughtKey, ...] = ("reasoning_content", "thinking", "reasoning", "tool_plan")


def _user(text: str) -> Message:
    return Message("user", text)


def _assistant(text: str) -> Message:
    return Message("assistant", text)


def _calling(*calls: ToolCall, text: str | None = None, reasoning: str | None = None) -> Message:
    return Message("assistant", text, tool_calls=calls, reasoning=reasoning)


def _system(text: str) -> Message:
    return Message("system", text)


PROBE_TOOLS = tuple(
    Tool(
        name,
        _TOOL_WORD,
        {
            "type": "object",
            "properties": {key: {"type": "string", "description": "qzwhat"}},
            "required": [key],
        },
    )
    for name, key, _ in _SHOWN_OF_CALLS
)


def find_turn_habits(prober: Prober) -> Habits:
    """Of conversations without tools. Raises ConfigError for a template that works without end."""
    habits = Habits()
    if not prober.shows([_user(_A)], [_A], habits):
        habits = Habits(has_parts=prober.shows([_user(_A)], [_A], Habits(has_parts=True)))

    def shows(*messages: Message) -> bool:
        return prober.shows(messages, [message.text for message in messages], habits)

    has_system = shows(_system(_A), _user(_B))
    is_free = (
        has_system
        and shows(_system(_A), _system(_B), _user(_C), _system(_D))
        and shows(_user(_A), _assistant(_B), _system(_C), _user(_D))
    )
    return replace(
        habits,
        system="anywhere" if is_free else "first" if has_system else "nowhere",
        needs_user=has_system and not shows(_system(_A)),
        may_repeat_user=shows(_user(_A), _user(_B), _assistant(_C), _user(_D)),
        may_repeat_assistant=shows(_user(_A), _assistant(_B), _assistant(_C), _user(_D)),
        may_begin_with_assistant=shows(_assistant(_A), _user(_B)),
    )


def find_call_habits(prober: Prober, turns: Habits) -> Habits | None:
    """Of conversations with calls as well; None if it leaves out calls or results.

    turns: what is known already. Raises ConfigError as above.
    """
    ways = product((True, False), _ways_to_call(turns))  # arguments as plain JSON if at all possible
    habits = next((way for is_plain, way in ways if _shows_call(prober, way, is_plain=is_plain)), None)
    if habits is None:
        return None
    if habits.ids == "any" and not _shows_call(prober, habits, ids=_LONG_IDS):
        habits = replace(habits, ids="short")
    habits = replace(habits, has_many_calls=_shows_two_calls(prober, habits))
    if not habits.has_many_calls and not _shows_two_calls(prober, habits):
        return None
    places = (replace(habits, text_beside_calls=place) for place in _PLACES_OF_TEXT)
    talking = next((place for place in places if shows_text_beside_calls(prober, place)), None)
    if talking is None:
        return None
    chain = [_user(_A), _calling(_CALLS[0]), _RESULTS[0]]
    followed, told = [*chain, _user(_B)], [_system(_C), *chain]
    return replace(
        talking,
        may_user_follow_result=prober.shows(followed, [_A, "qzresulta", _B], talking, tools=PROBE_TOOLS),
        keeps_system=prober.shows(told, [_C, _A, "qzresulta"], talking, tools=PROBE_TOOLS),
    )


def find_thought_habits(prober: Prober, habits: Habits, *, has_calls: bool) -> Habits:
    """Which field holds the thoughts of a running chain of calls, if any is shown."""
    for key in _THOUGHT_KEYS if has_calls else ():
        thinking = replace(habits, thought_key=key)
        chain = [_user(_A), _calling(_CALLS[0], reasoning=_B), _RESULTS[0]]
        if prober.shows(chain, [_A, _B, "qzresulta"], thinking, tools=PROBE_TOOLS):
            return replace(thinking, may_think_aloud=shows_thought_and_text(prober, thinking))
    return habits


def shows_thought_and_text(prober: Prober, habits: Habits) -> bool:
    """Whether a turn with calls may hold both, and has them in this order."""
    habits = replace(habits, may_think_aloud=True)
    chain = [_user(_A), _calling(_CALLS[0], reasoning=_B, text=_C), _RESULTS[0]]
    return prober.shows(chain, [_A, _B, _C, "qzresulta"], habits, tools=PROBE_TOOLS)


def shows_tools(prober: Prober, habits: Habits) -> bool:
    """Whether the template describes tools, and still shows what the system message says.

    Some do so only where the user has the last word, which leaves a chain of calls without them.
    """
    asked = [_system(_A), _user(_B)]
    shown = (_TOOL_WORD, _A, _B, *(name for name, _, _ in _SHOWN_OF_CALLS))
    prompts = (
        prober.write(messages, habits, tools=PROBE_TOOLS, is_asking=True)
        for messages in (asked, [*asked, _calling(_CALLS[0]), _RESULTS[0]])
    )
    return all(prompt is not None and all(word in prompt for word in shown) for prompt in prompts)


def shows_results(prober: Prober, habits: Habits) -> bool:
    """Whether the template writes turns of the role "tool", however it does."""
    return prober.shows([_user(_A), _calling(_CALLS[0]), _RESULTS[0]], [_A, "qzvalue", "qzresulta"], habits)


def shows_text_beside_calls(prober: Prober, habits: Habits) -> bool:
    """In the middle of a chain, which a next turn of the assistant ends."""
    chain = [
        _user(_A),
        _calling(_CALLS[0], text=_B),
        _RESULTS[0],
        _assistant(_C),
        _user(_D),
    ]
    return prober.shows(chain, [_A, _B, "qzvalue", "qzresulta", _C, _D], habits, tools=PROBE_TOOLS)


def _ways_to_call(turns: Habits) -> list[Habits]:
    return [
        replace(turns, ids=ids, has_text_arguments=is_text, empty=empty)
        for ids, is_text, empty in product(_ID_KINDS, (False, True), ("", None))
    ]


def _shows_call(prober: Prober, habits: Habits, *, ids: Sequence[str] = (), is_plain: bool = False) -> bool:
    """Whether it shows a call and its result; is_plain: the arguments as JSON, not as text in JSON."""
    call, result = _CALLS[0], _RESULTS[0]
    if ids:
        call, result = replace(call, id=ids[0]), replace(result, tool_call_id=ids[0])
    prompt = prober.write([_user(_A), _calling(call), result], habits, tools=PROBE_TOOLS, is_asking=True)
    if is_plain and prompt is not None and any(quote in prompt.partition(_A)[2] for quote in _QUOTES):
        return False
    return _has_call(prompt, [_A, *_SHOWN_OF_CALLS[0], "qzresulta"])


def _shows_two_calls(prober: Prober, habits: Habits) -> bool:
    prompt = prober.write(
        [_user(_A), _calling(*_CALLS), *_RESULTS], habits, tools=PROBE_TOOLS, is_asking=True
    )
    together = [_A, *_SHOWN_OF_CALLS[0], *_SHOWN_OF_CALLS[1], "qzresulta", "qzresultb"]
    spread = [_A, *_SHOWN_OF_CALLS[0], "qzresulta", *_SHOWN_OF_CALLS[1], "qzresultb"]
    return _has_call(prompt, together if habits.has_many_calls else spread)


def _has_call(prompt: str | None, words: Sequence[str]) -> bool:
    """Whether the words stand in the prompt in this order; what is said of the tools may repeat them."""
    if prompt is None:
        return False
    position = prompt.find(words[0])
    for word in words:
        position = prompt.find(word, position)
        if position < 0:
            return False
        position += len(word)
    return True
