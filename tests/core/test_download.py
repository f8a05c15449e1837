import hashlib
import resource
import socket
import threading
from pathlib import Path

import pytest
from huggingface_hub import HfApi, close_session, constants
from model_server import (
    CONTENT,
    a_range_of_another_file,
    a_range_without_a_name,
    another_piece,
    answers,
    corrupt,
    cut,
    cut_without_length,
    ignores_ranges,
    longer_than_it_can_be,
    not_satisfiable,
    promises_less,
    promises_more,
    redirect,
    serving,
    trickle,
    web_page,
    web_page_of_the_right_size,
    without_length,
)

from gpt4all_core.catalog import download as download_module
from gpt4all_core.catalog import hub, patience, transfer
from gpt4all_core.catalog.catalog import find
from gpt4all_core.catalog.download import DownloadProgress, download, require_space, verify
from gpt4all_core.catalog.entry import HuggingFaceSource
from gpt4all_core.catalog.reference import HuggingFaceReference
from gpt4all_core.catalog.store import find_hugging_face, models_folder
from gpt4all_core.errors import ChecksumMismatch, DownloadError, ModelNotFound

# Only the server of the tests is spoken to.
pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]

SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()
HALF = CONTENT[: len(CONTENT) // 2]
REPOSITORY = HuggingFaceReference("owner/repo", "Q4_0")


@pytest.fixture
def server():
    with serving() as repository:
        yield repository


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("GPT4ALL_HOME", str(tmp_path))
    monkeypatch.setattr(patience, "_FIRST_PAUSE_S", 0.0)
    return tmp_path


@pytest.fixture
def entry(server):
    """A catalog entry whose address is the test server's, which an entry from a file could not have."""
    entry = find("llama-3-8b-instruct")
    source = entry.source.model_copy(update={"url": f"{server.address}/files/m-Q4_0.gguf"})
    return entry.model_copy(
        update={"source": source, "size_bytes": len(CONTENT), "md5": MD5, "sha256": SHA256}
    )


@pytest.fixture
def use_hub(server, monkeypatch):
    monkeypatch.setattr(hub, "_api", lambda: HfApi(endpoint=server.address, token=server.token or False))


@pytest.fixture(params=["address", "hub"])
def wanted(request, entry, use_hub):
    """The same file both ways: at an address, and in a repository of the Hub."""
    return entry if request.param == "address" else REPOSITORY


def left(suffix: str = ".part"):
    return [path for path in models_folder().rglob("*") if path.suffix == suffix]


def visible():
    return [path for path in models_folder().rglob("*") if path.is_file() and not path.name.startswith(".")]


def test_a_download_is_verified_and_lands_under_its_name(entry):
    seen = []
    found = download(entry, on_progress=seen.append)
    assert (found.path, found.checked_by) == (models_folder() / entry.file_name, "sha256")
    assert found.path.read_bytes() == CONTENT
    assert seen[-2:] == [DownloadProgress(phase, len(CONTENT), len(CONTENT)) for phase in ("fetch", "check")]
    assert [step.done_bytes for step in seen] == sorted(step.done_bytes for step in seen)
    assert left() == []


def test_a_file_that_is_there_is_not_fetched_again(entry, server):
    download(entry)
    server.requests.clear()
    assert download(entry).checked_by is None
    assert server.requests == []


RECOVERED = [
    [cut],
    [cut, cut, cut],
    [cut_without_length],
    [without_length],
    [redirect],
    [cut, redirect],
    [cut, ignores_ranges],
    [cut, another_piece],
    [cut, a_range_without_a_name],
    [cut, not_satisfiable],
    [answers(500), answers(503, Retry_After="0"), answers(429, Retry_After="0")],
    [cut, answers(502)],
]
REFUSED = [
    ([longer_than_it_can_be], "sent more than"),
    ([promises_less], "offers 1000 bytes instead of"),
    ([promises_more], "so it is another file"),
    ([cut, a_range_of_another_file], "so it is another file"),
    ([web_page], "a web page instead of the file"),
    ([web_page_of_the_right_size], "no GGUF file"),
    ([answers(403)], "answered 403"),
    ([answers(404)], "answered 404"),
    ([answers(204)], "answered 204"),
    ([corrupt], "instead of"),
    ([answers(500)] * 5, "answered 500.*run the same again"),
    ([cut] * 5, "the connection ended after.*run the same again to continue"),
]


def named(faults):
    return "-".join(fault.__name__ for fault in faults[:3])


@pytest.mark.parametrize("faults", RECOVERED, ids=named)
def test_what_a_network_does_to_a_download_is_made_good(wanted, server, faults):
    server.faults.extend(faults)
    assert download(wanted).path.read_bytes() == CONTENT
    assert not server.faults


def test_a_connection_that_says_nothing_any_more_is_left_for_another(wanted, server, monkeypatch):
    monkeypatch.setattr(transfer, "_TIMEOUT_S", 0.5)
    server.faults.append(trickle)
    assert download(wanted).path.read_bytes() == CONTENT
    assert server.byte_requests() == [None, "bytes=10-"]


@pytest.mark.parametrize(
    ("faults", "words"), REFUSED, ids=lambda value: named(value) if isinstance(value, list) else ""
)
def test_what_is_not_the_file_is_never_seen_and_the_next_attempt_brings_it(wanted, server, faults, words):
    server.faults.extend(faults)
    with pytest.raises(DownloadError, match=words):
        download(wanted)
    assert visible() == []
    assert not server.faults
    assert download(wanted).path.read_bytes() == CONTENT


def test_an_earlier_attempt_is_continued_in_a_later_one(wanted, server):
    server.faults.extend([cut] * 5)
    with pytest.raises(DownloadError):
        download(wanted)
    (part,) = left()
    present = part.stat().st_size
    assert 0 < present < len(CONTENT)
    server.requests.clear()
    assert download(wanted).path.read_bytes() == CONTENT
    assert server.byte_requests() == [f"bytes={present}-"]


def test_what_another_version_of_the_file_left_is_not_continued(use_hub, server):
    server.faults.extend([cut] * 5)
    with pytest.raises(DownloadError):
        download(REPOSITORY)
    server.files["m-Q4_0.gguf"] = changed = b"GGUF" + CONTENT[::-1]
    server.requests.clear()
    assert download(REPOSITORY).path.read_bytes() == changed
    assert server.byte_requests() == [None]
    assert left() == []


def test_what_a_crash_damaged_is_fetched_anew(entry, server):
    server.faults.extend([cut] * 5)
    with pytest.raises(DownloadError):
        download(entry)
    (part,) = left()
    present = part.stat().st_size
    part.write_bytes(b"GGUF".ljust(present, b"x"))
    assert download(entry).path.read_bytes() == CONTENT
    assert server.byte_requests()[-2:] == [f"bytes={present}-", None]


def test_a_file_that_changed_under_the_catalogs_hash_is_found_before_it_is_fetched(use_hub, server):
    source = HuggingFaceSource(kind="hugging_face", repository="owner/repo")
    facts = {"file_name": "m-Q4_0.gguf", "source": source, "size_bytes": len(CONTENT), "sha256": "0" * 64}
    with pytest.raises(DownloadError, match="another file by this name"):
        download(find("qwen3-8b").model_copy(update=facts))
    assert server.byte_requests() == []


@pytest.mark.parametrize("hashes", [{"sha256": "0" * 64}, {"sha256": None, "md5": "0" * 32}])
def test_the_wrong_content_is_removed_and_named(entry, hashes):
    with pytest.raises(ChecksumMismatch, match=r"instead of 0000.*removed"):
        download(entry.model_copy(update=hashes))
    assert visible() == left() == []


def test_a_file_of_another_size_is_removed(tmp_path):
    path = tmp_path / "m.gguf.part"
    path.write_bytes(b"12345")
    with pytest.raises(ChecksumMismatch, match="5 bytes instead of 6"):
        verify(path, "m.gguf", size_bytes=6, sha256=None, md5=None)
    assert not path.exists()


def test_no_server_at_all_is_said_at_once(entry, monkeypatch):
    monkeypatch.setattr(patience.time, "sleep", lambda _: pytest.fail("it waits for nobody"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    source = entry.source.model_copy(update={"url": f"http://127.0.0.1:{port}/m.gguf"})
    with pytest.raises(DownloadError, match="refused"):
        download(entry.model_copy(update={"source": source}))
    monkeypatch.setattr(hub, "_api", lambda: HfApi(endpoint=f"http://127.0.0.1:{port}", token=False))
    with pytest.raises(DownloadError, match="no connection to the Hub"):
        download(REPOSITORY)


def test_pauses_grow_and_are_what_the_server_asks_for(entry, server, monkeypatch):
    pauses = []
    monkeypatch.setattr(patience, "_FIRST_PAUSE_S", 1.0)
    monkeypatch.setattr(patience.time, "sleep", pauses.append)
    server.faults.extend(
        [answers(500), answers(500), answers(429, Retry_After="7"), answers(503, Retry_After="999")]
    )
    download(entry)
    assert pauses == [1.0, 2.0, 7.0, 60.0]


def test_too_little_disk_space_is_found_before_anything_is_fetched(wanted, server, monkeypatch):
    usage = download_module.shutil.disk_usage(".")
    monkeypatch.setattr(download_module.shutil, "disk_usage", lambda folder: usage._replace(free=10))
    with pytest.raises(DownloadError, match=r"0.0 GB free.*GPT4ALL_HOME"):
        download(wanted)
    assert server.byte_requests() == []


def test_a_disk_that_is_full_in_the_middle_keeps_what_arrived(wanted, server):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(HALF), limits[1]))
    try:
        with pytest.raises(DownloadError, match=r"cannot be written.*make room"):
            download(wanted)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    (part,) = left()
    assert part.read_bytes() == HALF
    server.requests.clear()
    assert download(wanted).path.read_bytes() == CONTENT
    assert server.byte_requests() == [f"bytes={len(HALF)}-"]


def test_space_is_measured_on_the_folders_own_disk(tmp_path):
    require_space(tmp_path, 1)
    with pytest.raises(DownloadError, match="make room"):
        require_space(tmp_path, 10**18)


def test_what_pip_installs_is_not_downloaded():
    with pytest.raises(DownloadError, match="installed with pip"):
        download(find("all-minilm-l6-v2"))


def test_two_who_want_the_same_take_turns_and_the_second_is_told(wanted, server):
    is_fetching, may_go_on, waited = threading.Event(), threading.Event(), threading.Event()

    def held(handler, content, start):
        is_fetching.set()
        may_go_on.wait(30)
        handler.send(200, content)

    server.faults.append(held)
    found = []
    first = threading.Thread(target=lambda: found.append(download(wanted)))
    first.start()
    assert is_fetching.wait(30)
    second = threading.Thread(
        target=lambda: found.append(
            download(wanted, on_progress=lambda step: waited.set() if step.phase == "wait" else None)
        )
    )
    second.start()
    assert waited.wait(30)
    may_go_on.set()
    first.join()
    second.join()
    assert [outcome.checked_by for outcome in found] == ["sha256", None]
    assert len(server.byte_requests()) == 1


def test_the_parts_of_a_model_appear_together(use_hub, server):
    names = [f"m-Q8_0-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    server.files = {name: CONTENT + name.encode() for name in names}
    server.faults.extend([lambda handler, content, start: handler.send(200, content)] * 2 + [answers(403)])
    reference = HuggingFaceReference("owner/repo")
    with pytest.raises(DownloadError, match="403"):
        download(reference)
    assert visible() == []
    assert find_hugging_face(reference) is None
    server.requests.clear()
    found = download(reference)
    assert found.path.name == names[0]
    assert len(server.byte_requests()) == 1, "the two that came through are not fetched again"
    assert [path.read_bytes() for path in sorted(visible())] == list(server.files.values())
    assert find_hugging_face(reference) == found.path


def test_the_first_part_is_the_last_to_appear(use_hub, server, monkeypatch):
    server.files = {f"m-0000{number}-of-00002.gguf": CONTENT for number in (1, 2)}
    appeared, replace = [], Path.replace
    monkeypatch.setattr(
        Path, "replace", lambda path, target: appeared.append(target) or replace(path, target)
    )
    path = download(HuggingFaceReference("owner/repo")).path
    assert [target for target in appeared if target.suffix == ".gguf"][-1] == path


def test_a_repository_without_all_parts_is_refused(use_hub, server):
    server.files = {"m-00001-of-00002.gguf": CONTENT}
    with pytest.raises(ModelNotFound, match="of 2 parts the repository lacks m-00002"):
        download(HuggingFaceReference("owner/repo"))


def test_a_model_that_sees_comes_with_its_projector_unless_told_otherwise(use_hub, server):
    server.files |= {f"mmproj-m-{kind}.gguf": CONTENT + kind.encode() for kind in ("BF16", "F16", "F32")}
    blind = download(REPOSITORY, with_projector=False)
    assert (blind.projector, len(visible())) == (None, 1)
    seeing = download(REPOSITORY)
    assert seeing.projector == seeing.path.with_name("mmproj-m-F16.gguf")
    assert seeing.projector.read_bytes() == CONTENT + b"F16"
    assert len(visible()) == 2


def test_a_file_without_a_hash_is_compared_by_its_size_and_says_so(use_hub, server):
    server.has_hashes = False
    found = download(REPOSITORY)
    assert (found.checked_by, found.path.read_bytes()) == ("size", CONTENT)


def test_the_hubs_own_hash_is_held_against_the_file(use_hub, server):
    server.faults.append(corrupt)
    with pytest.raises(ChecksumMismatch, match="sha256"):
        download(HuggingFaceReference("owner/repo"))


@pytest.mark.parametrize("unknown", [{"sha256": None, "md5": None}, {"size_bytes": None}, {"sha256": None}])
def test_an_entry_of_the_hub_is_checked_by_the_catalog_and_what_that_lacks_by_the_hub(
    use_hub, server, unknown
):
    source = HuggingFaceSource(kind="hugging_face", repository="owner/repo")
    facts = {
        "file_name": "m-Q4_0.gguf",
        "source": source,
        "size_bytes": len(CONTENT),
        "sha256": SHA256,
        "md5": MD5,
    }
    entry = find("qwen3-8b").model_copy(update=facts | unknown)
    server.faults.append(corrupt)
    with pytest.raises(ChecksumMismatch, match="md5" if unknown == {"sha256": None} else "sha256"):
        download(entry)
    found = download(entry)
    assert (found.path, found.path.read_bytes()) == (models_folder() / "m-Q4_0.gguf", CONTENT)


def test_a_token_goes_to_the_hub_and_to_nobody_it_points_to(server, use_hub):
    server.token = "hf_secret"
    download(REPOSITORY)
    authorized = {path.split("/")[1]: token for _, path, _, token in server.requests}
    assert authorized == {"api": "Bearer hf_secret", "owner": "Bearer hf_secret", "files": None}


def test_a_token_does_not_go_on_with_a_redirect(server, use_hub):
    server.token, server.is_its_own_storage = "hf_secret", True
    server.faults.append(redirect)
    download(REPOSITORY)
    tokens = [token for method, path, _, token in server.requests if method == "GET" and "/files/" in path]
    assert tokens == ["Bearer hf_secret", None]


def test_a_busy_hub_is_asked_again(use_hub, server):
    server.busy.extend([500, 429])
    assert download(REPOSITORY).path.read_bytes() == CONTENT


def test_offline_mode_forbids_the_hub(use_hub, server, monkeypatch):
    close_session()  # the client makes its connections once, by the mode that there is then
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    try:
        with pytest.raises(DownloadError, match="HF_HUB_OFFLINE forbids"):
            download(REPOSITORY)
    finally:
        close_session()
    assert server.requests == []


def test_a_file_that_the_repository_does_not_have_is_named(use_hub):
    with pytest.raises(ModelNotFound, match=r"no file matches.*It has: m-Q4_0.gguf"):
        download(HuggingFaceReference("owner/repo", "Q8_0"))


def test_an_unknown_repository_is_a_download_error(use_hub):
    with pytest.raises(
        DownloadError, match=r"hf:owner/absent: there is no such repository, or it is private"
    ):
        download(HuggingFaceReference("owner/absent"))
