"""How a template writes calls, told from what it writes for known ones."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gpt4all_core.chat.call_layout import (
    CallLayout,
    Frame,
    JsonObjectLayout,
    NamedJsonLayout,
    ParameterTags,
    PythonCallLayout,
    TaggedParametersLayout,
)
from gpt4all_core.chat.marks import common_end, common_start
from gpt4all_core.types import ToolCall

_JSON_KEY = re.compile(r'"\w+"\s*:')


@dataclass(frozen=True, slots=True)
class KnownCall:
    """A call that a text is known to hold, all of whose parts can be told from anything around."""

    id: str
    name: str
    arguments: dict[str, Any]

    def as_call(self) -> ToolCall:
        return ToolCall(self.id, self.name, json.dumps(self.arguments))


KNOWN_CALLS = (  # the ids have nine letters and digits, which Mistral's templates insist on
    KnownCall("qzcall001", "qzfirst", {"qzkey": "qzvalue", "qzswitch": True}),
    KnownCall("qzcall002", "qzsecond", {"qzother": "qzthing", "qzmore": "qzstuff"}),
)


@dataclass(frozen=True, slots=True)
class WrittenCalls:
    """What a template writes for the first of the known calls, and for both; None if it takes one only."""

    one: str
    two: str | None

    def located(self, locate: Callable[[str, KnownCall, int], "_Place | None"]) -> "list[_Place] | None":
        """Where the calls stand: the one, then the two; None if one is not found."""
        first, second = KNOWN_CALLS
        places = [locate(self.one, first, 0)]
        if self.two is not None:
            places.append(locate(self.two, first, 0))
            places.append(locate(self.two, second, places[1].end) if places[1] is not None else None)
        found = [place for place in places if place is not None]
        return found if len(found) == len(places) else None


@dataclass(frozen=True, slots=True)
class _Place:
    """From where to where a call's own text goes in a text, and what it holds there."""

    start: int
    end: int
    value: Any = None


def inferred_layouts(written: WrittenCalls) -> Iterator[CallLayout]:
    """Layouts that this may have been written in, the likeliest first."""
    for infer in (_json_object, _named_json, _tagged_parameters, _python_call):
        layout = infer(written)
        if layout is not None and _is_whole(layout):
            yield layout


def _is_whole(layout: CallLayout) -> bool:
    """Whether its texts make sense by themselves: no tags left open, no pieces of broken JSON."""
    frame = layout.frame
    if isinstance(layout, TaggedParametersLayout):
        return bool(frame.call_start.strip() and frame.call_end.strip())
    if isinstance(layout, NamedJsonLayout):
        return not _JSON_KEY.search(frame.call_start + layout.before_arguments + frame.call_end)
    return True


def _json_object(written: WrittenCalls) -> JsonObjectLayout | None:
    def locate(text: str, call: KnownCall, start: int) -> _Place | None:
        objects = (place for place in _objects(text, start) if call.name in json.dumps(place.value))
        return next(objects, None)

    places = written.located(locate)
    if places is None:
        return None
    frame = _frame(written, places)
    value, call = places[0].value, KNOWN_CALLS[0]
    if value == {call.name: call.arguments}:
        return JsonObjectLayout(frame, name_key=None)
    wrapper = next(
        (key for key, inner in value.items() if isinstance(inner, dict) and inner != call.arguments), None
    )
    constants: dict[str, Any] = {}
    if wrapper is not None:
        constants = {key: inner for key, inner in value.items() if key != wrapper}
        value = value[wrapper]
    keys = {_part(inner, call): key for key, inner in value.items()}
    order = list(keys)
    is_known = sorted(order) in (["arguments", "name"], ["arguments", "id", "name"]) and len(keys) == len(
        value
    )
    if not is_known or not all(
        isinstance(inner, str) and _part(inner, call) == "" for inner in constants.values()
    ):
        return None
    return JsonObjectLayout(
        frame,
        name_key=keys["name"],
        arguments_key=keys["arguments"],
        id_key=keys.get("id"),
        is_id_first="id" in keys and order.index("id") < order.index("name"),
        wrapper_key=wrapper,
        constants=tuple(constants.items()),
        has_quoted_arguments=isinstance(value[keys["arguments"]], str),
    )


def _part(value: Any, call: KnownCall) -> str:
    """Which part of a call a value is; empty for none."""
    if value == call.name:
        return "name"
    if value == call.arguments or (isinstance(value, str) and _read_json(value) == call.arguments):
        return "arguments"
    # Some templates count the calls instead of repeating their ids.
    return "id" if isinstance(value, str) and (value == call.id or value.isdigit()) else ""


