"""Starts and ends `ray_nodes` for tests, and tells this process where it is."""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

STARTS = 3
"""Tries: another program may take a port between its choice and its use, or the machine be too busy."""


class RayProcess:
    """Two nodes; `environment` is what a program needs to find them and to be let in."""

    def __init__(self):
        # Not below a test's own folder: paths of sockets may have a hundred characters.
        self._folder = tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True)
        self.environment = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9",  # a cluster reports that it reports nothing
            "RAY_TMPDIR": self._folder.name,
            "RAY_worker_niceness": "0",  # else workers wait for all other tests
            # Of a machine that has much else to do; by themselves 5, 30 and 30.
            "RAY_CLIENT_INITIAL_CONNECTION_TIMEOUT_S": "60",
            "RAY_CLIENT_MAX_CONNECTION_TIMEOUT_S": "120",
            "RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S": "120",
        }
        for _ in range(STARTS):
            self._start()
            if said := self._process.stdout.readline().decode().split():
                break
            self._end()
        else:
            complaints = self._log.read_text(errors="replace")
            self._folder.cleanup()
            raise RuntimeError(f"no Ray cluster came up: {complaints[-2000:]}")
        self.address, self.client_address = said
        self.environment["RAY_ADDRESS"] = self.address

    def close(self):
        self._end()
        self._folder.cleanup()

    @property
    def _log(self):
        return Path(self._folder.name, "nodes.log")

    def _start(self):
        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
            ports = [str(free.getsockname()[1]) for free in (one, other)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("ray_nodes.py"), *ports],
                env={**os.environ, **self.environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def _end(self):
        self._process.stdin.close()
        try:
            self._process.wait(60)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
