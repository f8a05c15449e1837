"""Small templates whose turns have a form of their own, each with the prompt that it has to write."""

import json

from call_conversation import ASKED, CALLS, TOOLS_TEXT, WRITE, FormatTemplate
from chat_templates import CHATML, IN_SYSTEM, MISTRAL, STRICT

_LLAMA = """{% for m in messages %}
{%- if loop.first and tools %}<|h|>system<|/h|>{{ tools | tojson }}
{{- ' "parameters": dictionary of argument name and its value' }}<|eot|>{% endif %}
{%- if m.tool_calls is defined %}
  {%- if m.tool_calls | length != 1 %}{{ raise_exception('one call at once') }}{% endif %}
  {%- set f = m.tool_calls[0].function %}
  {{- '<|h|>assistant<|/h|>{"name": "' + f.name + '", "parameters": ' + f.arguments | tojson + '}<|eot|>' }}
{%- else %}{{ '<|h|>' + m.role + '<|/h|>' + m.content + '<|eot|>' }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|h|>assistant<|/h|>' }}{% endif %}"""
_HARMONY = """{% if tools or messages[0].role == 'system' %}<|start|>developer<|message|>
{{- messages[0].content if messages[0].role == 'system' }}
{{- tools | tojson if tools }}<|end|>{% endif %}
{%- for m in messages %}
{%- if m.role == 'assistant' %}
  {%- if m.thinking and m.tool_calls %}{{ '<|start|>assistant<|channel|>analysis<|message|>' }}
    {{- m.thinking }}<|end|>
  {%- endif %}
  {%- if m.content %}{{ '<|start|>assistant<|channel|>' }}
    {{- 'commentary' if m.tool_calls else 'final' }}<|message|>{{ m.content }}<|end|>
  {%- endif %}
  {%- if m.tool_calls %}{% set f = m.tool_calls[0].function %}
    {{- '<|start|>assistant<|channel|>commentary to=functions.' + f.name }}
    {{- ' <|constrain|>json<|message|>' + f.arguments | tojson + '<|call|>' }}
  {%- endif %}
{%- elif m.role == 'tool' %}{{ '<|start|>functions.' + m.name }}
  {{- ' to=assistant<|channel|>commentary<|message|>' + m.content + '<|end|>' }}
{%- elif m.role == 'user' or not loop.first %}
  {{- '<|start|>' + m.role + '<|message|>' + m.content + '<|end|>' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|start|>assistant' }}{% endif %}"""
_FUNCTIONARY = r"""{% if tools %}<|h|>system<|/h|>{{ tools | tojson }}<|eot|>{% endif %}
{%- for m in messages %}{{ '<|h|>' + m.role + '<|/h|>' }}
{%- if m.role == 'assistant' %}
  {{- '>>>all\n' + m.content if m.content }}
  {%- for c in m.tool_calls or [] %}{{ '>>>' + c.function.name + '\n' + c.function.arguments | tojson }}
  {%- endfor %}
{%- else %}{{ m.content }}{% endif %}<|eot|>
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|h|>assistant<|/h|>>>>' }}{% endif %}"""

_FUNCTIONS = [json.dumps(tool["function"], ensure_ascii=False) for tool in json.loads(TOOLS_TEXT)]
_NOTE = json.dumps(CALLS[0][1], ensure_ascii=False)
_WRITTEN = f'[{{"name": "write_note", "arguments": {_NOTE}}}, {{"name": "get_time", "arguments": {{}}}}]'
_RULE = "\n".join(
    [
        "These functions can be called:",
        *_FUNCTIONS,
        "",
        "To call, write this JSON and nothing else, one entry for each call:",
        '{"tool_calls": [{"name": "the function\'s name", "arguments": {"parameter": "value"}}]}',
        "The results come back in the next message.",
        "Call one or more of them where that helps to answer; otherwise answer in words, without JSON.",
    ]
)
_RESULTS = (
    '{"tool_results": [{"name": "write_note", "result": "result 0"},'
    ' {"name": "get_time", "result": "result 1"}]}'
)

