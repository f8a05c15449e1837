"""The formats of known families whose calls are JSON, as their templates write them."""

from gpt4all_core.chat.call_layout import Frame, JsonObjectLayout, NamedJsonLayout
from gpt4all_core.chat.tool_formats.json_calls import JsonCalls

# DeepSeek's own bars and spaces, U+FF5C and U+2581.
_DEEPSEEK_CALLS = ("<\uff5ctool\u2581calls\u2581begin\uff5c>", "<\uff5ctool\u2581calls\u2581end\uff5c>")
_DEEPSEEK_CALL = ("<\uff5ctool\u2581call\u2581begin\uff5c>", "<\uff5ctool\u2581call\u2581end\uff5c>")
_DEEPSEEK_SEPARATOR = "<\uff5ctool\u2581sep\uff5c>"

HERMES = JsonCalls(
    "hermes",
    JsonObjectLayout(Frame(call_start="<tool_call>\n", call_end="\n</tool_call>", separator="\n")),
)
LLAMA_3 = JsonCalls(
    "llama 3",
    JsonObjectLayout(Frame(separator="; "), arguments_key="parameters"),
    other_starts=("<|python_tag|>",),
)
MISTRAL_NEMO = JsonCalls(
    "mistral nemo",
    JsonObjectLayout(Frame("[TOOL_CALLS][", "]", separator=", "), id_key="id"),
)
MISTRAL_SMALL = JsonCalls(
    "mistral small",
    NamedJsonLayout(Frame(call_start="[TOOL_CALLS]"), "[ARGS]", id_place="after_name", before_id="[CALL_ID]"),
)
MAGISTRAL = JsonCalls("magistral", NamedJsonLayout(Frame(call_start="[TOOL_CALLS]"), "[ARGS]"))
GRANITE_3 = JsonCalls(
    "granite 3",
    JsonObjectLayout(Frame("<|tool_call|>[", "]", separator=", ")),
    other_starts=("<tool_call>",),
)
GRANITE_4 = JsonCalls(
    "granite 4",
    JsonObjectLayout(Frame(call_start="<tool_call>\n", call_end="\n</tool_call>", separator="\n")),
)
PHI_4 = JsonCalls(
    "phi 4",
    JsonObjectLayout(Frame("<|tool_call|>[", "]<|/tool_call|>", separator=", ")),
)
FUNCTIONARY_3_1 = JsonCalls(
    "functionary 3.1",
    NamedJsonLayout(Frame(call_start="<function=", call_end="</function>"), ">"),
)
DEEPSEEK_R1 = JsonCalls(
    "deepseek r1",
    NamedJsonLayout(
        Frame(
            *_DEEPSEEK_CALLS,
            call_start=f"{_DEEPSEEK_CALL[0]}function{_DEEPSEEK_SEPARATOR}",
            call_end=f"\n```{_DEEPSEEK_CALL[1]}",
            separator="\n",
        ),
        "\n```json\n",
    ),
)
DEEPSEEK_V3_1 = JsonCalls(
    "deepseek v3.1",
    NamedJsonLayout(Frame(*_DEEPSEEK_CALLS, *_DEEPSEEK_CALL), _DEEPSEEK_SEPARATOR),
)
KIMI_K2 = JsonCalls(
    "kimi k2",
    NamedJsonLayout(
        Frame(
            "<|tool_calls_section_begin|>",
            "<|tool_calls_section_end|>",
            "<|tool_call_begin|>functions.",
            "<|tool_call_end|>",
        ),
        "<|tool_call_argument_begin|>",
        id_place="after_name",
        before_id=":",
        is_id_counted=True,
    ),
    id_pattern="[0-9]{1,4}",
)
COMMAND_R7B = JsonCalls(
    "command r7b",
    JsonObjectLayout(
        Frame("<|START_ACTION|>[\n    ", "\n]<|END_ACTION|>", separator=",\n    "),
        name_key="tool_name",
        arguments_key="parameters",
        id_key="tool_call_id",
        is_id_first=True,
    ),
    id_pattern="[0-9]{1,4}",
)
APERTUS = JsonCalls(
    "apertus",
    JsonObjectLayout(Frame("<|tools_prefix|>[", "]<|tools_suffix|>", separator=", "), name_key=None),
)
NEMOTRON = JsonCalls("nemotron", JsonObjectLayout(Frame("<TOOLCALL>[", "]</TOOLCALL>", separator=", ")))
FIREFUNCTION = JsonCalls("firefunction", JsonObjectLayout(Frame("functools[", "]", separator=", ")))
SOLAR = JsonCalls(
    "solar",
    NamedJsonLayout(
        Frame("<|tool_calls|>", "<|calls|>", "<|tool_call:begin|>", "<|tool_call:end|>"),
        "<|tool_call:args|>",
        id_place="before_name",
        before_name="<|tool_call:name|>",
    ),
    id_pattern="[a-z0-9]{10}",
)

JSON_FORMATS = (
    HERMES,
    LLAMA_3,
    MISTRAL_NEMO,
    MISTRAL_SMALL,
    MAGISTRAL,
    GRANITE_3,
    GRANITE_4,
    PHI_4,
    FUNCTIONARY_3_1,
    DEEPSEEK_R1,
    DEEPSEEK_V3_1,
    KIMI_K2,
    COMMAND_R7B,
    APERTUS,
    NEMOTRON,
    FIREFUNCTION,
    SOLAR,
)
"""All of them."""
