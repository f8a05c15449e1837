"""The address of a vector server, as it is written in an option, a config file and a command."""

import re
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import parse_qsl, urlsplit

from gpt4all_core.errors import ConfigError
from gpt4all_core.shown_address import shown_address

_FORM: Final = "write store+http://host:port or store+https://host:port/database"
_SECRET: Final = re.compile(r"key|token|pass|secret", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """`chroma+https://host:8000/database`, taken apart; `str` puts it together in one way only.

    store: which kind of server. port: None stands for the store's own.
    path: what follows the host, part by part. options: what follows "?", as a store may know some for its
    collections. What they mean is the store's business; `str` leaves options out: they name no other place.
    """

    store: str
    is_tls: bool
    host: str
    port: int | None
    path: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ConfigError for what is no such address, and for one with a key in it, which it hides."""
        store, _, rest = text.partition("+")
        shown = shown_address(text)
        if not rest.startswith(("http://", "https://")):
            raise ConfigError(f"vector_index {shown!r} is no address of a server; {_FORM}")
        try:
            parts = urlsplit(rest)
            host, port = parts.hostname, parts.port
            options = tuple(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        except ValueError as error:
            raise ConfigError(f"vector_index {shown!r} is no address; {_FORM}") from error
        if not host:
            raise ConfigError(f"vector_index {shown!r} names no host; {_FORM}")
        if "@" in parts.netloc or parts.fragment or any(_SECRET.search(name) for name, _ in options):
            raise ConfigError(
                f"vector_index has more than an address in it, at {shown!r}; {_FORM}, and set a key as"
                " GPT4ALL_VECTOR_INDEX_KEY: addresses are kept in indexes and shown"
            )
        path = tuple(part for part in parts.path.split("/") if part)
        return cls(store, parts.scheme == "https", host, port, path, options)

    @property
    def url(self) -> str:
        """The address without the store: what answers by HTTP."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return (
            f"{'https' if self.is_tls else 'http'}://{host}{port}{''.join(f'/{part}' for part in self.path)}"
        )

    def __str__(self) -> str:
        return f"{self.store}+{self.url}"
