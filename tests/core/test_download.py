import hashlib
import http.server
import json
import socket
import threading

import pytest
from huggingface_hub import HfApi

from gpt4all_core.catalog import download as download_module
from gpt4all_core.catalog import hub
from gpt4all_core.catalog.catalog import find
from gpt4all_core.catalog.download import download, fetch_url, require_space, verify
from gpt4all_core.catalog.entry import HuggingFaceSource
from gpt4all_core.catalog.reference import HuggingFaceReference
from gpt4all_core.catalog.store import models_folder
from gpt4all_core.errors import ChecksumMismatch, DownloadError, ModelNotFound

# Only the server below is spoken to.
pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]

CONTENT = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()
COMMIT = "0" * 40


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves one file as a plain address and as a repository of a hub; notes what was asked."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def answer(self, *, with_body):
        self.server.requests.append((self.command, self.path, self.headers.get("Range")))
        name = self.path.partition("?")[0]
        if name == "/api/models/owner/repo":
            siblings = [{"rfilename": "m-Q4_0.gguf", "size": len(CONTENT), "lfs": self.server.lfs}]
            info = {"id": "owner/repo", "siblings": siblings, "sha": COMMIT, "private": False, "tags": []}
            self.send(200, json.dumps(info).encode(), with_body=with_body)
        elif name.endswith(".gguf") and "absent" not in name:
            self.send_file(with_body=with_body)
        else:
            self.send(404, b"not found", with_body=with_body)

    def send_file(self, *, with_body):
        wanted = self.headers.get("Range")
        if wanted and self.server.knows_ranges:
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            headers = {"Content-Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"}
            self.send(206, CONTENT[start:], headers, with_body=with_body)
        else:
            self.send(200, CONTENT, with_body=with_body)

    def send(self, status, body, headers=None, *, with_body):
        self.send_response(status)
        promised = {"Content-Length": str(len(body)), "ETag": f'"{SHA256}"', "X-Repo-Commit": COMMIT}
        for name, value in (promised | (headers or {})).items():
            self.send_header(name, value)
        if self.server.breaks_off:
            body = body[: len(body) // 2]
            self.close_connection = True
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.requests, server.knows_ranges, server.breaks_off = [], True, False
    server.lfs = {"sha256": SHA256, "size": len(CONTENT), "pointerSize": 128}
    server.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("GPT4ALL_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def entry(server):
    """A catalog entry whose address is the test server's, which an entry from a file could not have."""
    entry = find("llama-3-8b-instruct")
    source = entry.source.model_copy(update={"url": f"{server.address}/model.gguf"})
    return entry.model_copy(
        update={"source": source, "size_bytes": len(CONTENT), "md5": MD5, "sha256": SHA256}
    )


def fetch_hub_from(server, monkeypatch):
    monkeypatch.setattr(hub, "_api", lambda: HfApi(endpoint=server.address, token=False))


def test_a_download_is_verified_and_lands_under_its_name(entry):
    seen = []
    path = download(entry, on_progress=lambda done, total: seen.append((done, total)))
    assert path == models_folder() / entry.file_name
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [file.name for file in path.parent.glob("*.part")] == []


def test_a_file_that_is_there_is_not_fetched_again(entry, server):
    download(entry)
    server.requests.clear()
    download(entry)
    assert server.requests == []


def test_what_an_earlier_attempt_left_is_continued(entry, server):
    part = models_folder() / f"{entry.file_name}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:1000])
    assert download(entry).read_bytes() == CONTENT
    assert server.requests == [("GET", "/model.gguf", "bytes=1000-")]


def test_a_server_without_ranges_sends_everything_again(entry, server):
    server.knows_ranges = False
    part = models_folder() / f"{entry.file_name}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    assert download(entry).read_bytes() == CONTENT


def test_a_connection_that_breaks_off_leaves_a_part_to_continue(entry, server):
    server.breaks_off = True
    with pytest.raises(DownloadError, match="run the same again to continue"):
        download(entry)
    part = models_folder() / f"{entry.file_name}.part"
    assert 0 < part.stat().st_size < len(CONTENT)
    assert not part.with_name(entry.file_name).exists()
    server.breaks_off = False
    assert download(entry).read_bytes() == CONTENT


@pytest.mark.parametrize("hashes", [{"sha256": "0" * 64}, {"sha256": None, "md5": "0" * 32}])
def test_the_wrong_content_is_removed_and_named(entry, hashes):
    with pytest.raises(ChecksumMismatch, match=r"instead of 0000.*removed"):
        download(entry.model_copy(update=hashes))
    assert [path for path in models_folder().iterdir() if path.suffix != ".lock"] == []


def test_a_file_of_another_size_is_removed(tmp_path):
    path = tmp_path / "m.gguf.part"
    path.write_bytes(b"12345")
    with pytest.raises(ChecksumMismatch, match="5 bytes instead of 6"):
        verify(path, size_bytes=6, sha256=None, md5=None)
    assert not path.exists()


def test_an_address_without_the_file_says_so(server, tmp_path):
    with pytest.raises(DownloadError, match="the server answered 404"):
        fetch_url(f"{server.address}/absent.gguf", tmp_path / "part", size_bytes=1)


def test_no_server_at_all_is_a_download_error(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(DownloadError, match="refused"):
        fetch_url(f"http://127.0.0.1:{port}/m.gguf", tmp_path / "part", size_bytes=1)


def test_too_little_disk_space_is_found_before_anything_is_fetched(entry, server, monkeypatch):
    usage = download_module.shutil.disk_usage(".")
    monkeypatch.setattr(download_module.shutil, "disk_usage", lambda folder: usage._replace(free=10))
    with pytest.raises(DownloadError, match=r"0.0 GB free.*GPT4ALL_HOME"):
        download(entry)
    assert server.requests == []


def test_space_is_measured_on_the_folders_own_disk(tmp_path):
    require_space(tmp_path, 1)
    with pytest.raises(DownloadError, match="make room"):
        require_space(tmp_path, 10**18)


def test_what_pip_installs_is_not_downloaded():
    with pytest.raises(DownloadError, match="installed with pip"):
        download(find("all-minilm-l6-v2"))


def test_a_file_of_the_hub_is_fetched_and_verified(server, monkeypatch):
    fetch_hub_from(server, monkeypatch)
    seen = []
    path = download(
        HuggingFaceReference("owner/repo", "Q4_0"), on_progress=lambda done, total: seen.append((done, total))
    )
    assert path == models_folder() / "hf" / "owner--repo" / "m-Q4_0.gguf"
    assert path.read_bytes() == CONTENT
    assert [file.name for file in path.parent.iterdir() if file.suffix != ".lock"] == ["m-Q4_0.gguf"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)


def test_a_download_leaves_what_another_one_has_half_way(server, monkeypatch):
    fetch_hub_from(server, monkeypatch)
    entry = find("llama-3.2-1b-instruct").model_copy(update={"size_bytes": len(CONTENT), "md5": MD5})
    fetch, halves = download_module.fetch_from_hub, []

    def fetch_beside_another(file, folder, **options):
        half = folder / "half.incomplete"
        folder.mkdir(parents=True, exist_ok=True)
        half.write_bytes(b"half")
        halves.append(half)
        if len(halves) == 1:
            download(entry.model_copy(update={"file_name": "second.gguf"}))
        return fetch(file, folder, **options)

    monkeypatch.setattr(download_module, "fetch_from_hub", fetch_beside_another)
    monkeypatch.setattr(
        download_module, "verify", lambda *_, **__: halves[0].exists() or pytest.fail("the half is gone")
    )
    download(entry)
    assert len(halves) == 2


def test_the_hubs_own_hash_is_held_against_the_file(server, monkeypatch):
    fetch_hub_from(server, monkeypatch)
    server.lfs["sha256"] = "0" * 64
    with pytest.raises(ChecksumMismatch):
        download(HuggingFaceReference("owner/repo"))
    assert list(models_folder().rglob("*.gguf")) == []


def test_an_entry_of_the_hub_is_verified_by_the_catalogs_hash(server, monkeypatch):
    fetch_hub_from(server, monkeypatch)
    entry = find("llama-3.2-1b-instruct").model_copy(update={"size_bytes": len(CONTENT), "md5": MD5})
    assert download(entry) == models_folder() / entry.file_name
    with pytest.raises(ChecksumMismatch, match="md5"):
        download(entry.model_copy(update={"md5": "0" * 32, "file_name": "other.gguf"}))


@pytest.mark.parametrize("unknown", [{"sha256": None, "md5": None}, {"size_bytes": None}])
def test_an_entry_without_a_hash_or_size_is_verified_by_what_the_hub_says(server, monkeypatch, unknown):
    fetch_hub_from(server, monkeypatch)
    source = HuggingFaceSource(kind="hugging_face", repository="owner/repo")
    facts = {"file_name": "m-Q4_0.gguf", "source": source, "size_bytes": len(CONTENT), "sha256": SHA256}
    entry = find("qwen3-8b").model_copy(update=facts | unknown)
    server.lfs["sha256"] = "0" * 64
    with pytest.raises(ChecksumMismatch, match="sha256"):
        download(entry)
    server.lfs["sha256"] = SHA256
    assert download(entry).read_bytes() == CONTENT


def test_a_file_that_the_repository_does_not_have_is_named(server, monkeypatch):
    fetch_hub_from(server, monkeypatch)
    with pytest.raises(ModelNotFound, match=r"no file matches.*It has: m-Q4_0.gguf"):
        download(HuggingFaceReference("owner/repo", "Q8_0"))


def test_an_unknown_repository_is_a_download_error(server, monkeypatch):
    fetch_hub_from(server, monkeypatch)
    with pytest.raises(DownloadError, match="hf:owner/absent: "):
        download(HuggingFaceReference("owner/absent"))
