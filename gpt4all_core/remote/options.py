"""How a model behind an address is reached."""

import os
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gpt4all_core.errors import ConfigError
from gpt4all_core.header_key import check_header_key
from gpt4all_core.shown_address import shown_address

KEY_VARIABLE = "GPT4ALL_API_KEY"

DEFAULT_TIMEOUT_S = 300.0
"""A long prompt may take a busy processor minutes to its first token."""

DEFAULT_CONNECT_TIMEOUT_S = 10.0
DEFAULT_MAX_RETRIES = 2
DEFAULT_MAX_CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """How an address is reached.

    base_url: as OpenAI's clients have it, mostly ending with /v1, which is added to a bare host.
    api_key: sent as a bearer token; None takes GPT4ALL_API_KEY of the environment, "" sends none.
    timeout_s: longest silence in seconds, before an answer and between its tokens; connect_timeout_s: until
    a connection is there.
    max_retries: how often to ask again where no connection came about or the status is 408, 409, 429, 500 or
    more: after half a second and then twice as long each time, or as long as `Retry-After` says. Never once
    an answer has begun.
    max_connections: at once; requests beyond these wait for one.

    Raises ConfigError for values that cannot be.
    """

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    timeout_s: float = DEFAULT_TIMEOUT_S
    connect_timeout_s: float = DEFAULT_CONNECT_TIMEOUT_S
    max_retries: int = DEFAULT_MAX_RETRIES
    max_connections: int = DEFAULT_MAX_CONNECTIONS

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", checked_address(self.base_url))
        for name in ("timeout_s", "connect_timeout_s", "max_connections"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name}={getattr(self, name)!r} cannot be used; give more than 0")
        if self.max_retries < 0:
            raise ConfigError(f"max_retries={self.max_retries!r} cannot be used; give 0 or more")
        check_header_key(self.key or "", name=KEY_VARIABLE if self.api_key is None else "api_key")

    @property
    def key(self) -> str | None:
        """The key in force; None where none is sent."""
        return (os.environ.get(KEY_VARIABLE) if self.api_key is None else self.api_key) or None

    @property
    def root(self) -> str:
        """The server's root, which stands before /v1."""
        return self.base_url.removesuffix("/v1")


def checked_address(base_url: str, *, name: str = "base_url") -> str:
    """The address without a slash at its end, and with /v1 if it is only a host.

    name: of the argument or setting that has it, for messages.
    Raises ConfigError for what is no address of a server, or brings a name or key with it, which it hides.
    """
    shown = shown_address(base_url)
    wrong = f"{name}={shown!r} is no address; give one such as http://127.0.0.1:4891/v1"
    try:
        parts = urlsplit(base_url.strip())
        port_is_well = parts.port is None or parts.port > 0
    except ValueError as error:
        raise ConfigError(wrong) from error
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            f"{name} has a name or a key in it, which would be shown; give it as api_key or {KEY_VARIABLE}"
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_well:
        raise ConfigError(wrong)
    if parts.query or parts.fragment:
        raise ConfigError(f"{name}={shown!r} has something behind its path; leave that out")
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path or '/v1'}"
