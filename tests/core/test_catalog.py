import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from gpt4all_core.catalog.catalog import (
    better_model,
    find,
    find_for_file,
    find_or_none,
    largest_fitting,
    list_models,
    near_misses,
)
from gpt4all_core.catalog.entry import ModelEntry
from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.memory import memory_needed
from gpt4all_core.catalog.reference import HuggingFaceReference, choose_files, parse_hugging_face
from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.errors import ModelNotFound
from gpt4all_core.open_engine import _memory
from gpt4all_core.open_model import EngineOptions

GIB = 2**30
HUB = "https://huggingface.co"
GPT4ALL_FACTS = Path(__file__).parents[3] / "shared" / "data" / "gpt4all_catalog_facts.json"


def test_the_starter_models_have_the_names_that_others_rely_on():
    assert find("smollm2-135m-instruct").is_demonstration
    assert find("all-minilm-l6-v2").role == "embedder"


def test_every_reference_finds_exactly_its_own_entry():
    references = [
        (name.casefold(), entry.name)
        for entry in list_models()
        for name in {n.casefold() for n in entry.references}
    ]
    assert len(references) == len(dict(references))
    assert all(find(reference).name == name for reference, name in references)


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("llama-3.2-3b-instruct", "llama-3.2-3b-instruct"),
        ("Llama-3.2-3B-Instruct-Q4_0.gguf", "llama-3.2-3b-instruct"),
        ("Llama 3.2 3B Instruct", "llama-3.2-3b-instruct"),
        ("Reasoner v1", "qwen2.5-coder-7b-instruct"),
        ("nomic-embed-text-v1.5.f16.gguf", "nomic-embed-text-v1.5"),
        ("qwen3:8b", "qwen3-8b"),
        ("Snoozy", "gpt4all-13b-snoozy"),
    ],
)
def test_names_aliases_and_gpt4all_file_names_find_the_entry_in_any_case(reference, name):
    assert find(reference).name == name
    assert find(reference.upper()).name == name


def test_a_typo_is_answered_with_near_misses_and_a_next_step():
    with pytest.raises(ModelNotFound) as caught:
        find("lama-3.2-3b-instruct")
    assert caught.value.near_misses[0] == "llama-3.2-3b-instruct"
    assert "did you mean llama-3.2-3b-instruct" in str(caught.value)
    assert "gpt4all models list" in str(caught.value)


@pytest.mark.parametrize(
    ("reference", "nearest"),
    [
        ("qwen3-4b-instruct", "qwen3-4b"),
        ("Llama-3.2-3B-Instruct-Q4_K_M", "llama-3.2-3b-instruct"),
        ("phi-4-mini", "phi-4-mini-instruct"),
        ("gemma-3-4b", "gemma-3-4b-it"),
    ],
)
def test_a_name_with_more_or_less_behind_it_is_the_nearest(reference, nearest):
    assert near_misses(reference)[0] == nearest


def test_what_resembles_nothing_has_no_near_misses():
    assert find_or_none("zzzz") is None
    assert near_misses("zzzz") == ()


@pytest.mark.parametrize(
    ("memory_gib", "name"),
    [
        (1, None),
        (4, "llama-3.2-1b-instruct"),
        (8, "qwen3-4b"),
        (16, "qwen3-8b"),
        (32, "qwen3-8b"),
    ],
)
def test_the_recommended_model_is_the_largest_sensible_one_that_leaves_memory_to_others(memory_gib, name):
    model = better_model(memory_gib * GIB)
    assert (model.name if model else None) == name
    assert model is None or memory_needed(model) <= 0.7 * memory_gib * GIB


def test_a_retired_model_is_found_and_not_chosen():
    retired = find("mpt-7b-chat-newbpe")
    assert "2.7.3" in retired.retired
    fitting = retired.model_copy(update={"architecture": find("orca-2-7b").architecture})
    assert largest_fitting([fitting], memory_bytes=64 * GIB) is None
    assert largest_fitting([fitting.model_copy(update={"retired": None})], memory_bytes=64 * GIB)