OWN_TURNS = {
    "mistral nemo": FormatTemplate(
        "mistral nemo",
        MISTRAL,
        f"<s>[AVAILABLE_TOOLS]{TOOLS_TEXT}[/AVAILABLE_TOOLS][INST]Be brief.\n\nHello[/INST]Hi.</s>"
        f"[INST]{ASKED}[/INST]At once.{WRITE['mistral nemo'](CALLS)}</s>"
        "[TOOL_RESULTS]abcdefgh0 result 0[/TOOL_RESULTS][TOOL_RESULTS]abcdefgh1 result 1[/TOOL_RESULTS]",
        end="</s>",
    ),
    "phi 4": FormatTemplate(
        "phi 4",
        IN_SYSTEM,
        f"<|system|>Be brief.<|tool|>[{', '.join(_FUNCTIONS)}]<|/tool|><|end|>"
        "<|user|>Hello<|end|><|assistant|>Hi.<|end|>"
        f"<|user|>{ASKED}<|end|><|assistant|>At once.\n<|tool_call|>{_WRITTEN}<|/tool_call|><|end|>"
        "<|tool|>result 0<|end|><|tool|>result 1<|end|><|assistant|>",
        end="<|end|>",
    ),
    "llama 3": FormatTemplate(
        "llama 3",
        _LLAMA,
        f'<|h|>system<|/h|>{TOOLS_TEXT} "parameters": dictionary of argument name and its value<|eot|>'
        "<|h|>system<|/h|>Be brief.<|eot|><|h|>user<|/h|>Hello<|eot|><|h|>assistant<|/h|>Hi.<|eot|>"
        f"<|h|>user<|/h|>{ASKED}<|eot|><|h|>assistant<|/h|>At once.<|eot|>"
        f'<|h|>assistant<|/h|>{{"name": "write_note", "parameters": {_NOTE}}}<|eot|>'
        "<|h|>tool<|/h|>result 0<|eot|>"
        '<|h|>assistant<|/h|>{"name": "get_time", "parameters": {}}<|eot|><|h|>tool<|/h|>result 1<|eot|>'
        "<|h|>assistant<|/h|>",
        end="<|eot|>",
        most_calls=1,
        can_follow_text=False,
    ),
    "harmony": FormatTemplate(
        "harmony",
        _HARMONY,
        f"<|start|>developer<|message|>Be brief.{TOOLS_TEXT}<|end|><|start|>user<|message|>Hello<|end|>"
        f"<|start|>assistant<|channel|>final<|message|>Hi.<|end|><|start|>user<|message|>{ASKED}<|end|>"
        "<|start|>assistant<|channel|>analysis<|message|>a new thought<|end|>"
        "<|start|>assistant<|channel|>commentary<|message|>At once.<|end|>"
        "<|start|>assistant<|channel|>commentary to=functions.write_note <|constrain|>json<|message|>"
        f"{_NOTE}<|call|>"
        "<|start|>functions.write_note to=assistant<|channel|>commentary<|message|>result 0<|end|>"
        "<|start|>assistant<|channel|>commentary to=functions.get_time <|constrain|>json<|message|>{}<|call|>"
        "<|start|>functions.get_time to=assistant<|channel|>commentary<|message|>result 1<|end|>"
        "<|start|>assistant",
        end="<|call|>",
        most_calls=1,
    ),
    "functionary 3.2": FormatTemplate(
        "functionary 3.2",
        _FUNCTIONARY,
        f"<|h|>system<|/h|>{TOOLS_TEXT}<|eot|><|h|>system<|/h|>Be brief.<|eot|><|h|>user<|/h|>Hello<|eot|>"
        f"<|h|>assistant<|/h|>>>>all\nHi.<|eot|><|h|>user<|/h|>{ASKED}<|eot|>"
        f"<|h|>assistant<|/h|>>>>all\nAt once.{'>>>' + WRITE['functionary 3.2'](CALLS)}<|eot|>"
        "<|h|>tool<|/h|>result 0<|eot|><|h|>tool<|/h|>result 1<|eot|><|h|>assistant<|/h|>>>>",
        end="<|eot|>",
    ),
    "prompted": FormatTemplate(
        "prompted",
        CHATML,
        f"<|im_start|>system\nBe brief.\n\n{_RULE}<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n"
        f"<|im_start|>assistant\nHi.<|im_end|>\n<|im_start|>user\n{ASKED}<|im_end|>\n"
        f'<|im_start|>assistant\nAt once.\n\n{{"tool_calls": {_WRITTEN}}}<|im_end|>\n'
        f"<|im_start|>user\n{_RESULTS}<|im_end|>\n<|im_start|>assistant\n",
        can_follow_text=False,
    ),
    "prompted, strict": FormatTemplate(
        "prompted",
        STRICT,
        f"<s>[INST] Be brief.\n\n{_RULE}\n\nHello [/INST] Hi.</s>[INST] {ASKED} [/INST]"
        f' At once.\n\n{{"tool_calls": {_WRITTEN}}}</s>[INST] {_RESULTS} [/INST]',
        end="</s>",
        can_follow_text=False,
    ),
}
