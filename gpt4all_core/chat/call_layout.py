"""What a template's calls look like, as plain facts: what is inferred, and what the formats are made of."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Frame:
    r"""The fixed texts around the calls of one answer, white space included as the template writes it.

    section_start, section_end: around all of them. call_start, call_end: around each.
    separator: between two. For `[TOOL_CALLS][{…}, {…}]` section_start is `[TOOL_CALLS][`, separator
    `, ` and section_end `]`; for `<tool_call>\n{…}\n</tool_call>` there are only call_start and
    call_end, and the separator is what stands between two blocks.
    """

    section_start: str = ""
    section_end: str = ""
    call_start: str = ""
    call_end: str = ""
    separator: str = ""


@dataclass(frozen=True, slots=True)
class JsonObjectLayout:
    """Each call is one JSON object: `{"name": "f", "arguments": {…}}`.

    name_key: None where the name is itself the key of its arguments, `{"f": {…}}`. id_key: None
    where there is no id. is_id_first: it comes before the name, else after the arguments.
    wrapper_key: the object stands in another one under this key, as in
    `{"type": "function", "function": {…}}`, whose other members are `constants`.
    has_quoted_arguments: they are a JSON text inside a JSON string.
    """

    frame: Frame
    name_key: str | None = "name"
    arguments_key: str = "arguments"
    id_key: str | None = None
    is_id_first: bool = False
    wrapper_key: str | None = None
    constants: tuple[tuple[str, str], ...] = ()
    has_quoted_arguments: bool = False


IdPlace = Literal["none", "before_name", "after_name", "after_arguments"]


@dataclass(frozen=True, slots=True)
class NamedJsonLayout:
    """The name stands by itself, then the arguments as a JSON object: `<function=f>{…}</function>`.

    before_arguments: between the name and the object, or between the id and it where the id comes
    after the name. before_id: between the name and the id. before_name: between an id that comes
    first and the name. is_id_counted: the id is the number of the call, as in `functions.f:0`.
    """

    frame: Frame
    before_arguments: str = ""
    id_place: IdPlace = "none"
    before_id: str = ""
    before_name: str = ""
    is_id_counted: bool = False


@dataclass(frozen=True, slots=True)
class ParameterTags:
    """The texts around one argument: `<parameter=` key `>` value `</parameter>`.

    before_json_value: instead of `before_value` before a value that is no string, where the tags say
    which it is, as in `<parameter name="` key `" string="false">`; "" where they do not.
    """

    before_key: str
    before_value: str
    after_value: str
    before_json_value: str = ""


@dataclass(frozen=True, slots=True)
class TaggedParametersLayout:
    """Each argument has its own tags, strings as they are, other values as JSON.

    after_name: between the name and the first argument. separator: between two arguments.
    has_json_strings: strings are JSON strings, in quotes, as well. has_python_values: other values
    as Python writes them (`True`, `None`), as a template's `|string` does; readers take both.
    has_cdata: a string may stand in `<![CDATA[` and `]]>`, as those with `<` in them do.
    """

    frame: Frame
    after_name: str
    parameter: ParameterTags
    separator: str = ""
    has_json_strings: bool = False
    has_python_values: bool = False
    has_cdata: bool = False


@dataclass(frozen=True, slots=True)
class PythonCallLayout:
    """Each call is written like one in Python: `f(city="Paris", days=3)`."""

    frame: Frame = field(default_factory=Frame)


CallLayout = JsonObjectLayout | NamedJsonLayout | TaggedParametersLayout | PythonCallLayout
