"""Nothing leaves the machine: not from the program, nor from the processes that it starts."""

import os
import subprocess
import sys
import textwrap

import pytest
from commandline import finish, start

WATCHER = textwrap.dedent(
    """
    # Imported by every Python process that starts with this folder on its path.
    import os, socket

    def refuse(name):
        def call(*arguments, **options):
            with open(os.environ["NETWORK_LOG"], "a") as log:
                log.write(f"{name} {arguments[-1:]}\\n")
            raise OSError("the network is off limits here")
        return call

    class WatchedSocket(socket.socket):
        connect = refuse("connect")
        connect_ex = refuse("connect_ex")
        sendto = refuse("sendto")
        bind = refuse("bind")

    socket.socket = WatchedSocket
    for name in ("getaddrinfo", "gethostbyname", "create_connection"):
        setattr(socket, name, refuse(name))
    # A file for each process shows that it was watched.
    open(os.environ["NETWORK_LOG"] + f".{os.getpid()}", "w").close()
    """
)


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """Environment in which every new Python process logs and refuses what would reach the network."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(WATCHER)
    log = tmp_path / "network.log"
    log.touch()
    monkeypatch.setenv("NETWORK_LOG", str(log))
    path = os.pathsep.join(filter(None, [str(tmp_path / "site"), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", path)
    return log


def test_indexing_and_answering_reach_no_network(tmp_path, watched):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "leave.md").write_text("# Leave\n\nEverybody gets 27 days of leave a year.\n")
    outcome = finish(start(tmp_path / "home", "ask", "How many days of leave?", "--docs", folder))
    assert outcome.code == 0, outcome.err
    assert "leave.md" in outcome.out
    watched_processes = list(watched.parent.glob("network.log.*"))
    assert len(watched_processes) >= 2, "the program and its loader process should have been watched"
    assert watched.read_text() == ""


def test_the_watcher_itself_works(tmp_path, watched):
    attempt = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    subprocess.run([sys.executable, "-c", attempt], check=False, capture_output=True)
    assert "create_connection" in watched.read_text()
