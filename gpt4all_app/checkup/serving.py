"""What `gpt4all serve` needs: its port, and the files of the web page."""

import socket
from collections.abc import Iterator
from importlib.resources import files

from gpt4all_app.checkup.finding import Finding

PORT = 4891
"""Where `gpt4all serve` listens unless it is told otherwise."""


def findings() -> Iterator[Finding]:
    """Of this machine and this installation; listens on nobody's port but its own, for no time."""
    if is_free(PORT):
        yield Finding("server", "ok", f"port {PORT} is free")
    else:
        text = f"port {PORT} is taken, by gpt4all serve or by another program"
        yield Finding("server", "ok", text, f"gpt4all serve --port {PORT + 1}")
    page = files("gpt4all_app") / "web" / "index.html"
    if not page.is_file():
        remedy = "pip install --force-reinstall --no-deps gpt4all-adapters"
        yield Finding("web page", "problem", f"{page} is missing from this installation", remedy)
    else:
        yield Finding("web page", "ok", "comes with the server")


def is_free(port: int) -> bool:
    """Whether a server may listen on this port of the loopback address."""
    with socket.socket() as probe:
        # As servers do: a connection that was closed a minute ago is in nobody's way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
