"""Whose answers the matrix is about: every template at hand, and how turns end in it."""

from dataclasses import dataclass

from chat_templates import REAL_TEMPLATES
from format_templates import SMALL


@dataclass(frozen=True, slots=True)
class Talker:
    """A template, and where its models' turns end.

    most_calls: in one turn. can_follow_text: calls come after text in one turn.
    """

    name: str
    source: str
    end: str
    ids: str = "abcdefgh{}"
    most_calls: int = 9
    can_follow_text: bool = True
    forgotten: str = ""
    """What ends a section of calls, and is left out behind the only one."""


_ENDS = {
    "<|im_end|>": "HuggingFaceTB-SmolLM3-3B Kimi-K2-Instruct LFM2-8B-A1B Qwen-QwQ-32B"
    " Qwen-Qwen2.5-7B-Instruct Qwen-Qwen3-0.6B Qwen3-Coder NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use"
    " NousResearch-Hermes-3-Llama-3.1-8B-tool_use",
    "<|assistant_start|>": "Apertus-8B-Instruct",
    "<seed:eos>": "ByteDance-Seed-OSS",
    "<|END_OF_TURN_TOKEN|>": "CohereForAI-c4ai-command-r7b-12-2024-tool_use",
    "<|assistant|>": "GLM-4.6",
    "[e~[": "MiniMax-M2",
    "</s>": "Mistral-Small-3.2-24B-Instruct-2506 mistralai-Mistral-Nemo-Instruct-2407",
    "\n<SPECIAL_12>": "NVIDIA-Nemotron-Nano-v2",
    "<\uff5cAssistant\uff5c>": "deepseek-ai-DeepSeek-R1-Distill-Llama-8B",  # after one call it has no other
    "<\uff5cend\u2581of\u2581sentence\uff5c>": "deepseek-ai-DeepSeek-V3.1",
    "<|eot_id|>": "fireworks-ai-llama-3-firefunction-v2 meetkai-functionary-medium-v3.2"
    " meta-llama-Llama-3.1-8B-Instruct meta-llama-Llama-3.2-3B-Instruct meta-llama-Llama-3.3-70B-Instruct",
    "<end_of_turn>": "google-gemma-2-2b-it",
    "<|tool_response>": "google-gemma-4-31B-it",
    "<|end_of_text|>": "ibm-granite-granite-3.3-2B-Instruct ibm-granite-granite-4.0",
    "<|end|>": "microsoft-Phi-3.5-mini-instruct",
    "<|call|>": "openai-gpt-oss-120b",
    "<|begin|>": "upstage-Solar-Open-100B",
}
_LLAMAS = [f"meta-llama-Llama-{name}-Instruct" for name in ("3.1-8B", "3.2-3B", "3.3-70B")]
_DEEPSEEK_R1 = "deepseek-ai-DeepSeek-R1-Distill-Llama-8B"
_MOST_CALLS = dict.fromkeys([*_LLAMAS, "openai-gpt-oss-120b"], 1) | {
    _DEEPSEEK_R1: 2,  # ends the section behind each but the first
}
_FORGOTTEN = {_DEEPSEEK_R1: "<\uff5ctool\u2581calls\u2581end\uff5c>"}
_CALLS_FIRST = {
    *_LLAMAS,
    "openai-gpt-oss-120b",
    "HuggingFaceTB-SmolLM3-3B",
    "google-gemma-2-2b-it",
    "microsoft-Phi-3.5-mini-instruct",
    # These end their message before they call.
    "CohereForAI-c4ai-command-r7b-12-2024-tool_use",
    "upstage-Solar-Open-100B",
}
END_OF_DEEPSEEK = "<\uff5cend\u2581of\u2581sentence\uff5c>"
_SOLARS_IDS = "a1b2c3d4e{}"


def talkers() -> dict[str, Talker]:
    """All templates by name: the small ones of this repository, and real ones where they are on the disk."""
    small = {
        name: Talker(name, row.source, row.end, row.ids, row.most_calls, row.can_follow_text)
        for name, row in SMALL.items()
    }
    ends = {name: end for end, names in _ENDS.items() for name in names.split()}
    real = {
        path.stem: Talker(
            path.stem,
            path.read_text("utf-8"),
            ends[path.stem],
            _SOLARS_IDS if "Solar" in path.stem else "abcdefgh{}",
            most_calls=_MOST_CALLS.get(path.stem, 9),
            can_follow_text=path.stem not in _CALLS_FIRST,
            forgotten=_FORGOTTEN.get(path.stem, ""),
        )
        for path in sorted(REAL_TEMPLATES.glob("*.jinja"))
        if path.stem in ends
    }
    return small | real