def test_embedders_carry_the_prefixes_they_were_trained_with():
    prefixes = {
        entry.name: (entry.query_prefix, entry.document_prefix) for entry in list_models(role="embedder")
    }
    assert prefixes["nomic-embed-text-v1.5"] == ("search_query: ", "search_document: ")
    assert prefixes["all-minilm-l6-v2"] == ("", "")
    assert prefixes["multilingual-e5-base"] == ("query: ", "passage: ")
    assert prefixes["embeddinggemma-300m"] == ("task: search result | query: ", "title: none | text: ")
    assert prefixes["qwen3-embedding-0.6b"][0].endswith("\nQuery:")
    assert prefixes["bge-m3"] == ("", "")


@pytest.mark.skipif(not GPT4ALL_FACTS.is_file(), reason="the facts of GPT4All's catalog are not on this disk")
def test_every_model_of_gpt4alls_catalog_is_here_with_its_hash():
    facts = json.loads(GPT4ALL_FACTS.read_text("utf-8"))["models"]
    for fact in facts:
        entry = find(fact["filename"])
        kept = (entry.size_bytes, entry.md5, entry.sha256)
        assert kept == (fact["size_bytes"], fact["md5"], fact["sha256"]), fact["filename"]
        source = entry.source
        address = getattr(source, "url", "") or f"{HUB}/{source.repository}/resolve/main/{entry.file_name}"
        assert address == fact["url"]
    assert len(facts) == 32


@pytest.mark.parametrize(
    ("file_name", "name"),
    [
        ("nomic-embed-text-v1.5.Q4_K_M.gguf", "nomic-embed-text-v1.5"),
        ("nomic-embed-text-v1.5.f32.gguf", "nomic-embed-text-v1.5"),
        ("Qwen3-8B-IQ4_XS.gguf", "qwen3-8b"),
        ("nomic-embed-text-v1.5-tuned.Q4_K_M.gguf", None),
        ("f16.gguf", None),
    ],
)
def test_another_quantisation_of_a_model_is_known_by_its_files_name(file_name, name):
    entry = find_for_file(Path("/models") / file_name)
    assert (entry and entry.name) == name
    if entry is not None:
        assert (entry.query_prefix, entry.matryoshka) == (find(name).query_prefix, find(name).matryoshka)
        assert (entry.size_bytes, entry.sha256, entry.md5, entry.quantisation) == (None,) * 4


def test_what_is_wrong_in_one_file_is_not_assumed_of_another_quantisation():
    assert find_for_file(Path("Phi-3-mini-4k-instruct.Q4_0.gguf")).template.replaces_own
    assert not find_for_file(Path("Phi-3-mini-4k-instruct.Q8_0.gguf")).template.replaces_own


def test_no_entry_states_a_number_without_its_source():
    for entry in list_models():
        assert "file" in entry.sources, entry.name
        if entry.architecture is not None and entry.source.kind not in ("bundled", "package"):
            assert "architecture" in entry.sources, entry.name
        if entry.query_prefix:
            assert "prefixes" in entry.sources, entry.name
        if entry.languages is not None:
            assert "languages" in entry.sources, entry.name
        if entry.active_parameters is not None:
            assert "parameters" in entry.sources, entry.name


def test_the_catalog_agrees_with_the_headers_of_the_files_that_come_along():
    for name in ("smollm2-135m-instruct", "all-minilm-l6-v2"):
        entry = find(name)
        header = read_header(resolve_model(name))
        numbers, prefix = entry.architecture, f"{header.architecture}.attention"
        assert (numbers.layers, numbers.embedding, numbers.vocabulary, entry.context_length) == (
            header.block_count,
            header.embedding_length,
            header.vocabulary_size,
            header.context_length,
        )
        assert numbers.heads == header.number(f"{prefix}.head_count")
        assert numbers.kv_heads == header.number(f"{prefix}.head_count_kv")
        assert numbers.head_size == header.embedding_length // numbers.heads


