"""Each program's layout as the program itself makes it; sockets are blocked, downloads allowed."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from gpt4all_core.catalog.catalog import find, find_for_file, model_name
from gpt4all_core.catalog.found_elsewhere import gguf_files, ollama
from gpt4all_core.catalog.projector_files import find_projector
from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.catalog.store import files_on_disk, installed_path
from gpt4all_core.errors import DownloadError, ModelNotFound

LLAMA = find("llama-3.2-1b-instruct")
REPOSITORY = LLAMA.source.repository
CONTENT = b"GGUF of a model"


@pytest.fixture(autouse=True)
def home(empty_home, monkeypatch):
    for name in ("XDG_CACHE_HOME", "HF_HOME", "HUGGINGFACE_HUB_CACHE", "OLLAMA_MODELS", "LLAMA_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(ollama.sys, "platform", "linux")
    return empty_home


def place(path: Path, content: bytes = CONTENT, *, size_bytes: int | None = None) -> Path:
    """A file with this beginning; one of a size takes no room on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        if size_bytes is not None:
            file.truncate(size_bytes)
    return path


def place_in_hub_cache(
    cache: Path, repository: str, name: str, *, commit: str = "c" * 40, main: bool = True, **file
):
    """A blob, a link to it from a snapshot, and a reference, as Hugging Face's clients leave them."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    blob = place(folder / "blobs" / hashlib.sha256(f"{commit}{name}".encode()).hexdigest(), **file)
    link = folder / "snapshots" / commit / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.path.relpath(blob, link.parent))
    if main:
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs" / "main").write_text(commit)
    return link


def blob(store: Path, content: bytes) -> tuple[Path, dict[str, object]]:
    digest = hashlib.sha256(content).hexdigest()
    path = place(store / "blobs" / f"sha256-{digest}", content)
    return path, {"digest": f"sha256:{digest}", "size": len(content)}


def place_in_ollama(
    store: Path,
    name: str = "registry.ollama.ai/library/llama3.2/3b",
    root: str = "manifests",
    **layers: bytes,
) -> Path:
    """A manifest whose layers are blobs; returns the model's."""
    contents = {"model": CONTENT} | layers | {"license": b"text"}
    blobs = {kind: blob(store, content) for kind, content in contents.items()}
    described = [
        {"mediaType": f"application/vnd.ollama.image.{kind}", **facts} for kind, (_, facts) in blobs.items()
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"mediaType": "application/vnd.docker.container.image.v1+json", **blob(store, b"{}")[1]},
        "layers": described,
    }
    place(store / root / name, json.dumps(manifest).encode())
    return blobs["model"][0]


def in_gpt4all(home):
    return place(home / ".cache" / "gpt4all" / LLAMA.file_name, size_bytes=LLAMA.size_bytes)


def in_gpt4all_desktop(home):
    return place(home / ".local/share/nomic.ai/GPT4All" / LLAMA.file_name, size_bytes=LLAMA.size_bytes)


def in_lm_studio(home):
    path = home / ".lmstudio" / "models" / REPOSITORY / LLAMA.file_name
    return place(path, size_bytes=LLAMA.size_bytes)


def in_earlier_lm_studio(home):
    return place(home / ".cache/lm-studio/models" / REPOSITORY / LLAMA.file_name, size_bytes=LLAMA.size_bytes)


def in_moved_lm_studio(home):
    place(home / ".lmstudio-home-pointer", f"{home}/studio\n".encode())
    place(home / "studio" / "settings.json", json.dumps({"downloadsFolder": f"{home}/large"}).encode())
    return place(home / "large" / REPOSITORY / LLAMA.file_name, size_bytes=LLAMA.size_bytes)


def in_hugging_face(home):
    return place_in_hub_cache(home / ".cache/huggingface/hub", REPOSITORY, LLAMA.file_name)


def in_llama_cpp(home):
    name = f"{REPOSITORY}_{LLAMA.file_name}".replace("/", "_")
    place(home / ".cache/llama.cpp" / f"{name}.etag", b'"tag"')
    return place(home / ".cache/llama.cpp" / name, size_bytes=LLAMA.size_bytes)


