"""Changes one key of the config file and leaves the rest of it as somebody wrote it."""

import json
import re
import tomllib
from pathlib import Path

from gpt4all_app.whole_file import write_whole
from gpt4all_core.errors import ConfigError

Scalar = str | int | float | bool


def with_key(text: str, name: str, value: Scalar | None) -> str:
    """The text with this key, or without it for None; comments and order stay.

    Raises ConfigError where the key's line cannot be told, as that of a text over several lines.
    """
    expected: dict[str, object] = {**tomllib.loads(text)}
    expected.pop(name, None)
    line = re.compile(rf"^[ \t]*{re.escape(name)}[ \t]*=[^\n]*(\n|\Z)", re.MULTILINE)
    if value is None:
        changed = line.sub("", text, count=1)
    else:
        expected[name] = value
        written = f"{name} = {_written(value)}\n"
        changed, count = line.subn(lambda _match: written, text, count=1)
        if not count:
            # In front of all others, or it might come into a table.
            changed = written + text
    try:
        is_as_expected = tomllib.loads(changed) == expected
    except tomllib.TOMLDecodeError:
        is_as_expected = False
    if not is_as_expected:
        raise ConfigError(f"the line of {name} is not a plain one; change it in an editor")
    return changed


def change_key(path: Path, name: str, value: Scalar | None) -> None:
    """The same in a file, which is made if it is not there. All or nothing.

    Raises ConfigError for a file that is no TOML, OSError where it cannot be written.
    """
    try:
        text = path.read_text(encoding="utf-8")
        changed = with_key(text, name, value)
    except FileNotFoundError:
        changed = with_key("", name, value)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as TOML: {error}; mend or remove it") from error
    target = path.resolve()  # a link into somebody's dot files stays one
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, changed)


def _written(value: Scalar) -> str:
    """As TOML; its texts between quotation marks are those of JSON but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
