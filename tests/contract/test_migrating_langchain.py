"""The page for those who come from other classes is complete, and the classes answer as it says."""

import re
from pathlib import Path

import pytest

from gpt4all_core.errors import UnsupportedParameter
from langchain_gpt4all import ChatGPT4All, GPT4All, GPT4AllEmbeddings

PAGE = (Path(__file__).parents[2] / "docs" / "migrating_langchain.md").read_text("utf-8")

LLAMA = """client model_path lora_base lora_path n_ctx n_parts seed f16_kv logits_all vocab_only use_mlock
    n_threads n_batch n_gpu_layers suffix max_tokens temperature top_p logprobs echo stop repeat_penalty top_k
    last_n_tokens_size use_mmap rope_freq_scale rope_freq_base model_kwargs streaming grammar_path grammar
    verbose"""
OLD = {
    "ChatOllama": (
        ChatGPT4All,
        """model reasoning validate_model_on_init mirostat mirostat_eta mirostat_tau num_ctx num_gpu
        num_thread num_predict repeat_last_n repeat_penalty temperature seed logprobs top_logprobs stop tfs_z
        top_k top_p format keep_alive base_url client_kwargs async_client_kwargs sync_client_kwargs""",
    ),
    "ChatLlamaCpp": (ChatGPT4All, LLAMA),
    "LlamaCpp": (GPT4All, LLAMA),
    "GPT4All of langchain-community": (
        GPT4All,
        """model backend max_tokens n_parts seed f16_kv logits_all vocab_only use_mlock embedding n_threads
        n_predict temp top_p top_k echo stop repeat_last_n repeat_penalty n_batch streaming allow_download
        device client""",
    ),
    "GPT4AllEmbeddings of langchain-community": (
        GPT4AllEmbeddings,
        "model_name n_threads device gpt4all_kwargs client",
    ),
    "LlamaCppEmbeddings": (
        GPT4AllEmbeddings,
        """client model_path n_ctx n_parts seed f16_kv logits_all vocab_only use_mlock n_threads n_batch
        n_gpu_layers verbose device""",
    ),
}
"""Constructor arguments of langchain-ollama 1.1.0 and langchain-community 0.4.2, by class."""

ACCEPTED = {
    "base_url": "http://127.0.0.1:11434/v1",
    "model": "smollm2-135m-instruct",
    "model_name": "all-minilm-l6-v2",
    "reasoning": True,
    "mirostat": 2,
    "mirostat_eta": 0.1,
    "mirostat_tau": 5.0,
    "repeat_last_n": 64,
    "repeat_penalty": 1.18,
    "temperature": 0.7,
    "seed": 0,
    "logprobs": True,
    "top_logprobs": 0,
    "stop": [],
    "top_k": 40,
    "top_p": 0.1,
    "max_tokens": 200,
    "streaming": True,
    "verbose": True,
    "allow_download": False,
    "device": "cpu",
}


def table(old):
    """Old names with what the page gives in their place: a name, `same` or `none`."""
    section = re.search(rf"^## {re.escape(old)} to \w+\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]
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
    assert name in ACCEPTED
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