def in_llama_cpp_with_manifest(home):
    manifest = {"ggufFile": {"rfilename": LLAMA.file_name, "size": 1}, "mmprojFile": None}
    place(
        home / ".cache/llama.cpp" / f"manifest={REPOSITORY.replace('/', '=')}=Q4_0.json",
        json.dumps(manifest).encode(),
    )
    return in_llama_cpp(home)


def in_llama_cpp_as_in_the_hubs_cache(home):
    os.environ["LLAMA_CACHE"] = str(home / "llama")
    return place_in_hub_cache(home / "llama", REPOSITORY, LLAMA.file_name)


def in_ollama_from_the_hub(home):
    return place_in_ollama(home / ".ollama/models", f"hf.co/{REPOSITORY}/Q4_0")


LAYOUTS = {
    in_gpt4all: "GPT4All",
    in_gpt4all_desktop: "GPT4All",
    in_lm_studio: "LM Studio",
    in_earlier_lm_studio: "LM Studio",
    in_moved_lm_studio: "LM Studio",
    in_hugging_face: "Hugging Face",
    in_llama_cpp: "llama.cpp",
    in_llama_cpp_with_manifest: "llama.cpp",
    in_llama_cpp_as_in_the_hubs_cache: "llama.cpp",
    in_ollama_from_the_hub: "Ollama",
}
OF_A_REPOSITORY = [layout for layout in LAYOUTS if "gpt4all" not in layout.__name__]
OF_AN_ENTRY = [layout for layout in LAYOUTS if layout is not in_ollama_from_the_hub]


@pytest.fixture
def environment(monkeypatch):
    """What a layout sets is gone afterwards."""
    monkeypatch.setenv("LLAMA_CACHE", "")


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_every_programs_models_are_listed_with_its_name(home, environment, layout):
    path = layout(home)
    (kept,) = files_on_disk()
    assert (kept.path, kept.program) == (path, LAYOUTS[layout])


@pytest.mark.parametrize("layout", OF_AN_ENTRY, ids=lambda layout: layout.__name__)
def test_a_model_of_the_catalog_is_used_in_place_without_the_network(home, environment, layout):
    path = layout(home)
    before = path.stat()
    assert resolve_model(LLAMA.name, allow_download=True) == path
    assert path.stat() == before


@pytest.mark.parametrize("layout", OF_A_REPOSITORY, ids=lambda layout: layout.__name__)
@pytest.mark.parametrize("selector", [":Q4_0", ":q4_0", ""])
def test_a_reference_to_the_hub_is_answered_from_the_disk(home, environment, layout, selector):
    path = layout(home)
    assert resolve_model(f"hf:{REPOSITORY}{selector}", allow_download=True) == path
    with pytest.raises(ModelNotFound, match="gpt4all models pull"):
        resolve_model(f"hf:{REPOSITORY}:Q8_0")


@pytest.mark.parametrize(
    "layout", [in_lm_studio, in_hugging_face, in_gpt4all], ids=lambda layout: layout.__name__
)
def test_a_file_is_found_by_its_name(home, layout):
    path = layout(home)
    assert resolve_model(LLAMA.file_name) == path


def test_another_programs_file_of_another_size_is_not_the_model(home):
    place(home / ".cache" / "gpt4all" / LLAMA.file_name, size_bytes=LLAMA.size_bytes - 1)
    assert installed_path(LLAMA) is None


