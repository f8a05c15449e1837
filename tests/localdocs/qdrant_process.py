"""A Qdrant server of a test's own: a real one where this machine has one, else `qdrant_server`."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
URL = os.environ.get("GPT4ALL_TEST_QDRANT_URL", "")
PROGRAM = shutil.which("qdrant")
KIND = f"the server at {URL}" if URL else PROGRAM or "Qdrant's engine behind a REST of the tests"

_UNTIL_STDIN_ENDS = '"$1" & cat > /dev/null; kill -9 $!; wait'
"""So that it ends with whoever started it, however that ends."""


class QdrantProcess:
    """Listens on the loopback address, keeps its data in `directory`; may be killed and started again.

    Where GPT4ALL_TEST_QDRANT_URL names a server, that is used, and nothing can be killed.
    """

    def __init__(self, directory: Path, *, key: str | None = None) -> None:
        self.directory = directory
        self.can_be_killed = not URL
        self._key = key
        self._child: subprocess.Popen[str] | None = None
        self.port = _free_port()
        self.address = f"qdrant+{URL or f'http://127.0.0.1:{self.port}'}"
        self.start()

    def start(self) -> None:
        """On the same port, with what the directory holds."""
        if URL:
            return
        if PROGRAM is None:
            command = [sys.executable, str(HERE / "qdrant_server.py"), str(self.directory)]
            command += ["--port", str(self.port), *(["--key", self._key] if self._key else [])]
            self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            assert self._child.stdout is not None
            assert self._child.stdout.readline().strip() == str(self.port)
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {
            "QDRANT__STORAGE__STORAGE_PATH": str(self.directory / "storage"),
            "QDRANT__STORAGE__SNAPSHOTS_PATH": str(self.directory / "snapshots"),
            "QDRANT__SERVICE__HOST": "127.0.0.1",
            "QDRANT__SERVICE__HTTP_PORT": str(self.port),
            "QDRANT__SERVICE__GRPC_PORT": str(_free_port()),
            "QDRANT__TELEMETRY_DISABLED": "true",
            **({"QDRANT__SERVICE__API_KEY": self._key} if self._key else {}),
        }
        self._child = subprocess.Popen(
            ["sh", "-c", _UNTIL_STDIN_ENDS, "sh", PROGRAM],
            env=environment,
            cwd=self.directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        _wait_until_ready(self.port)

    @property
    def is_running(self) -> bool:
        return self._child is not None

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, nobody is told."""
        if self._child is None:
            return
        if PROGRAM is None:
            self._child.kill()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        self._child.wait()
        self._child = None

    def forget(self) -> None:
        """Kill it, and take away all that it has."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def close(self) -> None:
        self.kill()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_until_ready(port: int) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"no Qdrant on port {port}")
