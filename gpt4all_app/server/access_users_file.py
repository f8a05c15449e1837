"""The file that names the users of a server: the hashes of their keys, and their limits."""

import hashlib
import json
import re
import secrets
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Final

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from gpt4all_app.whole_file import write_whole
from gpt4all_core.errors import ConfigError

EVERYONE: Final = "everyone"
"""In the place of a user's name: all that have a key."""

ADMINISTRATOR: Final = "administrator"
"""Who brings the server's own API key."""

NOBODY: Final = "anyone"
"""Who asks a server that wants no key."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
_BARE: Final = re.compile(r"[a-z0-9_-]+")
_HEAD: Final = "# Users of gpt4all serve. Keys are kept as hashes: `gpt4all users add NAME` makes one.\n"


class UserLimits(BaseModel):
    """What a user may have and do; None bounds nothing.

    upload_bytes, upload_files: of what lies in collections at any time. collections: that the user owns.
    requests_at_once: of those that change or make something, over all workers. tokens_per_day: of prompts
    and answers together, from midnight to midnight UTC.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    upload_bytes: int | None = Field(default=None, ge=0)
    upload_files: int | None = Field(default=None, ge=0)
    collections: int | None = Field(default=None, ge=0)
    requests_at_once: int | None = Field(default=None, ge=1)
    tokens_per_day: int | None = Field(default=None, ge=0)


class UserEntry(UserLimits):
    """A user. key_sha256: of the key, 64 hexadecimal digits. administrator: may do and see all."""

    key_sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
    added: date | None = None
    administrator: bool = False


class UsersFile(BaseModel):
    """limits: of users that have none of their own; administrators have no others than their own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limits: UserLimits = UserLimits()
    users: dict[str, UserEntry] = Field(default_factory=dict)

    def limits_of(self, name: str) -> UserLimits:
        """Those that hold for a user."""
        entry = self.users[name]
        own = entry.model_dump(include=set(UserLimits.model_fields), exclude_none=True)
        shared = {} if entry.administrator else self.limits.model_dump()
        return UserLimits(**(shared | own))


def read_users(path: Path) -> UsersFile:
    """What a file says. Raises ConfigError for one that is missing, no TOML, or says something else."""
    try:
        found = UsersFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(
            f"the users' file {path} cannot be read ({error.strerror}); make one: gpt4all users add NAME"
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"the users' file {path} is no TOML: {error}; mend it") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"the users' file {path} is wrong at {place}: {first['msg']}; mend it") from error
    for name in found.users:
        check_user_name(name)
    return found


def add_user(path: Path, name: str, entry: UserEntry) -> None:
    """Write one more user into the file, which is made where there is none, for its owner's eyes only.

    What stands there stays as it is, comments too. Raises ConfigError for a name that is none or taken.
    """
    check_user_name(name)
    with _turn(path):
        text = path.read_text(encoding="utf-8") if path.exists() else _HEAD
        if path.exists() and name in read_users(path).users:
            raise ConfigError(
                f"there is a user {name!r} already; remove them first: gpt4all users remove {name}"
            )
        facts = entry.model_dump(exclude_none=True, exclude_defaults=True)
        lines = [f"{key} = {_written(value)}" for key, value in facts.items()]
        write_whole(path, "\n".join([text.rstrip("\n"), "", _header(name), *lines, ""]))


def remove_user(path: Path, name: str) -> None:
    """Take a user out of the file; the rest of it stays as it is.

    Raises ConfigError where there is none of this name, or the lines are not such as `add_user` writes.
    """
    with _turn(path):
        if name not in read_users(path).users:
            raise ConfigError(f"there is no user {name!r} in {path}; see: gpt4all users list")
        wanted = {other: facts for other, facts in read_users(path).users.items() if other != name}
        text = path.read_text(encoding="utf-8")
        table = re.compile(rf"^{re.escape(_header(name))}[^\n]*\n(?:(?!\[)[^\n]*(?:\n|\Z))*", re.MULTILINE)
        changed = table.sub("", text, count=1)
        try:
            is_as_wanted = UsersFile.model_validate(tomllib.loads(changed)).users == wanted
        except (tomllib.TOMLDecodeError, ValidationError):
            is_as_wanted = False
        if not is_as_wanted:
            raise ConfigError(
                f"the lines of {name!r} in {path} are not plain ones; take them out in an editor"
            )
        write_whole(path, changed)


def new_key() -> str:
    """A key that nobody can guess: 256 bits of the system's randomness."""
    return f"gpt4all-{secrets.token_urlsafe(32)}"


def key_digest(key: str) -> str:
    """What is kept of a key. Nobody tries out random keys of 256 bits, so that no slow hash is needed."""
    return hashlib.sha256(key.encode()).hexdigest()


def check_user_name(name: str) -> None:
    """Raise ConfigError for what cannot name a user: it stands in files, logs and addresses."""
    if not _NAME.fullmatch(name) or name in (EVERYONE, ADMINISTRATOR, NOBODY):
        raise ConfigError(
            f"{name!r} cannot name a user; give 1 to 64 of a-z, 0-9 and ._@+-, beginning with a letter or"
            f" digit, and neither {EVERYONE!r}, {ADMINISTRATOR!r} nor {NOBODY!r}"
        )


def _header(name: str) -> str:
    return f"[users.{name if _BARE.fullmatch(name) else json.dumps(name)}]"


def _written(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else json.dumps(value)


def _turn(path: Path) -> FileLock:
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path.with_name(f".{path.name}.lock"), mode=0o600)
