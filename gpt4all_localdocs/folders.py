"""What may be indexed: whether a name that somebody gave is a folder."""

import stat
from pathlib import Path

from gpt4all_core.errors import ConfigError


def check_folder(folder: Path) -> None:
    """Raise ConfigError, with the reason, for what is no folder or cannot be looked into."""
    try:
        str(folder).encode()
        mode = folder.stat().st_mode
    except UnicodeEncodeError as error:
        raise ConfigError(f"the name of the folder {str(folder)!r} is not UTF-8; rename it") from error
    except FileNotFoundError as error:
        raise ConfigError(f"the folder {folder} does not exist; check its name") from error
    except OSError as error:
        raise ConfigError(f"the folder {folder} cannot be read: {error.strerror}") from error
    if not stat.S_ISDIR(mode):
        raise ConfigError(f"{folder} is a file, not a folder; give the folder it stands in")
