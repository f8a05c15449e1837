"""What users have used up, and whether they may have more: counted over all workers, and over restarts."""

import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from gpt4all_app.server.access_principals import Principal
from gpt4all_app.server.access_store import AccessStore
from gpt4all_app.server.errors import RequestRefused
from gpt4all_core.types import Usage

LEASE_S: Final = 60.0
"""How long a place is held by a request of which nobody tells that it goes on: its worker was killed."""

_KEPT_DAYS: Final = 400


@dataclass(frozen=True, slots=True)
class Spent:
    """What a user has used up. day: by UTC; its tokens and requests end with it."""

    user: str
    day: str
    requests: int = 0
    prompt_tokens: int = 0
    generated_tokens: int = 0
    requests_running: int = 0
    upload_files: int = 0
    upload_bytes: int = 0
    collections: int = 0

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.generated_tokens


class Quotas:
    """The books of a server. Thread-safe; workers share them.

    clock: seconds of Unix time.
    """

    def __init__(self, store: AccessStore, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def begin(self, request: str, principal: Principal, *, needs_tokens: bool) -> int | None:
        """Take a place for a request, and count it; the tokens that were left before it, None for any number.

        Raises QuotaSpent where a user has no place or, for one that takes tokens, none of these left. What
        runs when the last of them are spent ends, so that a day may have the tokens of that more.
        """
        most, limits, now = principal.limits.requests_at_once, principal.limits, self._clock()
        with self._store.writing() as connection:
            left = None
            if limits.tokens_per_day is not None:
                left = limits.tokens_per_day - _day(connection, principal.name, self._today()).tokens
                if needs_tokens and left <= 0:
                    raise self._no_tokens(limits.tokens_per_day)
            if most is not None:
                connection.execute("DELETE FROM running WHERE ends < ?", (now,))
                if _running(connection, principal.name, now) >= most:
                    message = (
                        f"your requests are being answered, as many as may be at once ({most}); wait for one"
                    )
                    raise QuotaSpent(429, message, "rate_limit_exceeded", retry_after_s=1)
            connection.execute(
                "INSERT INTO running VALUES (?, ?, ?)", (request, principal.name, now + LEASE_S)
            )
            _count(connection, principal.name, self._today(), requests=1)
        return None if left is None else max(left, 0)

    def renew(self, request: str) -> None:
        """Tell that a request is still being answered."""
        with self._store.writing() as connection:
            connection.execute(
                "UPDATE running SET ends = ? WHERE request = ?", (self._clock() + LEASE_S, request)
            )

    def end(self, request: str, user: str, cost: Usage) -> None:
        """Give the place back, and count what models did."""
        with self._store.writing() as connection:
            connection.execute("DELETE FROM running WHERE request = ?", (request,))
            if cost.total_tokens:
                _count(
                    connection,
                    user,
                    self._today(),
                    prompt_tokens=cost.prompt_tokens,
                    generated_tokens=cost.completion_tokens,
                )

    def check_collections(self, connection: sqlite3.Connection, principal: Principal) -> None:
        """Raise QuotaSpent where a user owns as many as may be; within a transaction."""
        most = principal.limits.collections
        if most is not None and _owned(connection, principal.name) >= most:
            message = f"you have as many collections as you may ({most}); delete one first"
            raise QuotaSpent(409, message, "too_many_collections")

    def admit_uploads(self, principal: Principal, collection: str, files: Mapping[str, int]) -> None:
        """Count files of these sizes as this user's; those of the same names are replaced.

        Raises QuotaSpent where they would be too many or too much, and then counts none.
        """
        limits = principal.limits
        with self._store.writing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?)",
                [(collection, name, principal.name, size) for name, size in files.items()],
            )
            count, size = _uploaded(connection, principal.name)
            if limits.upload_files is not None and count > limits.upload_files:
                message = f"with these you would have {count} files, and {limits.upload_files} may be"
                raise QuotaSpent(413, f"{message}; delete some first", "upload_files_exceeded")
            if limits.upload_bytes is not None and size > limits.upload_bytes:
                message = f"with these you would have {size} bytes, and {limits.upload_bytes} may be"
                raise QuotaSpent(413, f"{message}; delete some first", "upload_bytes_exceeded")

    def forget_upload(self, collection: str, filename: str) -> None:
        """A file that is gone counts for nobody."""
        with self._store.writing() as connection:
            connection.execute(
                "DELETE FROM uploads WHERE collection = ? AND filename = ?", (collection, filename)
            )

    def spent(self, user: str) -> Spent:
        """What a user has used up now."""
        with self._store.reading() as connection:
            day = _day(connection, user, self._today())
            files, size = _uploaded(connection, user)
            running = _running(connection, user, self._clock())
            owned = _owned(connection, user)
        return Spent(
            user, day.day, day.requests, day.prompt_tokens, day.generated_tokens, running, files, size, owned
        )

    def seconds_left(self) -> int:
        """Until the day ends, and its tokens are there anew."""
        now = datetime.fromtimestamp(self._clock(), UTC)
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC)
        return max(int((midnight - now).total_seconds()), 1)

    def _today(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).date().isoformat()

    def _no_tokens(self, most: int) -> "QuotaSpent":
        message = f"the {most} tokens that you have for a day are spent; the next day begins at midnight UTC"
        return QuotaSpent(429, message, "insufficient_quota", retry_after_s=self.seconds_left())


class QuotaSpent(RequestRefused):
    """A user has no more of something. retry_after_s: when there is; None where somebody has to delete."""

    def __init__(self, status: int, message: str, code: str, *, retry_after_s: int | None = None) -> None:
        headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        super().__init__(status, message, code, headers=headers)


def _day(connection: sqlite3.Connection, user: str, day: str) -> Spent:
    row = connection.execute(
        "SELECT requests, prompt_tokens, generated_tokens FROM days WHERE user = ? AND day = ?", (user, day)
    ).fetchone()
    return Spent(user, day, *(row or (0, 0, 0)))


def _count(
    connection: sqlite3.Connection,
    user: str,
    day: str,
    *,
    requests: int = 0,
    prompt_tokens: int = 0,
    generated_tokens: int = 0,
) -> None:
    is_new = (
        connection.execute("SELECT 1 FROM days WHERE user = ? AND day = ?", (user, day)).fetchone() is None
    )
    connection.execute(
        "INSERT INTO days VALUES (?, ?, ?, ?, ?) ON CONFLICT (user, day) DO UPDATE SET"
        " requests = requests + excluded.requests, prompt_tokens = prompt_tokens + excluded.prompt_tokens,"
        " generated_tokens = generated_tokens + excluded.generated_tokens",
        (user, day, requests, prompt_tokens, generated_tokens),
    )
    if is_new:
        oldest = (datetime.fromisoformat(day) - timedelta(days=_KEPT_DAYS)).date().isoformat()
        connection.execute("DELETE FROM days WHERE user = ? AND day < ?", (user, oldest))


def _running(connection: sqlite3.Connection, user: str, now: float) -> int:
    return int(
        connection.execute(
            "SELECT count(*) FROM running WHERE user = ? AND ends >= ?", (user, now)
        ).fetchone()[0]
    )


def _uploaded(connection: sqlite3.Connection, user: str) -> tuple[int, int]:
    found = connection.execute(
        "SELECT count(*), coalesce(sum(bytes), 0) FROM uploads WHERE user = ?", (user,)
    )
    count, size = found.fetchone()
    return int(count), int(size)


def _owned(connection: sqlite3.Connection, user: str) -> int:
    return int(connection.execute("SELECT count(*) FROM owners WHERE owner = ?", (user,)).fetchone()[0])
