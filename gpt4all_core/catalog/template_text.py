"""Chat templates that the catalog brings."""

import importlib.resources
from pathlib import Path

from gpt4all_core.catalog.entry import TemplateChoice
from gpt4all_core.errors import ConfigError


def template_text(choice: TemplateChoice) -> str:
    """The template's source. Raises ConfigError for a file of one's own that cannot be read."""
    path = Path(choice.file).expanduser()
    if len(path.parts) == 1:
        shipped = importlib.resources.files("gpt4all_core.catalog") / "templates" / choice.file
        if shipped.is_file():
            return shipped.read_text(encoding="utf-8")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the chat template {choice.file} of your own catalog cannot be read: {error};"
            " give the whole path of a .jinja file"
        ) from error
