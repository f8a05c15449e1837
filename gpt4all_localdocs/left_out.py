"""Files that are in the index and that other patterns than before leave out: not forgotten by a slip."""

import os
from typing import Final

from gpt4all_localdocs.sync_ledger import IS_GONE, SyncLedger, path_key

_FEW_FILES: Final = 10
_SMALL_SHARE: Final = 0.1
"""More files than this, and a larger share of the index, are not forgotten because of patterns alone: to
index them again takes a while, and whoever mistyped a pattern learns of it from the report."""


def keep_left_out(ledger: SyncLedger, *, files: int) -> bool:
    """In a sync with other patterns than the last one, keep known files that these leave out; whether any.

    Only where they are too many to be forgotten without a word: see `_SMALL_SHARE`. files: how many the index
    has. A file that is known, not found and still there is one that is left out.
    """
    ledger.run("CREATE TABLE left_out (key BLOB PRIMARY KEY) WITHOUT ROWID")
    gone = (path for path in ledger.known_paths(IS_GONE) if os.path.lexists(path))
    ledger.run_for_each("INSERT INTO left_out VALUES (?)", ((path_key(path),) for path in gone))
    ((count,),) = ledger.run("SELECT count(*) FROM left_out")
    if count <= max(_FEW_FILES, _SMALL_SHARE * files):
        return False
    reason = (
        f"the patterns of this sync leave out {count} of the {files} files of the index;"
        " they are kept until a removal is confirmed"
    )
    ledger.run("UPDATE known SET kept = ? WHERE key IN (SELECT key FROM left_out)", (reason,))
    ledger.run("DELETE FROM outcomes WHERE key IN (SELECT key FROM left_out)")
    return True
