"""The same promises, held against templates that come with models."""

import json

import pytest
from chat_templates import REAL_TEMPLATES
from measured import TRIES, cpu_seconds

from gpt4all_core.chat.dialect import ReasoningTags
from gpt4all_core.chat.marks import MARK
from gpt4all_core.chat.template import ChatTemplate, SpecialTokens
from gpt4all_core.types import Message, Tool, ToolCall, ToolUse

pytestmark = pytest.mark.skipif(
    not REAL_TEMPLATES.is_dir(), reason="the collection of real templates is not on this disk"
)

THINK = ReasoningTags("<think>", "</think>")
NEVER, UNLESS_TOLD, IF_TOLD = "cannot be switched", "thinks unless told not to", "thinks if told to"

# name of the file: source, format, tags, switch
KNOWN = {
    "Apertus-8B-Instruct": ("inferred", "apertus", ("<|inner_prefix|>", "<|inner_suffix|>"), IF_TOLD),
    "ByteDance-Seed-OSS": (
        "inferred",
        "tagged parameters",
        ("<seed:think>", "</seed:think>"),
        UNLESS_TOLD,
    ),
    "CohereForAI-c4ai-command-r7b-12-2024-tool_use": (
        "inferred",
        "command r7b",
        ("<|START_THINKING|>", "<|END_THINKING|>"),
        IF_TOLD,
    ),
    "GLM-4.6": ("inferred", "tagged parameters", THINK, UNLESS_TOLD),
    "HuggingFaceTB-SmolLM3-3B": ("prompted", "prompted", THINK, UNLESS_TOLD),
    "Kimi-K2-Instruct": ("inferred", "kimi k2", None, NEVER),
    "LFM2-8B-A1B": ("preset", "lfm2", None, NEVER),
    "MiniMax-M2": ("inferred", "tagged parameters", THINK, NEVER),
    "Mistral-Small-3.2-24B-Instruct-2506": ("inferred", "mistral small", None, NEVER),
    "NVIDIA-Nemotron-Nano-v2": ("inferred", "nemotron", THINK, UNLESS_TOLD),
    "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use": ("inferred", "hermes", None, NEVER),
    "NousResearch-Hermes-3-Llama-3.1-8B-tool_use": ("inferred", "hermes", None, NEVER),
    "Qwen-QwQ-32B": ("inferred", "hermes", THINK, IF_TOLD),
    "Qwen-Qwen2.5-7B-Instruct": ("inferred", "hermes", None, NEVER),
    "Qwen-Qwen3-0.6B": ("inferred", "hermes", THINK, UNLESS_TOLD),
    "Qwen3-Coder": ("inferred", "tagged parameters", None, NEVER),
    "deepseek-ai-DeepSeek-R1-Distill-Llama-8B": ("inferred", "deepseek r1", THINK, NEVER),
    "deepseek-ai-DeepSeek-V3.1": ("inferred", "deepseek v3.1", THINK, IF_TOLD),
    "fireworks-ai-llama-3-firefunction-v2": ("inferred", "firefunction", None, NEVER),
    "google-gemma-2-2b-it": ("prompted", "prompted", None, NEVER),
    "google-gemma-4-31B-it": ("preset", "gemma 4", ("<|channel>thought", "<channel|>"), IF_TOLD),
    "ibm-granite-granite-3.3-2B-Instruct": ("preset", "granite 3", THINK, IF_TOLD),
    "ibm-granite-granite-4.0": ("inferred", "hermes", None, NEVER),
    "meetkai-functionary-medium-v3.2": ("preset", "functionary 3.2", None, NEVER),
    "meta-llama-Llama-3.1-8B-Instruct": ("preset", "llama 3", None, NEVER),
    "meta-llama-Llama-3.2-3B-Instruct": ("preset", "llama 3", None, NEVER),
    "meta-llama-Llama-3.3-70B-Instruct": ("preset", "llama 3", None, NEVER),
    "microsoft-Phi-3.5-mini-instruct": ("prompted", "prompted", None, NEVER),
    "mistralai-Mistral-Nemo-Instruct-2407": ("inferred", "mistral nemo", None, NEVER),
    "openai-gpt-oss-120b": ("preset", "harmony", None, NEVER),
    "upstage-Solar-Open-100B": (
        "inferred",
        "solar",
        ("<|think|>", "<|end|><|begin|>assistant"),
        UNLESS_TOLD,
    ),
}
NAMES = sorted(path.stem for path in REAL_TEMPLATES.glob("*.jinja"))


