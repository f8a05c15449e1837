"""Calls whose arguments are JSON: the formats of most families of models, told apart by a layout."""

from collections.abc import Sequence
from dataclasses import dataclass

from gpt4all_core.chat.call_layout import JsonObjectLayout, NamedJsonLayout
from gpt4all_core.chat.tool_formats.json_call_grammar import call_rules
from gpt4all_core.chat.tool_formats.json_call_scanner import JsonCallScanner
from gpt4all_core.chat.tool_formats.json_call_shape import JsonCallShape
from gpt4all_core.chat.tool_formats.markers import tags
from gpt4all_core.chat.tool_formats.protocol import NewId, Spell, Trigger
from gpt4all_core.types import Tool


@dataclass(frozen=True, slots=True)
class JsonCalls:
    r"""A format by its layout.

    other_starts: texts that models of the family write in place of the layout's own beginning, or
    before it where it has none (`<|python_tag|>`). id_pattern: a regular expression of the ids.
    list_key: the section is a JSON object with the array of calls under this key.

    >>> from gpt4all_core.chat.call_layout import Frame
    >>> frame = Frame(call_start="<tool_call>\n", call_end="\n</tool_call>", separator="\n")
    >>> JsonCalls("hermes", JsonObjectLayout(frame)).triggers
    (Trigger(text='<tool_call>', is_first_only=False, opening=''),)
    """

    name: str
    layout: JsonObjectLayout | NamedJsonLayout
    other_starts: tuple[str, ...] = ()
    id_pattern: str = "[a-zA-Z0-9]{9}"
    list_key: str | None = None

    @property
    def triggers(self) -> tuple[Trigger, ...]:
        shape = self._shape
        starts = tuple(Trigger(start) for start in (shape.start, *self.other_starts) if start)
        if shape.start:
            return starts
        bare = Trigger(
            shape.bare_start,
            is_first_only=True,
            opening=shape.bare_opening,
            forbidden=shape.other_bare_openings,
        )
        return (bare, *starts)

    @property
    def markers(self) -> frozenset[str]:
        frame = self.layout.frame
        texts = [frame.section_start, frame.section_end, frame.call_start, frame.call_end, frame.separator]
        if isinstance(self.layout, NamedJsonLayout):
            texts += [self.layout.before_id, self.layout.before_name, self.layout.before_arguments]
        return frozenset(tag for text in (*texts, *self.other_starts) for tag in tags(text))

    def grammar(self, tools: Sequence[Tool], *, is_parallel: bool, spell: Spell) -> str:
        return call_rules(self._shape, tools, is_parallel=is_parallel, spell=spell)

    def scanner(self, tools: Sequence[Tool], *, new_id: NewId) -> JsonCallScanner:
        return JsonCallScanner(self._shape, tools, new_id=new_id)

    @property
    def _shape(self) -> JsonCallShape:
        return JsonCallShape(self.layout, self.other_starts, self.id_pattern, self.list_key)
