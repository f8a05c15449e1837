"""Who may talk to the server, and how much at once."""

import ipaddress
from dataclasses import dataclass, field

from gpt4all_app.server.access_options import AccessOptions
from gpt4all_core.errors import ConfigError

MOST_BODY_BYTES = 32 * 1024 * 1024
"""Of a request: a long conversation with several photographs, written as base64."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where the server listens, and for whom.

    host: the address; one that is not this machine's own needs a key. api_key: what every request has to
    bring as `Authorization: Bearer KEY`; None asks for none. cors_origins: pages that scripts may call
    from; none by default. host_names: names by which it may be called beside localhost and addresses.
    body_bytes: most bytes of a request. has_page: whether the web page is there. access: users with keys of
    their own, and what is written down of them.

    Raises ConfigError for what would open the models to others, or cannot be.
    """

    host: str = "127.0.0.1"
    port: int = 4891
    api_key: str | None = field(default=None, repr=False)
    cors_origins: tuple[str, ...] = ()
    host_names: tuple[str, ...] = ()
    body_bytes: int = MOST_BODY_BYTES
    has_page: bool = True
    access: AccessOptions = field(default_factory=AccessOptions)

    def __post_init__(self) -> None:
        if self.api_key is not None and not (self.api_key.isascii() and self.api_key.strip()):
            raise ConfigError("the API key is empty or not of plain ASCII characters; give another")
        if self.api_key is None and self.access.users is None and not is_loopback(self.host):
            raise ConfigError(
                f"host={self.host!r} lets other machines in, and there is no API key;"
                " give one with --api-key or GPT4ALL_API_KEY, add users, or leave out the host"
            )
        for origin in self.cors_origins:
            if "://" not in origin or origin.endswith("/"):
                raise ConfigError(
                    f"cors origin {origin!r} is none; give scheme, host and port, such as http://localhost:3000"
                )


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach it. Names are not looked up."""
    if host.casefold() == "localhost":
        return True
    address = address_of(host)
    return address is not None and address.is_loopback


def address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host is, without brackets; None for a name."""
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
