"""What a layout of JSON calls means: which of its texts begin a call, and which are JSON themselves."""

from dataclasses import dataclass

from gpt4all_core.chat.call_layout import JsonObjectLayout, NamedJsonLayout
from gpt4all_core.chat.tool_formats.markers import tags


@dataclass(frozen=True, slots=True)
class JsonCallShape:
    """A layout with the questions that its grammar and its scanner ask.

    A section whose start ends with `[` holds its calls in one JSON array, which under a list_key is a
    value of an object, `{"tool_calls": [...]}`.
    """

    layout: JsonObjectLayout | NamedJsonLayout
    other_starts: tuple[str, ...]
    id_pattern: str
    list_key: str | None = None

    @property
    def is_array(self) -> bool:
        return self.layout.frame.section_start.rstrip().endswith("[")

    @property
    def is_list(self) -> bool:
        """Whether one block may hold several calls, or each has its own beginning."""
        return self.is_array or bool(self.section_start) or not self.call_start

    @property
    def section_start(self) -> str:
        """The section's own beginning, without white space and bracket; may be empty."""
        if self.list_key is not None:
            return ""
        start = self.layout.frame.section_start.strip()
        return start.removesuffix("[").rstrip() if self.is_array else start

    @property
    def section_end(self) -> str:
        end = self.layout.frame.section_end.strip()
        return end.removeprefix("]").lstrip() if self.is_array else end

    @property
    def call_start(self) -> str:
        return self.layout.frame.call_start.strip()

    @property
    def call_end(self) -> str:
        return self.layout.frame.call_end.strip()

    @property
    def separator(self) -> str:
        separator = self.layout.frame.separator.strip()
        return separator.removesuffix(",") if self.is_array else separator

    @property
    def start(self) -> str:
        """What begins a block in the middle of a text, one token where the text is a tag.

        Empty where a block begins with JSON itself.
        """
        text = self.section_start or ("" if self.is_array else self.call_start)
        first_tag = tags(text)[:1]
        return first_tag[0] if first_tag and text.startswith(first_tag[0]) else text

    @property
    def after_start(self) -> str:
        """From there to where the block's first call differs from others, as it is written."""
        frame = self.layout.frame
        if not self.start:
            return ""
        return (frame.section_start + self.before_call).lstrip().removeprefix(self.start)

    @property
    def before_call(self) -> str:
        """From the beginning of a call to where it differs from others, as it is written."""
        return self.layout.frame.call_start + self._object_opening

    @property
    def bare_start(self) -> str:
        """The bracket that begins a block that has no text of its own."""
        return "[" if self.is_array and self.list_key is None else "{"

    @property
    def bare_opening(self) -> str:
        """What a block without a start is as soon as it is certainly one."""
        return (self.layout.frame.section_start + self.before_call).lstrip()

    @property
    def other_bare_openings(self) -> tuple[str, ...]:
        """Other beginnings of a block without a start that models write and readers take."""
        layout = self.layout
        before = self.layout.frame.section_start.lstrip()
        if self.list_key is not None:
            return (f"{before}{{",)
        before += self.layout.frame.call_start
        if isinstance(layout, NamedJsonLayout) or layout.name_key is None:
            return ()
        keys = filter(None, (layout.name_key, layout.wrapper_key))
        return (f'{before}{{"type": "function"', *(f'{before}{{"{key}": ' for key in keys))

    @property
    def _object_opening(self) -> str:
        layout = self.layout
        if isinstance(layout, NamedJsonLayout):
            return ""
        opening = "{"
        if layout.wrapper_key is not None:
            constants = "".join(f'"{key}": "{value}", ' for key, value in layout.constants)
            opening += f'{constants}"{layout.wrapper_key}": {{'
        if layout.id_key is not None and layout.is_id_first:
            return f'{opening}"{layout.id_key}": '
        return opening if layout.name_key is None else f'{opening}"{layout.name_key}": '
