"""SQLite's write-ahead log, also where several processes open a new file at once."""

import sqlite3
import time
from typing import Final

_PAUSE_S: Final = 0.01


def use_write_ahead_log(connection: sqlite3.Connection, *, timeout_s: float) -> None:
    """Have the file keep one, so that who reads waits for nobody; a file that does is left alone.

    SQLite's own timeout does not hold here: to the second of two processes that ask it says "locked" at
    once. timeout_s: how long to ask again. Raises sqlite3.OperationalError after that.
    """
    last_try = time.monotonic() + timeout_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > last_try:
                raise
            time.sleep(_PAUSE_S)
        else:
            return
