"""Small chat templates of every kind, so that the tests need no model's own."""

from pathlib import Path

REAL_TEMPLATES = Path(__file__).parents[3] / "shared" / "data" / "chat_templates"

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

STRICT = """{{ bos_token }}
{%- for m in messages %}
{%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}
{%- if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% elif m.role == 'assistant' %} {{ m.content }}</s>
{%- else %}{{ raise_exception('only user and assistant') }}{% endif %}
{%- endfor %}"""
"""Turns have to alternate, and there is no system message."""

PARTS = (
    "{% for m in messages %}<{{ m.role }}>"
    "{% for part in m.content %}{% if part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}\n"
    "{% endfor %}"
)
"""Content is a list of typed parts."""


def calling(
    *, call, around=("", ""), separator="", tools="<tools>{{ tools | tojson }}</tools>\n", thought=""
):
    """A template in the style of ChatML; `call` writes one call from its `name`, `args` and `id`."""
    return (
        "{% if tools or messages[0].role == 'system' %}<|im_start|>system\n"
        "{% if messages[0].role == 'system' %}{{ messages[0].content }}\n{% endif %}"
        "{% if tools %}" + tools + "{% endif %}<|im_end|>\n{% endif %}"
        "{% set seen = namespace(last_user=-1) %}"
        "{% for m in messages %}{% if m.role == 'user' %}{% set seen.last_user = loop.index0 %}{% endif %}"
        "{% endfor %}"
        "{% for m in messages %}"
        "{% if m.role == 'tool' %}<|im_start|>tool\n{{ m.name }}: {{ m.content }}<|im_end|>\n"
        "{% elif m.role == 'assistant' %}<|im_start|>assistant\n" + thought + "{{ m.content }}"
        "{% if m.tool_calls %}{% if m.content %}{{ '\n' }}{% endif %}"
        + around[0]
        + "{% for tool_call in m.tool_calls %}"
        "{% set id = tool_call.id %}{% set name = tool_call.function.name %}"
        "{% set args = tool_call.function.arguments %}"
        + call
        + ("{% if not loop.last %}" + separator + "{% endif %}" if separator else "")
        + "{% endfor %}"
        + around[1]
        + "{% endif %}<|im_end|>\n"
        "{% elif m.role == 'user' or not loop.first %}"
        "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endif %}"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )


THOUGHT = (
    "{% if m.reasoning_content and loop.index0 > seen.last_user %}"
    "<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}"
)
OBJECT = '{"name": "{{ name }}", "arguments": {{ args | tojson }}}'

HERMES = (
    calling(call="<tool_call>\n" + OBJECT + "\n</tool_call>", separator="{{ '\n' }}", thought=THOUGHT)
    + "{% if add_generation_prompt and enable_thinking is defined and not enable_thinking %}"
    "<think>\n\n</think>\n\n{% endif %}"
)
TAGGED = calling(
    call="<tool_call>\n<function={{ name }}>\n{% for key, value in args.items() %}<parameter={{ key }}>\n"
    "{{ value if value is string else value | tojson }}\n</parameter>\n{% endfor %}</function>\n</tool_call>",
    separator="{{ '\n' }}",
)
PYTHON = calling(
    call="{{ name }}({% for key, value in args.items() %}{{ key }}={{ value | tojson }}"
    "{{ ', ' if not loop.last }}{% endfor %})",
    around=("<|call_start|>[", "]<|call_end|>"),
    separator=", ",
)
MISTRAL = """{{ bos_token }}
{%- if messages[0].role == 'system' %}
  {%- set told = messages[0].content %}
  {%- set messages = messages[1:] %}
{%- endif %}
{%- set ns = namespace(index=0) %}
{%- for m in messages %}
  {%- if not (m.role == 'tool' or m.tool_calls is defined) %}
    {%- if (m.role == 'user') != (ns.index % 2 == 0) %}
      {{- raise_exception('roles must alternate') }}
    {%- endif %}
    {%- set ns.index = ns.index + 1 %}
  {%- endif %}
{%- endfor %}
{%- if tools %}[AVAILABLE_TOOLS]{{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}
{%- for m in messages %}
  {%- if m.role == 'user' %}[INST]{{ told + '\n\n' if told is defined and loop.first }}{{ m.content }}[/INST]
  {%- elif m.tool_calls is defined %}[TOOL_CALLS][
    {%- for c in m.tool_calls %}
      {%- if c.id | length != 9 %}{{ raise_exception('ids have nine characters') }}{% endif %}
      {{- '{"name": "' + c.function.name + '", "arguments": ' + c.function.arguments | tojson }}
      {{- ', "id": "' + c.id + '"}' }}
      {{- ', ' if not loop.last }}
    {%- endfor %}]</s>
  {%- elif m.role == 'assistant' %}{{ m.content }}</s>
  {%- else %}[TOOL_RESULTS]{{ m.tool_call_id }} {{ m.content }}[/TOOL_RESULTS]
  {%- endif %}
{%- endfor %}"""
ONE_CALL = """{% for m in messages %}
{%- if loop.first and tools %}<|h|>system<|/h|>{{ tools | tojson }}<|eot|>{% endif %}
{%- if m.tool_calls is defined %}
  {%- if m.tool_calls | length != 1 %}{{ raise_exception('one call at once') }}{% endif %}
  {%- set f = m.tool_calls[0].function %}
  {{- '<|h|>assistant<|/h|>{"name": "' + f.name + '", "parameters": ' + f.arguments | tojson + '}<|eot|>' }}
{%- else %}{{ '<|h|>' + m.role + '<|/h|>' + m.content + '<|eot|>' }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|h|>assistant<|/h|>' }}{% endif %}"""
TEXT_ARGUMENTS = calling(
    call="<call>{{ '{\"name\": \"' + name + '\", \"arguments\": ' + args + '}' }}</call>"
)
IN_SYSTEM = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}"
    "{% if 'tools' in m %}<|tool|>{{ m['tools'] }}<|/tool|>{% endif %}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}{# message['tools'] #}"
)
"""Calls are left out, and tools are looked for in the system message."""
