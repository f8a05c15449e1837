"""Who asks: from the key of a request to a user."""

import hmac
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gpt4all_app.server.access_users_file import (
    ADMINISTRATOR,
    NOBODY,
    UserLimits,
    UsersFile,
    key_digest,
    read_users,
)
from gpt4all_core.errors import ConfigError

logger = logging.getLogger(__name__)

_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. An administrator sees and may do all, for as long as no function says otherwise."""

    name: str
    is_administrator: bool = False
    limits: UserLimits = field(default_factory=UserLimits)


OWNER: Final = Principal(ADMINISTRATOR, is_administrator=True)
"""Who brings the server's own key."""

NO_NAME: Final = Principal(NOBODY, is_administrator=True)
"""Who asks a server without keys, as its owner may."""


class KeyRing:
    """Tells whose a key is, by a file that may change at any time; a changed one counts at once.

    path: the users' file; None for no users. api_key: the server's own. A file that cannot be understood
    leaves the users as they were, and is told of in the log; one that is gone lets no user in. May be used
    from any thread.

    Raises ConfigError for a file that cannot be understood at the start.
    """

    def __init__(self, path: Path | None, *, api_key: str | None = None) -> None:
        self._path = path
        self._api_digest = None if api_key is None else key_digest(api_key)
        self._state: tuple[_Stamp | None, UsersFile] = (None, UsersFile())
        if path is not None:
            stamp = _stamp(path)
            self._state = (stamp, read_users(path))

    @property
    def is_wanted(self) -> bool:
        """Whether a request needs a key at all."""
        return self._path is not None or self._api_digest is not None

    @property
    def users(self) -> UsersFile:
        """The users now."""
        known, users = self._state
        if self._path is None:
            return users
        stamp = _stamp(self._path)
        if stamp != known:
            users = self._read_again(self._path, users)
            self._state = (stamp, users)
        return users

    def principal_of(self, key: str) -> Principal | None:
        """Whose key it is; None for nobody's. Takes as long for a wrong key as for a right one."""
        users, digest, found = self.users, key_digest(key), None
        for name, entry in users.users.items():
            if hmac.compare_digest(entry.key_sha256, digest):
                found = self._principal(users, name)
        if self._api_digest is not None and hmac.compare_digest(self._api_digest, digest):
            found = OWNER
        return found

    def named(self, name: str) -> Principal | None:
        """The user of this name; None where there is none."""
        users = self.users
        return self._principal(users, name) if name in users.users else None

    @staticmethod
    def _principal(users: UsersFile, name: str) -> Principal:
        return Principal(name, users.users[name].administrator, users.limits_of(name))

    @staticmethod
    def _read_again(path: Path, users: UsersFile) -> UsersFile:
        if not path.exists():
            logger.error("the users' file %s is gone; no user is let in until it is back", path)
            return UsersFile()
        try:
            return read_users(path)
        except ConfigError as error:
            logger.error("the users stay as they were: %s", error)  # noqa: TRY400 - the message says all
            return users


def _stamp(path: Path) -> _Stamp | None:
    """What changes with a file; two changes within a tick of the clock differ in its inode."""
    try:
        found = os.stat(path)  # noqa: PTH116 - half the time of Path's, at each request
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
