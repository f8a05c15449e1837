"""A Chroma server of a test's own: `chroma run`, on the loopback address."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

_UNTIL_STDIN_ENDS = 'program=$1; shift; "$program" "$@" & cat > /dev/null; kill -9 $!; wait'
"""So that it ends with whoever started it, however that ends."""


class ChromaProcess:
    """Listens on a port of its own, keeps its data in `directory`; may be killed and started again."""

    can_be_killed = True

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._shell: subprocess.Popen[bytes] | None = None
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = int(listener.getsockname()[1])
        self.address = f"chroma+http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """On the same port, with what the directory holds."""
        self.directory.mkdir(parents=True, exist_ok=True)
        chroma = Path(sys.executable).with_name("chroma")
        options = ["run", "--path", str(self.directory), "--host", "127.0.0.1", "--port", str(self.port)]
        self._shell = subprocess.Popen(
            ["sh", "-c", _UNTIL_STDIN_ENDS, "sh", str(chroma), *options],
            env=os.environ | {"ANONYMIZED_TELEMETRY": "False", "DO_NOT_TRACK": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"no Chroma on port {self.port}")

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, nobody is told."""
        if self._shell is not None:
            assert self._shell.stdin is not None
            self._shell.stdin.close()
            self._shell.wait()
            self._shell = None

    def forget(self) -> None:
        """Kill it, and take away all that it has."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def close(self) -> None:
        self.kill()
