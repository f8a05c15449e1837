"""Keys that go into a header of HTTP."""

from gpt4all_core.errors import ConfigError


def check_header_key(key: str, *, name: str) -> None:
    """Raise ConfigError, which does not show the key, for one that a header cannot have.

    The library that sends it would refuse it, too, in a message with the key. name: where it was given.
    """
    if not (key.isascii() and key.isprintable() and key == key.strip()):
        raise ConfigError(
            f"{name} has characters that no header may have, as a line's end or a space behind it; give the"
            " key as it was issued"
        )
