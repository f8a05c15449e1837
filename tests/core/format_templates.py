r"""A small template for every format of calls, each with the text that it has to write.

The texts of calls are put together by the writers of `call_texts` and `written_calls`, which know
nothing of templates.
"""

from typing import Any

from call_conversation import ASKED, CALLS, TOOLS_TEXT, WRITE, FormatTemplate
from chat_templates import HERMES, OBJECT, THOUGHT, calling
from own_turn_templates import OWN_TURNS
from written_calls import FAMILIES

_BAR, _GAP = "\uff5c", "\u2581"
_DSML = f"{_BAR}DSML{_BAR}"


def _deepseek(template: str) -> str:
    return template.replace("|", _BAR).replace("_", _GAP)


def _tagged(start: str, parameter: str, end: str) -> str:
    """A call whose arguments have tags; VALUE is a string as it is, other values as JSON."""
    value = "{{ value if value is string else value | tojson }}"
    loop = "{% for key, value in args.items() %}" + parameter.replace("VALUE", value) + "{% endfor %}"
    return start + loop + end


def _between_marks(mark: str, start: str, end: str) -> str:
    """Calls of Gemma: keys in their order and without quotes, strings between marks of their own."""
    macro = (
        "{% macro value(v) %}{% if v is string %}" + mark + "{{ v }}" + mark + "{% elif v is mapping %}"
        "{{ '{' }}{% for k, x in v | dictsort %}{{ k }}:{{ value(x) }}{{ ',' if not loop.last }}{% endfor %}"
        "{{ '}' }}{% elif v is sequence %}[{% for x in v %}{{ value(x) }}{{ ',' if not loop.last }}"
        "{% endfor %}]{% else %}{{ v | tojson }}{% endif %}{% endmacro %}"
    )
    return macro + calling(call=start + "call:{{ name }}{{ value(args) }}" + end)


_LEFT_OUT = ""
"""The call of a template that shows none."""
_GRANITE_TOOLS = "Write <|tool_call|> followed by a JSON list. {{ tools | tojson }}\n"
_LFM2_TOOLS = "<|tool_list_start|>{{ tools | tojson }}<|tool_list_end|>\n{# <|tool_response_start|> #}"
_OPENED = "{% if add_generation_prompt %}<think>\n{% endif %}"


def chatml(
    calls: str, *, thought: str = "", tools: str = f"<tools>{TOOLS_TEXT}</tools>\n", end: str = ""
) -> str:
    """The chain as the templates of `calling` write it, around the text of its calls."""
    return (
        f"<|im_start|>system\nBe brief.\n{tools}<|im_end|>\n"
        "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\nHi.<|im_end|>\n"
        f"<|im_start|>user\n{ASKED}<|im_end|>\n"
        f"<|im_start|>assistant\n{thought}At once.\n{calls}<|im_end|>\n"
        "<|im_start|>tool\nwrite_note: result 0<|im_end|>\n<|im_start|>tool\nget_time: result 1<|im_end|>\n"
        f"<|im_start|>assistant\n{end}"
    )


def _in_chatml(
    format_name: str,
    call: str,
    around: tuple[str, str] = ("", ""),
    separator: str = "",
    *,
    writer: str = "",
    thought: str = "",
    after: str = "",
    **more: Any,
) -> FormatTemplate:
    write = WRITE[writer or format_name]
    source = (
        calling(call=call, around=around, separator=separator, thought=THOUGHT if thought else "") + after
    )
    shown = "<think>\na new thought\n</think>\n\n" if thought else ""
    end = "<think>\n" if after == _OPENED else ""
    return FormatTemplate(format_name, source, chatml(write(CALLS), thought=shown, end=end), **more)


