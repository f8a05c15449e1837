import pytest
from pydantic import ValidationError

from gpt4all_core.catalog.catalog import better_model, find, find_or_none, list_models, near_misses
from gpt4all_core.catalog.entry import ModelEntry
from gpt4all_core.catalog.reference import HuggingFaceReference, choose_files, parse_hugging_face
from gpt4all_core.errors import ModelNotFound

GIB = 2**30


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


def test_what_resembles_nothing_has_no_near_misses():
    assert find_or_none("zzzz") is None
    assert near_misses("zzzz") == ()


@pytest.mark.parametrize(
    ("memory_gib", "name"),
    [
        (1, None),
        (4, "llama-3.2-1b-instruct"),
        (8, "phi-3-mini-4k-instruct"),
        (16, "llama-3.1-8b-instruct"),
        (32, "llama-3.1-8b-instruct"),
    ],
)
def test_the_recommended_model_is_the_largest_sensible_one_that_leaves_memory_to_others(memory_gib, name):
    model = better_model(memory_gib * GIB)
    assert (model.name if model else None) == name
    assert model is None or model.memory_bytes <= 0.7 * memory_gib * GIB


def test_embedders_carry_the_prefixes_they_were_trained_with():
    nomic = find("nomic-embed-text-v1.5")
    assert (nomic.query_prefix, nomic.document_prefix) == ("search_query: ", "search_document: ")
    bundled = find("all-minilm-l6-v2")
    assert (bundled.query_prefix, bundled.document_prefix) == ("", "")


def test_an_entry_that_could_not_be_verified_is_refused():
    unverifiable = find("llama-3.2-3b-instruct").model_dump() | {"md5": None, "sha256": None}
    with pytest.raises(ValidationError, match="neither sha256 nor md5"):
        ModelEntry.model_validate(unverifiable)


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
