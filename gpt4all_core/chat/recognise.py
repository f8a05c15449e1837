"""Which dialect a template speaks: known by its text, told from what it writes, or none of its own."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gpt4all_core.chat.call_layout import (
    CallLayout,
    JsonObjectLayout,
    NamedJsonLayout,
    PythonCallLayout,
    TaggedParametersLayout,
)
from gpt4all_core.chat.check_dialect import HARD_CALLS, HARD_TOOLS, reads_back
from gpt4all_core.chat.dialect import Dialect, DialectSource, ReasoningTags
from gpt4all_core.chat.find_habits import (
    PROBE_TOOLS,
    find_call_habits,
    find_thought_habits,
    find_turn_habits,
    shows_results,
    shows_text_beside_calls,
    shows_thought_and_text,
    shows_tools,
)
from gpt4all_core.chat.habits import Habits
from gpt4all_core.chat.infer_calls import KNOWN_CALLS, WrittenCalls, inferred_layouts
from gpt4all_core.chat.infer_thoughts import (
    ThoughtSwitch,
    beginning_of,
    infer_switch,
    infer_tags,
    wrappers_asked_for,
)
from gpt4all_core.chat.known_formats import format_of, known_formats, known_tags, python_format_of
from gpt4all_core.chat.marks import MARK, common_start, first_mark
from gpt4all_core.chat.probes import Prober
from gpt4all_core.chat.program import TemplateProgram
from gpt4all_core.chat.tool_formats.json_calls import JsonCalls
from gpt4all_core.chat.tool_formats.prompted import PROMPTED
from gpt4all_core.chat.tool_formats.protocol import AnswerFormat, ToolFormat
from gpt4all_core.chat.tool_formats.python_calls import PythonCalls
from gpt4all_core.chat.tool_formats.tagged_parameters import TaggedParameters
from gpt4all_core.chat.write_calls import python_writer
from gpt4all_core.types import Message, Tool, ToolCall

_ASKED = Message("user", "qzasked")
_SAID = "qzsaid"
_EXAMPLE = ToolCall("example01", "function_name", json.dumps({"argument": "value"}))
_EXAMPLE_TOOL = Tool("function_name", "", {"type": "object", "properties": {"argument": {"type": "string"}}})


@dataclass(frozen=True, slots=True)
class Recognition:
    """What is known of one template.

    habits: how its messages must be put. dialect: how its model answers; its source is "prompted"
    where the template knows no calls. shows_tools: it describes them itself. example: a call as it
    would write it. switch: of its thoughts, None for none. answer_start: what it writes before
    all that the assistant says, and leaves to the model where it asks for an answer.
    """

    habits: Habits
    dialect: Dialect
    shows_tools: bool = False
    example: str = ""
    switch: ThoughtSwitch | None = None
    answer_start: str = ""


def recognise(program: TemplateProgram) -> Recognition:
    """Render some dozens of probes and compare. Takes a few milliseconds with real templates.

    A format is taken only if it reads back what the template writes for calls that are hard to write.
    Raises ConfigError for a template that works without end.
    """
    prober = Prober(program)
    turns = find_turn_habits(prober)
    calls = find_call_habits(prober, turns)
    habits = find_thought_habits(prober, calls or turns, has_calls=calls is not None)
    tags = infer_tags(prober, habits, tools=PROBE_TOOLS) or known_tags(program.source)
    switch = infer_switch(prober, habits, tags)
    header = _header_left_out(prober, habits, has_calls=calls is not None, thinks=tags is not None)
    wrappers, speech_start = _around_answers(prober, habits, tags, header)
    wrappers += wrappers_asked_for(prober, habits, tags, switch)
    found = Recognition(
        habits,
        Dialect(PROMPTED, "prompted", None if speech_start else tags, wrappers),
        switch=switch,
        answer_start=header + speech_start,
    )
    for known, source, candidate in _candidates(prober, habits, tags, has_calls=calls is not None):
        rules_all = isinstance(known, AnswerFormat)
        if speech_start and not rules_all:
            continue  # what is said is not plain text, and only such a format knows where it begins
        dialect = Dialect(known, source) if rules_all else Dialect(known, source, tags, wrappers)
        if _reads_back(prober, candidate, dialect):
            way = _with_text_before_calls(prober, candidate, dialect)
            example = _written(prober, way, dialect, [_EXAMPLE], tools=[_EXAMPLE_TOOL]) or ""
            return replace(
                found,
                habits=way,
                dialect=dialect,
                shows_tools=shows_tools(prober, way),
                example=example,
                answer_start=header,
            )
    return found


def _candidates(
    prober: Prober, habits: Habits, tags: ReasoningTags | None, *, has_calls: bool
) -> Iterator[tuple[ToolFormat, DialectSource, Habits]]:
    for known in known_formats(prober.program.source):
        if has_calls:
            yield known.format, "preset", habits
        elif known.write_calls is not None:
            way = replace(habits, write_calls=known.write_calls)
            in_system = replace(way, has_tools_in_system=True)
            yield (
                known.format,
                "preset",
                replace(
                    way,
                    has_tool_role=shows_results(prober, way),
                    has_tools_in_system=not shows_tools(prober, way) and shows_tools(prober, in_system),
                ),
            )
    if has_calls:
        # The format is not known yet, but how thoughts end is all that is needed of a dialect here.
        written = _known_calls_written(prober, habits, Dialect(PROMPTED, "inferred", tags))
        for layout in inferred_layouts(written) if written is not None else ():
            yield from ((known, "inferred", way) for known, way in _formats(layout, habits))


def _with_text_before_calls(prober: Prober, habits: Habits, dialect: Dialect) -> Habits:
    """Text goes right before calls, as models write it, where a template leaves it out."""
    marks = [trigger.text for trigger in dialect.tools.triggers if not trigger.is_first_only]
    is_free = habits.text_beside_calls != "together" and habits.write_calls is None
    if not is_free or not marks or dialect.wrappers or isinstance(dialect.tools, AnswerFormat):
        return habits
    way = replace(habits, text_beside_calls="before_mark", call_mark=marks[0])
    if not shows_text_beside_calls(prober, way):
        return habits
    return replace(way, may_think_aloud=way.may_think_aloud or shows_thought_and_text(prober, way))


def _formats(layout: CallLayout, habits: Habits) -> Iterator[tuple[ToolFormat, Habits]]:
    if isinstance(layout, TaggedParametersLayout):
        yield TaggedParameters("tagged parameters", layout), habits
        yield TaggedParameters("tagged parameters", replace(layout, has_cdata=True)), habits
    elif isinstance(layout, PythonCallLayout):
        known = python_format_of(layout) or PythonCalls("python calls", layout)
        yield known, habits
        # Many templates put strings between quotes as they are, or have no quotes; models know better.
        writing = replace(habits, write_calls=python_writer(layout))
        has_mark = not any(trigger.is_first_only for trigger in known.triggers)
        yield known, replace(writing, text_beside_calls="together") if has_mark else writing
    else:
        yield _json_format(layout, habits), habits


def _json_format(layout: JsonObjectLayout | NamedJsonLayout, habits: Habits) -> ToolFormat:
    ids = "[a-zA-Z0-9]{9}" if habits.ids == "short" else "[a-zA-Z0-9_-]{1,64}"
    return format_of(layout) or JsonCalls("json calls", layout, id_pattern=ids)


def _known_calls_written(prober: Prober, habits: Habits, dialect: Dialect) -> WrittenCalls | None:
    calls = [call.as_call() for call in KNOWN_CALLS]
    one = _written(prober, habits, dialect, calls[:1], tools=PROBE_TOOLS)
    two = _written(prober, habits, dialect, calls, tools=PROBE_TOOLS) if habits.has_many_calls else None
    if one is None or (habits.has_many_calls and two is None):
        return None
    return WrittenCalls(one, two)


def _reads_back(prober: Prober, habits: Habits, dialect: Dialect) -> bool:
    for number in range(1, len(HARD_CALLS) + 1 if habits.has_many_calls else 2):
        calls = HARD_CALLS[:number]
        written = _written(prober, habits, dialect, calls, tools=HARD_TOOLS)
        if written is None or not reads_back(dialect, written, calls):
            return False
    return True


def _written(
    prober: Prober, habits: Habits, dialect: Dialect, calls: Sequence[ToolCall], *, tools: Sequence[Tool]
) -> str | None:
    """What the template lets the assistant write for calls: no header before it, no end of turn.

    None where it refuses them.
    """
    called = prober.write([_ASKED, Message("assistant", None, tool_calls=tuple(calls))], habits, tools=tools)
    spoken = prober.write([_ASKED, Message("assistant", _SAID)], habits, tools=tools)
    if called is None or spoken is None or _SAID not in spoken:
        return None
    header = spoken
    if isinstance(dialect.tools, AnswerFormat):  # which begins where the prompt ends, and nowhere later
        header = prober.write([_ASKED], habits, tools=tools, is_asking=True) or spoken
    written = called[len(common_start(called, header)) :]
    tags = dialect.reasoning
    if tags is not None and tags.end in written.partition(calls[0].name)[0]:
        written = written.partition(tags.end)[2]
    end = spoken.rpartition(_SAID)[2]
    end_of_turn = {*MARK.findall(end), *end.split()[:1], prober.program.special.eos} - {""}
    last = max((written.rfind(word) for word in _last_words(calls)), default=0)
    ends = [place for mark in end_of_turn if (place := written.find(mark, max(last, 0))) >= 0]
    return written[: min(ends, default=len(written))].strip()


def _last_words(calls: Sequence[ToolCall]) -> Iterator[str]:
    """Texts after which nothing of the calls themselves can look like the end of a turn."""
    yield from (calls[-1].name, calls[-1].id)
    yield from (
        json.dumps(value, ensure_ascii=False).strip('"') for value in json.loads(calls[-1].arguments).values()
    )


def _header_left_out(prober: Prober, habits: Habits, *, has_calls: bool, thinks: bool) -> str:
    """What begins every turn of the assistant, where the template does not write it when it is asked to."""
    plain, asking = prober.write([_ASKED], habits), prober.write([_ASKED], habits, is_asking=True)
    if plain is None or plain != asking or (thinks and not has_calls):
        return ""
    turns = [Message("assistant", _SAID)]
    if has_calls:  # what only begins speech is for the model to choose
        turns.append(Message("assistant", None, tool_calls=(HARD_CALLS[1],)))
    headers = []
    for turn in turns:
        written = prober.write([_ASKED, turn], habits)
        if written is None or not written.startswith(plain):
            return ""
        headers.append(written.removeprefix(plain))
    header, said, _ = headers[0].partition(_SAID)
    header = common_start(header, headers[-1])
    return header if said and header.strip() else ""


def _around_answers(
    prober: Prober, habits: Habits, tags: ReasoningTags | None, header: str
) -> tuple[tuple[str, ...], str]:
    """The marks around what the assistant says, and plain words before it, if the prompt lacks them."""
    asking = prober.write([_ASKED], habits, is_asking=True)
    spoken = prober.write([_ASKED, Message("assistant", _SAID)], habits)
    if asking is None or spoken is None or spoken.count(_SAID) != 1:
        return (), ""
    asking += header
    before, _, after = spoken.partition(_SAID)
    shared = common_start(before, asking)
    missing = before[len(shared) :]
    others = set(MARK.findall(asking[len(shared) :]))
    if tags is not None:
        others.update(MARK.findall(f"{tags.start}{tags.end}"))
    marks = tuple(mark for mark in MARK.findall(missing) if mark not in others)
    if MARK.sub("", missing).strip():
        return (), missing if before.startswith(asking) else ""
    if not marks:
        return (), ""
    end = first_mark(after)
    return (*marks, end) if end and beginning_of(end) in marks else marks, ""
