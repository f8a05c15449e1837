"""The embedder that settings choose where a program names none."""

from pathlib import Path

from gpt4all_core.config import resolve_settings
from gpt4all_core.embedder import LocalEmbedder
from gpt4all_core.remote.embedder import RemoteEmbedder
from gpt4all_core.remote.options import checked_address


def chosen_embedder(reference: str | Path | None = None) -> LocalEmbedder | RemoteEmbedder:
    """The embedder of a name or path; without one what the settings say, which may be behind an address.

    Neither loaded nor asked yet. Raises ConfigError for settings that cannot be.
    """
    remote = settings_embedder() if reference is None else None
    return remote or LocalEmbedder(reference)


def settings_embedder() -> RemoteEmbedder | None:
    """The embedder behind the address that is set as `embedder_base_url`, if one is; close it.

    Raises ConfigError for what is no address.
    """
    settings = resolve_settings()
    if settings.embedder_base_url is None:
        return None
    address = checked_address(settings.embedder_base_url, name="embedder_base_url")
    return RemoteEmbedder(settings.embedding_model, base_url=address)
