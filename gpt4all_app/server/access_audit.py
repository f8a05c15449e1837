"""A file of who asked what of which collection: a line of JSON for each request."""

import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gpt4all_app.server.access_caller import Caller
from gpt4all_core.errors import ConfigError

_MOST_LISTED: Final = 1000
"""Collections and passages of one line."""


class AuditLog:
    """Appends lines to a file, each by one call of the system, so that those of several processes do not mix.

    has_questions: whether the words of questions stand in it. A file that was renamed or deleted is made anew
    with the next line, as programs that rotate logs expect. May be used from any thread.

    Raises ConfigError for a file that cannot be written.
    """

    def __init__(self, path: Path, *, has_questions: bool = True) -> None:
        self._path = path
        self._has_questions = has_questions
        self._lock = threading.Lock()
        self._file: int | None = None
        try:
            with self._lock:
                self._opened()
        except OSError as error:
            raise ConfigError(
                f"the audit log {path} cannot be written ({error.strerror}); name another file, or see to its"
                " permissions"
            ) from error

    def answered(self, caller: Caller, *, method: str, path: str, status: int) -> None:
        """That a request is answered from here on; 499 where its client was gone before.

        Raises OSError where the line cannot be written; then the request must not be answered.
        """
        usage = caller.usage()
        self._append(
            {
                "time": _now(),
                "request": caller.id,
                "user": caller.principal.name,
                "method": method,
                "path": path,
                "action": caller.rule.action if caller.rule else None,
                "status": status,
                "collections": None if caller.is_whole else sorted(caller.collections)[:_MOST_LISTED],
                "question": caller.question if self._has_questions else None,
                "passages": list(caller.passages)[:_MOST_LISTED],
                "prompt_tokens": usage.prompt_tokens,
                "generated_tokens": usage.completion_tokens,
            }
        )

    def ended(self, caller: Caller, *, is_whole: bool) -> None:
        """How a stream ended that `answered` told of. Raises OSError where the line cannot be written."""
        usage = caller.usage()
        self._append(
            {
                "time": _now(),
                "request": caller.id,
                "user": caller.principal.name,
                "action": "stream_ended",
                "is_whole": is_whole,
                "prompt_tokens": usage.prompt_tokens,
                "generated_tokens": usage.completion_tokens,
            }
        )

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def _append(self, record: dict[str, Any]) -> None:
        # Escaped, so that no name or question can end the line, or hide in it.
        line = json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            file = self._opened()
            written = os.write(file, line)
            if written != len(line):
                self._end_cut_line(file)
                raise OSError(f"only {written} of {len(line)} bytes could be written to {self._path}")

    def _end_cut_line(self, file: int) -> None:
        """Make the last byte of what was just written the end of its line: that takes no room on a full disk.

        Whatever other workers append, meanwhile or after this one was killed, is then a line of its own.
        """
        last = os.lseek(file, 0, os.SEEK_CUR) - 1
        with self._path.open("r+b") as same:
            if os.path.samestat(os.fstat(same.fileno()), os.fstat(file)):  # it may have been moved away
                same.seek(last)
                same.write(b"\n")

    def _opened(self) -> int:
        """The file of this name now; others may have moved it."""
        if self._file is not None:
            try:
                here, there = os.fstat(self._file), os.stat(self._path)  # noqa: PTH116 - as in access_principals
            except FileNotFoundError:
                there = None
            if there is not None and (here.st_ino, here.st_dev) == (there.st_ino, there.st_dev):
                return self._file
            os.close(self._file)
            self._file = None
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return self._file


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