def _named_json(written: WrittenCalls) -> NamedJsonLayout | None:
    def locate(text: str, call: KnownCall, start: int) -> _Place | None:
        arguments = next((place for place in _objects(text, start) if place.value == call.arguments), None)
        name = text.rfind(call.name, start, arguments.start) if arguments is not None else -1
        if arguments is None or name < 0:
            return None
        call_id = text.find(call.id, start)
        if start <= call_id < name:
            return _Place(
                call_id, arguments.end, ("before_name", text[call_id:name], text[name : arguments.start])
            )
        if call_id > arguments.end and KNOWN_CALLS[1].name not in text[arguments.end : call_id]:
            end = call_id + len(call.id)
            return _Place(
                name, end, ("after_arguments", text[arguments.end : end], text[name : arguments.start])
            )
        return _Place(name, arguments.end, ("", "", text[name : arguments.start]))

    places = written.located(locate)
    if places is None:
        return None
    call = KNOWN_CALLS[0]
    frame = _frame(written, places)
    where, around_id, between = places[0].value
    between = between.removeprefix(call.name)
    if where == "before_name":
        return NamedJsonLayout(
            frame, between, id_place="before_name", before_name=around_id.removeprefix(call.id)
        )
    if where == "after_arguments":
        before_id = around_id.removesuffix(call.id)
        return NamedJsonLayout(frame, between, id_place="after_arguments", before_id=before_id)
    if call.id in between:
        before_id, _, before_arguments = between.partition(call.id)
        return NamedJsonLayout(frame, before_arguments, id_place="after_name", before_id=before_id)
    if len(places) > 1 and (
        number := _counted(between, places[2].value[2].removeprefix(KNOWN_CALLS[1].name))
    ):
        before_id, _, before_arguments = between.partition(number)
        return NamedJsonLayout(
            frame, before_arguments, id_place="after_name", before_id=before_id, is_id_counted=True
        )
    return NamedJsonLayout(frame, between)


def _counted(first: str, second: str) -> str:
    """The number in which the two texts differ, if they differ in nothing else."""
    numbers = re.findall(r"\d+", first)
    alike = [number for number in numbers if first.replace(number, str(int(number) + 1), 1) == second]
    return alike[0] if alike else ""


def _tagged_parameters(written: WrittenCalls) -> TaggedParametersLayout | None:
    def locate(text: str, call: KnownCall, start: int) -> _Place | None:
        name = text.find(call.name, start)
        pieces: list[str] = []
        position = name + len(call.name)
        for key, value in call.arguments.items():
            for part in (key, "[Tt]rue" if value is True else value):
                found = re.compile(part).search(text, position)
                if name < 0 or found is None:
                    return None
                pieces.append(text[position : found.start()])
                position = found.end()
                if value is True and part is not key:
                    pieces.append(found.group())
        return _Place(name, position, pieces)

    places = written.located(locate)
    if places is None:
        return None
    before_first, before_text, between, before_other, literal = _without_quotes(places[0].value)
    end = written.one[places[0].end :]
    before_key = common_end(before_first, between).lstrip()
    after_value = common_start(between[: len(between) - len(before_key)], end).rstrip()
    if not before_key or not before_text or not after_value:
        return None
    bodies = [_Place(place.start, place.end + len(after_value)) for place in places]
    before_json_value = before_other if before_other != before_text else ""
    return TaggedParametersLayout(
        _frame(written, bodies),
        after_name=before_first.removesuffix(before_key),
        parameter=ParameterTags(before_key, before_text, after_value, before_json_value),
        separator=between[len(after_value) : len(between) - len(before_key)],
        has_json_strings=before_text != places[0].value[1],
        has_python_values=literal == "True",
    )


def _without_quotes(pieces: Sequence[str]) -> Sequence[str]:
    """The texts around a first, quoted, and a second, unquoted value, without the quotes."""
    before_first, before_text, between, before_other, literal = pieces
    if before_text.endswith('"') and between.startswith('"'):
        return before_first, before_text[:-1], between[1:], before_other, literal
    return pieces


def _python_call(written: WrittenCalls) -> PythonCallLayout | None:
    def locate(text: str, call: KnownCall, start: int) -> _Place | None:
        first = next(iter(call.arguments))
        match = re.compile(rf"{call.name}\(\s*{first}=[^()]*\)").search(text, start)
        return _Place(match.start(), match.end()) if match else None

    places = written.located(locate)
    return PythonCallLayout(_frame(written, places)) if places is not None else None


def _frame(written: WrittenCalls, places: Sequence[_Place]) -> Frame:
    """What stands around the calls: told from two, if there may be two, which show what is repeated."""
    if written.two is None:
        start, end = written.one[: places[0].start].lstrip(), written.one[places[0].end :].rstrip()
        if start.endswith("[") and end.startswith("]"):
            return Frame(section_start=start, section_end=end, separator=", ")
        return Frame(call_start=start, call_end=end)
    first, second = places[1:]
    start, between = written.two[: first.start].lstrip(), written.two[first.end : second.start]
    end = written.two[second.end :].rstrip()
    call_start = common_end(start, between)
    call_end = common_start(between[: len(between) - len(call_start)], end)
    separator = between[len(call_end) : len(between) - len(call_start)]
    section_start, section_end = start.removesuffix(call_start), end.removeprefix(call_end)
    # White space belongs to what is between, and to a section if there is one.
    space_before = call_start[: len(call_start) - len(call_start.lstrip())]
    space_after = call_end[len(call_end.rstrip()) :]
    return Frame(
        section_start=section_start and section_start + space_before,
        section_end=section_end and space_after + section_end,
        call_start=call_start.lstrip(),
        call_end=call_end.rstrip(),
        separator=space_after + separator + space_before,
    )


def _objects(text: str, start: int) -> Iterator[_Place]:
    """The JSON objects in a text, the outermost of each."""
    decoder = json.JSONDecoder()
    position = text.find("{", start)
    while position >= 0:
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            end = position + 1
        else:
            yield _Place(position, end, value)
        position = text.find("{", end)


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
