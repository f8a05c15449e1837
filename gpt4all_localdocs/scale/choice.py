"""Where files are read: the words of the option `workers`."""

import re
from typing import Final

from gpt4all_core.config import resolve_settings
from gpt4all_core.errors import ConfigError

LOCAL: Final = "local"
START: Final = "ray"
"""Start Ray on this machine for the time of a sync."""

AUTO: Final = "ray:auto"
"""The cluster that this machine is a node of, or that RAY_ADDRESS names."""

_CLIENT: Final = re.compile(r"ray://[^/\s]+:\d+")


def check_workers(value: object) -> None:
    """Raise ConfigError for what names no workers; None stands for the setting."""
    if value in (None, LOCAL, START, AUTO) or (isinstance(value, str) and _CLIENT.fullmatch(value)):
        return
    raise ConfigError(
        f"workers is {value!r}; give 'local', 'ray' (started for the sync), 'ray:auto' (the cluster of this"
        " machine) or the address of a cluster, 'ray://head:10001'"
    )


def chosen_workers(asked: str | None) -> str:
    """What was asked for, else the setting of this name, else "local". Raises ConfigError."""
    chosen = asked or resolve_settings().workers or LOCAL
    check_workers(chosen)
    return chosen
