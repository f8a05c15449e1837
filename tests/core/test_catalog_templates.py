"""The templates that the catalog brings write what their models were trained with."""

import pytest
from chat_templates import REAL_TEMPLATES
from tiny_models import write_tiny_model

from gpt4all_core.catalog.catalog import find, list_models
from gpt4all_core.catalog.template_text import template_text
from gpt4all_core.chat.template import ChatTemplate, SpecialTokens
from gpt4all_core.chat_format import ChatRequest
from gpt4all_core.choose_template import choose_template
from gpt4all_core.local_model import LocalModel
from gpt4all_core.open_model import PromptFacts
from gpt4all_core.types import Message

BRIEF = Message("system", "Be brief.")
TALK = (Message("user", "Hi"), Message("assistant", "Hello"), Message("user", "Bye"))
SPECIAL = SpecialTokens(bos="<s>", eos="</s>", control=frozenset({"<s>", "</s>"}))

CHATML = (
    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
    "<|im_start|>assistant\nHello<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n"
)
LLAMA_3 = (
    "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\nHello<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n"
)
# DeepSeek's own bars and spaces, U+FF5C and U+2581.
DEEPSEEK = (
    "<s>Be brief.<\uff5cUser\uff5c>Hi<\uff5cAssistant\uff5c>Hello<\uff5cend\u2581of\u2581sentence\uff5c>"
    "<\uff5cUser\uff5c>Bye<\uff5cAssistant\uff5c>"
)
ALPACA = (
    "Be brief.\n\n### Instruction:\nHi\n\n### Response:\nHello\n\n### Instruction:\nBye\n\n### Response:\n"
)
VICUNA = "Be brief. USER: Hi ASSISTANT: Hello</s>USER: Bye ASSISTANT:"

WRITTEN = {
    "deepseek-r1-distill-llama-8b": DEEPSEEK,
    "deepseek-r1-distill-qwen-1.5b": DEEPSEEK,
    "deepseek-r1-distill-qwen-14b": DEEPSEEK,
    "deepseek-r1-distill-qwen-7b": DEEPSEEK,
    "em-german-mistral": VICUNA,
    "ghost-7b-v0.9.1": (
        "<|system|>\nBe brief.</s>\n<|user|>\nHi</s>\n<|assistant|>\nHello</s>\n"
        "<|user|>\nBye</s>\n<|assistant|>\n"
    ),
    "gpt4all-13b-snoozy": ALPACA,
    "gpt4all-falcon": "Be brief.\n\n### User: Hi\n\n### Assistant: Hello\n\n### User: Bye\n\n### Assistant:",
    "llama-3-8b-instruct": LLAMA_3,
    "llama-3.1-8b-instruct": LLAMA_3,
    "llama-3.2-1b-instruct": LLAMA_3,
    "llama-3.2-3b-instruct": LLAMA_3,
    "mistral-7b-instruct-v0.1": "<s>[INST] Be brief.\n\nHi [/INST]Hello</s> [INST] Bye [/INST]",
    "mistral-7b-openorca": CHATML,
    "mpt-7b-chat": CHATML,
    "mpt-7b-chat-newbpe": CHATML,
    "nous-hermes-2-mistral-7b-dpo": CHATML,
    "nous-hermes-llama2-13b": ALPACA,
    "orca-2-13b": CHATML,
    "orca-2-7b": CHATML,
    "orca-mini-3b": (
        "### System:\nBe brief.\n\n### User:\nHi\n\n### Response:\nHello\n\n### User:\nBye\n\n### Response:\n"
    ),
    "phi-3-mini-4k-instruct": (
        "<s><|system|>\nBe brief.<|end|>\n<|user|>\nHi<|end|>\n<|assistant|>\nHello<|end|>\n"
        "<|user|>\nBye<|end|>\n<|assistant|>\n"
    ),
    "qwen2-1.5b-instruct": CHATML,
    "qwen2.5-coder-7b-instruct": CHATML,
    "wizardlm-13b-v1.2": VICUNA,
}


def template(name):
    return ChatTemplate(template_text(find(name).template), special=SPECIAL, model_name=name)


def test_every_template_of_the_catalog_is_in_the_table():
    assert {entry.name for entry in list_models() if entry.template} == set(WRITTEN)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_conversation_is_written_as_the_model_was_trained(name):
    assert template(name).render((BRIEF, *TALK)).text == WRITTEN[name]


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("wizardlm-13b-v1.2", "A chat between a curious user and an artificial intelligence assistant. "),
        ("em-german-mistral", "Du bist ein hilfreicher Assistent. USER: Hi "),
        ("gpt4all-13b-snoozy", "Below is an instruction that describes a task. "),
        (
            "qwen2-1.5b-instruct",
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n",
        ),
        ("mistral-7b-instruct-v0.1", "<s>[INST] Hi [/INST]"),
    ],
)
def test_without_instructions_a_conversation_begins_as_in_training(name, start):
    assert template(name).render(TALK).text.startswith(start)


