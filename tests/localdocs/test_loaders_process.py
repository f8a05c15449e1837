"""The child process around the loaders: what hangs, crashes or asks for too much costs one file."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loader_files import write, write_pdf
from measured import wait_until

from gpt4all_core.errors import LocalDocsError, UnreadableDocument
from gpt4all_localdocs.loaders import process
from gpt4all_localdocs.loaders.frames import (
    decode_path,
    decode_reply,
    encode_document,
    encode_path,
    encode_reason,
    read_frame,
)
from gpt4all_localdocs.loaders.process import LoaderProcess
from gpt4all_localdocs.loaders.registry import load_document
from gpt4all_localdocs.types import Document, Heading, Part, PartKind

ROOT = Path(__file__).parents[2]
is_posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and named pipes of POSIX")


@pytest.fixture
def loaders():
    with LoaderProcess() as loader_process:
        yield loader_process


def child_of(loaders: LoaderProcess) -> subprocess.Popen[bytes]:
    assert loaders._child is not None
    return loaders._child._process


@pytest.fixture
def stuck(tmp_path):
    """A file that takes minutes: thousands of tables, and each is asked for all tables in it."""
    return write(tmp_path, "slow.html", "<table><tr><td>" * 6000 + "x")


def test_the_child_gives_the_same_documents_as_the_caller_would(tmp_path, loaders):
    for path in (
        write(tmp_path, "größe.md", "# Größe\n\ntext 😀"),
        write_pdf(tmp_path, ["one", "two"], title="T"),
        write(tmp_path, "a.html", "<title>T</title><h2>x</h2>y"),
    ):
        assert loaders.load(path) == load_document(path)


def test_a_reason_comes_through_with_the_callers_path(tmp_path, loaders, monkeypatch):
    write(tmp_path, "empty.txt", "")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnreadableDocument, match="holds no text") as raised:
        loaders.load(Path("empty.txt"))
    assert raised.value.path == Path("empty.txt")


def test_no_child_runs_before_the_first_load(loaders):
    assert loaders._child is None


def test_one_child_reads_many_files(tmp_path, loaders):
    path = write(tmp_path, "a.txt", "text")
    loaders.load(path)
    child = child_of(loaders)
    loaders.load(path)
    assert child_of(loaders) is child


def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_read(tmp_path, loaders, stuck):
    path = write(tmp_path, "a.txt", "text")
    loaders.load(path)
    with pytest.raises(UnreadableDocument, match=r"took longer than 0.2 s to read"):
        loaders.load(stuck, timeout_s=0.2)
    assert loaders.load(path).text == "text"


@is_posix
def test_a_crash_costs_the_file_that_was_read_and_no_other(tmp_path, loaders, stuck, monkeypatch):
    path = write(tmp_path, "a.txt", "text")
    loaders.load(path)

    def crash_and_read(replies):
        child_of(loaders).send_signal(signal.SIGSEGV)
        return read_frame(replies)

    with monkeypatch.context() as patch:
        patch.setattr(process, "read_frame", crash_and_read)
        with pytest.raises(UnreadableDocument, match="the parser crashed on it"):
            loaders.load(stuck)
    assert loaders.load(path).text == "text"


def test_a_child_that_died_between_two_files_is_replaced_unnoticed(tmp_path, loaders):
    path = write(tmp_path, "a.txt", "text")
    loaders.load(path)
    child_of(loaders).kill()
    child_of(loaders).wait()
    assert loaders.load(path).text == "text"


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux bounds the address space of a process reliably"
)
def test_a_file_that_needs_too_much_memory_is_refused(tmp_path):
    path = tmp_path / "big.txt"
    with path.open("wb") as file:
        file.truncate(600 * 1024**2)  # sparse: takes no room on the disk
    with (
        LoaderProcess(memory_limit_bytes=400 * 1024**2) as loaders,
        pytest.raises(UnreadableDocument, match="needs more memory to read than the parser may have"),
    ):
        loaders.load(path)


@is_posix
def test_the_child_leaves_ctrl_c_to_its_parent(tmp_path, loaders):
    path = write(tmp_path, "a.txt", "text")
    loaders.load(path)
    child = child_of(loaders)
    child.send_signal(signal.SIGINT)
    assert loaders.load(path).text == "text"
    assert child_of(loaders) is child


def test_an_interrupted_load_does_not_answer_the_next_one(tmp_path, loaders, monkeypatch):
    first, second = write(tmp_path, "a.txt", "first"), write(tmp_path, "b.txt", "second")
    loaders.load(first)
    with monkeypatch.context() as patch:
        patch.setattr(process, "read_frame", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            loaders.load(first)
    assert loaders.load(second).text == "second"


def test_threads_share_one_child_and_get_their_own_documents(tmp_path, loaders):
    paths = [write(tmp_path, f"{number}.txt", f"text {number}") for number in range(12)]
    found: dict[Path, str] = {}

    def read(path: Path) -> None:
        found[path] = loaders.load(path).text

    threads = [threading.Thread(target=read, args=[path]) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {path: f"text {path.stem}" for path in paths}


def test_close_ends_the_child_and_may_be_called_again(tmp_path):
    loaders = LoaderProcess()
    loaders.load(write(tmp_path, "a.txt", "text"))
    child = child_of(loaders)
    loaders.close()
    loaders.close()
    assert child.poll() is not None
    with pytest.raises(LocalDocsError, match="this LoaderProcess is closed"):
        loaders.load(tmp_path / "a.txt")


@is_posix
@pytest.mark.parametrize("is_busy", [False, True])
def test_the_child_ends_with_its_parent(tmp_path, stuck, is_busy):
    path = write(tmp_path, "a.txt", "text")
    load_again = f"loaders.load(Path({str(stuck)!r}))" if is_busy else "time.sleep(60)"
    program = (
        "import time; from pathlib import Path; from gpt4all_localdocs.loaders.process import LoaderProcess\n"
        f"loaders = LoaderProcess(); loaders.load(Path({str(path)!r}))\n"
        f"print(loaders._child._process.pid, flush=True)\n{load_again}"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT) as parent:
        child = int(parent.stdout.readline())
        time.sleep(0.1)
        parent.kill()
    wait_until(lambda: not _runs(child))


def _runs(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        try:
            os.kill(process_id, 0)
        except ProcessLookupError:
            return False
        return not Path("/proc").is_dir()
    return state != "Z"


def test_an_unguarded_script_may_use_it_from_a_path_that_is_on_sys_path_only(tmp_path):
    script = write(
        tmp_path,
        "script.py",
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from pathlib import Path; from gpt4all_localdocs.loaders.process import LoaderProcess\n"
        "print('once')\n"
        "with LoaderProcess() as loaders:\n    print(loaders.load(Path(sys.argv[1])).text)\n",
    )
    path = write(tmp_path, "a.txt", "text")
    result = subprocess.run(
        [sys.executable, script, path], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert result.stdout.split() == ["once", "text"]


def test_the_child_imports_nothing_from_the_working_directory(tmp_path, loaders, monkeypatch):
    write(tmp_path, "queue.py", "raise SystemExit('imported from the working directory')")
    monkeypatch.chdir(tmp_path)
    assert loaders.load(write(tmp_path, "a.txt", "text")).text == "text"


def test_a_child_that_cannot_start_says_so(tmp_path, loaders, monkeypatch):
    monkeypatch.setattr(process, "_WORKER", "gpt4all_localdocs.loaders.no_such_worker")
    with pytest.raises(LocalDocsError, match="the process that reads documents ended with 1"):
        loaders.load(write(tmp_path, "a.txt", "text"))


def test_the_child_loads_no_model_and_no_parser_before_it_needs_one():
    program = (
        "import sys, gpt4all_localdocs.loaders.worker;"
        "heavy = {'numpy', 'llama_cpp', 'chromadb', 'pypdfium2', 'lxml', 'selectolax', 'charset_normalizer'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@given(
    text=st.text(),
    title=st.none() | st.text(),
    heading=st.builds(Heading, st.integers(1, 9), st.text(), st.integers(0)),
    part=st.builds(
        Part,
        st.integers(1),
        st.integers(0),
        st.integers(0),
        st.sampled_from(get_args(PartKind)),
        st.text(),
        st.none() | st.integers(1),
    ),
    note=st.text(),
)
def test_a_document_survives_the_way_through_the_pipe(text, title, heading, part, note):
    document = Document(text, parts=(part, part), headings=(heading,), title=title, notes=(note,))
    assert decode_reply(encode_document(document)) == document


@pytest.mark.parametrize(
    "reply", [b"no JSON", b"\xff", b"1", b"[]", b"{}", b'{"text": "a", "parts": [[1]]}', b"[" * 100_000]
)
def test_an_answer_that_is_none_is_a_reason(reply):
    assert decode_reply(reply) == "the parser gave an answer that cannot be read"


def test_a_reason_and_a_strange_file_name_survive_the_way_through_the_pipe():
    assert decode_reply(encode_reason("is “odd”")) == "is “odd”"
    assert decode_path(encode_path(Path("caf\udce9.txt"))) == Path("caf\udce9.txt")
