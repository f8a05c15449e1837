"""The library's messages for programs, in the words of the command line."""

import re
from typing import Final

from gpt4all_core.config import Settings, setting_sources
from gpt4all_core.errors import ConfigError

_PHRASES: Final = (
    (", or pass allow_download=True", ""),
    ("pass overwrite=True", "add --force"),
    ("pass it as imatrix=", "pass it with --imatrix"),
    ("give data= (--data DIR) ", "give with --data DIR "),
    (
        "call sync(rebuild=True) to embed every passage again",
        "embed every passage again with: gpt4all docs sync --rebuild --index DIR",
    ),
    ("import into a new directory", "name a new one with --index DIR"),
    ("LocalDocs.export", "gpt4all docs export"),
    (
        "open the model with a larger context_size",
        "give the model a larger one: gpt4all config set context_size N",
    ),
)
_OPTIONS: Final = (
    *("to", "output", "imatrix", "output_tensor_type", "token_embedding_type", "text", "tokens", "data"),
    *("host", "port"),
)
_OPTION: Final = re.compile(rf"\b({'|'.join(_OPTIONS)})=(?:'([^']*)')?")
_SETTING: Final = re.compile(rf"\b({'|'.join(Settings.model_fields)})=(?:'([^']*)'|(True|False)\b)?")


def in_terminal_words(message: str) -> str:
    """The message with options and settings as somebody writes them who types a command.

    What a setting brought about ends with how it is changed, wherever it comes from now.
    """
    for ours, theirs in _PHRASES:
        message = message.replace(ours, theirs)
    message = _OPTION.sub(lambda found: f"--{found[1].replace('_', '-')} {found[2] or ''}", message)
    setting = _SETTING.search(message)
    if setting is None:
        return message
    message = _SETTING.sub(lambda found: f"{found[1]} {found[2] or (found[3] or '').lower()}", message)
    return f"{message}; to change it: {_changed(setting[1])}"


def _changed(name: str) -> str:
    try:
        source = setting_sources().get(name, "")
    except ConfigError:  # of a file that cannot be read nothing is in force
        source = ""
    is_variable = "environment variable" in source
    return f"export GPT4ALL_{name.upper()}=VALUE" if is_variable else f"gpt4all config set {name} VALUE"
