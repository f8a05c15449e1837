"""The web page's address, and the browser that shows it."""

import threading
import webbrowser
from urllib.parse import urlsplit

from gpt4all_app.output import Output

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - read, not listened on


def tell_of_page(url: str, output: Output, *, is_opened: bool) -> None:
    """Say where the page of the server at `url` is, and have a browser open it."""
    address = page_address(url)
    output.note(f"the web page is at {address}")
    if is_opened:
        # Browsers of terminals return when they are closed.
        threading.Thread(target=_open_browser, args=(address, output), daemon=True).start()


def page_address(url: str) -> str:
    """Where a browser on this machine finds the page of the server that listens at `url`."""
    found = urlsplit(url)
    host = found.hostname or ""
    shown = _EVERYWHERE.get(host, f"[{host}]" if ":" in host else host)
    return f"{found.scheme}://{shown}:{found.port}/"


def _open_browser(address: str, output: Output) -> None:
    if not webbrowser.open(address):
        output.note(f"no browser could be opened; open {address} in one")