class TestOllama:
    @pytest.fixture
    def store(self, home):
        return home / ".ollama" / "models"

    @pytest.mark.parametrize(
        "name",
        ["llama3.2:3b", "LLAMA3.2:3B", "library/llama3.2:3b", "registry.ollama.ai/library/llama3.2:3b"],
    )
    def test_every_form_of_a_name_finds_the_blob(self, store, name):
        path = place_in_ollama(store)
        assert resolve_model(name, allow_download=True) == path

    @pytest.mark.parametrize(
        ("manifest", "names"),
        [
            ("registry.ollama.ai/library/tiny/latest", ["tiny", "tiny:latest"]),
            ("registry.ollama.ai/somebody/tiny/7b", ["somebody/tiny:7b"]),
            ("example.org/team/tiny/7b-q8_0", ["example.org/team/tiny:7b-q8_0"]),
            ("hf.co/owner/repo/Q4_K_M", ["hf.co/owner/repo:Q4_K_M", "hf:owner/repo:Q4_K_M"]),
        ],
    )
    def test_registries_namespaces_and_tags_are_told_apart(self, store, manifest, names):
        path = place_in_ollama(store, manifest)
        place_in_ollama(store, "registry.ollama.ai/library/other/1b", model=b"GGUF another")
        assert [resolve_model(name) for name in names] == [path] * len(names)

    def test_another_folder_is_its_only_one(self, store, home, monkeypatch):
        place_in_ollama(store)
        monkeypatch.setenv("OLLAMA_MODELS", str(home / "elsewhere"))
        path = place_in_ollama(home / "elsewhere", model=b"GGUF elsewhere")
        assert resolve_model("llama3.2:3b") == path

    def test_projectors_and_adapters_are_known(self, store):
        place_in_ollama(store, projector=b"GGUF that sees", adapter=b"GGUF that adapts")
        (kept,) = files_on_disk()
        assert kept.projector.read_bytes() == b"GGUF that sees"
        assert find_projector(kept.path, header=None) == kept.projector
        assert [path.read_bytes() for path in kept.adapters] == [b"GGUF that adapts"]

    def test_a_blob_is_known_by_its_name(self, store):
        path = place_in_ollama(store, "registry.ollama.ai/library/nomic-embed-text/latest")
        assert model_name(path) == "nomic-embed-text:latest"
        assert find_for_file(path).query_prefix == "search_query: "
        other = place_in_ollama(store, "registry.ollama.ai/somebody/own/1b", model=b"GGUF of one's own")
        assert (model_name(other), find_for_file(other)) == ("somebody/own:1b", None)

    def test_a_list_of_manifests_gives_the_one_with_a_gguf_file(self, store):
        model, facts = blob(store, CONTENT)
        child = {"layers": [{"mediaType": "application/vnd.ollama.image.model", **facts}]}
        _, reference = blob(store, json.dumps(child).encode())
        tensors = {"mediaType": "application/vnd.ollama.image.tensor", **facts}
        children = [
            {"runner": "mlx", "layers": [tensors]},
            {"runner": "ollama", "format": "gguf", "digest": reference["digest"]},
        ]
        manifest = {"mediaType": "application/vnd.ollama.manifest.list.v2+json", "manifests": children}
        _, written = blob(store, json.dumps(manifest).encode())
        link = store / "manifests-v2/registry.ollama.ai/library/llama3.2/3b"
        link.parent.mkdir(parents=True)
        link.symlink_to(store / "blobs" / str(written["digest"]).replace(":", "-"))
        assert resolve_model("llama3.2:3b") == model

    def test_a_manifest_of_today_hides_the_one_of_before(self, store):
        place_in_ollama(store)
        path = place_in_ollama(store, root="manifests-v2", model=b"GGUF of today")
        assert resolve_model("llama3.2:3b") == path
        assert len(files_on_disk()) == 1

    @pytest.mark.parametrize(
        "damage",
        [
            lambda model: model.unlink(),
            lambda model: model.rename(f"{model}-partial"),
            lambda model: model.write_bytes(CONTENT[:-1]),
        ],
        ids=["gone", "half fetched", "cut"],
    )
    def test_what_is_not_whole_is_passed_over(self, store, damage):
        damage(place_in_ollama(store))
        assert files_on_disk() == ()
        with pytest.raises(ModelNotFound):
            resolve_model("llama3.2:3b")

    @pytest.mark.parametrize("text", [b"", b"[]", b'{"layers": 3}', b'{"layers": [3]}', b"\xff"])
    def test_a_manifest_that_is_none_is_passed_over(self, store, text):
        place(store / "manifests/registry.ollama.ai/library/odd/latest", text)
        place_in_ollama(store)
        assert [kept.name for kept in files_on_disk()] == ["llama3.2:3b"]

    def test_its_file_is_the_catalogs_if_its_hash_is(self, store, monkeypatch):
        path = place_in_ollama(store)
        entry = find("qwen3-8b").model_copy(update={"sha256": path.name.removeprefix("sha256-")})
        assert installed_path(entry) == path

    def test_a_model_of_the_catalog_that_it_has_otherwise_is_named(self, store):
        place_in_ollama(store)
        with pytest.raises(ModelNotFound, match=r"Ollama keeps the same model .*: llama3\.2:3b") as caught:
            resolve_model("llama-3.2-3b-instruct")
        assert caught.value.near_misses == ("llama3.2:3b",)

    def test_a_name_that_nearly_is_one_of_its_is_answered_with_that(self, store):
        place_in_ollama(store, "registry.ollama.ai/library/own-finetune/7b")
        with pytest.raises(ModelNotFound, match=r"did you mean own-finetune:7b \(kept by Ollama\)"):
            resolve_model("own-finetun:7b")


