"""The chat model that settings choose, which may be behind an address."""

from pathlib import Path

from gpt4all_core.config import resolve_settings
from gpt4all_core.local_model import LocalModel
from gpt4all_core.remote.chat import RemoteModel


def chosen_model(
    reference: str | Path | None = None, *, base_url: str | None = None
) -> LocalModel | RemoteModel:
    """The chat model of a name or path; behind an address if one is given or set as `base_url`, by its name
    there. base_url: None takes the setting, "" this machine in any case.

    Neither loaded nor asked yet; close it. Raises ConfigError for settings that cannot be.
    """
    if isinstance(reference, Path):
        return LocalModel(reference)
    settings = resolve_settings()
    address = settings.base_url if base_url is None else base_url
    if not address:
        return LocalModel(reference)
    return RemoteModel(reference or settings.model, base_url=address, context_size=settings.context_size)
