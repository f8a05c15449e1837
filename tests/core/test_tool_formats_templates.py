"""What the templates of real models render for calls is read back as these calls."""

import json

import pytest
from chat_templates import REAL_TEMPLATES
from written_calls import TOOLS, read

from gpt4all_core.chat.template import ChatTemplate
from gpt4all_core.chat.tool_formats.functionary import FUNCTIONARY_3_2
from gpt4all_core.chat.tool_formats.gemma import GEMMA_4
from gpt4all_core.chat.tool_formats.harmony import HARMONY
from gpt4all_core.chat.tool_formats.python_calls import LFM2
from gpt4all_core.chat.tool_formats.tagged_parameters import GLM_4, MINIMAX_M2, QWEN3_CODER, SEED_OSS
from gpt4all_core.types import Message, ToolCall, ToolUse

CALLS = [
    (
        "write_note",
        {
            "text": 'Line one\n"two" <b> \\ 日本 🎉',
            "count": -3,
            "ratio": 0.5,
            "is_urgent": True,
            "tags": ["a", "b"],
            "owner": {"name": "Ada", "age": 36},
            "due": None,
        },
    ),
    ("write_note", {"text": "", "is_urgent": False}),
    ("get_time", {}),
]

# The name of the template, the format, where the assistant's turn begins, and where it ends.
TEMPLATES = [
    ("Qwen3-Coder", QWEN3_CODER, "<tool_call>\n<function=write_note", "<|im_end|>"),
    ("GLM-4.6", GLM_4, "<tool_call>write_note", "<|observation|>"),
    ("MiniMax-M2", MINIMAX_M2, "<minimax:tool_call>\n<invoke", "[e~["),
    ("ByteDance-Seed-OSS", SEED_OSS, "<seed:tool_call>\n<function=write_note", "<seed:eos>"),
    ("google-gemma-4-31B-it", GEMMA_4, "<|tool_call>call:write_note", "<|tool_response>"),
    ("LFM2-8B-A1B", LFM2, "<|tool_call_start|>", "<|im_end|>"),
    ("meetkai-functionary-medium-v3.2", FUNCTIONARY_3_2, ">>>write_note", "<|eot_id|>"),
    ("openai-gpt-oss-120b", HARMONY, " to=functions.write_note", "<|call|>"),
]


@pytest.mark.parametrize(
    ("name", "tool_format", "start", "end"), TEMPLATES, ids=[template for template, *_ in TEMPLATES]
)
def test_a_real_templates_calls_are_read_back(name, tool_format, start, end):
    path = REAL_TEMPLATES / f"{name}.jinja"
    if not path.exists():
        pytest.skip("the templates of real models are not here")
    template = ChatTemplate(path.read_text(encoding="utf-8"))
    calls = CALLS[:1] if tool_format is HARMONY else CALLS  # a turn of that family has one call
    messages = [
        Message("user", "Go on."),
        Message(
            "assistant",
            None,
            tool_calls=tuple(
                ToolCall(f"abcdefgh{number}", tool, json.dumps(arguments))
                for number, (tool, arguments) in enumerate(calls)
            ),
        ),
    ]

    prompt = template.render(messages, tools=ToolUse(TOOLS), add_generation_prompt=False).text
    written = prompt[prompt.rindex("Go on.") :]
    written = written[written.index(start) :].partition(end)[0]
    answer, events = read(tool_format, [written])

    assert answer.parsed == calls
    assert not answer.failed
    assert not answer.text.strip()
    assert read(tool_format, written)[1] == events
    found = template.dialect(has_tools=True).tools
    assert found == tool_format or found.layout == tool_format.layout
