"""What a template's text gives away where what it writes does not say enough."""

from dataclasses import dataclass

from gpt4all_core.chat.call_layout import CallLayout, Frame, PythonCallLayout
from gpt4all_core.chat.dialect import ReasoningTags
from gpt4all_core.chat.tool_formats.functionary import FUNCTIONARY_3_2
from gpt4all_core.chat.tool_formats.gemma import FUNCTION_GEMMA, GEMMA_4
from gpt4all_core.chat.tool_formats.harmony import HARMONY
from gpt4all_core.chat.tool_formats.json_calls import JsonCalls
from gpt4all_core.chat.tool_formats.presets import GRANITE_3, JSON_FORMATS, LLAMA_3, PHI_4
from gpt4all_core.chat.tool_formats.protocol import ToolFormat
from gpt4all_core.chat.tool_formats.python_calls import LFM2, LLAMA_4, PythonCalls
from gpt4all_core.chat.write_calls import CallWriter, json_writer, python_writer


@dataclass(frozen=True, slots=True)
class KnownFormat:
    """A format, and the texts that a template of its family has in it, all of them.

    write_calls: how calls are written where the template leaves them out of a conversation.
    """

    signs: tuple[str, ...]
    format: ToolFormat
    write_calls: CallWriter | None = None


KNOWN_FORMATS = (
    KnownFormat(("<|tool_call>call:", '<|"|>'), GEMMA_4),
    KnownFormat(("<start_function_call>call:", "<escape>"), FUNCTION_GEMMA),
    KnownFormat(("<|channel|>", "<|message|>", "to=functions."), HARMONY),
    KnownFormat(("<|channel|>", "<|message|>", '"functions."'), HARMONY),
    KnownFormat((">>>all\\n",), FUNCTIONARY_3_2),
    KnownFormat(('"parameters": dictionary of argument name and its value',), LLAMA_3),
    KnownFormat(("<|tool_list_start|>", "<|tool_response_start|>"), LFM2, python_writer(LFM2.layout)),
    KnownFormat(
        ("<|tool_call|> followed by a JSON list",),
        GRANITE_3,
        json_writer(Frame("<|tool_call|>[", "]", separator=", ")),
    ),
    KnownFormat(("<|/tool|>", "message['tools']"), PHI_4, json_writer(PHI_4.layout.frame)),
)
"""In the order in which they are looked for."""

_TAGS = (
    (("<|inner_prefix|>", "<|inner_suffix|>"), ReasoningTags("<|inner_prefix|>", "<|inner_suffix|>")),
    (("<|turn>", "<|think|>"), ReasoningTags("<|channel>thought", "<channel|>")),
)


def known_formats(source: str) -> list[KnownFormat]:
    """The formats whose signs a template's text has."""
    return [known for known in KNOWN_FORMATS if all(sign in source for sign in known.signs)]


def known_tags(source: str) -> ReasoningTags | None:
    """The tags of a template that never shows a thought."""
    return next((tags for signs, tags in _TAGS if all(sign in source for sign in signs)), None)


def format_of(layout: CallLayout) -> JsonCalls | None:
    """The known format of JSON calls that has this layout: it knows what else its models write."""
    return next((known for known in JSON_FORMATS if known.layout == layout), None)


def python_format_of(layout: PythonCallLayout) -> PythonCalls | None:
    """The same for calls that are written like Python's."""
    return next((known for known in (LFM2, LLAMA_4) if known.layout == layout), None)