class TestWhatIsPassedOver:
    def test_half_downloads_of_every_program(self, home):
        gpt4all, studio = home / ".cache/gpt4all", home / ".lmstudio/models/owner/repo"
        hub, llama = home / ".cache/huggingface/hub/models--owner--repo", home / ".cache/llama.cpp"
        for path in (
            gpt4all / "m.gguf.part",
            gpt4all / "incomplete-m.gguf",
            studio / "m.gguf.part",
            studio / ".m.gguf",
            hub / "blobs" / ("0" * 64 + ".incomplete"),
            llama / "owner_repo_m.gguf.downloadInProgress",
        ):
            place(path)
        assert files_on_disk() == ()

    def test_links_to_nothing_and_folders_that_lead_back(self, home):
        snapshot = place_in_hub_cache(home / ".cache/huggingface/hub", "owner/repo", "m.gguf")
        snapshot.resolve().unlink()
        studio = home / ".lmstudio/models/owner"
        studio.mkdir(parents=True)
        (studio / "again").symlink_to(studio)
        assert files_on_disk() == ()
        path = place(studio / "repo" / "m.gguf")
        assert list(gguf_files.gguf_files(studio)) == [path]

    def test_folders_that_may_not_be_read(self, home, monkeypatch):
        closed = place(home / ".lmstudio/models/owner/repo/m.gguf").parent
        path = place(home / ".cache/gpt4all/open.gguf")
        scandir = os.scandir

        def refuse(folder):
            if Path(folder) == closed:
                raise PermissionError(13, "Permission denied", str(folder))
            return scandir(folder)

        monkeypatch.setattr(gguf_files.os, "scandir", refuse)
        assert [kept.path for kept in files_on_disk()] == [path]

    def test_parts_without_the_others_and_projectors(self, home):
        folder = home / ".lmstudio/models/owner/repo"
        first = place(folder / "m-00001-of-00002.gguf")
        place(folder / "mmproj-m-F16.gguf")
        assert files_on_disk() == ()
        with pytest.raises(ModelNotFound):
            resolve_model("hf:owner/repo")
        place(folder / "m-00002-of-00002.gguf")
        assert [kept.path for kept in files_on_disk()] == [first]
        assert resolve_model("hf:owner/repo") == first

    def test_parts_of_another_commit(self, home):
        cache = home / ".cache/huggingface/hub"
        place_in_hub_cache(cache, "owner/repo", "m-00001-of-00002.gguf", commit="a" * 40)
        place_in_hub_cache(cache, "owner/repo", "m-00002-of-00002.gguf", commit="b" * 40)
        assert files_on_disk() == ()

    def test_one_file_under_two_names_is_listed_once(self, home):
        path = in_gpt4all(home)
        other = home / ".lmstudio/models/owner/repo/m.gguf"
        other.parent.mkdir(parents=True)
        other.symlink_to(path)
        assert [kept.program for kept in files_on_disk()] == ["GPT4All"]


def test_of_several_commits_that_of_main_is_taken(home):
    cache = home / ".cache/huggingface/hub"
    path = place_in_hub_cache(cache, "owner/repo", "m.gguf", commit="b" * 40)
    place_in_hub_cache(cache, "owner/repo", "m.gguf", commit="a" * 40, main=False)
    assert resolve_model("hf:owner/repo") == path


def test_what_is_on_no_disk_would_be_fetched(home):
    """The other tests of this file would not notice if downloads were not tried at all."""
    with pytest.raises(DownloadError):
        resolve_model("hf:owner/repo", allow_download=True)