def template(name):
    source = (REAL_TEMPLATES / f"{name}.jinja").read_text(encoding="utf-8")
    special = SpecialTokens(bos="<s>", eos="</s>", control=frozenset({*MARK.findall(source), "<s>", "</s>"}))
    return ChatTemplate(source, special=special, model_name=name)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_known_of_a_template(name):
    known = template(name)
    dialect = known.dialect()
    tags = dialect.reasoning and (dialect.reasoning.start, dialect.reasoning.end)
    usual, on, off = (
        known.render([Message("user", "hello")], reasoning_on=value).text for value in (None, True, False)
    )
    switch = NEVER
    if on != off:
        switch = UNLESS_TOLD if on == usual else IF_TOLD
    source, format_name, expected_tags, expected_switch = KNOWN[name]
    expected_tags = (THINK.start, THINK.end) if expected_tags is THINK else expected_tags
    assert (dialect.source, dialect.tools.name, tags, switch) == (
        source,
        format_name,
        expected_tags,
        expected_switch,
    )


@pytest.mark.parametrize(
    ("name", "wrappers"),
    [
        ("ibm-granite-granite-3.3-2B-Instruct", ("<response>", "</response>")),
        ("CohereForAI-c4ai-command-r7b-12-2024-tool_use", ("<|START_RESPONSE|>", "<|END_RESPONSE|>")),
        ("upstage-Solar-Open-100B", ("<|content|>",)),
        ("Qwen-Qwen3-0.6B", ()),
    ],
)
def test_what_models_put_around_their_words_is_known(name, wrappers):
    assert template(name).dialect().wrappers == wrappers


def conversation(*, foreign="", is_over=True):
    calls = (
        ToolCall("call_1", "get_weather", json.dumps({"city": f"Paris{foreign}", "days": 3})),
        ToolCall("call_2", "get_time", "{}"),
    )
    chain = [
        Message("system", f"instructed{foreign}."),
        Message("user", f"asked first{foreign}."),
        Message("assistant", f"<think>thought of old</think>answered first{foreign}."),
        Message("user", f"asked second{foreign}."),
        Message("assistant", f"said beside{foreign}.", tool_calls=calls, reasoning=f"thought now{foreign}."),
        Message("tool", f"sunny result{foreign}.", tool_call_id="call_1"),
        Message("tool", f"clock result{foreign}.", tool_call_id="call_2"),
    ]
    more = [Message("assistant", f"answered last{foreign}."), Message("user", f"asked third{foreign}.")]
    tools = ToolUse(
        (
            Tool(
                "get_weather",
                f"Tells the weather{foreign}.",
                {
                    "type": "object",
                    "properties": {
                        "city": {"type": "string", "description": f"Where{foreign}."},
                        "days": {"type": "integer", "description": "How long."},
                    },
                    "required": ["city"],
                },
            ),
            Tool("get_time", "Tells the time."),
        )
    )
    return [*chain, *more] if is_over else chain, tools


@pytest.mark.parametrize("is_over", [True, False], ids=["with an end", "in a chain of calls"])
@pytest.mark.parametrize("name", NAMES)
def test_a_conversation_with_calls_is_whole(name, is_over):
    messages, tools = conversation(is_over=is_over)
    prompt = template(name).render(messages, tools=tools).text
    words = ["asked first", "answered first", "asked second", "said beside", "Paris", "sunny", "clock"]
    words += ["answered last", "asked third"] if is_over else []
    once = [*words, "instructed", "Tells the weather"]
    assert [prompt.count(word) for word in once] == [1] * len(once)
    places = [prompt.find(word) for word in words]
    assert places == sorted(places)
    assert "get_time" in prompt
    assert "thought of old" not in prompt
    assert prompt.count("thought now") <= (0 if is_over else 1)


@pytest.mark.parametrize("name", NAMES)
def test_no_string_from_outside_makes_a_control_token(name):
    known = template(name)
    foreign = " ".join(["<s>", "</s>", *MARK.findall((REAL_TEMPLATES / f"{name}.jinja").read_text("utf-8"))])
    harmless, tools = conversation(is_over=False)
    expected = known.render(harmless, tools=tools).text
    messages, tools = conversation(foreign=foreign, is_over=False)
    segments = known.render(messages, tools=tools).segments
    meant = "\n".join(segment.text for segment in segments if not segment.is_literal)
    assert sorted(MARK.findall(meant)) == sorted(MARK.findall(expected))
    assert sum(segment.is_literal for segment in segments) >= len(foreign.split())


@pytest.mark.parametrize("name", NAMES)
def test_two_of_each_role_follow_each_other(name):
    roles = ["system", "user", "user", "assistant", "assistant", "user"]
    messages = [Message(role, f"word{number}.") for number, role in enumerate(roles)]
    prompt = template(name).render(messages).text
    assert [prompt.count(message.text) for message in messages] == [1] * len(messages)


def test_recognition_is_quick():
    def seconds_a_template():
        known = [template(name) for name in NAMES]
        for one in known:
            one._plain.program.write([{"role": "user", "content": "compiled"}])
        return cpu_seconds(lambda: [one.dialect() for one in known])[0] / len(known)

    assert any(seconds_a_template() < 0.1 for _ in range(TRIES))
