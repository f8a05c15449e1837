"""The grammar of calls whose arguments are JSON."""

import json
from collections.abc import Sequence

from gpt4all_core.chat.call_layout import NamedJsonLayout
from gpt4all_core.chat.tool_formats.json_call_shape import JsonCallShape
from gpt4all_core.chat.tool_formats.json_schema_rule import arguments_expression
from gpt4all_core.chat.tool_formats.markers import spelled, spelled_json
from gpt4all_core.chat.tool_formats.protocol import Spell
from gpt4all_core.types import Tool


def call_rules(shape: JsonCallShape, tools: Sequence[Tool], *, is_parallel: bool, spell: Spell) -> str:
    """Lark rules for one block of calls, `calls` the topmost.

    Arguments are written as an object, also where a template puts them into a string: readers take
    both, and only an object can be held to a schema.
    """
    frame = shape.layout.frame
    again = spelled_json(frame.separator + shape.before_call, spell)
    more = f"({again} call)*" if is_parallel and shape.is_list else ""
    lines = [
        f"calls: ({_starts(shape, spell)}) call {more} {spelled_json(frame.section_end, spell)}",
        "call: " + " | ".join(f"call_{number}" for number in range(len(tools))),
    ]
    for number, tool in enumerate(tools):
        before, after = _around_arguments(shape, tool.name)
        call = f"{_with_id(before, spell)} arguments_{number} {_with_id(after, spell)}"
        lines.append(f"call_{number}: {call} {spelled(frame.call_end, spell)}")
        lines.append(f"arguments_{number}: {arguments_expression(tool.parameters)}")
    lines.append(f"CALL_ID: /{shape.id_pattern}/")
    return "\n".join(lines) + "\n"


def _starts(shape: JsonCallShape, spell: Spell) -> str:
    """The ways for a block to begin, up to where its first call differs from others."""
    start = shape.start or shape.bare_opening
    after_start = spelled_json(shape.after_start, spell)
    after_others = after_start if shape.start else spelled_json(shape.bare_opening, spell)
    others = [f"{spell(other)} {after_others}" for other in shape.other_starts]
    return " | ".join([f"{spell(start)} {after_start}", *others])


_ID = "\0"
"""Stands for the id in a text."""


def _around_arguments(shape: JsonCallShape, name: str) -> tuple[str, str]:
    """What a call has before its arguments, from where it differs from others, and after them."""
    layout = shape.layout
    if isinstance(layout, NamedJsonLayout):
        before_name = f"{_ID}{layout.before_name}" if layout.id_place == "before_name" else ""
        after_name = f"{layout.before_id}{_ID}" if layout.id_place == "after_name" else ""
        after_arguments = f"{layout.before_id}{_ID}" if layout.id_place == "after_arguments" else ""
        return f"{before_name}{name}{after_name}{layout.before_arguments}", after_arguments
    written_name = json.dumps(name, ensure_ascii=False)
    if layout.name_key is None:
        return f"{written_name}: ", "}"
    before, after = f'{written_name}, "{layout.arguments_key}": ', ""
    if layout.id_key is not None and layout.is_id_first:
        before = f'"{_ID}", "{layout.name_key}": {before}'
    elif layout.id_key is not None:
        after = f', "{layout.id_key}": "{_ID}"'
    return before, after + ("}" if layout.wrapper_key is None else "}}")


def _with_id(text: str, spell: Spell) -> str:
    return " CALL_ID ".join(spelled_json(part, spell) for part in text.split(_ID))