@pytest.mark.parametrize("context", [512, 4096, 8192])
def test_memory_is_what_an_engine_reckons_with_from_the_header(context):
    entry = find("smollm2-135m-instruct")
    reckoned = _memory(resolve_model(entry.name), EngineOptions(context)).total
    told = memory_needed(entry, context_tokens=context)
    # The file's size stands for its weights: its header and vocabulary are 1.8 MB of it.
    assert told - reckoned == pytest.approx(1_800_000, abs=100_000)


def test_a_context_beyond_what_the_model_was_trained_for_takes_no_more():
    entry = find("smollm2-135m-instruct")
    assert memory_needed(entry, context_tokens=10**6) == memory_needed(entry, context_tokens=8192)


@pytest.mark.parametrize("unknown", ["size_bytes", "architecture"])
def test_memory_is_unknown_where_a_number_is(unknown):
    assert memory_needed(find("qwen3-8b").model_copy(update={unknown: None})) is None


def test_an_address_without_a_hash_is_refused_and_a_file_of_the_hub_is_not():
    unverifiable = find("llama-3-8b-instruct").model_dump() | {"md5": None}
    with pytest.raises(ValidationError, match="needs size_bytes and sha256 or md5"):
        ModelEntry.model_validate(unverifiable)
    assert find("phi-4").sha256 is None


@pytest.mark.parametrize(
    ("reference", "parsed"),
    [
        ("hf:owner/repo", HuggingFaceReference("owner/repo")),
        ("hf:owner/repo:Q4_K_M", HuggingFaceReference("owner/repo", "Q4_K_M")),
        ("hf:owner/repo:sub/file.gguf", HuggingFaceReference("owner/repo", "sub/file.gguf")),
    ],
)
def test_a_hub_reference_is_read_and_written_alike(reference, parsed):
    assert parse_hugging_face(reference) == parsed
    assert str(parsed) == reference


@pytest.mark.parametrize("reference", ["hf:", "hf:repo", "hf:a/b:", "hf:a/b:../x.gguf", "hf:a/b/c"])
def test_what_is_no_hub_reference_is_refused(reference):
    with pytest.raises(ModelNotFound, match="not of the form"):
        parse_hugging_face(reference)


FILES = (
    "README.md",
    "m-Q4_K_M.gguf",
    "m-Q4_K_S.gguf",
    "m-Q8_0.gguf",
    "m-bf16-00001-of-00002.gguf",
    "m-bf16-00002-of-00002.gguf",
    "mmproj-F16.gguf",
)


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("", ["m-Q4_K_M.gguf"]),
        ("q8_0", ["m-Q8_0.gguf"]),
        ("m-Q4_K_S.gguf", ["m-Q4_K_S.gguf"]),
        ("BF16", ["m-bf16-00001-of-00002.gguf", "m-bf16-00002-of-00002.gguf"]),
    ],
)
def test_a_quantisation_or_a_file_name_chooses_among_a_repositorys_files(selector, names):
    assert choose_files(FILES, HuggingFaceReference("a/b", selector)) == names


def test_a_quantisation_that_is_only_part_of_a_word_does_not_match():
    with pytest.raises(ModelNotFound, match=r"no file matches; name one as hf:a/b:FILE") as caught:
        choose_files(FILES, HuggingFaceReference("a/b", "Q4_K"))
    assert "hf:a/b:m-Q8_0.gguf" in caught.value.near_misses


def test_several_files_of_no_preferred_quantisation_must_be_named():
    with pytest.raises(ModelNotFound, match="several files match"):
        choose_files(["a-IQ1_S.gguf", "a-IQ2_S.gguf"], HuggingFaceReference("a/b"))


def test_the_only_file_needs_no_name():
    assert choose_files(["model.gguf", "mmproj-model.gguf"], HuggingFaceReference("a/b")) == ["model.gguf"]
