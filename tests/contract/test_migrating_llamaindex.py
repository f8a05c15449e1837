"""The page for those who come from other classes is complete, and the classes answer as it says."""

import re
from pathlib import Path

import pytest

from gpt4all_core.errors import UnsupportedParameter
from llamaindex_gpt4all import GPT4All, GPT4AllEmbedding

PAGE = (Path(__file__).parents[2] / "docs" / "migrating_llamaindex.md").read_text("utf-8")

OLD = {
    "Ollama": (
        GPT4All,
        """model base_url temperature context_window request_timeout prompt_key json_mode additional_kwargs
        client async_client is_function_calling_model keep_alive thinking headers""",
    ),
    "LlamaCPP": (
        GPT4All,
        """model_url model_path temperature max_new_tokens context_window callback_manager generate_kwargs
        model_kwargs verbose system_prompt messages_to_prompt completion_to_prompt pydantic_program_mode
        output_parser""",
    ),
    "HuggingFaceEmbedding": (
        GPT4AllEmbedding,
        """model_name tokenizer_name pooling max_length query_instruction text_instruction normalize model
        tokenizer embed_batch_size cache_folder trust_remote_code device callback_manager parallel_process
        target_devices show_progress_bar""",
    ),
    "OllamaEmbedding": (
        GPT4AllEmbedding,
        """model_name base_url embed_batch_size ollama_additional_kwargs query_instruction text_instruction
        callback_manager client_kwargs keep_alive""",
    ),
}
"""Constructor arguments of llama-index-llms-ollama 0.11.0, -llms-llama-cpp 0.7.0, -embeddings-huggingface
0.8.0 and -embeddings-ollama 0.10.0, by class."""

ACCEPTED = {
    "base_url": "http://127.0.0.1:11434/v1",
    "model": "smollm2-135m-instruct",
    "model_name": "all-minilm-l6-v2",
    "temperature": 0.7,
    "callback_manager": None,
    "system_prompt": "Be brief.",
    "messages_to_prompt": str,
    "completion_to_prompt": str,
    "pydantic_program_mode": "default",
    "output_parser": None,
    "embed_batch_size": 10,
    "device": "cpu",
}


def table(old):
    """Old names with what the page gives in their place: a name, `same` or `none`."""
    section = re.search(rf"^## {old} to \w+\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]
    rows = [
        [cell.strip() for cell in row.split("|")[1:3]] for row in section.splitlines() if row[:3] == "| `"
    ]
    return [(name, here.strip("`")) for cell, here in rows for name in re.findall(r"`(\w+)`", cell)]


ROWS = [(OLD[old][0], name, here) for old in OLD for name, here in table(old)]


@pytest.mark.parametrize("old", OLD)
def test_the_page_has_every_argument_of_the_old_class_once(old):
    kind, names = OLD[old]
    assert sorted(name for name, _ in table(old)) == sorted(names.split())
    assert f"## {old} to {kind.__name__}\n" in PAGE


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, name, here in ROWS if here == "same"])
def test_arguments_that_are_the_same_are_taken(kind, name):
    kind(**{name: ACCEPTED[name]})


@pytest.mark.parametrize(("kind", "name", "here"), [row for row in ROWS if row[2] not in ("same", "none")])
def test_arguments_of_another_name_are_answered_with_the_one_of_the_page(kind, name, here):
    with pytest.raises(UnsupportedParameter, match=f"takes no argument '{name}'; did you mean {here}\\?"):
        kind(**{name: 1})


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, name, here in ROWS if here == "none"])
def test_arguments_without_a_counterpart_are_answered_with_what_to_do(kind, name):
    todo = "leave it out|ask for structured output|give each of them by its own name"
    with pytest.raises(UnsupportedParameter, match=f"takes no argument '{name}'; ({todo})"):
        kind(**{name: 1})