def test_wizards_template_keeps_the_conversation():
    assert all(text in template("wizardlm-13b-v1.2").render(TALK).text for text in ("Hi", "Hello", "Bye"))


def test_hermes_template_asks_the_assistant_to_speak():
    assert template("nous-hermes-llama2-13b").render(TALK).text.endswith("### Response:\n")


@pytest.mark.parametrize(
    ("name", "end"), [("llama-3.1-8b-instruct", "Bye<|eot_id|>"), ("phi-3-mini-4k-instruct", "Bye<|end|>\n")]
)
def test_a_conversation_that_is_only_read_neither_begins_an_answer_nor_ends_the_text(name, end):
    assert template(name).render(TALK, add_generation_prompt=False).text.endswith(end)


def test_the_reasoners_template_has_one_system_turn_and_single_line_ends():
    written = template("qwen2.5-coder-7b-instruct").render((BRIEF, *TALK)).text
    assert written.count("<|im_start|>system") == 1
    assert "\n\n" not in written


def test_deepseeks_template_runs_in_the_sandbox_and_leaves_old_thoughts_out():
    thought = (
        Message("user", "Hi"),
        Message("assistant", "<think>Greet.</think>Hello"),
        Message("user", "Bye"),
    )
    written = template("deepseek-r1-distill-qwen-7b").render(thought).text
    assert "Greet" not in written
    assert "Hello" in written


def test_mistrals_template_begins_the_text_and_takes_turns_that_do_not_alternate():
    twice = (Message("user", "Hi"), Message("user", "Anyone?"))
    written = template("mistral-7b-instruct-v0.1").render(twice).text
    assert written.startswith("<s>[INST] Hi")
    assert written.endswith("Anyone? [/INST]")


OWN = PromptFacts(
    "{{ messages }}", SPECIAL, None, adds_bos=False, other_templates={"tool_use": "{{ tools }}"}
)
NONE = PromptFacts(None, SPECIAL, None, adds_bos=False)


def test_the_files_own_template_comes_before_the_catalogs():
    assert choose_template(OWN, find("orca-2-7b")) is OWN
    assert choose_template(OWN, find("qwen3-8b")) is OWN
    assert choose_template(OWN, None) is OWN


def test_a_file_without_a_template_gets_the_catalogs():
    entry = find("orca-2-7b")
    assert choose_template(NONE, entry).chat_template == template_text(entry.template)
    assert choose_template(NONE, find("qwen3-8b")) is NONE


def test_a_template_that_is_known_to_be_wrong_is_replaced_with_all_that_go_with_it():
    entry = find("phi-3-mini-4k-instruct")
    chosen = choose_template(OWN, entry)
    assert chosen.chat_template == template_text(entry.template)
    assert chosen.other_templates == {}


@pytest.mark.parametrize(
    ("file_name", "start"),
    [("Phi-3-mini-4k-instruct.Q4_0.gguf", "<s><|user|>\nHi<|end|>\n"), ("own.gguf", "user: Hi\n")],
)
def test_a_model_is_talked_to_by_the_template_that_was_chosen(tmp_path, file_name, start):
    path = write_tiny_model(tmp_path / file_name, "plain")
    with LocalModel(path, context_size=256, device="cpu") as model:
        written = model._chat_format().render(ChatRequest(TALK[:1])).text
    assert written.startswith(start)


REAL = {
    "qwen3-8b": "Qwen-Qwen3-0.6B",
    "qwen2.5-7b-instruct": "Qwen-Qwen2.5-7B-Instruct",
    "llama-3.2-3b-instruct": "meta-llama-Llama-3.2-3B-Instruct",
    "llama-3.3-70b-instruct": "meta-llama-Llama-3.3-70B-Instruct",
    "gemma-2-2b-it": "google-gemma-2-2b-it",
    "phi-3.5-mini-instruct": "microsoft-Phi-3.5-mini-instruct",
    "mistral-nemo-instruct-2407": "mistralai-Mistral-Nemo-Instruct-2407",
    "smollm3-3b": "HuggingFaceTB-SmolLM3-3B",
    "granite-3.3-2b-instruct": "ibm-granite-granite-3.3-2B-Instruct",
    "granite-4.0-micro": "ibm-granite-granite-4.0",
    "gpt-oss-20b": "openai-gpt-oss-120b",
    "deepseek-r1-distill-llama-8b": "deepseek-ai-DeepSeek-R1-Distill-Llama-8B",
}


@pytest.mark.skipif(
    not REAL_TEMPLATES.is_dir(), reason="the collection of real templates is not on this disk"
)
@pytest.mark.parametrize("name", REAL)
def test_the_tool_format_of_an_entry_is_that_of_its_models_own_template(name):
    source = (REAL_TEMPLATES / f"{REAL[name]}.jinja").read_text("utf-8")
    dialect = ChatTemplate(source, special=SPECIAL, model_name=name).dialect(has_tools=True)
    assert find(name).tool_format == dialect.tools.name