IN_CHATML = {
    "hermes": FormatTemplate(
        "hermes",
        HERMES,
        chatml(WRITE["hermes"](CALLS), thought="<think>\na new thought\n</think>\n\n"),
    ),
    "hermes, thoughts opened": _in_chatml(
        "hermes", f"<tool_call>\n{OBJECT}\n</tool_call>", separator="{{ '\n' }}", thought="yes", after=_OPENED
    ),
    "mistral small": _in_chatml(
        "mistral small", "[TOOL_CALLS]{{ name }}[CALL_ID]{{ id }}[ARGS]{{ args | tojson }}"
    ),
    "magistral": _in_chatml("magistral", "[TOOL_CALLS]{{ name }}[ARGS]{{ args | tojson }}"),
    "functionary 3.1": _in_chatml("functionary 3.1", "<function={{ name }}>{{ args | tojson }}</function>"),
    "deepseek r1": _in_chatml(
        "deepseek r1",
        _deepseek("<|tool_call_begin|>function<|tool_sep|>{{ name }}\n```json\n")
        + "{{ args | tojson }}\n```"
        + _deepseek("<|tool_call_end|>"),
        (_deepseek("<|tool_calls_begin|>"), _deepseek("<|tool_calls_end|>")),
        "{{ '\n' }}",
        thought="yes",
    ),
    "deepseek v3.1": _in_chatml(
        "deepseek v3.1",
        _deepseek("<|tool_call_begin|>{{ name }}<|tool_sep|>")
        + "{{ args | tojson }}"
        + _deepseek("<|tool_call_end|>"),
        (_deepseek("<|tool_calls_begin|>"), _deepseek("<|tool_calls_end|>")),
    ),
    "kimi k2": _in_chatml(
        "kimi k2",
        "<|tool_call_begin|>{{ id }}<|tool_call_argument_begin|>{{ args | tojson }}<|tool_call_end|>",
        ("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"),
        thought="yes",
    ),
    "command r7b": _in_chatml(
        "command r7b",
        '    {"tool_call_id": "{{ loop.index0 }}", "tool_name": "{{ name }}", '
        '"parameters": {{ args | tojson }}}',
        ("<|START_ACTION|>[{{ '\n' }}", "{{ '\n' }}]<|END_ACTION|>"),
        "{{ ',\n' }}",
    ),
    "apertus": _in_chatml(
        "apertus", '{"{{ name }}": {{ args | tojson }}}', ("<|tools_prefix|>[", "]<|tools_suffix|>"), ", "
    ),
    "nemotron": _in_chatml("nemotron", OBJECT, ("<TOOLCALL>[", "]</TOOLCALL>"), ", ", thought="yes"),
    "firefunction": _in_chatml("firefunction", OBJECT, (" functools[", "]"), ", "),
    "solar": _in_chatml(
        "solar",
        "<|tool_call:begin|>{{ id }}<|tool_call:name|>{{ name }}<|tool_call:args|>{{ args | tojson }}"
        "<|tool_call:end|>",
        ("<|tool_calls|>", "<|calls|>"),
        ids="a1b2c3d4e{}",
    ),
    "qwen3 coder": _in_chatml(
        "tagged parameters",
        _tagged(
            "<tool_call>\n<function={{ name }}>\n",
            "<parameter={{ key }}>\nVALUE\n</parameter>\n",
            "</function>\n</tool_call>",
        ),
        separator="{{ '\n' }}",
        writer="qwen3 coder",
    ),
    "glm 4": _in_chatml(
        "tagged parameters",
        _tagged(
            "<tool_call>{{ name }}\n",
            "<arg_key>{{ key }}</arg_key>\n<arg_value>VALUE</arg_value>\n",
            "</tool_call>",
        ),
        separator="{{ '\n' }}",
        writer="glm 4",
        thought="yes",
    ),
    "minimax m2": _in_chatml(
        "tagged parameters",
        _tagged(
            '<invoke name="{{ name }}">\n', '<parameter name="{{ key }}">VALUE</parameter>\n', "</invoke>"
        ),
        ("<minimax:tool_call>{{ '\n' }}", "{{ '\n' }}</minimax:tool_call>"),
        "{{ '\n' }}",
        writer="minimax m2",
        thought="yes",
        after=_OPENED,
    ),
    "seed oss": _in_chatml(
        "tagged parameters",
        _tagged(
            "<seed:tool_call>\n<function={{ name }}>\n",
            "<parameter={{ key }}>VALUE</parameter>\n",
            "</function>\n</seed:tool_call>",
        ),
        separator="{{ '\n' }}",
        writer="seed oss",
    ),
    "deepseek v3.2": _in_chatml(
        "tagged parameters",
        _tagged(
            f'<{_DSML}invoke name="{{{{ name }}}}">\n',
            f'<{_DSML}parameter name="{{{{ key }}}}" string="'
            "{{ 'true' if value is string else 'false' }}"
            f'">VALUE</{_DSML}parameter>\n',
            f"</{_DSML}invoke>",
        ),
        (f"<{_DSML}function_calls>{{{{ '\n' }}}}", f"{{{{ '\n' }}}}</{_DSML}function_calls>"),
        "{{ '\n' }}",
        writer="deepseek v3.2",
    ),
    "lfm2": FormatTemplate(
        "lfm2",
        calling(call=_LEFT_OUT, tools=_LFM2_TOOLS),
        chatml(FAMILIES["lfm2"].spelled(CALLS), tools=f"<|tool_list_start|>{TOOLS_TEXT}<|tool_list_end|>\n"),
    ),
    "granite 3": FormatTemplate(
        "granite 3",
        calling(call=_LEFT_OUT, tools=_GRANITE_TOOLS),
        chatml(
            WRITE["granite 3"](CALLS),
            tools=f"Write <|tool_call|> followed by a JSON list. {TOOLS_TEXT}\n",
        ),
    ),
    "llama 4": FormatTemplate(
        "llama 4",
        calling(
            call="{{ name }}({% for key, value in args.items() %}{{ key }}={{ value | tojson }}"
            "{{ ', ' if not loop.last }}{% endfor %})",
            around=("[", "]"),
            separator=", ",
        ),
        chatml(FAMILIES["llama 4"].spelled(CALLS)),
        can_follow_text=False,
    ),
    "gemma 4": FormatTemplate(
        "gemma 4",
        _between_marks('<|"|>', "<|tool_call>", "<tool_call|>"),
        chatml(WRITE["gemma 4"](CALLS)),
    ),
    "function gemma": FormatTemplate(
        "function gemma",
        _between_marks("<escape>", "<start_function_call>", "<end_function_call>"),
        chatml(WRITE["function gemma"](CALLS)),
    ),
}


SMALL = IN_CHATML | OWN_TURNS
